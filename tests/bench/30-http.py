#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a net/http server under load pays for being watched: throughput and p99 latency against
unwatched, in rounds that alternate so that the machine's drift hits all alike.  One core serves,
another makes the load."""

import os
import re
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import lib  # noqa: E402

VERSION = os.environ.get("BENCH_GO", "1.26")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = os.environ.get("BENCH_SECONDS", "4")
CONFIGS = {"unwatched": None, "park off": ["--park", "off"], "park all": ["--park", "all"]}


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def unit_ms(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def load(url):
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", "--latency",
                          url], capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    return rate, unit_ms(re.search(r"^ +99% +(\S+)", out, re.M).group(1))


def measure(server, url, options):
    if options is None:
        return load(url)
    watcher = lib.Gotide("report", "--for", "10m", "-j", *options, str(server.pid))
    result = load(url)
    watcher.interrupt()
    watcher.finish()
    return result


def bench(path):
    with lib.Program(lib.program_path("httpd", VERSION, "stripped"),
                     env={"GOMAXPROCS": "1"}) as server:
        subprocess.run(["taskset", "-acp", "0", str(server.pid)], check=True,
                       stdout=subprocess.DEVNULL)
        url = f"http://{server.facts['addr']}{path}"
        load(url)
        rounds = [{name: measure(server, url, options) for name, options in CONFIGS.items()}
                  for _ in range(ROUNDS)]
    for name in CONFIGS:
        rates = [r[name][0] for r in rounds]
        ratio = [r[name][0] / r["unwatched"][0] for r in rounds]
        p99 = [r[name][1] / r["unwatched"][1] for r in rounds]
        print(path, name, f"{statistics.median(rates):.0f}", spread(ratio), spread(p99), sep="\t")


def main():
    lib.need_root()
    for tool in ("wrk", "taskset"):
        if not shutil.which(tool):
            lib.skip(f"{tool} is not installed")
    lib.build(["httpd"], ["stripped"], [VERSION])
    print(f"Go {VERSION}, {ROUNDS} rounds of {SECONDS} s", "watched", "requests/s",
          "throughput to unwatched", "p99 to unwatched", sep="\t")
    for path in ("/hello", "/fanout"):
        bench(path)


main()
