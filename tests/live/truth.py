# SPDX-License-Identifier: BSD-2-Clause
"""What the Go test programs say of themselves, compared with what gotide says of them."""

import os

import lib

# Kind of leak -> wait reasons by which Go may name it (the names changed over the versions).
REASONS = {
    "chanrecv": {"chan receive"},
    "chansend": {"chan send"},
    "select": {"select"},
    "mutex": {"semacquire", "sync.Mutex.Lock"},
    "waitgroup": {"semacquire", "sync.WaitGroup.Wait"},
    "sleep": {"sleep"},
    "ctx": {"select"},
}


def compare_counts(name, got, want, after):
    births, deaths = want["births"], want["deaths"]
    lib.equal(got["goroutines"]["born"], births, f"{name}: born")
    lib.equal(got["goroutines"]["died"], deaths, f"{name}: died")
    # Not want["live"]: NumGoroutine() is too high while a collection frees stacks of the dead.
    lib.equal(got["goroutines"]["live"], 1 + births - deaths, f"{name}: live")
    # A collection may come between the program's report and the observer's end.
    lib.check(want["gc"] <= got["heap"]["gc_seen"] <= after["gc"],
              f"{name}: GC cycles seen: {got['heap']['gc_seen']}, {want['gc']}..{after['gc']}")
    ev = got["events"]
    lib.equal(ev["lost"] + ev["bad"], 0, f"{name}: lost and bad")
    sites = {(s["function"], s["line"]): s for s in got["sites"]}
    for site in want["sites"]:
        key = (site["site"]["function"], site["site"]["line"])
        s = sites.get(key)
        if lib.check(s is not None, f"{name}: site {key} is missing"):
            lib.equal((s["born"], s["died"], s["live"]),
                      (site["births"], site["deaths"], site["live"]), f"{name}: site {key}")


def judge_leak(name, facts, r):
    lib.equal(r["verdict"], "goroutine-leak", f"{name}: verdict")
    leaks = [f for f in r["findings"] if f["kind"] == "goroutine-leak"]
    if not lib.check(len(leaks) == 1, f"{name}: {len(leaks)} goroutine-leak findings, want 1"):
        return
    f = leaks[0]
    lib.equal(f["site"]["function"], facts["function"], f"{name}: function")
    lib.equal(f["site"]["line"], int(facts["line"]), f"{name}: line")
    lib.equal(os.path.basename(f["site"]["file"]), facts["file"], f"{name}: file")
    lib.check(f["wait_reason"] in REASONS[facts["kind"]],
              f"{name}: wait reason {f['wait_reason']!r} for {facts['kind']}")
    lib.check(f["stack"] and facts["start"] in f["stack"],
              f"{name}: {facts['start']} is not in the stack {f['stack']}")
    lib.check(r["stripped"], f"{name}: not known to be stripped")


def judge_busy(name, r):
    lib.check(not [f for f in r["findings"] if f["kind"] in
                   ("goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak")],
              f"{name}: flagged: {r['findings']}")
