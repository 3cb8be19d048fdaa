#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The account of memory closes, and every kind of memory shows up as what it is: programs that
hold so many MiB of each, against the account of them made from outside."""

import json
import os
import subprocess
import lib

MIB = 1 << 20
VERSIONS = os.environ.get("GOTIDE_GO", "1.19 1.22 1.24 1.27").split()
TOOL = os.path.join(lib.OUTPUT, "live", "census")
PARTS = ["live", "garbage", "slack", "free_held", "lazyfree", "stacks", "runtime", "outside",
         "residue"]
# What is left over of a program whose pages have all been touched, beside one of the heap's spans
# in a hundred: the ends of stacks, and spans that were taken and not used yet.
RESIDUE = 1 * MIB
# The executable's data and bss, and what the runtime's structures may have instead of it.
OUTSIDE = 1 * MIB


def census(pid):
    done = subprocess.run([TOOL, str(pid)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def near(got, want, slack, what):
    return lib.check(abs(got - want) <= slack,
                     f"{what}: {got / MIB:.2f} MiB, want {want / MIB:.2f} +- {slack / MIB:.2f}")


def closes(name, memory):
    """To the byte, by construction; with the kernel's walk and without it."""
    lib.check(memory["outside"] >= 0, f"{name}: all is known: {memory}")
    total = sum(max(memory[k], 0) for k in PARTS if k != "residue") + memory["residue"]
    lib.equal(total, memory["anon"], f"{name}: the sum of the parts")


def account(name, pid, residue=0):
    """The parts, after checks that hold for every program: the sum, and the residue, which is
    what was never touched and no more."""
    got = census(pid)
    parts = got["memory"]
    closes(name, parts)
    closes(f"{name}, by sum", got["memory_by_sum"])
    lib.check(got["rollup"]["heap_anon"] >= 0, f"{name}: the heap's mappings were found")
    near(parts["residue"], residue, RESIDUE + got["account"]["heap_inuse"] // 100,
         f"{name}: residue")
    return parts


class Held:
    """The program, and its account after each command."""

    def __init__(self, version, flavour, env=None):
        self.name = f"go{version} {flavour}"
        self.prog = lib.Program(lib.program_path("memory", version, flavour), env=env)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.prog.stop()

    def huge(self):
        """Bytes of huge pages outside the heap.  The kernel may back the runtime's own tables by
        one, of which the runtime counts the little that it has used; the rest is outside."""
        total, is_heap = 0, False
        with open(f"/proc/{self.prog.pid}/smaps") as smaps:
            for line in smaps:
                first, *rest = line.split()
                if not first.endswith(":"):
                    is_heap = first.startswith("c0")
                elif first == "AnonHugePages:" and not is_heap:
                    total += int(rest[0]) * 1024
        return total

    def does(self, command, residue=0):
        self.stats = self.prog.ask(command)
        return account(f"{self.name}: {command}", self.prog.pid, residue)

    def has(self, parts, kind, mib, slack):
        if kind == "outside":
            slack += self.huge()
        near(parts[kind], mib * MIB, slack, f"{self.name}: {kind}")


def check_heap(version):
    with Held(version, "stripped") as h:
        parts = account(f"{h.name}: at rest", h.prog.pid)
        h.has(parts, "outside", 0, OUTSIDE)
        parts = h.does("hold 61")
        h.has(parts, "garbage", 61, 3 * MIB)
        parts = h.does("collect")
        h.has(parts, "live", 61, 1 * MIB)
        h.has(parts, "garbage", 0, 1 * MIB)
        parts = h.does("waste 31")
        h.has(parts, "live", 61, 1 * MIB)
        h.has(parts, "garbage", 31, 2 * MIB)
        parts = h.does("fresh 67", residue=-67 * MIB)
        h.has(parts, "garbage", 31 + 67, 2 * MIB)
        h.has(parts, "outside", 0, OUTSIDE)


def check_free(version, env, kind):
    """Free memory before and after it is given back.  The runtime gives some back by itself
    meanwhile, so that what is held is a little less."""
    with Held(version, "stripped", env) as h:
        h.does("hold 97")
        parts = h.does("drop")
        held = h.stats["HeapIdle"] - h.stats["HeapReleased"]
        lib.check(held > 60 * MIB, f"{h.name}: {held} bytes are free and held")
        near(parts["free_held"], held, 16 * MIB, f"{h.name}: free and held")
        made_of = sum(parts[k] for k in ["free_held", "lazyfree", "live", "slack", "runtime"])
        near(made_of, parts["anon"], 2 * MIB + h.huge(), f"{h.name}: what it is made of")
        parts = h.does("scavenge")
        h.has(parts, "free_held", 0, 1 * MIB)
        if kind == "lazyfree":
            h.has(parts, "lazyfree", 97, 3 * MIB)
        else:
            h.has(parts, "lazyfree", 0, 0)
            lib.check(parts["anon"] < 8 * MIB, f"{h.name}: {parts['anon']} bytes are left")
        h.has(parts, "outside", 0, OUTSIDE)


