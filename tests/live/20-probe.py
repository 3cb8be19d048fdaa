#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The books of the programs in the kernel, at 200,000 goroutines a second over two processes of
one executable: every hit is streamed, sampled out, lost or bad, and is in a site.  And a target
whose observer is killed lives on, without probes."""

import json
import os
import signal
import subprocess

import lib

TOOL = os.path.join(lib.OUTPUT, "live", "probecount")
VERSIONS = [v for v in lib.VERSIONS if v in ("1.19", "1.26")] or lib.VERSIONS[:1]
RATE = 100000
PROCESSES = 2
SPAWNERS = 2


class Counter:
    def __init__(self, *args):
        self.proc = subprocess.Popen([TOOL, *args], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.PIPE)
        said = self.proc.stdout.readline()
        assert said == "watching\n", f"probecount said {said!r}"

    def books(self):
        out, _ = self.proc.communicate("\n", timeout=60)
        return json.loads(out)

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.communicate()


def storms(path):
    return [lib.Program(path, "-rate", str(RATE), "-duration", "3s", "-spawners", str(SPAWNERS))
            for _ in range(PROCESSES)]


def hits(hook):
    return sum(hook.values())


def compare(name, books, reports):
    """What must hold however much was streamed."""
    for p in books["processes"]:
        want = reports[p["pid"]]["spawned"] + SPAWNERS
        lib.equal(hits(p["birth"]), want, f"{name}: births")
        # The last few may be ending still when the program reports.
        lib.check(want - 8 <= hits(p["death"]) <= want,
                  f"{name}: {hits(p['death'])} deaths of {want}")
        lib.equal(p["birth"]["bad"] + p["death"]["bad"], 0, f"{name}: bad")
        lib.equal(p["site_births"] + p["births_other"], hits(p["birth"]), f"{name}: births in sites")
        lib.equal(p["site_deaths"] + p["deaths_other"], hits(p["death"]), f"{name}: deaths in sites")
    for kind in ("birth", "death"):
        lib.equal(books[kind + "s"], sum(p[kind]["streamed"] for p in books["processes"]),
                  f"{name}: {kind}s received")
    lib.equal(books["malformed"], 0, f"{name}: malformed")


def storm(name, path, *args):
    programs = storms(path)
    try:
        counter = Counter(*args, *[str(p.pid) for p in programs])
        for p in programs:
            p.tell("go")
        reports = {p.pid: json.loads(p.line()) for p in programs}
        books = counter.books()
    finally:
        for p in programs:
            p.stop()
    compare(name, books, reports)
    total = sum(r["spawned"] for r in reports.values())
    rate = sum(r["rate"] for r in reports.values())
    print(f"{name}: {total} goroutines at {rate:.0f}/s, {books['births']} births and",
          f"{books['deaths']} deaths received, {books['stacks']} stacks")
    return books


def column(books, name):
    return sum(p[hook][name] for p in books["processes"] for hook in ("birth", "death"))


def ways(version):
    path = lib.program_path("storm", version, "stripped")
    name = f"go{version}"
    books = storm(f"{name} all streamed", path, "-r", str(64 << 20))
    lib.equal(column(books, "sampled_out"), 0, f"{name}: sampled out with budget for all")
    books = storm(f"{name} perf events", path, "-1", "-r", str(64 << 20))
    lib.equal(books["multi"], False, f"{name}: uprobe.multi though told not to")
    books = storm(f"{name} small budget", path, "-b", "100")
    lib.check(column(books, "sampled_out") > column(books, "streamed") > 0,
              f"{name}: budget of 100 streams {column(books, 'streamed')}")
    books = storm(f"{name} one in 8", path, "-s", "3", "-r", str(64 << 20))
    share = column(books, "streamed") / max(1, column(books, "sampled_out"))
    lib.check(0.9 / 7 < share < 1.1 / 7, f"{name}: one in 8 streams {share:.3f}")
    births, deaths = books["births"], books["deaths"]
    lib.check(abs(births - deaths) <= 8, f"{name}: sample of {births} births, {deaths} deaths")
    books = storm(f"{name} full ring", path, "-k", "-r", "65536")
    lib.check(column(books, "lost") > column(books, "streamed") > 0,
              f"{name}: {column(books, 'lost')} lost with a full ring")
    # Room for four sites, of which each process may have one; it has two.
    books = storm(f"{name} share", path, "-m", "4", "-r", str(64 << 20))
    for p in books["processes"]:
        lib.check(p["site_births"] > 0 and p["births_other"] > 0,
                  f"{name}: {p['site_births']} births in the share, {p['births_other']} beyond")


def bereft(version, *args):
    """kill -9 of the observer."""
    path = lib.program_path("count", version, "stripped")
    name = f"go{version} {args}"
    with lib.Program(path) as prog:
        counter = Counter(*args, str(prog.pid))
        prog.ask("go")
        lib.check(lib.uprobes_on(prog.pid, path), f"{name}: no probe in the target")
        counter.kill()
        lib.check(lib.await_no_uprobes(prog.pid, path), f"{name}: probes left in the target")
        after = prog.ask("release")
        lib.equal(after["deaths"], after["births"], f"{name}: the target after its observer")
        print(f"{name}: alive and unprobed after kill -9")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["storm", "count"], ["stripped"], VERSIONS)
    for version in VERSIONS:
        ways(version)
        bereft(version)
        bereft(version, "-1")
    lib.finish()


main()
