#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The timers read from memory are those that the program has set, by what they run: tickers,
AfterFuncs, deadlines, sleeping goroutines.  Stopped ones are none."""

import json
import os
import subprocess
import time
import lib

FLAVOURS = ["stripped", "pie", "cgo"]
TOOL = os.path.join(lib.OUTPUT, "live", "heaptimers")
HOUR_S = 3600
MANY_MS = 250
READINGS = 31
SENDS = "time.sendTime"


def timers(pid):
    done = subprocess.run([TOOL, str(pid)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["timers"]


def kinds(version):
    """(GODEBUG, whether timers with a channel are in no heap while nobody waits for it).  Go 1.23
    to 1.26 have both; without a word the go line of the program's go.mod decides."""
    minor = int(version.split(".")[1])
    if 23 <= minor <= 26:
        return [("asynctimerchan=0", True), ("asynctimerchan=1", False)]
    return [("", minor > 26)]


def by_function(got):
    """(function, what it calls, whether it comes again) -> count, without the runtime's own."""
    counts = {}
    for g in got["groups"]:
        fn, arg = g["fn"][0], g["arg_fn"] and g["arg_fn"][0]
        if fn.startswith("runtime.") and fn != "runtime.goroutineReady":
            continue
        if arg and arg.startswith("context."):
            arg = "context"
        counts[(fn, arg, g["is_periodic"])] = g["count"]
    return counts


def check_all(name, got, said, tickers):
    lib.equal(by_function(got), {
        (SENDS, None, True): tickers,
        (SENDS, None, False): said["after"],
        ("time.goFunc", "main.expire", False): said["named"],
        ("time.goFunc", "main.setFuncs.func1", False): said["closures"],
        ("time.goFunc", "context", False): said["deadlines"],
        ("runtime.goroutineReady", None, False): said["sleepers"],
    }, f"{name}: timers")
    lib.equal((got["error"], got["bad"], got["is_partial"]), (None, 0, False), f"{name}: clean")
    lib.equal(got["periodic"], tickers, f"{name}: periodic")
    lib.equal(got["total"], sum(g["count"] for g in got["groups"]), f"{name}: total")


def check_times(name, got):
    now_s = time.monotonic()
    for g in got["groups"]:
        if g["fn"][0].startswith("runtime.") and g["fn"][0] != "runtime.goroutineReady":
            continue
        due_s = g["next"] / 1e9 - now_s
        lib.check(HOUR_S - 300 < due_s <= 2 * HOUR_S, f"{name}: {g['fn']} due in {due_s} s")
        if g["is_periodic"]:
            lib.equal((g["period_min"] / 1e9, g["period_max"] / 1e9),
                      (HOUR_S + 60, HOUR_S + 120), f"{name}: periods")


def check_timers(version, flavour, godebug, is_lazy):
    name = f"go{version} {flavour} {godebug}"
    path = lib.program_path("timers", version, flavour)
    with lib.Program(path, env={"GODEBUG": godebug}) as prog:
        got = timers(prog.pid)
        lib.equal(by_function(got), {}, f"{name}: none at first")
        said = prog.ask("go")
        got = timers(prog.pid)
        check_all(name, got, said, said["waited"] + (0 if is_lazy else said["unwaited"]))
        check_times(name, got)
        total = got["total"]
        said = prog.ask("release")
        got = timers(prog.pid)
        lib.equal(by_function(got), {
            (SENDS, None, False): said["after"],
            ("runtime.goroutineReady", None, False): said["sleepers"],
        }, f"{name}: stopped ones are not counted")
    return total


def check_cost(version):
    with lib.Program(lib.program_path("timers", version, "stripped")) as prog:
        said = prog.ask("many")
        done = subprocess.run([TOOL, str(prog.pid), "10"], capture_output=True, text=True,
                              check=True)
        cost = json.loads(done.stdout)
        lib.equal(cost["timers"], said["many"], f"go{version}: very many")
        lib.check(cost["timers_ms"] <= MANY_MS, f"{cost['timers']}: {cost['timers_ms']} ms")
        print(f"go{version}: {cost['timers']} timers in {cost['timers_ms']} ms of CPU")


def check_churn(version):
    """Heaps that are changed all the time: those that stay set are there in each reading, but for
    one now and then that is between two Ps at the moment."""
    with lib.Program(lib.program_path("timers", version, "stripped")) as prog:
        prog.ask("go")
        want = prog.ask("churn")["named"]
        read = [timers(prog.pid) for _ in range(READINGS)]
        got = [by_function(g)[("time.goFunc", "main.expire", False)] for g in read]
        lib.equal({g["error"] for g in read}, {None}, f"go{version}: errors")
        odd = [n for n in got if n != want]
        lib.check(len(odd) <= READINGS // 10 and all(abs(n - want) == 1 for n in odd),
                  f"go{version}: while others come and go: {odd} of {READINGS} readings, {want} set")


def check_report(version):
    """What gotide says of them: the same numbers, and the functions that most of them run."""
    with lib.Program(lib.program_path("timers", version, "stripped")) as prog:
        said = prog.ask("go")
        want = timers(prog.pid)
        status, out, err = lib.gotide("report", "-j", "--for", "2s", str(prog.pid))
        lib.equal((status, len(out.splitlines())), (0, 1), f"go{version}: a report; {err}")
        got = lib.reports(out)[prog.pid]["timers"]
        lib.equal((got["total"], got["periodic"], got["partial"]),
                  (want["total"], want["periodic"], False), f"go{version}: reported")
        lib.check({"function": "main.expire", "periodic": False, "count": said["named"]}
                  in got["top"], f"go{version}: {got['top']}")
        _, out, _ = lib.gotide("report", "--for", "2s", str(prog.pid))
        lib.check(f"{want['total']} set, {want['periodic']} of them periodic; " in out,
                  f"go{version}: {out}")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL, lib.GOTIDE],
                   check=True)
    lib.build(["timers"], FLAVOURS)
    for version in lib.VERSIONS:
        for flavour in FLAVOURS:
            totals = [check_timers(version, flavour, *kind) for kind in kinds(version)]
            print(f"go{version} {flavour}: {totals} timers compared")
        check_report(version)
        check_churn(version)
    check_cost(lib.VERSIONS[-1])
    lib.finish()


main()
