#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gotide goroutines and gotide heap against what programs say of themselves: traceback and profile
in the runtime's own words, and `go tool pprof` as the judge of the files; Debian's stripped
prometheus beside its own /metrics and /debug/pprof; and what is said where there is nothing to
read."""

import collections
import glob
import json
import os
import re
import subprocess
import tempfile
import time
import xml.etree.ElementTree

import daemons
import lib

EACH = 13
FLAVOURS = ["stripped", "pie"]
TOOL_GO = "1.24"  # the last whose packages have pprof as a program
PPROF = None


def gotide_json(*args):
    status, out, err = lib.gotide(*args)
    assert status == 0, err
    return [json.loads(line) for line in out.splitlines()]


def pprof(*args):
    done = subprocess.run([PPROF, *args], capture_output=True, text=True, check=False,
                          env={**os.environ, "PPROF_BINARY_PATH": "/nonexistent"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def pprof_top(path, index=None):
    """(total, function -> (flat, cum)) as go tool pprof shows it, in bytes or units."""
    unit = ["-unit=B"] if index and index.endswith("space") else []
    out = pprof("-top", "-nodecount=100000", "-nodefraction=0", *unit,
                *([f"-sample_index={index}"] if index else []), path)
    total = re.search(r"of (\d+(?:\.\d+)?)B? total", out)
    rows = {}
    for line in out[out.index("flat%"):].splitlines()[1:]:
        flat, _, _, cum, _, name = line.split(None, 5)
        rows[name.removesuffix(" (inline)")] = (flat, cum)
    return int(total[1]) if total else 0, rows


def pprof_traces(path, index):
    """Every stack with its value; those without one are left out: they may be new."""
    out = pprof("-traces", "-unit=B", f"-sample_index={index}", path)
    stacks = (tuple(line.strip() for line in block.strip().splitlines())
              for block in re.split(r"^-+\+-+$", out, flags=re.M)[1:])
    return collections.Counter(s for s in stacks if s and not any(x.startswith("0 ") for x in s))


# ---- tracebacks ----

def normal(text):
    """goid -> its traceback; arguments and what only the thread knows left out."""
    found = {}
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        head = re.match(r"goroutine (\d+) \[(.*)\]:$", lines[0])
        assert head, lines[0]
        state = head[2].replace(", locked to thread", "")
        frames = [line if line.startswith(("\t", "created by ")) else
                  re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)$", "(...)", line) for line in lines[1:]]
        found[int(head[1])] = [state, *frames]
    return found


def own_dump(prog):
    prog.tell("dump")
    lines = []
    while (line := prog.line()) != "end":
        lines.append(line)
    return normal("\n".join(lines))


def check_text(name, prog):
    want = own_dump(prog)
    status, out, err = lib.gotide("goroutines", "--text", str(prog.pid))
    lib.equal(status, 0, f"{name}: --text ({err})")
    got = normal(out)
    lib.equal(sorted(got), sorted(want), f"{name}: --text: goroutines")
    dumper = [goid for goid, g in want.items() if g[0] == "running"]
    lib.equal(len(dumper), 1, f"{name}: the dumper")
    for goid in set(got) & set(want) - set(dumper):
        lib.equal(got[goid], want[goid], f"{name}: --text: goroutine {goid}")
    return len(want)


# ---- groups and profiles of goroutines ----

def check_groups(name, pid, live):
    for by in ("stack", "site", "wait"):
        census, *groups = gotide_json("goroutines", "-j", "--by", by, str(pid))
        lib.equal(census["goroutines"], live, f"{name}: goroutines by {by}")
        lib.equal((census["type"], census["groups"], census["partial"], census["torn"]),
                  ("census", len(groups), False, 0), f"{name}: census by {by}")
        lib.equal(sum(g["count"] for g in groups), live, f"{name}: in groups by {by}")
        lib.equal({tuple(g) for g in groups}, {tuple(groups[0])}, f"{name}: keys by {by}")
        lib.equal([g["count"] for g in groups],
                  sorted((g["count"] for g in groups), reverse=True), f"{name}: order by {by}")
    status, out, _ = lib.gotide("goroutines", str(pid))
    lib.equal((status, f": {live} goroutines, " in out), (0, True), f"{name}: the table")
    everything = gotide_json("goroutines", "-j", "-a", str(pid))
    lib.equal(sum(g["count"] for g in everything[1:]), live + everything[0]["system"],
              f"{name}: with the runtime's own")


def check_ages(name, prog, live):
    """What is there twice is as old as the time between; what a collection found waiting has
    waited since, and nothing for an hour."""
    census, *groups = gotide_json("goroutines", "-q", "-j", "--for", "1s", str(prog.pid))
    lib.equal((sum(g["count"] for g in groups), census["age_unknown"], census["apart_s"]),
              (live, 0, 1.0), f"{name}: there twice")
    census, *groups = gotide_json("goroutines", "-j", "--min-age", "1h", str(prog.pid))
    lib.equal((groups, census["left_out"] - census["system"]), ([], live), f"{name}: an hour")
    # A collection has found all that wait, so that of none of them the age is unknown.
    prog.ask("collect")
    census, *groups = gotide_json("goroutines", "-j", "--min-age", "1ms", str(prog.pid))
    known = sum(g["waited_known"] for g in groups)
    lib.check(known == sum(g["count"] for g in groups) and known >= live - 3 >= EACH,
              f"{name}: waiting since a collection: {known} of {live}")
    lib.check(census["age_unknown"] <= 3, f"{name}: {census['age_unknown']} of unknown age")


def check_goroutine_files(name, pid, live, folder):
    path, svg = os.path.join(folder, "g.pb.gz"), os.path.join(folder, "g.svg")
    status, out, err = lib.gotide("goroutines", "--pprof", path, "--svg", svg, str(pid))
    lib.equal((status, out), (0, ""), f"{name}: --pprof --svg ({err})")
    lib.equal(glob.glob(f"{folder}/*.part"), [], f"{name}: half written files")
    total, rows = pprof_top(path)
    lib.equal(total, live, f"{name}: pprof's total")
    lib.check({"main.main", "runtime.gopark"} <= set(rows), f"{name}: pprof's names {list(rows)}")
    lib.check("runtime.goexit" not in rows, f"{name}: runtime.goexit is shown")
    raw = pprof("-raw", path)
    lib.check("PeriodType: goroutine count" in raw and "state:[chan receive" in raw,
              f"{name}: raw profile")
    # A location of several lines is a call that was inlined.
    lines = re.findall(r"^ +\d+: 0x\w+ M=1 \S+ \S+:\d+.*\n {13}(\S+) ", raw, re.M)
    lib.check(lines, f"{name}: no inlined frames")
    root = xml.etree.ElementTree.parse(svg).getroot()
    titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
    lib.check(f"all ({live}, 100.00%)" in titles, f"{name}: flame graph's root {titles[:3]}")
    status, out, _ = lib.gotide("goroutines", "--folded", str(pid))
    lib.equal(sum(int(line.rsplit(" ", 1)[1]) for line in out.splitlines()), live,
              f"{name}: folded")
    lib.equal(out.splitlines(), sorted(set(out.splitlines()), key=lambda s: s.split(";")) and
              out.splitlines(), f"{name}: folded lines")


def check_goroutines(version, flavour, folder):
    name = f"go{version} {flavour}"
    with lib.Program(lib.program_path("waits", version, flavour), "-n", str(EACH)) as prog:
        live = prog.ask("go")["live"]
        compared = check_text(name, prog)
        check_groups(name, prog.pid, live)
        check_goroutine_files(name, prog.pid, live, folder)
        if flavour == "stripped":
            check_ages(name, prog, live)
    print(f"{name}: {live} goroutines, {compared} tracebacks compared")


# ---- the heap ----

def collected(prog):
    """The totals of the program's own heap profile, after two collections."""
    prog.tell("profile")
    head = re.match(r"heap profile: (\d+): (\d+) \[(\d+): (\d+)\]", prog.line())
    while not prog.line().startswith("{"):
        pass
    return [int(n) for n in head.groups()]


