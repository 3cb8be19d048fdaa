#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Go programs published for npm: esbuild of five releases, the last without build information, must
be understood and watched while it serves; so must turbo of Go 1.18, and Go 1.17, whose layout nobody
measured, is refused with the reason."""

import contextlib
import json
import os
import tempfile

import daemons
import lib

REQUESTS = 200
# esbuild release -> the Go that built it, as `go version -m` and `strings` show it
ESBUILDS = {"0.17.0": "go1.19.4", "0.18.0": "go1.20.5", "0.21.5": "go1.20.12",
            "0.24.0": "go1.23.1", "0.28.2": "go1.26.5"}


def judge_esbuild(release, r):
    name = f"esbuild {release}"
    lib.equal(r["go_version"], ESBUILDS[release], f"{name}: Go version")
    lib.check(r["stripped"], f"{name}: not known to be stripped")
    daemons.judge_calm(name, r)
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
    daemons.judge_calm(name, r)
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
    with daemons.esbuild(path, folder) as d:
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
    lib.equal((len(r["sites"]), odd), (9, []), f"inspect esbuild {release}: sites")
    lib.equal((r["watchable"], r["why"]), (True, None), f"inspect esbuild {release}: watchable")
    # no toolchain of Go 1.20 made a table: the nearest serves, and only if the code agrees
    from_ = "nearest" if r["go_version"].startswith("go1.20") else "table"
    lib.equal((r["offsets_from"], r["offsets_confirmed"]), (from_, True),
              f"inspect esbuild {release}: offsets")


def main():
    lib.need_root()
    path = daemons.fetched("npm")
    for release in ESBUILDS:
        inspect(path(f"esbuild-{release}"), release)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with open(os.path.join(folder, "index.html"), "w", encoding="ascii") as f:
            f.write("<html>tide</html>\n")
        small = {release: stack.enter_context(daemons.esbuild(path(f"esbuild-{release}"), folder))
                 for release in ESBUILDS}
        old = stack.enter_context(daemons.turbo(path("turbo-1.6.3"), folder))
        refuse_old(path("esbuild-0.14.0"), folder)
        pids = [old, *(d.pid for d in small.values())]
        watcher = lib.Gotide("report", "--for", "11s", "-j", *map(str, pids))
        for d in small.values():
            for _ in range(REQUESTS):
                daemons.get(d.url + "/")
        status, out, err = watcher.finish()
    got = lib.reports(out)
    lib.equal(status, 0, f"status ({err})")
    lib.equal(sorted(got), sorted(pids), "pids reported")
    judge_turbo(got[old])
    for release, d in small.items():
        judge_esbuild(release, got[d.pid])
    lib.finish()


main()
