#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long a goroutine has waited "or longer" is never more than it has: the collector notes times
that are a collection too early."""

import json
import time

import lib

BEFORE, AFTER = 1009, 503
QUIET_S = 3


def command(prog, text):
    prog.tell(text)
    lib.equal(prog.line(), "done", text)


def goroutines(prog, *args):
    status, out, err = lib.gotide("goroutines", "-j", "--by", "site", *args, str(prog.pid))
    lib.equal(status, 0, f"{args}: status ({err})")
    groups = [g for g in map(json.loads, out.splitlines()) if g["type"] == "group"]
    return [g for g in groups if g["site"]["function"] == prog.facts["function"]
            and g["site"]["line"] == int(prog.facts["line"])]


def check(version):
    name = f"go{version}"
    path = lib.program_path("before", version, "stripped")
    begun = time.monotonic()
    with lib.Program(path, "-n", str(BEFORE)) as prog:
        command(prog, "collect")
        command(prog, "collect")
        time.sleep(QUIET_S)  # what is measured, not waited for
        added = time.monotonic()
        command(prog, f"more {AFTER}")
        command(prog, "collect")
        young = goroutines(prog, "--min-age", "2s")
        (group,) = goroutines(prog)
        now = time.monotonic()
    lib.equal((group["count"], group["waited_known"]), (BEFORE + AFTER,) * 2, f"{name}: known")
    lib.check(0 <= group["waited_min_s"] <= now - added, f"{name}: {AFTER} for "
              f"{group['waited_min_s']} s or longer, made {now - added} s ago")
    lib.check(QUIET_S <= group["waited_max_s"] <= now - begun, f"{name}: {BEFORE} for "
              f"{group['waited_max_s']} s or longer, made {now - begun} s ago")
    lib.equal([g["count"] for g in young], [BEFORE], f"{name}: at least 2 s old")
    print(f"{name}: {group['waited_min_s']} to {group['waited_max_s']} s or longer")


def main():
    lib.need_root()
    lib.build(["before"], ["stripped"])
    for version in lib.VERSIONS:
        check(version)
    lib.finish()


main()
