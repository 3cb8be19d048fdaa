# SPDX-License-Identifier: BSD-2-Clause
"""gotide agent in the background, on a port that the system chooses, and what it serves."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import lib

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def until(condition, what, seconds=60):
    """What condition returns as soon as that is true; a failed check, and None, if it never is."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            lib.check(False, f"waited {seconds} s for {what}")
            return None
        time.sleep(0.05)  # between two looks: what is waited for is looked at


class Agent:
    """Construction returns once it serves."""

    def __init__(self, *args, listen="127.0.0.1:0", env=None, command=(lib.GOTIDE,)):
        self.said = []
        self.proc = subprocess.Popen([*command, "agent", "--listen", listen, *args],
                                     stderr=subprocess.PIPE, text=True,
                                     env={**os.environ, **(env or {})})
        self.pid = self.proc.pid
        found = self.says(r"serving http://(\S+)/")
        self.address = found and found[1]

    def says(self, pattern):
        """The match, as soon as it says a line that matches; None: it ended without."""
        for line in iter(self.proc.stderr.readline, ""):
            self.said.append(line.rstrip("\n"))
            found = re.search(pattern, line)
            if found:
                return found
        return None

    def get(self, path, accept=None, method="GET"):
        """(status, headers, body as bytes)"""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method,
                                         headers={"Accept": accept} if accept else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def text(self, path, accept=None):
        status, _, body = self.get(path, accept)
        assert status == 200, f"{path}: {status} {body!r}"
        return body.decode()

    def processes(self):
        """pid -> brief object, of those that have not ended"""
        rows = json.loads(self.text("/api/v1/processes"))["processes"]
        return {r["pid"]: r for r in rows if not r["exited"]}

    def report(self, pid):
        return json.loads(self.text(f"/api/v1/processes/{pid}"))

    def metrics(self):
        """(name, labels as a dict, value) of each sample"""
        found = [SAMPLE.match(x) for x in self.text("/metrics").splitlines() if x[:1] != "#"]
        return [(m[1], dict(LABEL.findall(m[2] or "")), float(m[3])) for m in found]

    def metric(self, name, **labels):
        """The value of the one sample with these labels; None: there is none."""
        values = [v for n, have, v in self.metrics()
                  if n == name and labels.items() <= have.items()]
        assert len(values) < 2, f"{name} {labels}: {values}"
        return values[0] if values else None

    def hang_up(self):
        self.proc.send_signal(signal.SIGHUP)

    def stop(self, sig=signal.SIGTERM):
        """Its status; what it said is in said."""
        self.proc.send_signal(sig)
        _, err = self.proc.communicate(timeout=60)
        self.said += err.splitlines()
        return self.proc.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.stop(signal.SIGKILL)
