#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's prometheus and etcd, watched while they run, must be seen as they see themselves: their
own /metrics and goroutine dumps."""

import collections
import contextlib
import os
import tempfile

import daemons
import lib
from daemons import near

# What a quiet daemon allocates for one /metrics answer, with room: the reads that we compare with
# are themselves requests, and come up to a few milliseconds after gotide's last sample.
ONE_READ = 1 << 20


def judge_sites(name, r, own):
    """Every goroutine at its go statement, one by one.  What runs for microseconds (a tick that
    spawns a worker) may stand in one picture and not in the other, so three sites may be off by
    one; a goroutine that stays may not be missing."""
    ours = collections.Counter()
    for s in r["sites"]:
        if s["live"] and not s["system"]:
            main = s["start_function"] == "runtime.main"
            ours[("runtime.main", None) if main else (s["function"], s["line"])] += s["live"]
    odd = (ours - own) + (own - ours)
    lib.check(sum(odd.values()) <= 3, f"{name}: sites differ: {dict(ours - own)} only in gotide, "
              f"{dict(own - ours)} only in the program")
    print(f"{name}: {sum(ours.values())} goroutines at {len(ours)} sites,"
          f" {sum(odd.values())} off")


def judge_figures(name, r, before, after):
    """gotide's last sample was taken before the first of `after`, microseconds after it stopped
    counting; `before` is from the start of the observation."""
    def own(key):
        values = [m[key] for m in after]
        return min(values), max(values)

    heap, rss = r["heap"], r["rss"]
    # The program's own number includes what answers: a connection, its background read, and the
    # registry's collectors, of which there are never more than ten.
    near(r["goroutines"]["live"], own("go_goroutines")[0] - 10, own("go_goroutines")[1], 0,
         f"{name}: goroutines")
    # Only ever grows, so it stands between the readings before and after, to the unit.
    near(heap["gc_cycles"], before["go_gc_duration_seconds_count"],
         after[0]["go_gc_duration_seconds_count"], 0, f"{name}: GC cycles")
    near(heap["total_alloc_bytes"], before["go_memstats_alloc_bytes_total"],
         after[0]["go_memstats_alloc_bytes_total"], 0, f"{name}: allocated since start")
    for key in ("inuse", "idle", "released"):
        near(heap[f"{key}_bytes"], *own(f"go_memstats_heap_{key}_bytes"), ONE_READ,
             f"{name}: {key}")
    # The goal is set once per cycle, so it is the same to the byte while no cycle came between.
    if after[0]["go_gc_duration_seconds_count"] == heap["gc_cycles"]:
        near(heap["goal_bytes"], *[after[0]["go_memstats_next_gc_bytes"]] * 2, 0, f"{name}: goal")
    near(r["stacks_bytes"], *own("go_memstats_stack_inuse_bytes"), 256 << 10, f"{name}: stacks")
    # rss_stat counters are kept per CPU and folded in batches: 3 members x CPUs x 64 pages at most,
    # and what one read touches for the first time.
    slack = 3 * os.cpu_count() * 64 * 4096 + ONE_READ
    near(sum(rss[k] for k in ("anon_bytes", "file_bytes", "shmem_bytes")),
         *own("process_resident_memory_bytes"), slack, f"{name}: RSS")


def main():
    lib.need_root()
    path = daemons.fetched("debian")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        big = {"prometheus": stack.enter_context(daemons.prometheus(path("prometheus"), folder)),
               "etcd": stack.enter_context(daemons.etcd(path("etcd"), folder))}
        watcher = lib.Gotide("report", "--for", "20s", "-j", *(str(d.pid) for d in big.values()))
        before = {name: d.metrics() for name, d in big.items()}
        status, out, err = watcher.finish()
        after = {name: [d.metrics() for _ in range(3)] for name, d in big.items()}
        dumps = {name: d.goroutines() for name, d in big.items()}
    got = lib.reports(out)
    lib.equal(status, 0, f"status ({err})")
    lib.equal(sorted(got), sorted(d.pid for d in big.values()), "pids reported")
    for name, d in big.items():
        daemons.judge_calm(name, got[d.pid])
        judge_figures(name, got[d.pid], before[name], after[name])
        judge_sites(name, got[d.pid], dumps[name])
    lib.finish()


main()
