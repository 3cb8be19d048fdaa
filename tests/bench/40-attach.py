#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long attaching takes, first and to a known executable, in milliseconds.  The big executable
is Debian's prometheus, or with BENCH_BIG the command line of another program that goes on running
while its stdin is open."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSION = os.environ.get("BENCH_GO", "1.26")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
TIMES = re.compile(r"pid (\d+) .*read in ([\d.]+) ms, attached in ([\d.]+) ms, "
                   r"census in ([\d.]+) ms")


def attach_times(pids):
    """[(pid, read, attach, census)] of one run, in the order of attaching."""
    status, _, err = lib.gotide("report", "-v", "--for", "1s", "-j", *map(str, pids))
    assert status in (0, 3), err
    return [(int(m[0]), *map(float, m[1:])) for m in TIMES.findall(err)]


def row(what, samples):
    total = [sum(s[1:]) for s in samples]
    parts = [statistics.median(s[i] for s in samples) for i in (1, 2, 3)]
    print(what, f"{statistics.median(total):.1f}", f"{min(total):.1f}-{max(total):.1f}",
          *(f"{p:.1f}" for p in parts), sep="\t")


def attach(what, commands):
    procs = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.PIPE) for c in commands]
    try:
        time.sleep(2)  # nothing is asserted: a started program is all that is wanted here
        runs = [attach_times([p.pid for p in procs]) for _ in range(ROUNDS)]
        row(f"{what}, first", [r[0] for r in runs])
        row(f"{what}, known", [r[1] for r in runs])
    finally:
        for p in procs:
            p.kill()
            p.wait()


def prometheus(folder):
    """The command lines of two that do not get in each other's way, if it can be had."""
    fetch = subprocess.run([os.path.join(lib.ROOT, "scripts", "fetch-daemons.sh")],
                           stdout=sys.stderr, check=False)
    cache = os.environ.get("GOTIDE_CACHE", os.path.expanduser("~/.cache/gotide"))
    path = os.path.join(cache, "daemons", "prometheus")
    if fetch.returncode != 0 and not os.path.exists(path):
        return None
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w", encoding="ascii") as f:
        f.write("global: {}\n")
    return [[path, f"--config.file={config}", "--web.listen-address=127.0.0.1:0",
             f"--storage.tsdb.path={folder}/{n}"] for n in range(2)]


def main():
    lib.need_root()
    lib.build(["busy"], ["stripped"], [VERSION])
    print(f"ms, medians of {ROUNDS}", "total", "range", "read", "attach", "census", sep="\t")
    attach("busy (small)", [[lib.program_path("busy", VERSION, "stripped")]] * 2)
    with tempfile.TemporaryDirectory() as folder:
        big = os.environ.get("BENCH_BIG")
        commands = [big.split()] * 2 if big else prometheus(folder)
        if commands:
            path = commands[0][0]
            size = os.path.getsize(path) >> 20
            attach(f"{os.path.basename(path)} ({size} MiB)", commands)


main()
