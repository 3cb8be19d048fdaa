#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watching a hundred Go processes takes: fifty of one executable, fifty of ten others, some of
them busy.  Memory and CPU of the watching process at its defaults, the time from its start until it
watches, /metrics, and what a stream of processes that live shortly leaves behind.

BENCH_SETTLE_S (20) and BENCH_S (60): before and while CPU is measured.
BENCH_CHURN_S (60): how long 1,000 processes a minute come and go; 600 is the long form, 0 none.
BENCH_GO (1.26), BENCH_OLD_GO (1.22): what the programs are built with."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402
import leftovers  # noqa: E402

GO = os.environ.get("BENCH_GO", "1.26")
OLD_GO = os.environ.get("BENCH_OLD_GO", "1.22")
SETTLE_S = float(os.environ.get("BENCH_SETTLE_S", "20"))
BENCH_S = float(os.environ.get("BENCH_S", "60"))
CHURN_S = float(os.environ.get("BENCH_CHURN_S", "60"))
CHURN_PER_MIN = 1000
TICK = os.sysconf("SC_CLK_TCK")

# Program, version, arguments of the calm ones and of the busy one among them.
CALM = ("busy", GO, ["-base", "1", "-peak", "5", "-polls", "0.5", "-cache", "128"],
        ["-base", "100", "-peak", "500"])
OTHERS = [
    ("busy", OLD_GO, CALM[2], CALM[3]),
    ("httpd", GO, [], []),
    ("httpd", OLD_GO, [], []),
    ("leak", GO, ["-rate", "0.1", "-noise", "2"], ["-rate", "2", "-noise", "200"]),
    ("leak", OLD_GO, ["-rate", "0", "-noise", "1"], ["-rate", "0", "-noise", "100"]),
    ("heapleak", GO, ["-rate", "1024", "-garbage", "65536"], ["-garbage", "4194304"]),
    ("churn", GO, ["-width", "7", "-gc", "5s"], ["-width", "31", "-gc", "1s"]),
    ("before", GO, ["-kind", "tickers", "-n", "5"], ["-kind", "leak", "-n", "1009"]),
    ("timers", GO, [], []),
    ("waits", GO, [], []),
]
EACH = 5


def fleet():
    """A hundred programs; one in five of a kind is the busy one, or one in ten of the fifty."""
    progs = []
    for i in range(50):
        args = CALM[3] if i % 10 == 0 else CALM[2]
        progs.append(lib.Program(lib.program_path(CALM[0], CALM[1], "stripped"), *args))
    for name, version, calm, busy in OTHERS:
        for i in range(EACH):
            args = busy if i == 0 else calm
            progs.append(lib.Program(lib.program_path(name, version, "stripped"), *args))
    return progs


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    """{key of status and of smaps_rollup: MiB}"""
    sizes = {}
    for leaf in ("status", "smaps_rollup"):
        with open(f"/proc/{pid}/{leaf}", encoding="ascii") as f:
            sizes.update({k: int(kb) / 1024 for k, kb in re.findall(r"(\w+):\s+(\d+) kB", f.read())})
    return sizes


def has_agent():
    status, _, _ = lib.gotide("agent", "--help")
    return status == 0


