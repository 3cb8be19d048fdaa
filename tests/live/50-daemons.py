#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Go programs that others built, watched while they run: Debian's prometheus and etcd must be seen
as they see themselves (their own /metrics and goroutine dumps), and esbuild of five releases, the
last without build information, must be understood and watched while it serves; so must turbo of Go
1.18, and Go 1.17, whose layout nobody measured, is refused with the reason."""

import collections
import contextlib
import glob
import json
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import lib

REQUESTS = 200
LEAKS = {"goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak"}
# esbuild release -> the Go that built it, as `go version -m` and `strings` show it
ESBUILDS = {"0.17.0": "go1.19.4", "0.18.0": "go1.20.5", "0.21.5": "go1.20.12",
            "0.24.0": "go1.23.1", "0.28.2": "go1.26.5"}
# What a quiet daemon allocates for one /metrics answer, with room: the reads that we compare with
# are themselves requests, and come up to a few milliseconds after gotide's last sample.
ONE_READ = 1 << 20


def daemons():
    fetch = subprocess.run([os.path.join(lib.ROOT, "scripts", "fetch-daemons.sh")],
                           stdout=subprocess.PIPE, text=True, check=False)
    if fetch.returncode == 77:
        lib.skip(fetch.stdout.strip().splitlines()[-1])
    fetch.check_returncode()
    cache = os.environ.get("GOTIDE_CACHE", os.path.expanduser("~/.cache/gotide"))
    return lambda name: os.path.join(cache, "daemons", name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    request = urllib.request.Request(url, headers={"Connection": "close"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def turbo(path, folder):
    """turbo's file watching daemon: the pid, once its socket is there."""
    for name, text in (("package.json", '{"name": "tide", "packageManager": "npm@8.0.0"}'),
                       ("turbo.json", '{"pipeline": {}}')):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    proc = subprocess.Popen([path, "daemon"], cwd=folder, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL,
                            env={**os.environ, "TMPDIR": folder, "XDG_DATA_HOME": folder})
    deadline = time.monotonic() + 60
    try:
        while not glob.glob(os.path.join(folder, "turbod", "*", "turbod.sock")):
            assert proc.poll() is None, "turbo ended by itself"
            assert time.monotonic() < deadline, "turbo opens no socket"
            time.sleep(0.05)  # between attempts; nothing is asserted from it
        yield proc.pid
    finally:
        proc.kill()
        proc.wait()


class Daemon:
    """A program that serves HTTP.  Construction returns when it first answers."""

    def __init__(self, command, port, ready="/"):
        self.url = f"http://127.0.0.1:{port}"
        self.name = os.path.basename(command[0])
        # stdin stays open, because esbuild ends with it
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        self.pid = self.proc.pid
        deadline = time.monotonic() + 60
        while True:
            try:
                get(self.url + ready)
                return
            except (OSError, urllib.error.URLError):
                assert self.proc.poll() is None, f"{self.name} ended by itself"
                assert time.monotonic() < deadline, f"{self.name} does not answer"
                time.sleep(0.05)  # between attempts; nothing is asserted from it

    def metrics(self):
        lines = (row.rsplit(" ", 1) for row in get(self.url + "/metrics").splitlines()
                 if row.startswith(("go_", "process_")) and "{" not in row)
        return {name: float(value) for name, value in lines}

    def goroutines(self):
        """(function, line) of the go statement -> goroutines, as the program dumps them itself;
        without the two that answer us: the connection and its background read."""
        dump = get(self.url + "/debug/pprof/goroutine?debug=2")
        found = collections.Counter()
        for text in dump.strip().split("\n\n"):
            by = re.search(r"^created by (\S+?)(?: in goroutine \d+)?\n\t\S+:(\d+)", text, re.M)
            ours = by and (by[1].endswith(".startBackgroundRead") or "pprof.writeGoroutine" in text)
            if not ours:
                found[(by[1], int(by[2])) if by else ("runtime.main", None)] += 1
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()


