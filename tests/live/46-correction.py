#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The periodic census: under churn it never finds a disagreement where there is none; where the
kernel had no room to count some go statements, it says how many goroutines they have."""

import os

import lib

VERSIONS = ["1.19", "1.22", "1.27"]
SECONDS = os.environ.get("STORM_SECONDS", "13")
N = 10007


def churn(version, rate, *args, env=None):
    """Goroutines that come and go by the ten thousand while their memory is walked."""
    name = " ".join([f"go{version} storm at {rate}/s", *args, *(env or {})])
    with lib.Program(lib.program_path("storm", version, "stripped"), "-rate", rate, "-duration",
                     SECONDS + "s", *args, env=env) as prog:
        watcher = lib.Gotide("report", "--for", "5m", "--park", "off", "--census", "1s", "-j",
                             str(prog.pid))
        prog.tell("go")
        said = lib.json.loads(prog.line())
        watcher.interrupt()
        _, out, err = watcher.finish()
        r = lib.reports(out).get(prog.pid)
        if not lib.check(r is not None, f"{name}: {err}"):
            return
        census, sites = r["census"], r["sites"]
        born = max(s["born"] for s in sites)
        lib.equal(born, said["spawned"], f"{name}: born")
        lib.check(census["passes"] >= 5, f"{name}: {census}")
        lib.equal(census["corrections"], 0, f"{name}: corrections")
        print(f"{name}: {said['rate']:.0f}/s, {census}")


def uncounted(version):
    """Two sites are counted in the kernel; the program has nine."""
    name = f"go{version} with two sites in the kernel"
    with lib.Program(lib.program_path("count", version, "stripped"), "-n", str(N)) as prog:
        watcher = lib.Gotide("report", "--for", "5m", "-v", "-j", str(prog.pid),
                             env={"GOTIDE_MAX_SITES": "8"})
        want = prog.ask("go")
        watcher.interrupt()
        _, out, err = watcher.finish()
        r = lib.reports(out).get(prog.pid)
        if not lib.check(r is not None, f"{name}: {err}"):
            return
        rows = {(s["function"], s["line"]): s for s in r["sites"]}
        for w in want["sites"]:
            key = (w["site"]["function"], w["site"]["line"])
            live = rows[key]["live"] if key in rows else 0
            lib.equal(live, w["live"], f"{name}: goroutines of {key}")
        lib.check(r["census"]["corrections"] > 0, f"{name}: nothing was corrected")
        lib.check("corrects the population" in err, f"{name}: no word of it")
        live = 1 + want["births"] - want["deaths"]
        lib.equal(r["goroutines"]["live"], live, f"{name}: goroutines")
        lib.equal(r["goroutines"]["born"], want["births"], f"{name}: born")
        print(f"{name}: {r['census']}")


def main():
    lib.need_root()
    lib.build(["storm", "count"], ["stripped"], VERSIONS)
    for version in VERSIONS:
        uncounted(version)
    churn(VERSIONS[0], "20000")
    churn(VERSIONS[-1], "50000")
    churn(VERSIONS[-1], "0")
    # Threads that lose their CPU between a probe and the change of status, many at a time.
    churn(VERSIONS[-1], "0", "-spawners", "32", "-deep", "40", env={"GOMAXPROCS": "16"})
    lib.finish()


main()
