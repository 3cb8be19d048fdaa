#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Goroutines that were there before the observation: those left behind are named in the first
report, whether or not more come; pools, connections and tickers of the same size are not."""

import contextlib
import resource

import lib

VERSIONS = ["1.19", "1.22", "1.27"]
N = 10007
CONNECTIONS = 1009  # two descriptors each
# All goroutines of a kind wait for the same.
HEALTHY = [("pool", N), ("fanout", N), ("tickers", N), ("sockets", CONNECTIONS)]


def program(version, *args):
    return lib.Program(lib.program_path("before", version, "stripped"), *args)


def observe(seconds, programs, ways):
    """Watches all programs at once, in each way at the same time: [(way, status, reports)]"""
    pids = [str(p.pid) for p in programs]
    watchers = [(way, lib.Gotide("report", "--for", seconds, "-j", *way, *pids)) for way in ways]
    seen = []
    for way, watcher in watchers:
        status, out, err = watcher.finish()
        got = lib.reports(out)
        lib.equal(sorted(map(str, got)), sorted(pids), f"{way}: pids reported ({err})")
        seen.append((way, status, got))
    return seen


def leak_named(name, prog, r, rate, n):
    """The finding that is the first of them."""
    if not lib.check(r["verdict"] == "goroutine-leak", f"{name}: {r['verdict']}: {r['summary']}"):
        return
    f = r["findings"][0]
    got = (f["site"]["function"], f["site"]["line"])
    lib.equal(got, (prog.facts["function"], int(prog.facts["line"])), f"{name}: site")
    # The program goes on while gotide starts.
    lib.check(n <= f["first"] <= n + 60 * rate, f"{name}: {f['first']} at the beginning")
    lib.equal(f["wait_reason"], "chan receive", f"{name}: wait reason")
    lib.check("main.(*order).confirm" in (f["stack"] or []), f"{name}: stack {f['stack']}")
    lib.check(0 < f["confidence"] <= (0.99 if rate else 0.7), f"{name}: {f['confidence']}")
    if rate:
        lib.check(n < f["last"] and 0.5 * rate * 60 <= f["per_min"] <= 1.5 * rate * 60,
                  f"{name}: {f['first']} -> {f['last']}, {f['per_min']}/min")
    else:
        lib.equal((f["last"], f["per_min"]), (n, 0.0), f"{name}: at the end")
    print(f"{name}: confidence {f['confidence']}: {'; '.join(f['evidence'])}")


def leaks(seconds, cases, ways):
    """cases: (version, goroutines before, per second from then on)"""
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(program(version, "-n", str(n), "-rate", str(rate)))
                    for version, n, rate in cases]
        for way, status, got in observe(seconds, programs, ways):
            lib.equal(status, 3, f"{cases} {way}: status")
            for (version, n, rate), prog in zip(cases, programs):
                name = f"go{version} {n} and {rate}/s for {seconds} {' '.join(way)}".rstrip()
                r = got[prog.pid]
                lib.equal(r["census"]["corrections"], 0, f"{name}: corrections")
                leak_named(name, prog, r, rate, n)


def healthy(versions, ways):
    cases = [(version, kind, n) for version in versions for kind, n in HEALTHY]
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(program(version, "-kind", kind, "-n", str(n)))
                    for version, kind, n in cases]
        for way, status, got in observe("10s", programs, ways):
            lib.equal(status, 0, f"healthy ones {way}: status")
            for (version, kind, n), prog in zip(cases, programs):
                name, r = f"go{version} {kind} {' '.join(way)}".rstrip(), got[prog.pid]
                lib.equal(r["verdict"], "healthy", f"{name}: {r['summary']} {r['findings']}")
                site = max(r["sites"], key=lambda s: s["live"])
                lib.equal(site["live"], n, f"{name}: goroutines")
                print(f"{name}: {n} goroutines, {site['wait_reason']}: {r['verdict']}")


def main():
    lib.need_root()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lib.check(hard >= 4 * CONNECTIONS, f"only {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * CONNECTIONS), hard))
    lib.build(["before"], ["stripped"], VERSIONS)
    first, last = VERSIONS[0], VERSIONS[-1]
    both = [[], ["--park", "off"]]
    leaks("15s", [(v, N, 0) for v in VERSIONS] + [(first, N, 1), (last, N, 1)], both)
    leaks("30s", [(last, N, 0), (last, N, 1), (last, N, 7)], both[:1])
    leaks("50s", [(last, 0, 3)], both[1:])
    healthy([first, last], both)
    lib.finish()


main()