def prometheus(path, folder):
    port = free_port()
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w", encoding="ascii") as f:
        f.write("global: {scrape_interval: 5s}\nscrape_configs:\n  - job_name: self\n"
                f"    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
    return Daemon([path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                   f"--storage.tsdb.path={folder}/prometheus"], port, "/-/ready")


def etcd(path, folder):
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    return Daemon([path, "--data-dir", f"{folder}/etcd", "--enable-pprof", "--log-level", "error",
                   "--listen-client-urls", client, "--advertise-client-urls", client,
                   "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                   "--initial-cluster", f"default={peer}"],
                  int(client.rsplit(":", 1)[1]), "/health")


def esbuild(path, folder):
    port = free_port()
    return Daemon([path, f"--serve=127.0.0.1:{port}", f"--servedir={folder}"], port)


def near(got, low, high, slack, what):
    lib.check(got is not None and low - slack <= got <= high + slack,
              f"{what}: {got}, want {low:.0f}..{high:.0f} within {slack}")
    print(f"{what}: {got}, itself {low:.0f}..{high:.0f}, within {slack}")


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


def judge_calm(name, r):
    lib.check(r["verdict"] not in LEAKS | {"oom-risk"} and
              not [f for f in r["findings"] if f["kind"] in LEAKS],
              f"{name}: flagged: {r['verdict']} {r['findings']}")
    lib.equal(r["events"]["lost"] + r["events"]["bad"], 0, f"{name}: lost and bad")
    g = r["goroutines"]
    # at_attach counts what the attach census saw; the populations must close over it
    lib.equal(g["at_attach"] + g["born"] - g["died"], g["live"], f"{name}: at attach+born-died")
    print(f"{name}: {r['verdict']}: {r['summary']}")


def judge_esbuild(release, r):
    name = f"esbuild {release}"
    lib.equal(r["go_version"], ESBUILDS[release], f"{name}: Go version")
    lib.check(r["stripped"], f"{name}: not known to be stripped")
    judge_calm(name, r)
    g = r["goroutines"]
    lib.check(3 <= g["live"] <= 200, f"{name}: {g['live']} goroutines live")
    lib.check(g["system"] >= 4, f"{name}: {g['system']} system goroutines")
    # a connection each, and its background read
    lib.check(2 * REQUESTS <= g["born"] <= 10 * REQUESTS,
              f"{name}: {g['born']} born for {REQUESTS} requests")
    conns = [s for s in r["sites"] if s["function"] == "net/http.(*Server).Serve"]
    lib.equal([s["born"] for s in conns], [REQUESTS], f"{name}: connections born")
    for part in ("heap", "rss"):
        gaps = [k for k, v in r[part].items() if v is None]
        lib.equal(gaps, [], f"{name}: {part} figures that are null")
    lib.check(r["heap"]["live_bytes"] < r["heap"]["goal_bytes"] < 1 << 30, f"{name}: goal")
    lib.check(r["stacks_bytes"] > 0 and r["fds"] > 3, f"{name}: stacks, open files")


def judge_turbo(r):
    """No toolchain of Go 1.18 made a table, so the code has confirmed what is read, and what it
    cannot confirm is not known rather than wrong."""
    name, g, heap = "turbo", r["goroutines"], r["heap"]
    lib.equal(r["go_version"], "go1.18.7", f"{name}: Go version")
    judge_calm(name, r)
    lib.check(5 <= g["live"] <= 100, f"{name}: {g['live']} goroutines live")
    lib.equal(sum(s["live"] for s in r["sites"]), g["live"] + g["system"], f"{name}: in sites")
    at = {s["function"]: s["wait_reason"] for s in r["sites"]}
    lib.equal((at.get("runtime.createfing"),
               at.get("github.com/vercel/turbo/cli/internal/filewatcher.(*FileWatcher).Start")),
              ("finalizer wait", "select"), f"{name}: sites and what they wait for")
    lib.check(1 << 19 < heap["inuse_bytes"] < 1 << 28, f"{name}: heap {heap}")
    lib.check(1 << 22 <= heap["goal_bytes"] < 1 << 28, f"{name}: goal {heap['goal_bytes']}")
    lib.check(1 << 17 < r["stacks_bytes"] < 1 << 24, f"{name}: stacks {r['stacks_bytes']}")


def refuse_old(path, folder):
    with esbuild(path, folder) as d:
        status, out, err = lib.gotide("report", "--for", "1s", "-j", str(d.pid))
        lib.equal((status, out), (1, ""), "Go 1.17: status, output")
        lib.check("go1.17.2" in err and "struct layout is unknown" in err, f"Go 1.17: said {err!r}")
        lib.check(not lib.uprobes_on(d.pid, path), "Go 1.17: probes left")
        lib.check(d.proc.poll() is None, "Go 1.17: it runs on")


def inspect(path, release):
    status, out, err = lib.gotide("inspect", "-j", path)
    lib.equal(status, 0, f"inspect esbuild {release} ({err})")
    r = json.loads(out)
    lib.equal(r["go_version"], ESBUILDS[release], f"inspect esbuild {release}: Go version")
    odd = [f"{s['hook']}: {s['why'] or s['instruction']}" for s in r["sites"] if not s["emulated"]]
    lib.equal((len(r["sites"]), odd), (7, []), f"inspect esbuild {release}: sites")
    lib.equal((r["watchable"], r["why"]), (True, None), f"inspect esbuild {release}: watchable")
    # no toolchain of Go 1.20 made a table: the nearest serves, and only if the code agrees
    from_ = "nearest" if r["go_version"].startswith("go1.20") else "table"
    lib.equal((r["offsets_from"], r["offsets_confirmed"]), (from_, True),
              f"inspect esbuild {release}: offsets")


def main():
    lib.need_root()
    path = daemons()
    for release in ESBUILDS:
        inspect(path(f"esbuild-{release}"), release)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with open(os.path.join(folder, "index.html"), "w", encoding="ascii") as f:
            f.write("<html>tide</html>\n")
        big = {"prometheus": stack.enter_context(prometheus(path("prometheus"), folder)),
               "etcd": stack.enter_context(etcd(path("etcd"), folder))}
        small = {release: stack.enter_context(esbuild(path(f"esbuild-{release}"), folder))
                 for release in ESBUILDS}
        old = stack.enter_context(turbo(path("turbo-1.6.3"), folder))
        refuse_old(path("esbuild-0.14.0"), folder)
        pids = [old, *(d.pid for d in (*big.values(), *small.values()))]
        watcher = lib.Gotide("report", "--for", "20s", "-j", *map(str, pids))
        before = {name: d.metrics() for name, d in big.items()}
        for d in small.values():
            for _ in range(REQUESTS):
                get(d.url + "/")
        status, out, err = watcher.finish()
        after = {name: [d.metrics() for _ in range(3)] for name, d in big.items()}
        dumps = {name: d.goroutines() for name, d in big.items()}
    got = lib.reports(out)
    lib.equal(status, 0, f"status ({err})")
    lib.equal(sorted(got), sorted(pids), "pids reported")
    for name, d in big.items():
        judge_calm(name, got[d.pid])
        judge_figures(name, got[d.pid], before[name], after[name])
        judge_sites(name, got[d.pid], dumps[name])
    judge_turbo(got[old])
    for release, d in small.items():
        judge_esbuild(release, got[d.pid])
    lib.finish()


main()