def heap_of(pid, *args):
    parts = collections.defaultdict(list)
    for o in gotide_json("heap", "-j", *args, str(pid)):
        parts[o["type"]].append(o)
    return parts["heap"][0], parts["site"], parts["timer"]


def of_function(sites, function, key):
    return sum(s[key] for s in sites if s["function"] == function)


def check_heap(version, flavour, folder):
    """At a rate of 1 nothing is sampled, so that all figures are exact."""
    name = f"go{version} {flavour} heap"
    before = os.path.join(folder, "before.pb.gz")
    with lib.Program(lib.program_path("heapsites", version, flavour), "-rate", "1") as prog:
        said = prog.ask("go")
        want = collected(prog)
        status, _, err = lib.gotide("heap", "--pprof", before, str(prog.pid))
        lib.equal(status, 0, f"{name}: --pprof ({err})")
        heap, sites, _ = heap_of(prog.pid)
        p = heap["profile"]
        lib.equal([p["inuse_objects"], p["inuse_bytes"], p["alloc_objects"], p["alloc_bytes"]],
                  want, f"{name}: totals")
        lib.equal(of_function(sites, "main.keepBlocks", "alloc_objects") >= said["blocks"], True,
                  f"{name}: blocks")
        lib.equal(of_function(sites, "main.newLeaf", "inuse_objects"), 2 * said["pairs"],
                  f"{name}: leaves, both inlined")
        total, rows = pprof_top(before, "inuse_space")
        lib.equal(total, want[1], f"{name}: pprof's total")
        lib.equal(rows["main.newLeaf"][0], f"{of_function(sites, 'main.newLeaf', 'inuse_bytes')}B",
                  f"{name}: pprof's leaves")
        lib.check(not [r for r in rows if r.startswith("runtime.mallocgc") and
                       rows[r][0] != "0" and "main." in r], f"{name}: the runtime's frames")
        lib.equal(pprof_top(before, "alloc_objects")[0], want[2], f"{name}: pprof's objects")
        prog.ask("go")
        collected(prog)
        heap, grown, _ = heap_of(prog.pid, "--base", before)
        leaves = of_function(grown, "main.newLeaf", "inuse_objects")
        lib.equal((of_function(grown, "main.newLeaf", "base_objects"), leaves),
                  (2 * said["pairs"], 4 * said["pairs"]), f"{name}: grown since")
        lib.equal(heap["profile"]["base_bytes"], want[1], f"{name}: in the base")
        status, out, _ = lib.gotide("heap", "--base", before, str(prog.pid))
        lib.equal((status, "+3.00 MiB" in out), (0, True), f"{name}: the table says what grew")
    print(f"{name}: {want[1]} bytes in {len(sites)} sites, as the program says")