class Watcher:
    """gotide over all processes.  Where it has no agent, `top` watches in the same way."""

    def __init__(self):
        self.url = None
        args = ["top", "-j", "-i", "1h"]
        if has_agent():
            self.url = "http://127.0.0.1:19435"
            args = ["agent", "--listen", self.url.removeprefix("http://")]
        begun = time.monotonic()
        with open(os.devnull, "w", encoding="ascii") as null:
            self.proc = subprocess.Popen([lib.GOTIDE, *args], stdout=null, stderr=subprocess.PIPE,
                                         text=True)
        self.what = " ".join(args)
        self.said = ""
        while "watching" not in self.said:
            self.said = self.proc.stderr.readline()
            if not self.said:
                raise RuntimeError(f"gotide {self.what} ended")
        self.ready_s = time.monotonic() - begun
        self.pid = self.proc.pid

    def cpu_share(self, seconds):
        before, begun = cpu_s(self.pid), time.monotonic()
        time.sleep(seconds)
        return (cpu_s(self.pid) - before) / (time.monotonic() - begun)

    def metrics(self):
        """(ms of the fastest of five, bytes), or None without an agent."""
        times, size = [], 0
        for _ in range(5 if self.url else 0):
            begun = time.monotonic()
            with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
                size = len(answer.read())
            times.append(1e3 * (time.monotonic() - begun))
        return (min(times), size) if times else None

    def stop(self):
        """Seconds that it took."""
        begun = time.monotonic()
        self.proc.terminate()
        self.proc.communicate()
        return time.monotonic() - begun


def churn(seconds):
    """Starts 1,000 processes a minute that live for some ms, or 50; returns how many."""
    exiter = lib.program_path("exiter", GO, "stripped")
    begun, n, waiting = time.monotonic(), 0, []
    while (now := time.monotonic()) < begun + seconds:
        if n < (now - begun) * CHURN_PER_MIN / 60:
            long = n % 2
            proc = subprocess.Popen([exiter, "-n", "11", *(["-wait"] if long else [])],
                                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            waiting.append((now + 0.05 * long, proc))
            n += 1
        while waiting and waiting[0][0] <= now:
            proc = waiting.pop(0)[1]
            proc.stdin.close()
            proc.wait()
        time.sleep(0.002)
    for _, proc in waiting:
        proc.stdin.close()
        proc.wait()
    return n


def bench_churn(watcher):
    before, rss = leftovers.count(watcher.pid), memory(watcher.pid)["RssAnon"]
    cpu, begun = cpu_s(watcher.pid), time.monotonic()
    n = churn(CHURN_S / 2)
    half = memory(watcher.pid)["RssAnon"]
    n += churn(CHURN_S / 2)
    took = time.monotonic() - begun
    share = (cpu_s(watcher.pid) - cpu) / took
    end = memory(watcher.pid)["RssAnon"]
    after = leftovers.count(watcher.pid)
    return [
        (f"{n} short processes in {took:.0f} s: CPU, share of one core", f"{100 * share:.2f} %"),
        ("memory before, half-way, at the end", f"{rss:.1f}, {half:.1f}, {end:.1f} MiB anonymous"),
        ("links, maps, programs, descriptors before", json.dumps(before)),
        ("and after", json.dumps(after)),
    ]


def main():
    lib.need_root()
    lib.build(sorted({p[0] for p in OTHERS} | {"busy", "exiter"}), ["stripped"], [GO, OLD_GO])
    progs = fleet()
    watcher = Watcher()
    rows = [("gotide " + watcher.what, watcher.said.strip()),
            ("start to watching", f"{watcher.ready_s:.2f} s")]
    time.sleep(SETTLE_S)
    share = watcher.cpu_share(BENCH_S)
    mib = memory(watcher.pid)
    rows.append((f"CPU over {BENCH_S:g} s, share of one core", f"{100 * share:.2f} %"))
    for key, text in (("VmRSS", "resident"), ("RssAnon", "of it anonymous"),
                      ("RssFile", "of it files"), ("RssShmem", "of it maps shared with the kernel"),
                      ("Pss", "proportional"), ("VmHWM", "peak")):
        rows.append((f"memory, {text}", f"{mib[key]:.1f} MiB"))
    answer = watcher.metrics()
    if answer:
        rows.append(("/metrics", f"{answer[0]:.1f} ms, {answer[1] / 1e6:.2f} MB"))
    for row in rows:
        print(*row, sep="\t", flush=True)
    for row in bench_churn(watcher) if CHURN_S else []:
        print(*row, sep="\t", flush=True)
    print("SIGTERM to end", f"{watcher.stop():.1f} s", sep="\t")
    for p in progs:
        p.stop()


if __name__ == "__main__":
    main()
