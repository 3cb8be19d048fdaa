#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the agent shows of a program under the names of Prometheus' client library for Go is what the
library in that program shows: prometheus and etcd, which both have it, are asked at the same time."""

import re
import tempfile
import time

import daemons
import lib

LIMIT_S = 90  # within which the two must have agreed once; figures move between two questions

MIB = 1 << 20
# name -> how far the agent's figure may be below and above what the program says before and after:
# as a part, and besides in absolute terms.
EXACT = (0, 0)
FIGURES = {
    "go_gc_duration_seconds_count": EXACT,
    "go_gc_duration_seconds_sum": (0, 1e-9),
    'go_gc_duration_seconds{quantile="1"}': (0, 1e-9),
    "go_memstats_last_gc_time_seconds": (0, 1e-3),
    "go_memstats_next_gc_bytes": (0.01, 0),
    "go_memstats_sys_bytes": (0.05, 0),
    "go_memstats_heap_sys_bytes": (0.05, 0),
    "go_memstats_heap_inuse_bytes": (0.15, 0),
    "go_memstats_heap_idle_bytes": (0.15, MIB),
    "go_memstats_heap_released_bytes": (0.15, MIB),
    "go_memstats_stack_inuse_bytes": (0.2, 0),
    # late by what the Ps' caches hold; the spans in these count whole
    "go_memstats_heap_objects": (0.15, 0),
    "go_memstats_alloc_bytes_total": (0.1, 0),
    "go_memstats_alloc_bytes": (0.1, 2 * MIB),
    "go_memstats_heap_alloc_bytes": (0.1, 2 * MIB),
    # the question itself takes some
    "go_goroutines": (0, 6),
    "go_threads": (0, 2),
    "process_open_fds": (0, 3),
    "process_resident_memory_bytes": (0.1, 0),
    "process_cpu_seconds_total": (0.1, 0.1),
    # the library's goes by the second in which the machine was started
    "process_start_time_seconds": (0, 1.1),
}


def figures(text):
    """Series -> value; what is no number is text."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def of_process(text, pid):
    """Without the labels that all series of a process have."""
    base = re.compile(r'\{pid="%d",comm="[^"]*",container="[^"]*",pod="[^"]*",namespace="[^"]*",?'
                      % pid)
    return {base.sub("{", name).replace("{}", ""): value
            for name, value in figures(text).items() if base.search(name)}


def differences(before, agent, after):
    """What does not agree: name, what the agent says, what the program said before and after."""
    found = []
    for name, (part, more) in FIGURES.items():
        if name not in agent or name not in before:
            found.append((name, agent.get(name), before.get(name), None))
            continue
        got, low, high = (float(m[name]) for m in (agent, before, after))
        low, high = min(low, high), max(low, high)
        if not low - part * abs(low) - more <= got <= high + part * abs(high) + more:
            found.append((name, got, low, high))
    return found


def compare(agent, program):
    deadline = time.monotonic() + LIMIT_S
    wrong = None
    while wrong != [] and time.monotonic() < deadline:
        before = figures(daemons.get(program.url + "/metrics"))
        said = of_process(daemons.get(agent.url + "/metrics"), program.pid)
        after = figures(daemons.get(program.url + "/metrics"))
        wrong = differences(before, said, after)
        if wrong:
            time.sleep(0.5)  # between attempts; nothing is asserted from it
    for name, got, low, high in wrong:
        lib.check(False, f"{program.name}: {name}: the agent says {got}, it says {low} to {high}")
    info = {name for name in before if name.startswith("go_info{")}
    lib.equal({name for name in said if name.startswith("go_info{")}, info,
              f"{program.name}: version of Go")


def main():
    lib.need_root()
    path = daemons.fetched("debian")
    port = daemons.free_port()
    command = [lib.GOTIDE, "agent", "--listen", f"127.0.0.1:{port}", "--compat-metrics",
               "--include", "name=prometheus", "--include", "name=etcd"]
    with tempfile.TemporaryDirectory() as folder, \
            daemons.prometheus(path("prometheus"), folder) as prometheus, \
            daemons.etcd(path("etcd"), folder) as etcd, \
            daemons.Daemon(command, port, "/readyz") as agent:
        compare(agent, prometheus)
        compare(agent, etcd)
    lib.finish()


main()
