#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tapes of the same program before and after a fix: what leaked is gone, and the figures say so; a
program that still leaks is not fixed, one that does nothing cannot be compared, one that began to
leak is worse."""

import json
import os
import shutil
import tempfile

import lib

FOR_S = 60
RATE, NOISE = 7, 53
KEEP = 500009

# name: program, its arguments, its environment
PROGRAMS = {
    "leak": ("leak", ["-rate", str(RATE), "-noise", str(NOISE)]),
    "leak-more": ("leak", ["-rate", str(2 * RATE), "-noise", str(2 * NOISE)]),
    "fixed": ("leak", ["-rate", "0", "-noise", str(NOISE)]),
    "idle": ("leak", ["-rate", "0", "-noise", "0"]),
    "heap": ("heapleak", ["-rate", str(KEEP), "-garbage", "8000000"]),
    "heap-fixed": ("heapleak", ["-rate", "0", "-garbage", "8000000"]),
}


def record_all(folder, version):
    """Tapes of all programs at once, each from where it is well under way; (programs, tapes)."""
    progs = {name: lib.Program(lib.program_path(program, version, "stripped"), *args)
             for name, (program, args) in PROGRAMS.items()}
    tapes = {name: os.path.join(folder, name + ".tape") for name in progs}
    recorders = [lib.Gotide("record", "-o", tapes[name], "--for", f"{FOR_S}s", str(prog.pid),
                            wait=False) for name, prog in progs.items()]
    for name, recorder in zip(progs, recorders):
        status, _, err = recorder.finish()
        lib.equal(status, 0, f"record {name}: status ({err})")
    return progs, tapes


def diff(tapes, before, after, outcome, status):
    got, out, err = lib.gotide("diff", "-j", tapes[before], tapes[after])
    name = f"{before} -> {after}"
    lib.equal(got, status, f"{name}: status ({err})")
    answer = json.loads(out)
    lib.equal(answer["outcome"], outcome, f"{name}: outcome ({answer['summary']})")
    print(f"{name}: {answer['outcome']}: {answer['summary']}")
    return answer


def check_text(tapes):
    status, out, err = lib.gotide("diff", tapes["leak"], tapes["fixed"])
    lib.equal(status, 0, f"text: status ({err})")
    lib.check(out.startswith("fixed: "), f"text: it begins {out[:60]!r}")
    lib.check(max(map(len, out.splitlines())) <= 80, "text: 80 columns")
    print(out)


def check_goroutines(tapes, facts):
    answer = diff(tapes, "leak", "fixed", "fixed", 0)
    (leak,) = answer["leaks"]
    lib.equal((leak["kind"], leak["fate"]), ("goroutine-leak", "gone"), "what was fixed")
    lib.equal((leak["function"], leak["before"]["line"], leak["start_function"]),
              (facts["function"], int(facts["line"]), facts["start"]), "where")
    lib.check(0.9 * 60 * RATE <= leak["before"]["per_min"] <= 1.1 * 60 * RATE,
              f"growth before: {leak['before']['per_min']} a minute, not {60 * RATE}")
    lib.equal(leak["now"]["per_min"], 0.0, "growth after")
    births = next(w for w in answer["work"] if w["name"] == "births")
    lib.check(0.9 * (NOISE + RATE) <= births["before_per_s"] <= 1.1 * (NOISE + RATE),
              f"work before: {births}")
    lib.check(0.9 * NOISE <= births["after_per_s"] <= 1.1 * NOISE, f"work after: {births}")
    diff(tapes, "leak", "leak", "not fixed", 3)
    diff(tapes, "leak", "leak-more", "not fixed", 3)
    answer = diff(tapes, "leak", "idle", "not comparable", 1)
    lib.check("less work" in answer["summary"], f"idle: {answer['summary']}")
    answer = diff(tapes, "fixed", "leak", "not fixed", 3)
    lib.equal([k["fate"] for k in answer["leaks"]], ["new"], "a leak that came")
    diff(tapes, "fixed", "fixed", "nothing to fix", 0)


def check_heap(tapes):
    answer = diff(tapes, "heap", "heap-fixed", "fixed", 0)
    (leak,) = answer["leaks"]
    lib.equal((leak["kind"], leak["fate"]), ("heap-retention", "gone"), "heap: what was fixed")
    lib.check(0.7 * 60 * KEEP <= leak["before"]["per_min"] <= 1.3 * 60 * KEEP,
              f"heap: growth before: {leak['before']['per_min']} a minute, not {60 * KEEP}")
    lib.check(abs(leak["now"]["per_min"]) <= 6 * KEEP, f"heap: growth after: {leak['now']}")
    diff(tapes, "heap", "heap", "not fixed", 3)
    answer = diff(tapes, "leak", "heap-fixed", "not comparable", 1)
    lib.check("different programs" in answer["summary"], f"other: {answer['summary']}")


def check_refusals(tapes):
    status, _, err = lib.gotide("diff", tapes["leak"])
    lib.equal(status, 2, f"one tape only ({err})")
    status, _, err = lib.gotide("diff", tapes["leak"], os.devnull)
    lib.equal(status, 1, f"no tape ({err})")
    status, _, err = lib.gotide("diff", tapes["leak"], tapes["fixed"], "nobody")
    lib.equal(status, 1, f"no such process ({err})")


def main():
    lib.need_root()
    version = lib.VERSIONS[-1]
    lib.build(["leak", "heapleak"], ["stripped"], [version])
    folder = tempfile.mkdtemp(prefix="gotide-diff-")
    try:
        progs, tapes = record_all(folder, version)
        for prog in progs.values():
            prog.stop()
        check_goroutines(tapes, progs["leak"].facts)
        check_heap(tapes)
        check_text(tapes)
        check_refusals(tapes)
    finally:
        if not os.environ.get("GOTIDE_KEEP"):
            shutil.rmtree(folder)
    lib.finish()


main()
