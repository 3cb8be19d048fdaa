#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a census with stacks costs: CPU time of the first and of a repeated pass in which one in a
hundred goroutines moved, memory, and the pace of a target that is read without pause against one
beside which another is read.  Tab separated, medians."""

import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSIONS = os.environ.get("BENCH_GO", "1.22 1.27").split()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
PAIRS = 3 * ROUNDS
SIZES = [int(n) for n in os.environ.get("BENCH_SIZES", "10000 100000 1000000").split()]
READ = 100000  # goroutines of those that are read without pause
WORK_MS = 1009
TOOL = os.path.join(lib.OUTPUT, "live", "stacks")


class Census:
    """The tool, pass by pass: it waits for a line before each."""

    def __init__(self, pid):
        self.proc = subprocess.Popen([TOOL, str(pid), str(1000000), "-"], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def step(self):
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()
        return json.loads(self.proc.stdout.readline())

    def memory_kb(self):
        with open(f"/proc/{self.proc.pid}/status", encoding="ascii") as status:
            rows = dict(line.split(":", 1) for line in status)
        return int(rows["VmHWM"].split()[0])

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def crowd(version, n, *prefix):
    path = lib.program_path("crowd", version, "stripped")
    args = [*prefix, path, "-n", str(n)]
    return lib.Program(args[0], *args[1:])


def costs(version, n):
    first, again, memory, size = [], [], [], []
    with crowd(version, n) as prog:
        for _ in range(ROUNDS):
            census = Census(prog.pid)
            first.append(census.step()["cpu_us"] / 1e3)
            size.append(census.memory_kb() / 1024)
            prog.ask(f"nudge {n // 100}")
            got = census.step()
            again.append(got["cpu_us"] / 1e3)
            memory.append(census.memory_kb() / 1024)
            assert got["live"] >= n and not got["is_partial"], got
            census.stop()
    print(f"go{version}, {n} goroutines", f"{statistics.median(first):.1f}",
          f"{min(first):.1f}-{max(first):.1f}", f"{statistics.median(again):.1f}",
          f"{min(again):.1f}-{max(again):.1f}", f"{statistics.median(size):.0f}",
          f"{statistics.median(memory):.0f}", sep="\t", flush=True)


def pace(prog, other):
    """What the program does per second of its own CPU time, which others on the machine do not
    take away, while the other is read without pause, on the other CPU."""
    reader = subprocess.Popen(["taskset", "-c", "1", TOOL, str(other.pid), "1000000"],
                              stdout=subprocess.DEVNULL)
    try:
        return prog.ask(f"work {WORK_MS}")["per_cpu_s"]
    finally:
        reader.kill()
        reader.wait()


def effect(version, n):
    """Paired: read itself, and beside it a twin, in turn."""
    ratios = []
    with crowd(version, n, "taskset", "-c", "0") as prog, \
            crowd(version, n, "taskset", "-c", "0") as twin:
        for _ in range(PAIRS):
            control = pace(prog, twin)
            ratios.append(pace(prog, prog) / control)
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"go{version}, {n} goroutines, read without pause", f"{median:.3f}",
          f"{low:.3f}-{high:.3f}", sep="\t", flush=True)


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["crowd"], ["stripped"], VERSIONS)
    print("target", "first ms", "range", "1% moved ms", "range", "peak MB first", "peak MB",
          sep="\t")
    for version in VERSIONS:
        for n in SIZES:
            costs(version, n)
    print("target", "pace against the control", "quartiles", sep="\t")
    for version in VERSIONS:
        effect(version, READ)


main()
