#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A program that the kernel kills since its memory limit is reached: the report says so."""

import os

import lib

VERSION = "1.26"
LIMIT = 96 << 20


def make_group():
    """A memory control group of our own, and the files of its limit and members; or a skip."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                        ("/sys/fs/cgroup", "memory.max")):
        group = os.path.join(root, f"gotide-oom-{os.getpid()}")
        try:
            os.mkdir(group)
            with open(os.path.join(group, limit), "w", encoding="ascii") as f:
                f.write(str(LIMIT))
            return group
        except OSError:
            if os.path.isdir(group):
                os.rmdir(group)
    lib.skip("no memory control group can be made here")


def main():
    lib.need_root()
    lib.build(["heapleak"], ["stripped"], [VERSION])
    group = make_group()
    try:
        path = lib.program_path("heapleak", VERSION, "stripped")
        with lib.Program("/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs; exec {path} "$@"',
                         "sh", "-rate", "20000000") as prog:
            status, out, err = lib.gotide("report", "-j", "--for", "5m", str(prog.pid))
            r = lib.reports(out).get(prog.pid)
            if lib.check(r is not None, f"status {status}: {err}"):
                lib.equal((r["exited"], r["oom_killed"]), (True, True), "killed for want of memory")
            prog.proc.wait(30)
    finally:
        os.rmdir(group)
    with lib.Program(lib.program_path("heapleak", VERSION, "stripped")) as prog:
        watcher = lib.Gotide("report", "-j", "--for", "5m", str(prog.pid))
        prog.proc.kill()
        _, out, err = watcher.finish()
        r = lib.reports(out).get(prog.pid)
        if lib.check(r is not None, err):
            lib.equal((r["exited"], r["oom_killed"]), (True, False), "killed by somebody else")
    lib.finish()


main()
