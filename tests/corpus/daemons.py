#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs Go daemons that others built, all at once, under a load that varies as a day's, each
recorded by a gotide of its own: tapes and DIR/labels.tsv as run.py writes them.  The day takes
--for, 12 minutes.  Beside each tape the daemon's own figures are kept, in daemon-NAME.own.tsv."""

import argparse
import fnmatch
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import daemon_loads
import run

OUTPUT = run.OUTPUT
CACHE = os.environ.get("GOTIDE_CACHE", os.path.expanduser("~/.cache/gotide"))
KINDS = "healthy,pressure,warming-up,runtime-held"
DAY_S = 86400
# Of a core, on average; what a load may use up at once, in seconds of CPU.
CPU_SHARE, CPU_CREDIT_S = 0.03, 2.0
TICK_S = 0.1
OWN_EVERY_S = 10
OWN = ["go_goroutines", "go_memstats_heap_alloc_bytes", "go_memstats_heap_inuse_bytes",
       "go_memstats_next_gc_bytes", "go_memstats_stack_inuse_bytes", "go_gc_duration_seconds_count",
       "process_open_fds"]


def seconds(text):
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text)


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("patterns", nargs="*", help="names of daemons, with * and ?; default: all")
    p.add_argument("--for", dest="day", type=seconds, default=720, metavar="DUR",
                   help="what stands for a day (default 12m)")
    p.add_argument("--out", default=os.path.join(OUTPUT, "corpus"), metavar="DIR",
                   help="tapes and labels.tsv (default %(default)s)")
    p.add_argument("--work", default="/tmp/daemons", metavar="DIR",
                   help="where the daemons run: tapes have the path (default %(default)s)")
    p.add_argument("--gotide", default=os.path.join(OUTPUT, "gotide"))
    p.add_argument("--dry", action="store_true", help="no gotide: daemons and loads only")
    p.add_argument("--list", action="store_true", help="only name the daemons")
    return p.parse_args()


# ---- the day ----

def level(t):
    """The load at t, a share of a day from 0 to 1; 1 is the busy hours', a burst goes above."""
    t %= 1
    ripple = 0.05 * math.sin(2 * math.pi * 37 * t)
    if t < 0.20:                        # night
        base = 0.1
    elif t < 0.38:                      # the morning's ramp
        base = 0.1 + 0.8 * (t - 0.20) / 0.18
    elif t < 0.62:                      # three waves
        base = 0.7 + 0.3 * math.sin(2 * math.pi * (t - 0.38) / 0.08)
    elif t < 0.66:                      # a burst
        base = 2.2
    elif t < 0.76:                      # nobody
        return 0.0
    else:                               # the evening, waves that ebb
        base = (0.45 + 0.25 * math.sin(2 * math.pi * (t - 0.76) / 0.06)) * (1.15 - t) / 0.4
    return max(0.0, base + ripple)


# ---- a daemon ----

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_anon(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("RssAnon:"))


