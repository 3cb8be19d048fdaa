#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every goroutine that holds still has the stack, wait reason and creator that the runtime's own
traceback (debug=2) says, by name and line; and where nothing holds still, no wrong stack passes."""

import collections
import json
import os
import re
import subprocess
import lib

EACH = 13
FLAVOURS = ["stripped", "pie", "cgo"]
TOOL = os.path.join(lib.OUTPUT, "live", "stacks")
PASSES = int(os.environ.get("CENSUS_PASSES", "211"))
# Wait reasons with a channel to wait for, in all versions.
CHANNELS = {"chan receive", "chan send", "select"}


def census(pid, *args):
    """The object of each pass."""
    done = subprocess.run([TOOL, str(pid), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- the runtime's own words ----

HEAD = re.compile(r"goroutine (\d+) \[([^\],]*)([^\]]*)\]:$")
PLACE = re.compile(r"\t(.*):(\d+)( \+0x[0-9a-f]+)?$")
CREATED = re.compile(r"created by (.*?)(?: in goroutine (\d+))?$")


def parse_dump(text):
    """goid -> what the census should say of it, from a traceback with debug=2."""
    found = {}
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        head = HEAD.match(lines[0])
        assert head, lines[0]
        g = {"state": head[2], "frames": [], "creator": None, "parent": None}
        for call, at in zip(lines[1::2], lines[2::2]):
            place = PLACE.match(at)
            created = CREATED.match(call)
            where = (os.path.basename(place[1]), int(place[2]))
            if created:
                g["creator"] = (created[1], *where)
                g["parent"] = int(created[2]) if created[2] else None
            elif not call.startswith("runtime.goparkunlock("):  # Go 1.15 prints it
                g["frames"].append((call[:call.rindex("(")], *where))
        found[int(head[1])] = g
    return found


def dump(prog):
    prog.tell("dump")
    lines = []
    while (line := prog.line()) != "end":
        lines.append(line)
    return parse_dump("\n".join(lines))


def is_shown(frame):
    """runtime/traceback.go, showframe() and elideWrapperCalling()."""
    name = frame["function"]
    if frame["wrapper"] or "." not in name:
        return False
    return not (name.startswith("runtime.") and not name[len("runtime."):][:1].isupper())


def shown(frames):
    # gopanic is printed as "panic": the one function with a name for people.
    return [(f["function"], os.path.basename(f["file"]), f["line"]) for f in frames
            if is_shown(f) or f["function"] == "runtime.gopanic"]


def as_printed(name):
    return "runtime.gopanic" if name == "panic" else name


# ---- goroutines that hold still ----

def check_goroutine(name, got, want):
    goid = got["goid"]
    what = f"{name}: goroutine {goid} [{want['state']}]"
    lib.equal(got["stack_state"], "whole", f"{what}: stack")
    lib.equal(got["state"], want["state"], f"{what}: state")
    lib.equal(shown(got["frames"]), [(as_printed(f), *at) for f, *at in want["frames"]],
              f"{what}: frames")
    if want["creator"]:
        # A go statement's function is printed as it is compiled, whatever it is inlined into.
        f = got["creator"][-1]
        lib.equal((f["function"], os.path.basename(f["file"]), f["line"]), want["creator"],
                  f"{what}: creator")
    if want["parent"] is not None:
        lib.equal(got["parent"], want["parent"], f"{what}: parent")
    if want["state"] in CHANNELS:
        lib.check(got["waits_on"], f"{what}: waits for no channel")


def check_same(name, pid, prog):
    """Compares all but the dumper.  Returns how many by wait reason."""
    want = dump(prog)
    (got,) = census(pid)
    own = {g["goid"]: g for g in got["goroutines"] if not g["system"]}
    lib.equal(sorted(own), sorted(want), f"{name}: goroutine ids")
    running = {goid for goid, g in want.items() if g["state"] == "running"}
    lib.equal(len(running), 1, f"{name}: the dumper")
    kinds = collections.Counter()
    for goid in sorted(set(own) & set(want) - running):
        check_goroutine(name, own[goid], want[goid])
        kinds[want[goid]["state"]] += 1
    lib.equal(got["newest"], max(g["goid"] for g in got["goroutines"]), f"{name}: newest id")
    return kinds


def check_channels(name, pid):
    """The goroutines of one channel wait for one thing, and nobody else does."""
    (got,) = census(pid)
    sharing = collections.Counter(g["waits_on"] for g in got["goroutines"] if g["waits_on"])
    # empty: received from in seven ways; full; the timers, each its own.
    lib.check(max(sharing.values()) >= 5 * EACH, f"{name}: {sharing.most_common(3)}")
    lib.check(sum(1 for n in sharing.values() if n == 1) >= EACH, f"{name}: timers {sharing}")


def check_unchanged(name, pid, has_seq):
    """What holds still is not read again, but one in sixteen, to be sure."""
    first, second = census(pid, "2")
    lib.equal(first["unchanged"], 0, f"{name}: unchanged in the first pass")
    live = second["live"] if has_seq else 0
    lib.check(live * 7 // 8 <= second["unchanged"] < max(live, 1),
              f"{name}: unchanged {second['unchanged']} of {live}")
    lib.equal(second["states"], first["states"], f"{name}: states")


def check_still(version, flavour):
    name = f"go{version} {flavour}"
    with lib.Program(lib.program_path("waits", version, flavour), "-n", str(EACH)) as prog:
        prog.ask("go")
        kinds = check_same(name, prog.pid, prog)
        check_channels(name, prog.pid)
        check_unchanged(name, prog.pid, version != "1.15")
        prog.ask("collect")  # sets waitsince, may shrink stacks
        check_same(f"{name}, after a collection", prog.pid, prog)
    lib.check(len(kinds) >= 9, f"{name}: kinds of wait: {dict(kinds)}")
    print(f"{name}: {sum(kinds.values())} goroutines in {len(kinds)} kinds of wait compared")


# ---- goroutines that never hold still ----

# The program's functions, callee -> callers.
CALLERS = {
    "main.first": {None, "main.storm.gowrap1", "main.storm.func1", "main.storm.func2"},
    "main.even": {"main.first", "main.odd"},
    "main.odd": {"main.even"},
    "main.spin": {"main.odd"},
    "main.hold": {"main.odd"},
    "main.yield": {"main.odd"},
    "main.main": {"runtime.main"},
    "main.collect": {None, "main.main.gowrap1", "main.main.func1", "main.main.func2"},
    "main.storm": {None, "main.main.gowrap2", "main.main.func1", "main.main.func2"},
}
# What a function of the program may call, besides its own.
CALLEES = {
    "main.first": {"runtime.", "sync/atomic."},
    "main.even": {"runtime."},
    "main.odd": {"runtime."},
    "main.spin": {"runtime.asyncPreempt"},
    "main.hold": {"runtime.", "time.", "internal/"},
    "main.yield": {"runtime.Gosched", "runtime.asyncPreempt", "runtime.morestack"},
    "main.collect": {"runtime.", "time."},
    "main.storm": {"runtime.", "sync/atomic."},
}


def wrong_pair(caller, callee):
    if callee in CALLERS:
        return caller not in CALLERS[callee]
    if caller in CALLEES:
        return not any(callee.startswith(p) for p in CALLEES[caller])
    return False


def check_stack(name, stack):
    names = [f["function"] for f in stack["frames"]]
    # Nobody knows who calls the last of those that are left off.
    callers = names[1:] + ([] if stack["is_cut"] else [None])
    bad = [p for p in zip(callers, names) if wrong_pair(*p)]
    lib.check(not bad, f"{name}: wrong stack {names}: {bad}")


def check_churn(version, flavour):
    name = f"go{version} {flavour} churn"
    with lib.Program(lib.program_path("churn", version, flavour)) as prog:
        passes = census(prog.pid, str(PASSES))
        prog.tell("stop")
        did = json.loads(prog.line())
    states = collections.Counter()
    for p in passes:
        states.update(p["states"])
        lib.equal(p["is_partial"], False, f"{name}: partial")
        lib.check(p["newest"] <= did["births"] + 1024, f"{name}: newest id {p['newest']}")
    called = {f["function"] for s in passes[-1]["distinct"] for f in s["frames"]}
    for stack in passes[-1]["distinct"]:
        check_stack(name, stack)
    lib.check({"main.hold", "main.spin", "main.yield"} <= called, f"{name}: called {called}")
    lib.equal(sum(p["wrong_starts"] for p in passes), 0, f"{name}: wrong outermost functions")
    lib.equal(states["broken"], 0, f"{name}: held still and yet wrong")
    lib.check(states["whole"] > PASSES * 100 and states["cut"], f"{name}: {dict(states)}")
    print(f"{name}: {PASSES} censuses, {did['births']} births, "
          f"{len(passes[-1]['distinct'])} distinct stacks, "
          f"{sum(p['retried'] for p in passes)} retried, {dict(states)}")


def main():
    """CENSUS_ONLY=churn leaves the rest out, CENSUS_PASSES says how long it is."""
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["waits"], FLAVOURS)
    lib.build(["churn"], FLAVOURS[:1])
    for version in lib.VERSIONS:
        for flavour in FLAVOURS if os.environ.get("CENSUS_ONLY") != "churn" else []:
            check_still(version, flavour)
        if os.environ.get("CENSUS_ONLY") != "still":
            check_churn(version, FLAVOURS[0])
    lib.finish()


main()
