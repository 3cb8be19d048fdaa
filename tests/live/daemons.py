# SPDX-License-Identifier: BSD-2-Clause
"""Go programs that others built, started here to be watched: fetched into the cache, each with what
tells that it serves."""

import collections
import contextlib
import glob
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import lib

LEAKS = {"goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak"}


def fetched(source):
    """Path of a program by name; skips where the source ("debian", "npm") cannot be reached."""
    fetch = subprocess.run([os.path.join(lib.ROOT, "scripts", "fetch-daemons.sh"), source],
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


def get_bytes(url):
    request = urllib.request.Request(url, headers={"Connection": "close"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def get(url):
    return get_bytes(url).decode()


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


def judge_calm(name, r):
    lib.check(r["verdict"] not in LEAKS | {"oom-risk"} and
              not [f for f in r["findings"] if f["kind"] in LEAKS],
              f"{name}: flagged: {r['verdict']} {r['findings']}")
    lib.equal(r["events"]["lost"] + r["events"]["bad"], 0, f"{name}: lost and bad")
    g = r["goroutines"]
    # at_attach counts what the attach census saw; the populations must close over it
    lib.equal(g["at_attach"] + g["born"] - g["died"], g["live"], f"{name}: at attach+born-died")
    print(f"{name}: {r['verdict']}: {r['summary']}")
