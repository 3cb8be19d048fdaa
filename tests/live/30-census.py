#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The census of a program that holds still equals what the runtime itself says: live goroutines
and the population of every go statement; every number of ReadMemStats() that is read."""

import json
import os
import subprocess
import lib

N = 10007
FLAVOURS = ["stripped", "strip-s", "pie", "cgo", "cgopie"]
TOOL = os.path.join(lib.OUTPUT, "live", "census")
TRIES = 20  # a comparison is valid only if nothing moved between two readings of the runtime's
MANY, MANY_MS = 180001, 60  # leaves 100,007 goroutines


def census(pid, *args):
    done = subprocess.run([TOOL, str(pid), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_live(name, got, want):
    """NumGoroutine() is too high for a moment while a collection frees the stacks of ended
    goroutines (mgcmark.go, markrootFreeGStacks takes them off the free list); the program's own
    count of births and deaths, and main, is always right."""
    live = 1 + want["births"] - want["deaths"]
    lib.equal(got["live"] - got["system"], live, f"{name}: goroutines")
    lib.check(want["live"] >= live, f"{name}: NumGoroutine() {want['live']} of {live}")
    lib.equal((got["torn"], got["unread"], got["is_partial"]), (0, 0, False), f"{name}: clean")


def check_sites(name, got, want):
    live = {}
    for s in got["sites"]:
        key = (s["function"], os.path.basename(s["file"]), s["line"])
        live[key] = live.get(key, 0) + s["live"] - s["system"]
    for w in want["sites"]:
        at = w["site"]
        lib.equal(live.get((at["function"], at["file"], at["line"]), 0), w["live"],
                  f"{name}: goroutines of {at['function']}")


def check_goroutines(version, flavour):
    name = f"go{version} {flavour}"
    with lib.Program(lib.program_path("count", version, flavour), "-n", str(N)) as prog:
        want = prog.ask("go")
        got = census(prog.pid)
        check_live(name, got, want)
        lib.check(got["account"]["goids"] >= want["births"],
                  f"{name}: {got['account']['goids']} ids for {want['births']} births")
        check_sites(name, got, want)
        want = prog.ask("release")
        check_live(f"{name}, after they ended", census(prog.pid), want)
    return want["births"]


def check_callbacks(version, flavour):
    """Threads of C have goroutines too, which are dead between their calls (extra Ms)."""
    name = f"go{version} cgo.{flavour}"
    with lib.Program(lib.program_path("cgo", version, flavour)) as prog:
        for command in ["go", "release"]:
            want = prog.ask(command)
            check_live(f"{name}: {command}", census(prog.pid), want)


def other_sys(m):
    fixed = ["MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"]
    return sum(m[k] for k in fixed) + m["StackSys"] - m["StackInuse"]


# What is read, and what ReadMemStats() calls it.
ACCOUNT = {
    "heap_inuse": lambda m: m["HeapInuse"],
    "heap_idle": lambda m: m["HeapIdle"],
    "heap_released": lambda m: m["HeapReleased"],
    "heap_objects": lambda m: m["HeapObjects"],
    "stacks_inuse": lambda m: m["StackInuse"],
    "total_alloc": lambda m: m["TotalAlloc"],
    "other_sys": other_sys,
    "gc_cycles": lambda m: m["NumGC"],
    "forced_gc_cycles": lambda m: m["NumForcedGC"],
    "gc_pause_total": lambda m: m["PauseTotalNs"],
    "gc_pause_last": lambda m: m["PauseNs"][(m["NumGC"] + 255) % 256],
    "gc_pause_max": lambda m: max(m["PauseNs"]),
    "mapped_ready": lambda m: m["Sys"] - m["HeapReleased"],
    "stacks_sys": lambda m: m["StackSys"],
    "last_gc_unix": lambda m: m["LastGC"],
}
# Go 1.15 keeps these elsewhere, where they are not looked for.
NOT_IN_1_15 = {"heap_objects", "total_alloc", "other_sys", "mapped_ready", "stacks_sys"}
LIMIT = 61 << 20  # of memory: reached before the heap of 40 MiB has grown by half


def quiet_reading(prog):
    """A census, the runtime's numbers as they were before and after it, NumGoroutine()."""
    prog.tell("stats")
    prog.line()
    got = census(prog.pid)
    prog.tell("stats")
    prog.line()
    return got, *prog.ask("print")


