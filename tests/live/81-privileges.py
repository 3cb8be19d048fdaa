#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the agent gives up once it is ready, and what it can do without: other users' programs, files
that only they may read, few capabilities from the start."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile

import lib
from agents import Agent, until

VERSION = "1.26" if "1.26" in lib.VERSIONS else lib.VERSIONS[-1]
N = 1009
STRANGER, NOBODY = 12345, 65534
EPERM, ENOSYS = 1, 38
# linux/capability.h
DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF = (1 << n for n in (2, 19, 21, 38, 39))
FEW = "-all,+bpf,+perfmon,+sys_ptrace"
TOOL = os.path.join(lib.OUTPUT, "live", "confined")


def as_user(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(row.rstrip("\n").split(":\t", 1) for row in f if ":\t" in row)


class Place:
    """Programs where everybody finds them, one of them for its owner's eyes only."""

    def __init__(self, folder):
        os.chmod(folder, 0o755)
        self.folder = folder
        self.gotide = self.copy(lib.GOTIDE, "gotide")
        self.count = self.copy(lib.program_path("count", VERSION, "stripped"), "count")
        self.closed = self.copy(self.count, "closed")
        os.chmod(self.closed, 0o700)
        os.chown(self.closed, STRANGER, STRANGER)

    def copy(self, source, name):
        path = os.path.join(self.folder, name)
        shutil.copy(source, path)
        os.chmod(path, 0o755)
        return path

    def stranger(self, path):
        """Another user's process."""
        return lib.Program(*as_user(STRANGER), path, "-n", str(N))

    def idler(self, path):
        """The same, with its work done: so that it ends when it is told to."""
        prog = self.stranger(path)
        prog.ask("go")
        return prog


def check_status(what, pid, left, bounding):
    status = status_of(pid)
    for key, want in (("CapEff", left), ("CapPrm", left), ("CapInh", 0), ("CapAmb", 0),
                      ("CapBnd", bounding)):
        lib.equal(status[key], f"{want:016x}", f"{what}: {key}")
    lib.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), f"{what}: {pid}'s status")


def has_multi():
    _, out, _ = lib.gotide("doctor", "-j")
    state = {c["name"]: c["state"] for c in map(json.loads, out.splitlines())}
    return state["uprobe.multi"] == "ok"


def check_watched(what, agent, prog):
    """It came when the agent was confined already; its work is counted to the unit."""
    pid = str(prog.pid)
    until(lambda: prog.pid in agent.processes(), f"{what}: {pid} to be watched")
    early = agent.metric("gotide_goroutines_started_total", pid=pid)
    want = prog.ask("go")
    until(lambda: agent.metric("gotide_goroutines_exited_total", pid=pid) == want["deaths"],
          f"{what}: {want['deaths']} ends")
    lib.equal(agent.metric("gotide_goroutines_started_total", pid=pid), early + want["births"],
              f"{what}: goroutines started")
    until(lambda: agent.metric("gotide_heap_inuse_bytes", pid=pid), f"{what}: its heap")


def denied(agent):
    return agent.metric("gotide_agent_refused_total", reason="denied")


def fds_known(agent, prog):
    return any(name == "gotide_open_fds" and labels["pid"] == str(prog.pid)
               for name, labels, _ in agent.metrics())


def check_all(place, multi):
    """Started with everything: as much is seen as before."""
    what = "all capabilities, " + ("uprobe.multi" if multi else "perf events")
    left = SYS_PTRACE | DAC_READ_SEARCH | (0 if multi else SYS_ADMIN)
    env = {} if multi else {"GOTIDE_NO_UPROBE_MULTI": "1"}
    with Agent("--enable-profiles", env=env) as agent, place.stranger(place.closed) as closed, \
            place.stranger(place.count) as prog:
        check_status(what, agent.pid, left, 0)
        for p in (closed, prog):
            check_watched(what, agent, p)
            until(lambda p=p: fds_known(agent, p), f"{what}: descriptors of {p.pid}")
        status, _, body = agent.get(f"/debug/pprof-of/{prog.pid}/goroutine")
        lib.equal((status, body[:2]), (200, b"\x1f\x8b"), f"{what}: a profile, made by a child")
        lib.equal(agent.stop(), 0, f"{what}: status")
        check_refused(what, agent)
        lib.check(not any("could not be given up" in line for line in agent.said),
                  f"{what}: said {agent.said}")
        for p, path in ((closed, place.closed), (prog, place.count)):
            lib.check(lib.await_no_uprobes(p.pid, path, seconds=60), f"{what}: breakpoints are left behind")


