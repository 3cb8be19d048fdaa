#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is read of a process beside its goroutines is what it has: its sockets by state, to the unit;
its heap profile by allocation site, as the program adds it up itself; and time in which gotide did not
run is told."""

import json
import os
import signal
import socket
import subprocess
import time
import lib

FLAVOURS = ["stripped", "pie", "cgo"]
RATES = [1, 4093]
TOOL = os.path.join(lib.OUTPUT, "live", "readings")
ESTABLISHED, CLOSE_WAIT, CLOSING = 23, 17, 3
SLICE_MS = 100  # on a busy machine; 8 on an idle one
STOPPED_S = 7  # a gap is more than 5 s


def tool(what, pid, *args):
    done = subprocess.run([TOOL, what, str(pid), *args], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_sockets(version):
    name = f"go{version}"
    with lib.Program(lib.program_path("sockets", version, "stripped")) as prog:
        host, port = prog.facts["addr"].split(":")
        peers = [socket.create_connection((host, int(port)))
                 for _ in range(CLOSE_WAIT + CLOSING + ESTABLISHED)]
        prog.ask(f"accept {len(peers)}")
        for peer in peers[:CLOSE_WAIT]:
            peer.close()
        prog.ask(f"eof {CLOSE_WAIT}")
        said = prog.ask(f"half {CLOSING}")
        for peer in peers[CLOSE_WAIT:CLOSE_WAIT + CLOSING]:
            lib.equal(peer.recv(1), b"", f"{name}: what is half closed")
        got = tool("sockets", prog.pid)
        cost_ms = got.pop("ms")
        lib.equal((said["tcp_listeners"], said["unix"], said["udp"]), (5, 11, 7), f"{name}: it says")
        lib.equal(got, {"LISTEN": said["tcp_listeners"], "ESTABLISHED": ESTABLISHED,
                        "CLOSE_WAIT": CLOSE_WAIT, "CLOSING": CLOSING, "CONNECTING": 0,
                        "UDP": said["udp"], "UNIX": said["unix"], "OTHER": 0,
                        "is_partial": False}, f"{name}: sockets")
        print(f"{name}: {sum(v for v in got.values())} sockets in {cost_ms:.1f} ms of CPU")
        for peer in peers[CLOSE_WAIT:]:
            peer.close()


def check_sites(version, flavour, rate):
    name = f"go{version} {flavour} rate {rate}"
    with lib.Program(lib.program_path("heapsites", version, flavour), "-rate", str(rate)) as prog:
        prog.tell("go")
        prog.line()
        want = prog.ask("sites")
        got = tool("heap", prog.pid)
        sums = {}
        for s in got["sites"]:
            objects, size = sums.get(s["site"], (0, 0))
            sums[s["site"]] = (objects + s["objects"], size + s["bytes"])
        lib.equal(got["rate"], rate, f"{name}: rate")
        lib.equal(len({s["pc"] for s in got["sites"]}), len(got["sites"]), f"{name}: each site once")
        lib.equal(sorted(sums), sorted(want), f"{name}: sites")
        for site, (objects, size, records) in want.items():
            off = 0 if rate == 1 else records  # each is rounded for itself
            mine = sums.get(site, (0, 0))
            lib.check(abs(mine[0] - objects) <= off and abs(mine[1] - size) <= off,
                      f"{name}: {site}: got {mine}, want {(objects, size)}")
        for s in got["sites"]:
            lib.check(s["site"] == "runtime" or s["site"].split(" ")[0] in s["functions"],
                      f"{name}: {s['site']} begins {s['functions'][:3]}")
        return len(sums)


def check_none(version):
    with lib.Program(lib.program_path("memstats", version, "stripped")) as prog:
        prog.tell("go")
        prog.line()
        lib.equal(tool("heap", prog.pid), {"error": "ENODATA"}, f"go{version}: no profile")


def check_cost(version):
    with lib.Program(lib.program_path("heapsites", version, "stripped"), "-rate", "1") as prog:
        places = prog.ask("throng")["places"]
        prog.ask("sites")
        cost = tool("heap", prog.pid, "5")
        lib.check(cost["records"] >= places, f"{cost['records']} records of {places} places")
        lib.check(cost["slice_ms"] <= SLICE_MS and cost["sum_ms"] <= 2 * SLICE_MS,
                  f"{cost['records']} records stall: {cost}")
        print(f"go{version}: {cost}")


def check_gap(version):
    """The time that is slept here is what is measured."""
    with lib.Program(lib.program_path("heapsites", version, "stripped")) as prog:
        with_gap = lib.Gotide("report", "--for", "10s", "-j", str(prog.pid))
        time.sleep(1.5)  # after its first tick
        with_gap.proc.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        with_gap.proc.send_signal(signal.SIGCONT)
        _, _, err = with_gap.finish()
        told = [x for x in err.splitlines() if "nothing was observed" in x]
        lib.check(len(told) == 1 and "gotide did not run" in told[0], f"a gap is told: {err}")
        _, _, err = lib.gotide("report", "--for", "3s", "-j", str(prog.pid))
        lib.check("nothing was observed" not in err, f"no gap is told: {err}")


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["heapsites", "memstats", "sockets"], FLAVOURS)
    for version in lib.VERSIONS:
        check_sockets(version)
        for flavour in FLAVOURS:
            counts = [check_sites(version, flavour, rate) for rate in RATES]
            print(f"go{version} {flavour}: {counts} sites compared")
        check_none(version)
    check_cost(lib.VERSIONS[-1])
    check_gap(lib.VERSIONS[-1])
    lib.finish()


main()
