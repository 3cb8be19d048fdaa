#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What gotide itself needs while it watches twenty Go processes: CPU and memory."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSION = os.environ.get("BENCH_GO", "1.26")
PROCESSES = 20


def own_use():
    """(share of a core, {key of /proc/PID/status: MiB})"""
    busy = lib.program_path("busy", VERSION, "stripped")
    progs = [lib.Program(busy, "-base", "2", "-peak", "20") for _ in range(PROCESSES)]
    watcher = lib.Gotide("top", "-j", "-i", "1s", "--for", "31s", wait=False)
    tick = os.sysconf("SC_CLK_TCK")

    def cpu():
        with open(f"/proc/{watcher.proc.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / tick

    for _ in range(10 * len(progs)):
        watcher.proc.stdout.readline()
    before, t0 = cpu(), time.monotonic()
    for _ in range(15 * len(progs)):
        watcher.proc.stdout.readline()
    share = (cpu() - before) / (time.monotonic() - t0)
    with open(f"/proc/{watcher.proc.pid}/status", encoding="ascii") as f:
        rss = dict(re.findall(r"(VmHWM|VmRSS|RssAnon):\s+(\d+) kB", f.read()))
    watcher.interrupt()
    watcher.finish()
    for p in progs:
        p.stop()
    return share, {key: int(kb) / 1024 for key, kb in rss.items()}


def main():
    lib.need_root()
    lib.build(["busy"], ["stripped"], [VERSION])
    share, mib = own_use()
    print("gotide itself", f"{PROCESSES} Go processes", sep="\t")
    print("CPU, share of one core", f"{100 * share:.2f} %", sep="\t")
    for key, text in (("VmRSS", "resident"), ("RssAnon", "of it anonymous"), ("VmHWM", "peak")):
        print(f"memory, {text}", f"{mib[key]:.1f} MiB", sep="\t")


main()
