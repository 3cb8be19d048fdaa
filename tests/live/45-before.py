#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Goroutines that were there before the observation: those left behind are named in the first
report, whether or not more come; pools, connections and tickers of the same size are not."""

import resource

import lib

VERSIONS = ["1.19", "1.22", "1.27"]
N = 10007
CONNECTIONS = 1009  # two descriptors each
# All goroutines of a kind wait for the same.
HEALTHY = [("pool", N), ("fanout", N), ("tickers", N), ("sockets", CONNECTIONS)]


def observe(prog, seconds, *args):
    watcher = lib.Gotide("report", "--for", seconds, "-j", *args, str(prog.pid))
    status, out, err = watcher.finish()
    return status, lib.reports(out).get(prog.pid), err


def program(version, *args):
    return lib.Program(lib.program_path("before", version, "stripped"), *args)


def leak_named(name, prog, r, rate, n):
    """The finding that is the first of them."""
    if not lib.check(r["verdict"] == "goroutine-leak", f"{name}: {r['verdict']}: {r['summary']}"):
        return
    f = r["findings"][0]
    got = (f["site"]["function"], f["site"]["line"])
    lib.equal(got, (prog.facts["function"], int(prog.facts["line"])), f"{name}: site")
    lib.check(n <= f["first"] <= n + 3 * rate, f"{name}: {f['first']} at the beginning")
    lib.equal(f["wait_reason"], "chan receive", f"{name}: wait reason")
    lib.check("main.(*order).confirm" in (f["stack"] or []), f"{name}: stack {f['stack']}")
    lib.check(0 < f["confidence"] <= (0.99 if rate else 0.7), f"{name}: {f['confidence']}")
    if rate:
        lib.check(n < f["last"] and 0.5 * rate * 60 <= f["per_min"] <= 1.5 * rate * 60,
                  f"{name}: {f['first']} -> {f['last']}, {f['per_min']}/min")
    else:
        lib.equal((f["last"], f["per_min"]), (n, 0.0), f"{name}: at the end")
    print(f"{name}: confidence {f['confidence']}: {'; '.join(f['evidence'])}")


def leaks(version, seconds, rate, *args, n=N):
    name = f"go{version} {n} and {rate}/s for {seconds} {' '.join(args)}".rstrip()
    with program(version, "-n", str(n), "-rate", str(rate)) as prog:
        status, r, err = observe(prog, seconds, *args)
        if lib.check(r is not None, f"{name}: {err}"):
            lib.equal(status, 3, f"{name}: status")
            lib.equal(r["census"]["corrections"], 0, f"{name}: corrections")
            leak_named(name, prog, r, rate, n)


def healthy(version, kind, n, *args):
    name = f"go{version} {kind} {' '.join(args)}".rstrip()
    with program(version, "-kind", kind, "-n", str(n)) as prog:
        status, r, err = observe(prog, "10s", *args)
        if not lib.check(r is not None, f"{name}: {err}"):
            return
        lib.equal((status, r["verdict"]), (0, "healthy"), f"{name}: {r['findings']}")
        site = max(r["sites"], key=lambda s: s["live"])
        lib.equal(site["live"], n, f"{name}: goroutines")
        print(f"{name}: {site['live']} goroutines, {site['wait_reason']}: {r['verdict']}")


def main():
    lib.need_root()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lib.check(hard >= 4 * CONNECTIONS, f"only {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * CONNECTIONS), hard))
    lib.build(["before"], ["stripped"], VERSIONS)
    for version in VERSIONS:
        leaks(version, "10s", 0)
        leaks(version, "10s", 0, "--park", "off")
    for version in (VERSIONS[0], VERSIONS[-1]):
        leaks(version, "10s", 1)
        leaks(version, "15s", 1, "--park", "off")
        for kind, n in HEALTHY:
            healthy(version, kind, n)
            healthy(version, kind, n, "--park", "off")
    leaks(VERSIONS[-1], "30s", 1)
    leaks(VERSIONS[-1], "20s", 7)
    leaks(VERSIONS[-1], "20s", 3, "--park", "off", n=0)
    lib.finish()


main()