def check_account(version, flavour):
    name = f"go{version} {flavour}"
    todo = dict(ACCOUNT)
    if version == "1.15":
        todo = {k: v for k, v in todo.items() if k not in NOT_IN_1_15}
    with lib.Program(lib.program_path("memstats", version, flavour)) as prog:
        prog.tell("go")
        prog.line()
        for _ in range(TRIES):
            walked, before, after, goroutines = quiet_reading(prog)
            got = walked["account"]
            # None has ended here, so that NumGoroutine() is exact.
            lib.equal(walked["live"] - walked["system"], goroutines, f"{name}: NumGoroutine()")
            for key, want in list(todo.items()):
                if got[key] == want(before):
                    del todo[key]
                elif want(before) == want(after):
                    lib.equal(got[key], want(before), f"{name}: {key}")
                    del todo[key]
            if not todo:
                break
        lib.equal(list(todo), [], f"{name}: numbers that never held still")
        # The runtime's live heap counts open spans whole.
        lib.check(abs(got["heap_live"] - before["HeapAlloc"]) < 1 << 20,
                  f"{name}: live heap {got['heap_live']}, HeapAlloc {before['HeapAlloc']}")
        if version != "1.15":
            lib.equal(got["gc_percent"], 150, f"{name}: GC percent")
            lib.equal(got["memory_limit"], (1 << 63) - 1, f"{name}: memory limit")
            lib.equal(got["heap_goal"], before["NextGC"], f"{name}: goal")


def check_goal(version, limit, goal_min, goal_max):
    """NextGC under a memory limit changes with all that is mapped: it is compared while nothing
    moves."""
    name = f"go{version} GOMEMLIMIT={limit}"
    path = lib.program_path("memstats", version, "stripped")
    with lib.Program(path, env={"GOMEMLIMIT": str(limit)}) as prog:
        prog.tell("go")
        prog.line()
        for _ in range(TRIES):
            walked, before, after, _ = quiet_reading(prog)
            if before["NextGC"] == after["NextGC"]:
                break
        lib.equal(before["NextGC"], after["NextGC"], f"{name}: it held still")
        lib.equal(walked["account"]["memory_limit"], limit, f"{name}: limit")
        lib.equal(walked["account"]["heap_goal"], before["NextGC"], f"{name}: goal")
        lib.check(goal_min <= before["NextGC"] <= goal_max, f"{name}: NextGC {before['NextGC']}")


def check_cost(version):
    """Best of ten walks, so that other load on the machine does not count."""
    path = lib.program_path("count", version, "stripped")
    with lib.Program(path, "-n", str(MANY), "-gc", "2") as prog:
        want = prog.ask("go")
        cost = census(prog.pid, "10")
        lib.equal(cost["live"] >= want["live"], True, "all are walked")
        lib.check(cost["cpu_ms"] <= MANY_MS, f"{want['live']} goroutines in {cost['cpu_ms']} ms")
        print(f"go{version}: {cost['live']} goroutines in {cost['cpu_ms']} ms of CPU")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["count", "memstats", "cgo"], FLAVOURS)
    for version in lib.VERSIONS:
        for flavour in FLAVOURS:
            births = check_goroutines(version, flavour)
            check_account(version, flavour)
            if flavour.startswith("cgo"):
                check_callbacks(version, flavour)
            print(f"go{version} {flavour}: census and account compared after {births} births")
        if version not in ["1.15", "1.20"]:
            check_goal(version, LIMIT, 42 << 20, LIMIT)
            check_goal(version, LIMIT // 2, 36 << 20, 44 << 20)  # exceeded: what is live
    check_cost(lib.VERSIONS[-1])
    lib.finish()


main()
