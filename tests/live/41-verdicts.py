#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The verdict on programs never seen before: a leak is named with its function, line, start
function and wait reason for every Go version, stripped, PIE and cgo; busy programs of the same
versions beside it are not flagged."""

import os

import lib
import truth

FLAVOURS = ["stripped", "pie", "cgo"]

def start_all():
    kinds = sorted(truth.REASONS)
    leaks, busies = {}, {}
    n = 0
    for version in lib.VERSIONS:
        for flavour in FLAVOURS:
            kind = kinds[n % len(kinds)]
            n += 1
            prog = lib.Program(lib.program_path("leak", version, flavour), "-kind", kind,
                               "-rate", "7", "-noise", "50")
            leaks[f"leak {kind} go{version} {flavour}"] = prog
        busies[f"busy go{version}"] = lib.Program(
            lib.program_path("busy", version, "stripped"), *BUSY)
    return leaks, busies


BUSY = os.environ.get("GOTIDE_BUSY_ARGS", "").split()


def main():
    lib.need_root()
    lib.build(["leak"], FLAVOURS)
    lib.build(["busy"], ["stripped"])
    leaks, busies = start_all()
    progs = [*leaks.values(), *busies.values()]
    status, out, err = lib.gotide("report", "--for", "50s", "-j", *(str(p.pid) for p in progs))
    got = lib.reports(out)
    lib.equal(status, 3, f"status ({err})")
    lib.equal(sorted(got), sorted(p.pid for p in progs), "pids reported")
    for name, prog in leaks.items():
        if prog.pid in got:
            truth.judge_leak(name, prog.facts, got[prog.pid])
    for name, prog in busies.items():
        if prog.pid in got:
            truth.judge_busy(name, got[prog.pid])
    for prog in progs:
        prog.stop()
    lib.finish()


main()
