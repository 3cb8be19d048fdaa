#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Heap by allocation site in programs without the memory profiler: large objects are counted to
the byte, small ones to the span or within the error that sampling states; what is freed leaves; the
books balance under load; and no probe is left, not even by an observer that is killed."""

import gzip
import json
import os
import subprocess
import tempfile

import lib

TOOL = os.path.join(lib.OUTPUT, "live", "spancount")
KEPT, WASTED, SMALL = 101, 53, 20011
PER_SPAN = 8  # objects of size class 1024 in a span of one page
PAGE = 8192
STRANGERS = 2 << 20  # what else the program may hold: its reports

# Objects of smallBytes go to spans of their size class that have room, too: the first few may.
ROOM = 3


class Counter:
    def __init__(self, *args):
        self.proc = subprocess.Popen([TOOL, *args], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.PIPE)
        said = self.proc.stdout.readline()
        assert said == "watching\n", f"spancount said {said!r}"

    def books(self):
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()
        return json.loads(self.proc.stdout.readline())

    def stop(self):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.stop()


def site(books, function):
    """All stacks that begin in the function, added up."""
    found = [s for s in books["stacks"] if s["stack"] and s["stack"][0] == function]
    keys = ("bytes", "spans", "large_bytes", "large_spans", "alloc_bytes", "alloc_spans")
    total = {k: sum(s[k] for s in found) for k in keys}
    total["error_bytes"] = sum(s["error_bytes"] ** 2 for s in found) ** 0.5
    total["whole"] = all(s["stack"][-1] == "runtime.goexit" and "main.main" in s["stack"]
                         for s in found)
    return total


def balance(name, books):
    """Every hit is booked once, every span kept is in the sums."""
    lib.equal(books["bad"] + books["spans_full"] + books["sites_full"], 0, f"{name}: bad or full")
    lib.equal(books["others"] + books["kept"] + books["sampled_out"] + books["frees"],
              books["hits"], f"{name}: hits")
    lib.check(books["freed"] <= books["frees"], f"{name}: {books['freed']} freed")
    lib.equal(sum(s["alloc_bytes"] for s in books["stacks"]), books["alloc_bytes"],
              f"{name}: stacks add up")
    # Nothing moves meanwhile: the program waits for a command.
    if books["shift"] == 0:
        lib.equal(books["alloc_bytes"], books["all_bytes"], f"{name}: all spans kept")


def large(name, books, function, count, size):
    got = site(books, function)
    lib.equal(got["large_bytes"], count * size, f"{name}: {function} holds")
    lib.equal(got["large_spans"], count, f"{name}: objects of {function}")
    lib.check(got["whole"], f"{name}: a stack of {function} does not reach main.main and goexit")


def places(path):
    """Where the hooks of spans are: another observer on this machine may have others probed."""
    status, out, err = lib.gotide("inspect", "-j", path)
    lib.equal(status, 0, f"inspect {path} ({err})")
    found = [s["file_offset"] for s in json.loads(out)["sites"] if s["hook"].startswith("span-")]
    assert len(found) == 2 and all(found), f"{path}: {found}"
    return found


def is_clean(pid, path):
    return lib.await_no_uprobes(pid, path, places=places(path))


def exact(name, path, *args):
    with lib.Program(path) as prog, Counter(*args, str(prog.pid)) as counter:
        size = int(prog.facts["large_bytes"])
        prog.ask(f"keep {KEPT}")
        prog.ask(f"waste {WASTED}")
        prog.ask(f"small {SMALL}")
        full = counter.books()
        prog.ask("drop")
        dropped = counter.books()
        prog.ask("forget")
        forgotten = counter.books()
        counter.stop()
        lib.check(is_clean(prog.pid, path), f"{name}: probes left in the target")
    for books in (full, dropped, forgotten):
        large(name, books, "main.(*store).keepLarge", KEPT, size)
        balance(name, books)
    large(name, full, "main.(*store).wasteLarge", WASTED, size)
    small(name, full)
    gone = site(dropped, "main.(*store).wasteLarge")
    lib.equal((gone["bytes"], gone["alloc_bytes"]), (0, WASTED * size), f"{name}: dropped")
    gone = site(forgotten, "main.(*store).keepSmall")
    lib.check(gone["spans"] <= ROOM << forgotten["shift"],
              f"{name}: {gone['spans']} spans of what was forgotten")
    rest = forgotten["bytes"] - KEPT * size
    lib.check(0 <= rest < STRANGERS << forgotten["shift"], f"{name}: {rest} bytes of others")
    print(f"{name}: large exact; small {site(full, 'main.(*store).keepSmall')['spans']} spans of"
          f" {-(-SMALL // PER_SPAN)}, 1 in {1 << full['shift']} kept; {full['hit_ns']:.0f} ns a hit")


def small(name, books):
    """Exact to the span unless sampled; then within four standard deviations, as stated."""
    got = site(books, "main.(*store).keepSmall")
    want = -(-SMALL // PER_SPAN)
    error = got["error_bytes"]
    if books["shift"] == 0:
        lib.equal(error, 0, f"{name}: error of what is not sampled")
    else:
        # Of n spans kept with probability 1/w the estimate has the deviation sqrt(n * (w - 1)).
        true = PAGE * (want * ((1 << books["shift"]) - 1)) ** 0.5
        lib.check(0.7 * true < error < 1.4 * true, f"{name}: error {error:.0f}, truly {true:.0f}")
    off = got["bytes"] - want * PAGE
    lib.check(abs(off) <= ROOM * PAGE + 4 * error,
              f"{name}: small off by {off} bytes, error {error:.0f}")
    lib.equal(got["large_bytes"], 0, f"{name}: small ones in large spans")


def load(name, path):
    """Garbage as fast as it can be made: what is kept falls to what was promised."""
    with lib.Program(path, env={"GOGC": "400"}) as prog:
        size = int(prog.facts["large_bytes"])
        before = prog.ask("drop")["heap_inuse"]
        with Counter(str(prog.pid)) as counter:
            prog.ask("keep 7")
            after = prog.ask("churn 3000")["heap_inuse"]
            books = counter.books()
        balance(name, books)
        large(name, books, "main.(*store).keepLarge", 7, size)
        print(f"{name}: {books['hits'] / books['seconds']:.0f} hits/s, of"
              f" {books['kept'] + books['sampled_out']} spans {books['kept']} kept, at the end"
              f" 1 in {1 << books['shift']}")
        # The credit, the rate, and what one tick lets through before it is noticed.
        most = 20000 + 5000 * books["seconds"] + 0.3 * books["hits"] / books["seconds"]
        lib.check(books["kept"] < most and books["shift"] > 0,
                  f"{name}: {books['kept']} kept, shift {books['shift']}")
        off = books["bytes"] - (after - before)
        lib.check(abs(off) < STRANGERS + 4 * books["error_bytes"],
                  f"{name}: {books['bytes']} bytes, the runtime says {after - before}")


def watched(path, *args):
    """What gotide heap --spans says of a program that allocates while it watches, until ^C."""
    with lib.Program(path) as prog:
        watcher = lib.Gotide("heap", "--spans", "--for", "10m", *args, str(prog.pid))
        prog.ask(f"keep {KEPT}")
        prog.ask(f"waste {WASTED}")
        prog.ask(f"small {SMALL}")
        prog.ask("drop")
        watcher.interrupt()
        status, out, err = watcher.finish()
        lib.equal(status, 0, f"heap --spans {args}: status ({err})")
        lib.check(is_clean(prog.pid, path), f"heap --spans {args}: probes left")
        return out


def command(name, path):
    lines = [json.loads(line) for line in watched(path, "-j").splitlines()]
    whole, sites = lines[0], {s["function"]: s for s in lines[1:]}
    lib.equal((whole["type"], whole["one_in"], whole["lost"], whole["ended"]),
              ("spans", 1, 0, False), f"{name}: -j")
    lib.equal(sites["main.(*store).keepLarge"]["large_bytes"], KEPT << 20, f"{name}: -j, large")
    lib.equal(sites["main.(*store).wasteLarge"]["inuse_bytes"], 0, f"{name}: -j, dropped")
    lib.equal(sum(s["inuse_bytes"] for s in lines[1:]), whole["inuse_bytes"], f"{name}: -j, sum")
    small = sites["main.(*store).keepSmall"]
    lib.check(0 <= small["inuse_spans"] + ROOM - SMALL // PER_SPAN <= 2 * ROOM,
              f"{name}: -j, {small['inuse_spans']} small spans")
    lib.check(small["stack"][-1]["function"] == "runtime.main", f"{name}: -j, {small['stack']}")
    with tempfile.TemporaryDirectory() as folder:
        pprof, svg = os.path.join(folder, "spans.pb.gz"), os.path.join(folder, "spans.svg")
        out = watched(path, "--folded", "--pprof", pprof, "--svg", svg)
        lib.check(f"runtime.main;main.main;main.(*store).run;main.(*store).keepLarge {KEPT << 20}"
                  in out.splitlines(), f"{name}: --folded: {out}")
        with gzip.open(pprof) as f:
            lib.check(b"span_space" in f.read(), f"{name}: --pprof")
        with open(svg, encoding="utf-8") as f:
            lib.check("keepLarge" in f.read(), f"{name}: --svg")
    text = watched(path)
    lib.check("101 MiB" in text and "keepLarge" in text and "of a CPU" in text, f"{name}: {text}")


def killed(name, path):
    with lib.Program(path) as prog:
        counter = Counter(str(prog.pid))
        prog.ask("keep 3")
        lib.check(lib.uprobes_on(prog.pid, path, places(path)), f"{name}: no probe in the target")
        counter.proc.kill()
        counter.proc.communicate()
        lib.check(is_clean(prog.pid, path), f"{name}: probes left after kill -9")
        lib.equal(prog.ask("keep 2")["kept"], 5, f"{name}: the target after its observer")


def ended(name, path):
    """The process ends while it is watched: its last figures stay."""
    prog = lib.Program(path)
    with Counter(str(prog.pid)) as counter:
        prog.ask("keep 5")
        lib.equal(prog.stop(), 0, f"{name}: status of the target")
        books = counter.books()
        while not books["ended"]:
            books = counter.books()
        large(name, books, "main.(*store).keepLarge", 5, 1 << 20)


def main():
    lib.need_root()
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    lib.build(["spans"], ["stripped", "pie"])
    for version in lib.VERSIONS:
        for flavour in ("stripped", "pie"):
            exact(f"go{version} {flavour}", lib.program_path("spans", version, flavour))
        path = lib.program_path("spans", version, "stripped")
        exact(f"go{version} one in 8", path, "-s", "3")
    last = lib.VERSIONS[-1]
    path = lib.program_path("spans", last, "stripped")
    exact(f"go{last} perf events", path, "-1")
    load(f"go{last} load", path)
    command(f"go{last} command", path)
    killed(f"go{last} killed", path)
    ended(f"go{last} ended", path)
    lib.finish()


main()
