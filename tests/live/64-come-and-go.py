#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hundreds of processes that live shortly, of a few executables, beside some that stay: each that
lives long enough to be looked at is counted when it comes and when it goes, and what the agent holds
in the kernel, its descriptors and its memory are after the second half what they were after the
first."""

import os
import re
import socket
import subprocess
import time
import urllib.request

import leftovers
import lib

VERSIONS = ("1.22", "1.26")
STAY = 3
BATCH = 97
RSS_MORE_KIB = 1024
SCRAPES = 1  # the connection of the last one may still be there
# Links are kept for those that come next, and an executable's descriptor with each.
EXES = len(VERSIONS)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Agent(lib.Gotide):
    def __init__(self):
        self.url = f"127.0.0.1:{free_port()}"
        super().__init__("agent", "--listen", self.url, "--include", "name=exiter*",
                         "--include", "name=busy*")

    def account(self):
        """(processes that came, that went, that are watched now, that are shown)"""
        with urllib.request.urlopen(f"http://{self.url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = [re.search(rf"^gotide_agent_processes{what} (\S+)$", text, re.M)
                 for what in ("_begun_total", "_ended_total", "")]
        shown = len(re.findall(r"^gotide_process_info\{", text, re.M))
        return (*(int(float(m.group(1))) for m in found), shown)

    def until(self, is_so):
        """The account once it is so, or after a minute."""
        end = time.monotonic() + 60
        while not is_so(account := self.account()) and time.monotonic() < end:
            time.sleep(0.1)  # between attempts
        return account


def rss_anon_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))


def settled_rss(pid, most):
    """What it is once it is no more than that, or after a minute: those that are gone are forgotten
    soon, not at once."""
    end = time.monotonic() + 60
    while (rss := rss_anon_kib(pid)) > most and time.monotonic() < end:
        time.sleep(0.1)  # between attempts
    return rss


def exiter(version, *args):
    return lib.program_path("exiter", version, "stripped"), "-n", "11", *args


def come_and_go(agent):
    """A batch: some that end at once, some that stay until they are watched, and others that are no
    Go programs."""
    begun, ended, now, _ = agent.account()
    lib.equal(begun - ended, now, f"{begun} came, {ended} went, and there are")
    held = []
    for i in range(BATCH):
        version = VERSIONS[i % len(VERSIONS)]
        subprocess.run(exiter(version), check=True)
        subprocess.run(["/bin/true"], check=True)
        held.append(lib.Program(*exiter(version, "-wait")))
    now = agent.until(lambda a: a[2] == STAY + BATCH)[2]
    lib.equal(now, STAY + BATCH, "watched at once")
    for prog in held:
        prog.tell("")
        prog.proc.wait()
        prog.stop()
    account = agent.until(lambda a: a[2] == STAY and a[3] == STAY)
    lib.equal(account[2:], (STAY, STAY), "watched, and shown, when all have gone")
    lib.check(account[0] - begun >= BATCH, f"{account[0] - begun} of {BATCH} came")
    lib.equal(account[0] - begun, account[1] - ended, "as many went as came")


def main():
    lib.need_root()
    if leftovers.bpftool() is None:
        lib.skip("needs bpftool")
    lib.build(["exiter", "busy"], ["stripped"], list(VERSIONS))
    stay = [lib.Program(lib.program_path("busy", VERSIONS[1], "stripped"), "-base", "2", "-peak",
                        "20") for _ in range(STAY)]
    agent = Agent()
    pid = agent.proc.pid
    lib.equal(agent.until(lambda a: a[2] == STAY)[2], STAY, "watched at first")
    before = leftovers.count(pid)
    come_and_go(agent)
    first, rss = leftovers.count(pid), rss_anon_kib(pid)
    come_and_go(agent)
    second, rss_then = leftovers.count(pid), settled_rss(pid, rss + RSS_MORE_KIB)
    print(f"before {before}, after one batch {first}, {rss} KiB, after two {second}, {rss_then} KiB")
    lib.check(first["link"] <= before["link"] + EXES, "links of processes that are gone")
    lib.check(first["fd"] <= before["fd"] + 2 * EXES + SCRAPES,
              "descriptors of processes that are gone")
    lib.check(second["fd"] <= first["fd"] + SCRAPES, "descriptors of the second batch")
    for kind in ("map", "prog"):
        lib.equal(first[kind], before[kind], f"{kind}s of processes that are gone")
    for kind in ("link", "map", "prog"):
        lib.equal(second[kind], first[kind], f"{kind}s after the second batch")
    lib.check(rss_then <= rss + RSS_MORE_KIB, f"memory grew from {rss} to {rss_then} KiB")
    for prog in stay:
        prog.stop()
    things = leftovers.held(pid)
    agent.proc.terminate()
    lib.equal(agent.finish()[0], 0, "status of the agent")
    lib.equal(leftovers.left_of(things), {}, "left in the kernel")
    lib.finish()


main()
