#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The agent: programs that come and go, filters and their file, what it serves and to whom, and its
end.  What it says of a program is what the program says of itself."""

import gzip
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import lib
from agents import Agent, until

N = 1009
TOOL_GO = "1.24"  # the last whose packages have pprof as a program
VERSION = "1.26" if "1.26" in lib.VERSIONS else lib.VERSIONS[-1]


def path(name):
    return lib.program_path(name, VERSION, "stripped")


def own(agent, *programs):
    """Of the programs, those that the agent watches."""
    have = agent.processes()
    return [p for p in programs if p.pid in have]


def check_coming_and_going():
    """One that was there, one that comes, and both go: counted to the unit."""
    with lib.Program(path("count"), "-n", str(N)) as before, Agent() as agent:
        lib.equal(own(agent, before), [before], "there before the agent: watched when it is ready")
        with lib.Program(path("count"), "-n", str(N)) as after:
            until(lambda: own(agent, after), "the program that came later")
            early = agent.metric("gotide_goroutines_started_total", pid=str(after.pid))
            said = {p.pid: p.ask("go") for p in (before, after)}
            for pid, want in said.items():
                until(lambda: agent.metric("gotide_goroutines_exited_total", pid=str(pid)) ==
                      want["deaths"], f"{want['deaths']} ends of {pid}")
                born = agent.metric("gotide_goroutines_started_total", pid=str(pid))
                want["births"] += early if pid == after.pid else 0
                lib.equal(born, want["births"], f"{pid}: goroutines started")
                lib.equal(agent.metric("gotide_goroutines", pid=str(pid)), want["live"],
                          f"{pid}: goroutines")
        until(lambda: after.pid not in agent.processes(), "the end of the one that came later")
        lib.equal(own(agent, before), [before], "the other one is still watched")
        lib.equal(agent.stop(), 0, "status after SIGTERM")
        lib.check(lib.await_no_uprobes(before.pid, path("count")), "breakpoints are left behind")
        again = before.ask("release")
        lib.equal(again["deaths"], again["births"], "the program after its observer left")


def check_filters():
    with tempfile.TemporaryDirectory() as folder, \
            lib.Program(path("count")) as count, lib.Program(path("exiter"), "-wait") as other:
        config = os.path.join(folder, "agent.conf")

        def write(text):
            with open(config, "w", encoding="ascii") as f:
                f.write(text)

        write("# only these\ninclude = name=count*\n")
        with Agent("--config", config, "--include", f"name={os.path.basename(path('count'))}") as a:
            lib.equal(own(a, count, other), [count], "included by name")
            write("exclude = name=count*\ncompat-metrics\nsites = 0\n")
            a.hang_up()
            until(lambda: not own(a, count), "the excluded one to be let go")
            lib.check(lib.await_no_uprobes(count.pid, path("count")), "probes of one let go")
            write("no such option\n")
            a.hang_up()
            lib.check(a.says("agent.conf:1: no such option"), f"which line is wrong: {a.said}")
            write("exclude = cgroup=*nowhere*\n")
            a.hang_up()
            until(lambda: own(a, count), "the one that is wanted again")
            lib.equal(a.stop(), 0, "status")
    status, _, err = lib.gotide("agent", "--include", "color=red")
    lib.equal(status, 2, "a rule of no such key")
    lib.check("color=red" in err, f"the rule is named: {err}")
    status, _, err = lib.gotide("agent", "--config", "/nonexistent")
    lib.equal(status, 2, "a file that is not there")


def check_becoming_another():
    """A program that may be watched becomes one that may not, as a container's runtime does, and one
    that is not watched one that is."""
    with tempfile.TemporaryDirectory() as folder:
        runtime, payload = (os.path.join(folder, n) for n in ("runtime", "payload"))
        for name in (runtime, payload):
            shutil.copy(path("exiter"), name)
        for rule in ("--exclude", "--include"):
            with Agent(rule, "name=payload") as agent, \
                    subprocess.Popen([runtime, "-exec", "1", "-path", payload, "-wait"], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE) as proc:
                proc.stdout.readline()
                if rule == "--exclude":
                    until(lambda: proc.pid in agent.processes(), "the first program")
                proc.stdin.write("\n")
                proc.stdin.flush()
                proc.stdout.readline()  # the second program runs
                until(lambda: (proc.pid in agent.processes()) == (rule == "--include"),
                      f"{rule}: the second program")
                begun = agent.metric("gotide_agent_processes_begun_total")
                with lib.Program(path("count")):  # later than that; counted once it is taken up
                    if rule == "--exclude":
                        until(lambda: agent.metric("gotide_agent_processes_begun_total") > begun,
                              "a program that came later")
                    lib.equal(proc.pid in agent.processes(), rule == "--include",
                              f"{rule}: the second program, later")
                proc.stdin.close()
                lib.equal(agent.stop(), 0, "status")


def check_routes():
    with lib.Program(path("count")) as prog, Agent() as agent:
        for route, kind in (("/", "text/html"), ("/metrics", "text/plain; version=0.0.4"),
                            ("/healthz", "text/plain"), ("/readyz", "text/plain"),
                            ("/api/v1/processes", "application/json"),
                            (f"/api/v1/processes/{prog.pid}", "application/json")):
            status, headers, body = agent.get(route)
            lib.equal((status, headers["Content-Type"].startswith(kind)), (200, True), route)
            lib.equal(headers["X-Content-Type-Options"], "nosniff", route)
            lib.equal(int(headers["Content-Length"]), len(body), f"{route}: its length")
            status, headers, body = agent.get(route, method="HEAD")
            lib.equal((status, body), (200, b""), f"HEAD {route}")
            lib.equal(agent.get(route, method="POST")[0], 405, f"POST {route}")
        for route in ("//", "/metrics/", "/metricsx", "/api", "/api/v1/processes/", "/..", "/%2e",
                      "/api/v1/processes/0", "/api/v1/processes/1x", "/api/v1/processes/-1",
                      "/api/v1/processes/99999999999999999999", "/api/v1/processes/1/../2",
                      f"/debug/pprof-of/{prog.pid}/heap", "/debug/pprof/heap", "/etc/passwd"):
            lib.equal(agent.get(route)[0], 404, route)
        _, headers, body = agent.get("/metrics", "application/openmetrics-text;version=1.0.0")
        lib.check(headers["Content-Type"].startswith("application/openmetrics-text"), "negotiated")
        lib.check(body.endswith(b"# EOF\n"), "OpenMetrics ends with EOF")
        for coding in ("gzip", "gzip;q=0"):
            request = urllib.request.Request(f"http://{agent.address}/metrics",
                                             headers={"Accept-Encoding": coding})
            with urllib.request.urlopen(request, timeout=60) as r:
                body = r.read()
                lib.equal(r.headers["Content-Encoding"], "gzip" if coding == "gzip" else None,
                          f"Accept-Encoding: {coding}")
                body = gzip.decompress(body) if coding == "gzip" else body
                lib.check(b"\ngotide_goroutines{" in body, f"{coding}: the metrics")
        _, headers, _ = agent.get("/")
        lib.check("default-src 'none'" in headers["Content-Security-Policy"], "policy of the page")
        until(lambda: agent.metric("gotide_agent_http_requests_total", code="405") == 6,
              "the count of refused methods")
        check_port_in_use(agent)


def check_port_in_use(agent):
    status, _, err = lib.gotide("agent", "--listen", agent.address)
    lib.equal(status, 1, "a second one at the same address")
    lib.check(f"cannot listen on {agent.address}: Address already in use" in err, err)


def pprof(*args):
    """(status, output, errors) of `go tool pprof`, without a home folder to keep profiles in."""
    cache = os.environ.get("GOTIDE_CACHE", os.path.expanduser("~/.cache/gotide"))
    tool = os.path.join(cache, "go", TOOL_GO, f"usr/lib/go-{TOOL_GO}/pkg/tool/linux_amd64/pprof")
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([tool, *args],
                              capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "HOME": home, "PPROF_TMPDIR": home})
    return done.returncode, done.stdout, done.stderr


def check_profiles():
    """`go tool pprof URL` of programs that have no endpoint."""
    with lib.Program(path("heapsites"), "-rate", "1") as heap, \
            lib.Program(path("count"), "-n", str(N)) as count, \
            Agent("--enable-profiles") as agent:
        said, counted = heap.ask("go"), count.ask("go")
        heap.ask("sites")  # collects
        base = f"http://{agent.address}/debug/pprof-of"
        status, out, err = pprof("-top", "-sample_index=inuse_objects", "-nodefraction=0",
                                 f"{base}/{heap.pid}/heap")
        lib.equal(status, 0, f"go tool pprof of a heap: {err}")
        rows = {r.split()[5]: r.split()[3] for r in out.splitlines() if " main." in r}
        lib.equal(rows.get("main.newPair"), str(2 * said["pairs"]), f"leaves in use by {out}")
        status, out, err = pprof("-raw", f"{base}/{count.pid}/goroutine")
        lib.equal(status, 0, f"go tool pprof of goroutines: {err}")
        sums = [int(r.split(":")[0]) for r in out.partition("Samples:")[2]
                .partition("Locations")[0].splitlines() if r.strip()[:1].isdigit()]
        lib.equal(sum(sums), counted["live"], "goroutines in the profile")
        lib.equal(agent.get(f"/debug/pprof-of/{count.pid}/heap")[0], 501,
                  "a program that keeps no heap profile")
        lib.equal(agent.get("/debug/pprof-of/1/heap")[0], 404, "a process that is not watched")
        lib.equal(agent.get(f"/debug/pprof-of/{count.pid}/cpu")[0], 404, "no such profile")


def connect(agent):
    host, port = agent.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=60)


def check_hostile_clients():
    """Clients that say nothing, take nothing or say nonsense, while exact counts go on."""
    with lib.Program(path("count"), "-n", str(N)) as prog, Agent() as agent:
        crowd = []
        for i in range(67):
            s = connect(agent)
            if i % 4 == 1:
                s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")  # and no more
            elif i % 4 == 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 29)  # and reads nothing
            elif i % 4 == 3:
                s.send(os.urandom(4099))
            crowd.append(s)
        want = prog.ask("go")
        until(lambda: agent.metric("gotide_goroutines_exited_total", pid=str(prog.pid)) ==
              want["deaths"], "the counts, in the crowd")
        lib.equal(agent.metric("gotide_events_total", pid=str(prog.pid), outcome="lost"), 0,
                  "records lost")
        lib.equal(agent.metric("gotide_agent_tasks_lost_total"), 0, "exits and execs lost")
        fds = agent.metric("gotide_agent_open_fds")
        lib.check(fds < 120, f"{fds} descriptors")
        for s in crowd:
            s.close()
        lib.equal(agent.stop(), 0, "status")


def check_service():
    """READY when it serves, RELOADING and READY at SIGHUP, STOPPING at its end."""
    with tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(os.path.join(folder, "notify"))
        manager.settimeout(60)
        config = os.path.join(folder, "agent.conf")
        with open(config, "w", encoding="ascii"):
            pass
        with Agent("--config", config, env={"NOTIFY_SOCKET": manager.getsockname(),
                                            "WATCHDOG_USEC": "2000000"}) as agent:
            lib.equal(manager.recv(100), b"READY=1", "when it serves")
            agent.hang_up()
            seen = [manager.recv(100) for _ in range(5)]
            rest = [m for m in seen if m != b"WATCHDOG=1"]
            lib.check(len(rest) < len(seen), f"signs of life: {seen}")
            lib.check(rest and rest[0].startswith(b"RELOADING=1\nMONOTONIC_USEC=") and
                      rest[1:] == [b"READY=1"], f"at SIGHUP: {rest}")
            lib.equal(agent.stop(signal.SIGINT), 0, "status after SIGINT")
            last = [m for m in iter(lambda: manager.recv(100), b"STOPPING=1")]
            lib.equal(set(last) - {b"WATCHDOG=1"}, set(), "before STOPPING")


def main():
    lib.need_root()
    lib.build(["count", "exiter", "heapsites"], ["stripped"], [VERSION])
    fetch = os.path.join(lib.ROOT, "scripts", "fetch-go.sh")
    subprocess.run([fetch, TOOL_GO], check=True, stdout=subprocess.DEVNULL)
    check_coming_and_going()
    check_filters()
    check_becoming_another()
    check_routes()
    check_profiles()
    check_hostile_clients()
    check_service()
    lib.finish()


main()
