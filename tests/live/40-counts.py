#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exact counts: births, deaths, population per site and GC cycles as the program itself counts
them, for every Go version, stripped and PIE, over both ways of attaching."""

import lib

N = 10007
FLAVOURS = ["stripped", "pie"]


def compare(name, got, want, after):
    births, deaths = want["births"], want["deaths"]
    lib.equal(got["goroutines"]["born"], births, f"{name}: born")
    lib.equal(got["goroutines"]["died"], deaths, f"{name}: died")
    # Not want["live"]: NumGoroutine() is too high while a collection frees stacks of the dead.
    lib.equal(got["goroutines"]["live"], 1 + births - deaths, f"{name}: live")
    # A collection may come between the program's report and the observer's end.
    lib.check(want["gc"] <= got["heap"]["gc_seen"] <= after["gc"],
              f"{name}: GC cycles seen: {got['heap']['gc_seen']}, {want['gc']}..{after['gc']}")
    ev = got["events"]
    lib.equal(ev["lost"] + ev["bad"], 0, f"{name}: lost and bad")
    sites = {(s["function"], s["line"]): s for s in got["sites"]}
    for site in want["sites"]:
        key = (site["site"]["function"], site["site"]["line"])
        s = sites.get(key)
        if lib.check(s is not None, f"{name}: site {key} is missing"):
            lib.equal((s["born"], s["died"], s["live"]),
                      (site["births"], site["deaths"], site["live"]), f"{name}: site {key}")


def one(version, flavour, env=None):
    name = f"go{version} {flavour} {' '.join(env or {})}".rstrip()
    with lib.Program(lib.program_path("count", version, flavour), "-n", str(N)) as prog:
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid), env=env)
        want = prog.ask("go")
        watcher.interrupt()
        status, out, err = watcher.finish()
        again = prog.ask("release")
        if lib.check(status in (0, 3), f"{name}: status {status}: {err}"):
            compare(name, lib.reports(out)[prog.pid], want, again)
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
