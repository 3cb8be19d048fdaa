#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The verdict on programs never seen before: a leak is named with its function, line, start
function and wait reason for every Go version, stripped, PIE and cgo; busy programs of the same
versions beside it are not flagged."""

import os
import lib

FLAVOURS = ["stripped", "pie", "cgo"]

# Kind of leak -> wait reasons by which Go may name it (the names changed over the versions).
REASONS = {
    "chanrecv": {"chan receive"},
    "chansend": {"chan send"},
    "select": {"select"},
    "mutex": {"semacquire", "sync.Mutex.Lock"},
    "waitgroup": {"semacquire", "sync.WaitGroup.Wait"},
    "sleep": {"sleep"},
    "ctx": {"select"},
}


def judge_leak(name, prog, r):
    lib.equal(r["verdict"], "goroutine-leak", f"{name}: verdict")
    leaks = [f for f in r["findings"] if f["kind"] == "goroutine-leak"]
    if not lib.check(len(leaks) == 1, f"{name}: {len(leaks)} goroutine-leak findings, want 1"):
        return
    f, facts = leaks[0], prog.facts
    lib.equal(f["site"]["function"], facts["function"], f"{name}: function")
    lib.equal(f["site"]["line"], int(facts["line"]), f"{name}: line")
    lib.equal(os.path.basename(f["site"]["file"]), facts["file"], f"{name}: file")
    lib.check(f["wait_reason"] in REASONS[facts["kind"]],
              f"{name}: wait reason {f['wait_reason']!r} for {facts['kind']}")
    lib.check(f["stack"] and facts["start"] in f["stack"],
              f"{name}: {facts['start']} is not in the stack {f['stack']}")
    lib.check(r["stripped"], f"{name}: not known to be stripped")


def judge_busy(name, r):
    lib.check(not [f for f in r["findings"] if f["kind"] in
                   ("goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak")],
              f"{name}: flagged: {r['findings']}")


def start_all():
    kinds = sorted(REASONS)
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
    status, out, err = lib.gotide("report", "--for", "20s", "-j", *(str(p.pid) for p in progs))
    got = lib.reports(out)
    lib.equal(status, 3, f"status ({err})")
    lib.equal(sorted(got), sorted(p.pid for p in progs), "pids reported")
    for name, prog in leaks.items():
        if prog.pid in got:
            judge_leak(name, prog, got[prog.pid])
    for name, prog in busies.items():
        if prog.pid in got:
            judge_busy(name, got[prog.pid])
    for prog in progs:
        prog.stop()
    lib.finish()


main()