def check_no_profile(version, folder):
    name = f"go{version} without a profile"
    path = os.path.join(folder, "none.pb.gz")
    with lib.Program(lib.program_path("timers", version, "stripped")) as prog:
        want = prog.ask("go")
        heap, sites, timers = heap_of(prog.pid)
        lib.equal((heap["profile"], sites), (None, []), f"{name}: profile")
        lib.check("runtime.MemProfile" in heap["why_no_profile"], f"{name}: {heap}")
        found = {t["function"]: t["count"] for t in timers}
        lib.equal(found.get("main.expire"), want["named"], f"{name}: timers of AfterFunc")
        lib.equal(found.get("runtime.goroutineReady"), want["sleepers"], f"{name}: sleepers")
        lib.check(heap["memory"]["anon_bytes"] > 1 << 20, f"{name}: {heap['memory']}")
        m = heap["memory"]
        lib.equal(sum(v or 0 for k, v in m.items() if k != "anon_bytes"), m["anon_bytes"],
                  f"{name}: the account closes")
        status, out, err = lib.gotide("heap", "--pprof", path, str(prog.pid))
        lib.equal((status, out, os.path.exists(path)), (1, "", False), f"{name}: --pprof")
        lib.check("keeps no memory profile" in err, f"{name}: said {err!r}")


# ---- a program that others built ----

def own_file(d, what, path):
    with open(path, "wb") as f:
        f.write(daemons.get_bytes(d.url + what))
    return path


