#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The heap profile read from memory is the one that the program itself prints: every record, stack
and counters.  A program that cannot print one has none."""

import collections
import json
import os
import re
import subprocess
import lib

FLAVOURS = ["stripped", "pie", "cgo"]
RATES = [-1, 1, 4093]
TOOL = os.path.join(lib.OUTPUT, "live", "heaptimers")
DEPTH = 128  # frames kept of a stack
MANY_MS = 250  # a quadratic walk takes seconds; what it costs is measured in docs/benchmarks.md
RECORD = re.compile(r"^(\d+): (\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)*)\s*$")


def tool(pid, *args):
    done = subprocess.run([TOOL, str(pid), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def own_profile(prog):
    """(header, records, what the program says of it)"""
    prog.tell("profile")
    header, records = prog.line(), collections.Counter()
    while not (line := prog.line()).startswith("{"):
        found = RECORD.match(line)
        if found:
            pcs = tuple(int(x, 16) for x in found[5].split())[:DEPTH]
            records[(pcs, *(int(found[i]) for i in range(1, 5)))] += 1
    return header, records, json.loads(line)


def read_profile(heap):
    return collections.Counter(
        (tuple(r["pcs"]), r["allocs"] - r["frees"], r["alloc_bytes"] - r["free_bytes"],
         r["allocs"], r["alloc_bytes"]) for r in heap["records"])


def of_function(heap, function, size):
    """What was allocated in objects of a size under a function: the records, added up."""
    total = collections.Counter()
    for r in heap["records"]:
        if r["size"] == size and function in r["functions"]:
            total.update({k: r[k] for k in ("allocs", "frees", "alloc_bytes")})
    return total


def check_sites(name, heap, said):
    """With a rate of 1 nothing is sampled: the numbers are the program's."""
    lib.equal(of_function(heap, "main.keepBlocks", 1024)["allocs"], said["blocks"],
              f"{name}: blocks kept")
    pairs = of_function(heap, "main.newLeaf", 48)
    lib.equal((pairs["allocs"], pairs["frees"]), (2 * said["pairs"], 0), f"{name}: leaves kept")
    lib.equal(of_function(heap, "main.newPair", 48), pairs, f"{name}: both are inlined")
    dropped = of_function(heap, "main.dropBlocks", 2048)
    lib.equal((dropped["allocs"], dropped["frees"]), (said["dropped"],) * 2,
              f"{name}: blocks dropped")
    lib.equal(dropped["alloc_bytes"], 2048 * said["dropped"], f"{name}: bytes dropped")


def check_folded(name, heap, raw):
    """A pc for each call instead of one for each frame: the same records, the same functions."""
    n = min(len(heap["records"]), len(raw["records"]))
    # The newest come first, and what the runtime allocated between the two readings is one of them.
    pairs = list(zip(heap["records"][-n:], raw["records"][-n:]))
    born = len(heap["records"]) + len(raw["records"]) - 2 * n
    lib.check(n and born <= 3, f"{name}: {len(heap['records'])} records of {len(raw['records'])}")
    for a, b in pairs:
        known = len(b["functions"])  # less than all where the stack is cut
        lib.check(a["functions"][:known] == b["functions"] and
                  (len(b["pcs"]) == DEPTH or len(a["functions"]) == known),
                  f"{name}: {a['functions']} of {b['functions']}")
    return sum(len(b["pcs"]) - len(a["pcs"]) for a, b in pairs)


def check_profile(version, flavour, rate):
    name = f"go{version} {flavour} rate {rate}"
    path = lib.program_path("heapsites", version, flavour)
    with lib.Program(path, "-rate", str(rate)) as prog:
        said = prog.ask("go")
        header, want, facts = own_profile(prog)
        read = tool(prog.pid)
        heap, raw = read["heap"], read["raw_heap"]
        got = read_profile(raw)
        lib.equal((heap["error"], heap["bad"], heap["is_partial"]), (None, 0, False),
                  f"{name}: clean")
        lib.equal(heap["rate"], facts["rate"], f"{name}: rate")
        lib.check(f"heap/{2 * heap['rate']}" in header, f"{name}: {header}")
        # What was allocated since for the first time has a record that has not counted yet.
        born = got - want
        lib.check(all(not any(r[1:]) for r in born), f"{name}: more than its own {list(born)[:4]}")
        lib.check(want and not want - got, f"{name}: {len(want)} records, "
                  f"without {list(want - got)[:4]}")
        folded = check_folded(name, heap, raw)
        if rate == 1:
            check_sites(name, heap, said)
            lib.check(folded > 0, f"{name}: {folded} inlined frames folded")
    return sum(want.values())


def check_none(version, flavour):
    with lib.Program(lib.program_path("memstats", version, flavour)) as prog:
        prog.tell("go")
        prog.line()
        heap = tool(prog.pid)["heap"]
        lib.equal((heap["error"], heap["records"]), ("ENODATA", []),
                  f"go{version} {flavour}: a program without a profile")


def check_cost(version):
    path = lib.program_path("heapsites", version, "stripped")
    with lib.Program(path, "-rate", "1") as prog:
        places = prog.ask("many")["places"]
        cost = tool(prog.pid, "10")
        lib.check(cost["records"] >= places, f"{cost['records']} records of {places} places")
        lib.check(cost["heap_ms"] <= MANY_MS, f"{cost['records']} records: {cost['heap_ms']} ms")
        print(f"go{version}: {cost['records']} records in {cost['heap_ms']} ms of CPU, "
              f"{cost['heap_calls']} reads")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["heapsites", "memstats"], FLAVOURS)
    for version in lib.VERSIONS:
        for flavour in FLAVOURS:
            counts = [check_profile(version, flavour, rate) for rate in RATES]
            check_none(version, flavour)
            print(f"go{version} {flavour}: {counts} records compared")
    check_cost(lib.VERSIONS[-1])
    lib.finish()


main()