def check_stacks(version):
    with Held(version, "stripped") as h:
        before = account(f"{h.name}: at rest", h.prog.pid)["stacks"]
        # Half of each was touched by the goroutine, at the least; the rest is residue.
        got = h.prog.ask("stacks 53")
        parts = census(h.prog.pid)["memory"]
        closes(f"{h.name}: stacks", parts)
        near(parts["stacks"], got["StackInuse"], 1 * MIB, f"{h.name}: stacks")
        lib.check(parts["stacks"] - before >= 50 * MIB, f"{h.name}: {parts['stacks']} of stacks")
        lib.check(-40 * MIB < parts["residue"] < RESIDUE, f"{h.name}: residue of stacks {parts}")
        h.has(parts, "outside", 0, OUTSIDE)


def check_limit(version):
    """GOGC is off, so the limit alone says when the next collection is due; answering the command
    has moved it a little.  No limit: none is due."""
    with Held(version, "stripped", {"GOMEMLIMIT": str(97 * MIB)}) as h:
        h.does("hold 31")
        goal = census(h.prog.pid)["account"]["heap_goal"]
        near(goal, h.stats["NextGC"], 1 * MIB, f"{h.name}: goal under a limit")
        lib.check(80 * MIB < goal < 97 * MIB, f"{h.name}: goal {goal}")
    with Held(version, "stripped") as h:
        lib.equal(census(h.prog.pid)["account"]["heap_goal"], -1, f"{h.name}: goal without limit")


def check_outside(version, flavour, command, mib):
    with Held(version, flavour) as h:
        before = account(f"{h.name}: at rest", h.prog.pid)["outside"]
        h.does("hold 59")
        h.does("collect")
        parts = h.does(f"{command} {mib}")
        near(parts["outside"] - before, mib * MIB, mib * MIB // 20, f"{h.name}: {command}")
        h.has(parts, "live", 59, 1 * MIB)


def check_report(version):
    """What gotide says of it, by its readings of every second and of the end."""
    with lib.Program(lib.program_path("memory", version, "cgo")) as prog:
        for command in ["hold 43", "collect", "waste 17", "malloc 61"]:
            prog.ask(command)
        status, out, err = lib.gotide("report", "-j", "--for", "3s", str(prog.pid))
        lib.equal(status, 0, f"go{version}: status of report; {err}")
        report = lib.reports(out)[prog.pid]
        memory = {k.removesuffix("_bytes"): v for k, v in report["memory"].items()}
        lib.equal(report["off_heap_bytes"], memory["outside"], f"go{version}: off_heap_bytes")
        closes(f"go{version} report", {k: -1 if v is None else v for k, v in memory.items()})
        near(memory["live"], 43 * MIB, 1 * MIB, f"go{version} report: live")
        near(memory["garbage"], 17 * MIB, 1 * MIB, f"go{version} report: garbage")
        near(memory["outside"], 61 * MIB, 61 * MIB // 20, f"go{version} report: outside")
        near(memory["anon"], report["rss"]["anon_bytes"], 1 * MIB, f"go{version} report: RSS")
        near(memory["residue"], 0, 2 * MIB, f"go{version} report: residue")
        text = lib.gotide("report", "--for", "1s", str(prog.pid))[1]
        lib.check(" outside Go" in text and " garbage or new" in text, f"parts in:\n{text}")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["memory"], ["stripped", "cgo"], VERSIONS)
    for version in VERSIONS:
        check_heap(version)
        is_old = version == "1.15"  # which frees lazily by itself, and knows no limit
        check_free(version, None, "lazyfree" if is_old else "free")
        check_free(version, {"GODEBUG": "madvdontneed=0"}, "lazyfree")
        check_stacks(version)
        if not is_old:
            check_limit(version)
        check_outside(version, "stripped", "mmap", 61)
        check_outside(version, "cgo", "malloc", 61)
        check_report(version)
        print(f"go{version}: compared")
    lib.finish()


main()