def check_few(place, uid):
    """With what is asked for and no more: less is seen, and it says what."""
    what = f"few capabilities, user {uid}"
    few = [*as_user(uid), "--bounding-set", FEW, "--inh-caps", FEW]
    few += ["--ambient-caps", FEW] if uid else []
    done = subprocess.run([*few, place.gotide, "doctor"], capture_output=True, text=True,
                          check=False)
    lib.equal(done.returncode, 0, f"{what}: doctor's status")
    lib.check(re.search(r"denied +CAP_DAC_READ_SEARCH +optional", done.stdout),
              f"{what}: doctor says {done.stdout}")
    with Agent(command=(*few, place.gotide)) as agent, place.stranger(place.count) as prog:
        check_status(what, agent.pid, SYS_PTRACE, BPF | PERFMON | SYS_PTRACE)
        lib.check(any("without CAP_DAC_READ_SEARCH" in line for line in agent.said),
                  f"{what}: said {agent.said}")
        check_watched(what, agent, prog)
        others = denied(agent)
        with place.idler(place.closed):
            until(lambda: denied(agent) > others, f"{what}: what only its owner may read, refused")
        lib.check(not fds_known(agent, prog), f"{what}: descriptors that it cannot have read")
        lib.equal(agent.stop(), 0, f"{what}: status")
        check_refused(what, agent)
        lib.check(lib.await_no_uprobes(prog.pid, place.count, seconds=60), f"{what}: breakpoints left behind")


def check_refused(what, agent):
    """By the kernel's audit log, where it keeps one: calls that the filter should let through.  clone3
    is refused so that clone is taken."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
    refused = re.findall(rf"type=1326 .* pid={agent.pid} .* syscall=(\d+)", log)
    lib.equal(set(refused) - {"435"}, set(), f"{what}: calls refused")


class Confined:
    """tests/live/tools/confined.c"""

    def __init__(self, *args):
        self.proc = subprocess.Popen([TOOL, *args], stdout=subprocess.PIPE, text=True,
                                     stderr=subprocess.DEVNULL)
        self.before = self.until("calls")["errno"]
        self.confined = self.until("confined")
        self.after = self.until("calls")["errno"]

    def until(self, kind):
        for line in self.proc.stdout:
            o = json.loads(line)
            if o["type"] == kind:
                return o
        raise AssertionError(f"confined ended without {kind}")

    def row(self, prog, known, seconds=30):
        """What it knows of a process, as soon as that is known of it; None if it never is."""
        row = None
        for _ in range(2 * seconds):
            for p in self.until("sample")["processes"]:
                row = p if p["pid"] == prog.pid else row
            if row and row[known]:
                break
        return row

    def end(self):
        self.proc.terminate()
        self.proc.communicate(timeout=60)
        return self.proc.returncode


def check_calls(multi, *args):
    """Each call could be made, and cannot any more."""
    what = "calls" + "".join(f" {a}" for a in args)
    c = Confined(*args)
    lib.equal(c.confined["has_filter"], True, f"{what}: filter")
    lib.equal(c.confined["lacks"], "", f"{what}: not given up")
    let = {"open to read": 0}
    if args == ("-c",):
        let |= {"clone": c.before["clone"]}
    if not multi:
        let |= {"perf_event_open": c.before["perf_event_open"]}
    unknown = dict.fromkeys(("clone3", "openat2"), ENOSYS)
    lib.equal({n for n, e in c.before.items() if e == EPERM}, set(), f"{what}: refused before")
    lib.equal(c.after, {**dict.fromkeys(c.before, EPERM), **unknown, **let}, f"{what}: after")
    lib.equal(c.end(), 0, f"{what}: status at SIGTERM")


def check_losses(place):
    """What is lost with each capability is what doctor says of it."""
    with contextlib.ExitStack() as stack:
        open_one, closed = (stack.enter_context(place.idler(p))
                            for p in (place.count, place.closed))
        own = stack.enter_context(lib.Program(place.count, "-n", str(N)))
        own.ask("go")
        reads = Confined("-k", "cap_sys_ptrace")
        later = stack.enter_context(place.idler(place.copy(place.count, "later")))
        row = reads.row(own, "has_io")
        lib.check(row and row["fds"] and row["has_io"], f"CAP_SYS_PTRACE alone, own: {row}")
        row = reads.row(later, "heap_inuse_bytes")
        lib.check(row and row["heap_inuse_bytes"] and row["fds"] is None and not row["has_io"],
                  f"CAP_SYS_PTRACE alone: {row}")
        lib.equal(reads.end(), 0, "CAP_SYS_PTRACE alone: status")
        sees = Confined("-k", "cap_dac_read_search")
        for prog in (open_one, closed):
            row = sees.row(prog, "fds")
            lib.check(row and row["fds"] and not row["heap_inuse_bytes"] and not row["has_io"],
                      f"CAP_DAC_READ_SEARCH alone: {row}")
        lib.equal(sees.end(), 0, "CAP_DAC_READ_SEARCH alone: status")


def main():
    lib.need_root()
    lib.build(["count"], ["stripped"], [VERSION])
    subprocess.run(["make", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True,
                   stdout=subprocess.DEVNULL)
    multi = has_multi()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        check_all(place, False)
        check_calls(multi)
        check_calls(multi, "-c")
        if multi:
            check_all(place, True)
            check_few(place, 0)
            check_few(place, NOBODY)
            check_losses(place)
        else:
            print("no uprobe.multi: few capabilities do not suffice")
    lib.finish()


main()
