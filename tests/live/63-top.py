#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""top without a screen: the time of each sample, a line per process, and a status that says whether
a leak was printed."""

import os
import pty
import re
import subprocess

import lib

VERSION = "1.24"


def lines_of_a_leak(leak, busy):
    status, out, err = lib.gotide("top", "-i", "25s", "--for", "55s", str(leak.pid), str(busy.pid))
    lib.equal(status, 3, f"lines of a leak: status ({err})")
    rows = [l for l in out.splitlines() if re.match(rf" *{leak.pid} ", l)]
    times = [l for l in out.splitlines()
             if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$", l)]
    lib.equal(len(rows), 2, "lines of a leak: samples")
    lib.equal(len(times), 2, "lines of a leak: times")
    lib.check("goroutine-leak" in rows[-1] and re.search(r"\S+\.go:\d+ ", rows[-1]),
              f"lines of a leak: {rows[-1]!r} does not say where")


def lines_without_a_leak(busy):
    status, out, err = lib.gotide("top", "-n", "2", str(busy.pid))
    lib.equal(status, 0, f"lines without a leak: status ({err})")
    lib.equal(len(out.splitlines()), 5, f"lines without a leak: {out!r}")


def screen_of_a_leak(leak):
    """Nothing is printed but pictures: its status is 0."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([lib.GOTIDE, "top", "--for", "50s", str(leak.pid)], stdin=theirs,
                          stdout=theirs, stderr=subprocess.DEVNULL,
                          env={**os.environ, "TERM": "xterm"}) as top:
        os.close(theirs)
        seen = b""
        try:
            while data := os.read(ours, 65536):
                seen += data
        except OSError:  # the terminal's other side is closed
            pass
        lib.equal(top.wait(60), 0, "screen of a leak: status")
    os.close(ours)
    lib.check(b"goroutine-leak" in seen, "screen of a leak: it was not shown")


def main():
    lib.need_root()
    lib.build(["leak", "busy"], ["stripped"], [VERSION])
    with lib.Program(lib.program_path("leak", VERSION, "stripped"), "-kind", "chanrecv",
                     "-rate", "17") as leak, \
            lib.Program(lib.program_path("busy", VERSION, "stripped")) as busy:
        lines_of_a_leak(leak, busy)
        lines_without_a_leak(busy)
        screen_of_a_leak(leak)
    lib.finish()


main()