class Daemon:
    """One daemon: its process, its load, its gotide, and what came of it."""

    def __init__(self, load, opts, hour):
        self.load, self.opts, self.hour = load, opts, hour
        self.name = "daemon-" + load.name
        self.file = self.name + ".tape"
        self.program = os.path.join(opts.work, "bin", load.name)
        self.proc = self.gotide = None
        self.error = self.fault = None
        self.begun = None
        self.done = self.failed = 0
        self.own, self.cpu, self.go = [], 0.0, "-"

    # -- its process --

    def start(self):
        folder, program = self.load.folder, self.program
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.load.prepare(program)
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_DATA_HOME": folder, "TMPDIR": folder,
               "XDG_CONFIG_HOME": folder, **self.load.env}
        with open(os.path.join(folder, "log"), "wb") as log:
            # stdin stays open, because esbuild ends with it
            command = [*self.load.within(), program, *self.load.args()]
            self.proc = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.PIPE,
                                         stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.load.is_ready():
            if self.proc.poll() is not None:
                raise RuntimeError(f"ended by itself, see {folder}/log")
            if time.monotonic() > deadline:
                raise RuntimeError("does not answer")
            time.sleep(0.1)  # between attempts
        self.load.begin()

    def stop(self):
        for proc in (self.gotide, self.proc):
            if proc and proc.poll() is None:
                proc.terminate()
                try:
                    proc.wait(10)
                except subprocess.TimeoutExpired:
                    proc.kill()
                    proc.wait()

    # -- its load --

    def drive(self, ended):
        """Until ended is set: the night's load until the day has begun, then the day's."""
        clients, due, credit = [], 0.0, CPU_CREDIT_S
        before, used = time.monotonic(), cpu_seconds(self.proc.pid)
        while not ended.wait(TICK_S):
            now, cpu = time.monotonic(), cpu_seconds(self.proc.pid)
            share = level((now - self.begun) / self.opts.day + self.hour if self.begun else 0.1)
            credit = min(CPU_CREDIT_S, credit + CPU_SHARE * (now - before) - (cpu - used))
            due = min(due + share * self.load.rate * (now - before), self.load.rate)
            before, used = now, cpu
            wanted = min(math.ceil(share * self.load.clients), 3 * self.load.clients)
            try:
                while len(clients) < wanted:
                    clients.append(self.load.connect())
                while len(clients) > wanted:
                    clients.pop(0).close()
                for client in clients:
                    self.load.tend(client)
                while due >= 1 and clients and credit > 0 and not ended.is_set():
                    due -= 1
                    self.done += 1
                    self.load.work(clients[self.done % len(clients)], self.done)
            except (OSError, daemon_loads.HTTPException) as e:
                self.failed += 1
                self.fault = repr(e)
                clients = self.reopen(clients)
            if self.proc.poll() is not None:
                self.error = "ended during the day"
                return
        for client in clients:
            client.close()

    @staticmethod
    def reopen(clients):
        for client in clients:
            client.close()
        return []

    # -- its gotide, and its own figures --

    def record(self):
        command = [self.opts.gotide, "record", "--for", f"{self.opts.day:g}s", "-o",
                   os.path.join(self.opts.out, self.file), str(self.proc.pid)]
        with open(os.path.join(self.opts.out, self.name + ".log"), "w", encoding="utf-8") as log:
            self.gotide = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def sample(self):
        """One row of its own figures; those it does not tell are -."""
        pid, t = self.proc.pid, time.monotonic() - self.begun
        row = {"t": f"{t:.0f}", "level": f"{level(t / self.opts.day + self.hour):.2f}",
               "done": self.done, "cpu_s": f"{cpu_seconds(pid):.2f}", "rss_anon": rss_anon(pid),
               "fds": len(os.listdir(f"/proc/{pid}/fd"))}
        row.update(self.load.figures(OWN))
        self.own.append(row)
        path = os.path.join(self.opts.out, self.name + ".own.tsv")
        keys = ["t", "level", "done", "cpu_s", "rss_anon", "fds", *OWN]
        with open(path, "w", encoding="utf-8") as f:
            print("#" + "\t".join(keys), file=f)
            for r in self.own:
                print("\t".join(str(r.get(k, "-")) for k in keys), file=f)

    def summary(self):
        cpu = float(self.own[-1]["cpu_s"]) - float(self.own[0]["cpu_s"]) if self.own else 0
        answers = ", ".join(f"{n} {k}xx" for k, n in sorted(self.load.answers.items()))
        text = (f"{self.name:28}{self.go:11}{100 * cpu / self.opts.day:5.1f} % CPU {self.done:7} done"
                f" ({answers or 'no HTTP'})")
        if self.failed:
            text += f", {self.failed} failed: {self.fault}"
        return text + (f"  FAILED: {self.error}" if self.error else "")

    def label(self):
        notes = f"{self.load.notes}; the day begins at {self.hour * 24:.0f} o'clock"
        row = {"name": self.name, "file": self.file, "kinds": KINDS, "site": "none", "onset_s": "0",
               "rate": "0", "growth": "0", "seconds": f"{self.opts.day:g}", "go": self.go,
               "notes": notes}
        return "\t".join(row.get(k, "-") for k in run.LABELS)


