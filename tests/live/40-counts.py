#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exact counts: births, deaths, population per site and GC cycles as the program itself counts
them, for every Go version, stripped and PIE, over both ways of attaching."""

import lib
import truth

N = 10007
FLAVOURS = ["stripped", "pie"]


def one(version, flavour, env=None):
    name = f"go{version} {flavour} {' '.join(env or {})}".rstrip()
    with lib.Program(lib.program_path("count", version, flavour), "-n", str(N)) as prog:
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid), env=env)
        want = prog.ask("go")
        watcher.interrupt()
        status, out, err = watcher.finish()
        again = prog.ask("release")
        if lib.check(status in (0, 3), f"{name}: status {status}: {err}"):
            truth.compare_counts(name, lib.reports(out)[prog.pid], want, again)
            print(f"{name}: {want['births']} births, {want['deaths']} deaths, {want['gc']} GCs:",
                  "compared")
        lib.equal(again["deaths"], again["births"], f"{name}: the program after its observer left")


def main():
    lib.need_root()
    lib.build(["count"], FLAVOURS)
    for version in lib.VERSIONS:
        for flavour in FLAVOURS:
            one(version, flavour)
    for version in (lib.VERSIONS[0], lib.VERSIONS[-1]):
        one(version, "stripped", {"GOTIDE_NO_UPROBE_MULTI": "1"})
    lib.finish()


main()