def check_prometheus(folder):
    path = daemons.fetched("debian")("prometheus")
    with daemons.prometheus(path, folder) as d:
        for _ in range(20):  # a valid comparison has no collection in between
            first = d.metrics()
            own = own_file(d, "/debug/pprof/heap", os.path.join(folder, "own.pb.gz"))
            ours = os.path.join(folder, "ours.pb.gz")
            status, _, err = lib.gotide("heap", "--pprof", ours, str(d.pid))
            census = gotide_json("goroutines", "-j", str(d.pid))[0]
            last = d.metrics()
            if first["go_gc_duration_seconds_count"] == last["go_gc_duration_seconds_count"]:
                break
        lib.equal(status, 0, f"prometheus: heap ({err})")
        for index in ("inuse_space", "inuse_objects", "alloc_space", "alloc_objects"):
            want, got = pprof_top(own, index), pprof_top(ours, index)
            lib.equal(got, want, f"prometheus: {index}")
            want, got = pprof_traces(own, index), pprof_traces(ours, index)
            lib.equal(list((got - want) + (want - got))[:2], [], f"prometheus: stacks, {index}")
        heap, _, _ = heap_of(d.pid, "--base", own)
        lib.equal(heap["profile"]["base_bytes"], pprof_top(own, "inuse_space")[0],
                  "prometheus: its own profile as the base")
        # Its own number includes what answers; gotide's own reading sees no such goroutine.
        daemons.near(census["goroutines"], min(m["go_goroutines"] for m in (first, last)) - 10,
                     max(m["go_goroutines"] for m in (first, last)), 0, "prometheus: goroutines")
        print(f"prometheus: {pprof_top(own, 'inuse_space')[0]} bytes in use, as it says itself")


# ---- nothing to read ----

def refused(args, says, status=1):
    got, out, err = lib.gotide(*args)
    lib.equal((got, out), (status, ""), f"{args}: status and output")
    lib.check(says in err and len(err.splitlines()) <= 4, f"{args}: said {err!r}")


def check_refusals(version, folder):
    dead = subprocess.Popen(["true"])
    with open(f"/proc/{dead.pid}/stat", encoding="ascii", errors="replace") as f:
        while f.read().rsplit(")", 1)[1].split()[0] != "Z":
            f.seek(0)
    other = subprocess.Popen(["sleep", "600"])
    for command in ("goroutines", "heap"):
        refused([command, "2147483646"], "2147483646: no process of this pid")
        refused([command, "no such program"], "no process of this name")
        refused([command, str(other.pid)], f"pid {other.pid}: not a Go program")
        refused([command, str(dead.pid)], f"{dead.pid}: no process of this pid")
        refused([command], "which process?", 2)
    dead.wait()
    other.kill()
    other.wait()
    path = lib.program_path("waits", version, "stripped")
    with lib.Program(path) as one, lib.Program(path) as two:
        one.ask("go")
        two.ask("go")
        refused(["goroutines", "waits.stripped"], "2 processes have that name")
        refused(["heap", "--base", path, str(one.pid)], "no pprof profile, or a damaged one")
        refused(["goroutines", "--pprof", "/nonexistent/x", str(two.pid)], "cannot write")
        goroutines = os.path.join(folder, "g.pb.gz")
        refused(["heap", "--base", goroutines, str(one.pid)], "but not of a heap")


def main():
    global PPROF
    lib.need_root()
    lib.build(["waits", "heapsites", "timers"], FLAVOURS)
    fetch = subprocess.run([os.path.join(lib.ROOT, "scripts", "fetch-go.sh"), TOOL_GO],
                           stdout=subprocess.DEVNULL, check=False)
    listed = subprocess.run([os.path.join(lib.ROOT, "scripts", "fetch-go.sh"), "--list"],
                            capture_output=True, text=True, check=True).stdout
    root = next((w[2] for w in map(str.split, listed.splitlines()) if w[0] == TOOL_GO), None)
    if fetch.returncode or not root:
        lib.skip(f"Go {TOOL_GO}, whose pprof is the judge, cannot be fetched here")
    PPROF = glob.glob(os.path.join(root, "pkg", "tool", "*", "pprof"))[0]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for version in lib.VERSIONS:
            for flavour in FLAVOURS:
                check_goroutines(version, flavour, folder)
            check_heap(version, "stripped", folder)
            check_no_profile(version, folder)
        check_refusals(lib.VERSIONS[-1], folder)
        check_prometheus(folder)
    print(f"{time.monotonic() - started:.0f} s")
    lib.finish()


main()
