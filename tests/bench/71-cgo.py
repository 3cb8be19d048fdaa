#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a program that does nothing but malloc and free pays for gotide heap --cgo: processor time
of a pair against unwatched, in rounds that alternate.  Processor time, so that other work on the
machine matters little."""

import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSION = os.environ.get("BENCH_GO", "1.27")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MS = int(os.environ.get("BENCH_MS", "2000"))
TICK = os.sysconf("SC_CLK_TCK")


def spread(values, form="{:.2f}"):
    return f"{{0}} ({{1}}-{{2}})".format(*(form.format(f(values))
                                           for f in (statistics.median, min, max)))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pair_ns(prog):
    before = cpu_s(prog.pid)
    made = prog.ask(f"churn {MS}")["n"]
    return (cpu_s(prog.pid) - before) * 1e9 / made


def watched(prog):
    watcher = lib.Gotide("heap", "--cgo", "--for", "10m", "-j", str(prog.pid))
    # The first blocks are all kept: what comes when their credit is used up is what lasts.
    made = 0
    while made < 100000:
        made += prog.ask("churn 500")["n"]
    ns = pair_ns(prog)
    watcher.interrupt()
    _, out, _ = watcher.finish()
    return ns, json.loads(out.splitlines()[0])


def main():
    lib.need_root()
    lib.build(["cmem"], ["cgoplain"], [VERSION])
    rows = []
    with lib.Program(lib.program_path("cmem", VERSION, "cgoplain")) as prog:
        pair_ns(prog)
        for _ in range(ROUNDS):
            rows.append((pair_ns(prog), *watched(prog)))
    print(f"Go {VERSION}, {ROUNDS} rounds of {MS} ms", "ns a pair unwatched", "watched",
          "hits a pair", "ns stated a block", "kept/s", sep="\t")
    print("malloc and free", spread([r[0] for r in rows], "{:.0f}"),
          spread([r[1] for r in rows], "{:.0f}"),
          spread([r[2]["cost"]["hits"] / r[2]["calls"] for r in rows]),
          spread([r[2]["cost"]["block_ns"] for r in rows], "{:.0f}"),
          spread([r[2]["kept"] / r[2]["observed_s"] for r in rows], "{:.0f}"), sep="\t")


main()