# ---- all of them ----

def go_version(opts, pid):
    """As gotide sees it; - if it cannot tell."""
    got = subprocess.run([opts.gotide, "inspect", "-j", str(pid)], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False).stdout
    try:
        return json.loads(got.splitlines()[0]).get("go_version") or "-"
    except (ValueError, IndexError):
        return "-"


def in_threads(work, daemons):
    """Calls work(daemon) of each at the same time; what raises is noted and left out."""
    def one(d):
        try:
            work(d)
        except (OSError, RuntimeError, ValueError, KeyError, subprocess.SubprocessError,
                daemon_loads.HTTPException) as e:
            d.error = str(e) or repr(e)
            print(f"{d.name}: FAILED: {d.error}", file=sys.stderr)

    threads = [threading.Thread(target=one, args=(d,), daemon=True) for d in daemons]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return [d for d in daemons if not d.error]


def watch(live, opts):
    """Records all of them through one day, and samples their own figures meanwhile."""
    if not opts.dry:
        for d in live:
            d.go = go_version(opts, d.proc.pid)
            d.record()
    begun = time.monotonic()
    for d in live:
        d.begun = begun
    while time.monotonic() < begun + opts.day:
        in_threads(Daemon.sample, [d for d in live if not d.error])
        left = begun + opts.day - time.monotonic()
        time.sleep(max(0, min(OWN_EVERY_S, left)))
    for d in live:
        d.load.dump(os.path.join(opts.out, d.name + ".goroutines"))
        if d.gotide and d.gotide.wait(120) not in (0, 3):
            d.error = f"gotide ended with {d.gotide.returncode}: see {d.name}.log"


def run_day(daemons, opts):
    ended = threading.Event()
    # all before the first starts: what is open for writing elsewhere cannot be executed
    os.makedirs(os.path.join(opts.work, "bin"), exist_ok=True)
    for d in daemons:
        shutil.copy(os.path.join(CACHE, "daemons", d.load.name), d.program)
    try:
        live = in_threads(Daemon.start, daemons)
        threads = [threading.Thread(target=d.drive, args=(ended,), daemon=True) for d in live]
        for t in threads:
            t.start()
        watch(live, opts)
        ended.set()
        for t in threads:
            t.join(30)
    finally:
        ended.set()
        for d in daemons:
            d.stop()


def main():
    opts = options()
    loads = [load for load in daemon_loads.every(opts.work)
             if not opts.patterns or any(fnmatch.fnmatch(load.name, p) for p in opts.patterns)]
    if opts.list:
        print("\n".join(load.name for load in loads))
        return 0
    if not opts.dry and os.geteuid() != 0:
        print("daemons.py: needs root")
        return 77
    fetch = os.path.join(run.ROOT, "scripts", "fetch-daemons.sh")
    subprocess.run([fetch, "debian", "npm", "corpus"], check=False)
    missing = [x for x in loads if not os.path.exists(os.path.join(CACHE, "daemons", x.name))]
    if missing:
        print("daemons.py: not there: " + ", ".join(x.name for x in missing), file=sys.stderr)
    os.makedirs(opts.out, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    daemons = [Daemon(x, opts, i / len(loads)) for i, x in enumerate(loads) if x not in missing]
    run_day(daemons, opts)
    if not opts.dry:
        run.write_labels(daemons, opts)
    for d in daemons:
        print(d.summary())
    print(f"{sum(not d.error for d in daemons)} daemons, {DAY_S / opts.day:.0f} times compressed")
    return 1 if any(d.error for d in daemons) else 0


if __name__ == "__main__":
    sys.exit(main())
