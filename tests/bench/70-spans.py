#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a program that does nothing but allocate pays for gotide heap --spans: objects made against
unwatched, in rounds that alternate so that the machine's drift hits both alike.  Nothing hits these
probes more often."""

import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSION = os.environ.get("BENCH_GO", "1.26")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MS = int(os.environ.get("BENCH_MS", "2000"))


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


class Churn:
    """Counts what one program makes in MS, unwatched or watched."""

    def __init__(self, prog):
        self.prog = prog
        self.made = 0

    def run(self):
        before = self.made
        self.made = self.prog.ask(f"churn {MS}")["churned"]
        return (self.made - before) * 1000 / MS

    def watched(self):
        watcher = lib.Gotide("heap", "--spans", "--for", "10m", "-j", str(self.prog.pid))
        rate = self.run()
        watcher.interrupt()
        _, out, _ = watcher.finish()
        return rate, json.loads(out.splitlines()[0])


def main():
    lib.need_root()
    lib.build(["spans"], ["stripped"], [VERSION])
    rows = []
    with lib.Program(lib.program_path("spans", VERSION, "stripped")) as prog:
        churn = Churn(prog)
        churn.run()
        for _ in range(ROUNDS):
            rows.append((churn.run(), *churn.watched()))
    rate = statistics.median(r[0] for r in rows)
    hits = statistics.median(r[2]["cost"]["hits_per_s"] for r in rows)
    cost = statistics.median(r[2]["cost"]["hit_ns"] for r in rows)
    kept = statistics.median(r[2]["kept"] / r[2]["observed_s"] for r in rows)
    print(f"Go {VERSION}, {ROUNDS} rounds of {MS} ms", "objects of 1 kB/s",
          "watched to unwatched", "hits/s", "ns a hit", "spans kept/s", sep="\t")
    print("churn", f"{rate:.0f}", spread([r[1] / r[0] for r in rows]), f"{hits:.0f}",
          f"{cost:.0f}", f"{kept:.0f}", sep="\t")


main()
