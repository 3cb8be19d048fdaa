#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""C memory by call site: what a cgo program takes from C's allocator and does not give back is
counted to the byte while every block is kept, and within the stated error when blocks are sampled;
the Go function that called is named; and no probe is left."""

import gzip
import json
import os
import subprocess
import tempfile

import lib

VERSIONS = [v for v in lib.VERSIONS if v in ("1.19", "1.22", "1.27")] or lib.VERSIONS[-1:]
LARGE, SMALL = 1 << 20, 80
KEPT, SMALLS, CLEAR, WASTE = 101, 20011, 53, 59
GROW, ALIGN, DIRECT, BACK, THREADS = 37, 41, 43, 47, 31
COMMANDS = (f"keep {KEPT}", f"small {SMALLS}", f"clear {CLEAR}", f"waste {WASTE}", f"grow {GROW}",
            f"align {ALIGN}", f"cmalloc {DIRECT}", f"callback {BACK}", f"thread {THREADS}")

# Bytes and blocks in use, by Go function.
TRUTH = {
    "main.keepLarge": (KEPT * LARGE, KEPT),
    "main.keepSmall": (SMALLS * SMALL, SMALLS),
    "main.keepClear": (CLEAR * 3 * 100003, CLEAR),
    "main.wasteBoth": (0, 0),
    "main.growSome": (GROW * 200003, GROW),
    "main.alignSome": (3 * ALIGN * 100003, 3 * ALIGN),
    "main.keepDirectly": (DIRECT * 65537, DIRECT),
    "main.goBack": (BACK * LARGE, BACK),
}
# ... and by C function, where it has a name.
C_TRUTH = {
    "leak_large": ((KEPT + BACK) * LARGE, KEPT + BACK),
    "call_back": (BACK * (LARGE + 1), BACK),
    "in_thread": (THREADS * (LARGE + 3), THREADS),
    "waste": (0, 0),
}


def objects(out):
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[0], lines[1:]


def total(sites, key, name):
    found = [s for s in sites if s[key] == name]
    return sum(s["inuse_bytes"] for s in found), sum(s["inuse_blocks"] for s in found)


def watched(name, path, *args, commands=COMMANDS, env=None):
    with lib.Program(path, env=env) as prog:
        watcher = lib.Gotide("heap", "--cgo", "--for", "10m", *args, str(prog.pid))
        for command in commands:
            prog.ask(command)
        watcher.interrupt()
        status, out, err = watcher.finish()
        lib.equal(status, 0, f"{name}: status ({err})")
        # The target works on, with the allocator as it was.
        prog.ask("small 3")
        lib.equal(prog.stop(), 0, f"{name}: the target's own status")
    return out


def balance(name, whole):
    lib.equal(whole["kept"] + whole["sampled_out"] + whole["lost"] + whole["failed"]
              + whole["unmatched"], whole["calls"], f"{name}: calls")
    lib.equal((whole["lost"], whole["failed"], whole["unmatched"], whole["stacks_lost"]),
              (0, 0, 0, 0), f"{name}: losses")
    lib.check(whole["go_callers"], f"{name}: no Go callers")


def exact(name, path, has_symbols, env=None):
    whole, sites = objects(watched(name, path, "-j", env=env))
    balance(name, whole)
    lib.equal((whole["type"], whole["period_bytes"], whole["error_bytes"], whole["ended"]),
              ("cgo", 1, 0, False), f"{name}: kind")
    for function, want in TRUTH.items():
        lib.equal(total(sites, "function", function), want, f"{name}: {function}")
    for function, want in C_TRUTH.items() if has_symbols else ():
        lib.equal(total(sites, "c_function", function), want, f"{name}: {function}()")
    lib.equal(sum(s["inuse_bytes"] for s in sites), whole["inuse_bytes"], f"{name}: sum")
    lib.equal(whole["alloc_bytes"], whole["all_alloc_bytes"], f"{name}: every block kept")
    keep = next(s for s in sites if s["function"] == "main.keepLarge")
    lib.check([f["function"] for f in keep["stack"]][-2:] == ["main.main", "runtime.main"],
              f"{name}: {keep['stack']}")
    print(f"{name}: {os.path.basename(whole['allocator'])}, {whole['calls']} calls exact;"
          f" {whole['cost']['hits'] / whole['calls']:.2f} hits a call")
    return whole


def sampled(name, path):
    """Under load blocks are sampled: small ones within the error, large ones to the byte."""
    with lib.Program(path) as prog:
        watcher = lib.Gotide("heap", "--cgo", "--for", "10m", "-j", str(prog.pid))
        # Until more were made than the credit lets through.
        made = 0
        while made < 120000:
            made += prog.ask("churn 500")["n"]
        mixed = prog.ask("mix 2000")
        prog.ask(f"keep {KEPT}")
        prog.ask(f"small {SMALLS}")
        watcher.interrupt()
        status, out, err = watcher.finish()
        lib.equal(status, 0, f"{name}: status ({err})")
    whole, sites = objects(out)
    balance(name, whole)
    lib.check(whole["period_bytes"] > 1 and whole["sampled_out"] > 0, f"{name}: {whole}")
    lib.equal(total(sites, "function", "main.keepLarge"), (KEPT * LARGE, KEPT), f"{name}: large")
    for function, want in (("main.keepSmall", SMALLS * SMALL), ("main.mixFor", mixed["bytes"])):
        site = next(s for s in sites if s["function"] == function)
        off, error = site["inuse_bytes"] - want, site["error_bytes"]
        lib.check(error > 0 and abs(off) <= 4 * error,
                  f"{name}: {function} off by {off}, error {error}")
        print(f"{name}: {function} {want} bytes, off by {off}, +- {error},"
              f" period {whole['period_bytes']}")


def views(name, path):
    with tempfile.TemporaryDirectory() as folder:
        pprof, svg = os.path.join(folder, "cgo.pb.gz"), os.path.join(folder, "cgo.svg")
        out = watched(name, path, "--folded", "--pprof", pprof, "--svg", svg)
        lines = [line for line in out.splitlines() if "main.keepLarge;" in line]
        lib.check(len(lines) == 1 and lines[0].startswith("runtime.main;main.main;") and
                  lines[0].endswith(f"leak_large {KEPT * LARGE}"), f"{name}: --folded: {lines}")
        with gzip.open(pprof) as f:
            lib.check(b"leak_large" in f.read(), f"{name}: --pprof")
        with open(svg, encoding="utf-8") as f:
            lib.check("leak_large" in f.read(), f"{name}: --svg")
    text = watched(name, path)
    lib.check("101 MiB" in text and "main.keepLarge" in text and "of a CPU" in text,
              f"{name}: {text}")


def killed(name, path):
    with lib.Program(path) as prog:
        watcher = lib.Gotide("heap", "--cgo", "--for", "10m", str(prog.pid))
        prog.ask("keep 3")
        with open(f"/proc/{prog.pid}/maps", encoding="utf-8") as f:
            libc = next(line.split()[-1] for line in f if "libc.so" in line)
        lib.check(lib.uprobes_on(prog.pid, libc), f"{name}: no probe in the target")
        watcher.proc.kill()
        watcher.proc.communicate()
        lib.check(lib.await_no_uprobes(prog.pid, libc),
                  f"{name}: probes left after kill -9")
        lib.equal(prog.ask("keep 2")["n"], 2, f"{name}: the target after its observer")


def ended(name, path):
    """The process ends while it is watched: its last figures stay, and the names."""
    prog = lib.Program(path)
    watcher = lib.Gotide("heap", "--cgo", "--for", "10m", "-j", str(prog.pid))
    prog.ask("keep 5")
    lib.equal(prog.stop(), 0, f"{name}: status of the target")
    status, out, err = watcher.finish()
    lib.equal(status, 0, f"{name}: status ({err})")
    whole, sites = objects(out)
    lib.check(whole["ended"], f"{name}: ended")
    lib.equal(total(sites, "c_function", "leak_large"), (5 * LARGE, 5), f"{name}: held")


def refused():
    path = lib.program_path("spans", VERSIONS[-1], "stripped")
    with lib.Program(path) as prog:
        status, _, err = lib.gotide("heap", "--cgo", str(prog.pid))
        lib.equal(status, 1, f"no cgo: status ({err})")
        lib.check("not a cgo program" in err, f"no cgo: {err}")


def stripped_static(name, path):
    with tempfile.TemporaryDirectory() as folder:
        bare = os.path.join(folder, "bare")
        subprocess.run(["strip", "-s", "-o", bare, path], check=True)
        with lib.Program(bare) as prog:
            status, _, err = lib.gotide("heap", "--cgo", str(prog.pid))
            lib.equal(status, 1, f"{name}: status ({err})")
            lib.check("cannot be found" in err, f"{name}: {err}")


def main():
    lib.need_root()
    lib.build(["cmem"], ["cgo", "cgopie", "cgoplain", "cgostatic"], VERSIONS)
    lib.build(["spans"], ["stripped"], VERSIONS[-1:])
    for version in VERSIONS:
        for flavour in ("cgo", "cgopie", "cgoplain", "cgostatic"):
            path = lib.program_path("cmem", version, flavour)
            whole = exact(f"go{version} {flavour}", path, flavour in ("cgoplain", "cgostatic"))
            lib.equal("libc.so" in whole["allocator"], flavour != "cgostatic",
                      f"go{version} {flavour}: {whole['allocator']}")
    last = lib.program_path("cmem", VERSIONS[-1], "cgoplain")
    jemalloc = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
    if os.path.exists(jemalloc):
        whole = exact("jemalloc", last, True, env={"LD_PRELOAD": jemalloc})
        lib.equal(whole["allocator"], jemalloc, "jemalloc")
    sampled(f"go{VERSIONS[-1]} load", last)
    views(f"go{VERSIONS[-1]} views", last)
    killed(f"go{VERSIONS[-1]} killed", last)
    ended(f"go{VERSIONS[-1]} ended", last)
    refused()
    stripped_static("stripped static", lib.program_path("cmem", VERSIONS[-1], "cgostatic"))
    lib.finish()


main()
