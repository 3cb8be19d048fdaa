# SPDX-License-Identifier: BSD-2-Clause
"""What live tests share: Go programs that are stepped over pipes, gotide beside them, and checks
that go on after a failure so that one run shows them all.  Synchronisation is by what the
programs say, never by sleeping."""

import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUTPUT = os.path.join(ROOT, os.environ.get("OUTPUT", ".output"))
GOTIDE = os.path.join(OUTPUT, "gotide")
GOPROG = os.path.join(OUTPUT, "goprog")
VERSIONS = os.environ.get("GOTIDE_GO", "1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27").split()

failures = []


def skip(why):
    print(why)
    sys.exit(77)


def check(ok, what):
    """Notes a failed check and goes on; finish() turns failures into the exit status."""
    if not ok:
        failures.append(what)
        print("FAILED:", what)
    return ok


def equal(got, want, what):
    return check(got == want, f"{what}: got {got!r}, want {want!r}")


def finish():
    print(f"{len(failures)} checks failed" if failures else "all checks passed")
    sys.exit(1 if failures else 0)


def need_root():
    if os.geteuid() != 0:
        skip("needs root")


def build(programs, flavours, versions=None):
    """Builds test programs with the real toolchains; fetches those that are missing."""
    versions = versions or VERSIONS
    script = os.path.join(ROOT, "scripts")
    fetch = subprocess.run([os.path.join(script, "fetch-go.sh"), *versions],
                           stdout=sys.stderr, check=False)
    if fetch.returncode == 77:
        skip("Go toolchains cannot be fetched here")
    fetch.check_returncode()
    args = [os.path.join(script, "build-goprog.sh"), "-o", GOPROG]
    for v in versions:
        args += ["--go", v]
    subprocess.run([*args, "--flavour", ",".join(flavours), *programs],
                   stdout=sys.stderr, check=True)


def program_path(name, version, flavour):
    return os.path.join(GOPROG, version, f"{name}.{flavour}")


class Program:
    """A Go test program: stdin commands, stdout lines, a ready line with key=value facts."""

    def __init__(self, path, *args, env=None):
        self.proc = subprocess.Popen([path, *args], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.PIPE, env={**os.environ, **(env or {})})
        line = self.line()
        assert line.startswith("ready "), f"{path} said {line!r}"
        self.facts = dict(w.split("=", 1) for w in line.split()[1:] if "=" in w)
        self.pid = self.proc.pid

    def line(self):
        return self.proc.stdout.readline().rstrip("\n")

    def tell(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()

    def ask(self, command):
        """Sends a command and returns the JSON object that answers it."""
        self.tell(command)
        return json.loads(self.line())

    def stop(self):
        if self.proc.poll() is None:
            try:
                self.tell("stop")
                self.proc.wait(30)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()
        return self.proc.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Gotide:
    """gotide in the background.  Construction returns once it says that it watches."""

    def __init__(self, *args, wait=True, env=None):
        self.errors = []
        self.proc = subprocess.Popen([GOTIDE, *args], stdout=subprocess.PIPE, text=True,
                                     stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        while wait:
            line = self.proc.stderr.readline()
            if not line or "watching" in line:
                break
            self.errors.append(line.rstrip("\n"))

    def interrupt(self):
        self.proc.send_signal(signal.SIGINT)

    def finish(self, timeout=120):
        """(exit status, stdout, stderr)"""
        out, err = self.proc.communicate(timeout=timeout)
        return self.proc.returncode, out, "\n".join(self.errors) + err


def gotide(*args, timeout=120):
    """Runs gotide to its end: (exit status, stdout, stderr)."""
    done = subprocess.run([GOTIDE, *args], capture_output=True, text=True, timeout=timeout,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def reports(stdout):
    """pid -> report object, from NDJSON."""
    return {r["pid"]: r for r in map(json.loads, stdout.splitlines())}


def uprobes_on(pid, path, places=None):
    """Whether any byte of the executable's text in the process differs from the file; with places,
    whether any of the bytes at these file offsets does."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        rows = [r.split() for r in maps if "r-xp" in r]
    rows = [r for r in rows if len(r) > 5 and os.path.realpath(r[5]) == os.path.realpath(path)]
    assert rows, f"pid {pid} does not map {path}"
    with open(path, "rb") as exe, open(f"/proc/{pid}/mem", "rb") as mem:
        for row in rows:
            lo, hi = (int(x, 16) for x in row[0].split("-"))
            exe.seek(int(row[2], 16))
            mem.seek(lo)
            want = exe.read(hi - lo)
            have = mem.read(hi - lo)[:len(want)]
            start = int(row[2], 16)
            if places is None and have != want:
                return True
            if any(have[p - start] != want[p - start] for p in places or ()
                   if 0 <= p - start < len(want)):
                return True
    return False


def await_no_uprobes(pid, path, seconds=20, places=None):
    """The kernel lets go of a dead observer's links from a work queue, so soon, not at once."""
    end = time.monotonic() + seconds
    while uprobes_on(pid, path, places):
        if time.monotonic() > end:
            return False
    return True
