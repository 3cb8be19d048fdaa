#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tapes: what is reported live and what is reported from the tape of the same observation are the
same bytes; a tape that was cut off, or whose recorder was killed, says what was until then."""

import json
import os
import re
import signal
import tempfile
import time

import lib
import truth

N = 10007
LEAKS = 307
PARTS = 53  # in how many places a tape is cut


def tape_in(folder, name):
    return os.path.join(folder, name + ".tape")


def program(name, *args):
    return lib.Program(lib.program_path(name, lib.VERSIONS[-1], "stripped"), *args)


def same(name, live, tape):
    """A report made from the tape, in each form, is the live one, each time."""
    for _ in range(2):
        _, out, err = lib.gotide("report", "-j", tape)
        lib.check(out == live, f"{name}: the tape says\n{out}the observation said\n{live}")
        lib.equal(err, "", f"{name}: stderr")


def exact_counts(folder):
    tape = tape_in(folder, "count")
    with program("count", "-n", str(N)) as prog:
        watcher = lib.Gotide("report", "--for", "5m", "-j", "--tape", tape, str(prog.pid))
        want = prog.ask("go")
        watcher.interrupt()
        _, out, _ = watcher.finish()
        again = prog.ask("release")
    same("count", out, tape)
    _, out, _ = lib.gotide("report", "-j", tape)
    truth.compare_counts("count, from the tape", lib.reports(out)[prog.pid], want, again)
    return tape


def several(folder):
    """Of three processes one ends on the way and one comes; all have their say."""
    tape = tape_in(folder, "several")
    with program("leak", "-kind", "chansend", "-rate", "0") as leak, program("busy") as busy:
        ends = program("exiter", "-wait", "-code", "7")
        watcher = lib.Gotide("top", "-j", "--for", "18s", "--park", "all", "--tape", tape)
        for i in range(LEAKS // 17):
            leak.tell("leak 17")
            time.sleep(0.5)
            if i == 5:
                ends.tell("go")
                ends.proc.wait(30)
            if i == 9:
                comes = program("exiter", "-wait")
        status, live, _ = watcher.finish()
        comes.stop()
        ends.stop()
    _, replayed, err = lib.gotide("replay", "-j", tape)
    lib.equal(err, "", "several: stderr")
    seen = {json.loads(line)["pid"] for line in replayed.splitlines()}
    want = {leak.pid, busy.pid, ends.pid, comes.pid}
    lib.check(want <= seen, f"several: {want - seen} are not on the tape")
    shown = {json.loads(line)["pid"] for line in live.splitlines()}
    lib.check(want <= shown, f"several: {want - shown} were not shown live")
    last = lib.reports(replayed)[leak.pid]
    sites = {(s["function"], s["line"]): s for s in last["sites"]}
    site = sites[leak.facts["function"], int(leak.facts["line"])]
    lib.equal(site["born"] - site["died"], LEAKS // 17 * 17, "several: left behind")
    lib.equal(status, lib.gotide("replay", "-j", tape)[0], "several: status")
    lib.equal(lib.gotide("replay", "-j", tape)[1], replayed, "several: replayed again")
    for args in (["replay", "-i", "5s"], ["report"], ["report", "-v"]):
        one, two = lib.gotide(*args, tape), lib.gotide(*args, tape)
        lib.equal(one, two, f"several: {args}: twice")
        lib.check(str(leak.pid) in one[1], f"several: {args}: {one}")
    return tape


def told_s(err):
    """Seconds after which the tape is said to end."""
    m = re.search(r"ends early: cut off after (?:(\d+)m)?(\d+)s", err)
    return int(m[1] or 0) * 60 + int(m[2]) if m else None


def cut(folder, tape):
    """Cut anywhere it can be read up to there; the more of it, the longer."""
    with open(tape, "rb") as f:
        whole = f.read()
    part, last = tape_in(folder, "part"), 0
    for i in range(1, PARTS):
        with open(part, "wb") as f:
            f.write(whole[:len(whole) * i // PARTS])
        status, out, err = lib.gotide("report", "-j", part)
        seconds = told_s(err)
        if seconds is None:
            lib.check(status == 1 and not out and "before its first sample" in err and not last,
                      f"cut at {i}/{PARTS}: status {status}, {out}{err}")
            continue
        lib.check(status in (0, 3) and lib.reports(out), f"cut at {i}/{PARTS}: status {status}")
        lib.check(seconds >= last, f"cut at {i}/{PARTS}: {seconds} s, and {last} s before")
        last = seconds
    lib.check(last >= 10, f"cut: {last} s at the most")


def spoilt(folder, tape):
    part = tape_in(folder, "part")
    for text, message in ((b"GOTIDE\x1a\n\x09\0\0\0\0\0\0\0", "a tape of a newer gotide"),
                          (b"GOTIDE\x1a\n\x01\0\0\0\0\0\0\0", "before its first sample")):
        with open(part, "wb") as f:
            f.write(text)
        status, out, err = lib.gotide("report", part)
        lib.check(status == 1 and not out and message in err, f"{text}: {status}, {out}{err}")
    with open(tape, "rb") as f:
        damaged = bytearray(f.read())
    damaged[len(damaged) * 2 // 3] ^= 0x10
    with open(part, "wb") as f:
        f.write(damaged)
    status, out, err = lib.gotide("report", "-j", part)
    lib.check(lib.reports(out) and "ends early: damaged after" in err, f"damaged: {status}, {err}")
    status, _, err = lib.gotide("replay", "/etc/passwd")
    lib.check(status == 1 and "this is no tape" in err, f"/etc/passwd: {status}, {err}")
    status, _, err = lib.gotide("report", tape, str(os.getpid()))
    lib.check(status == 2 and "together" in err, f"a tape and a process: {status}, {err}")
    status, _, err = lib.gotide("record", str(os.getpid()))
    lib.check(status == 2 and "-o" in err, f"record without -o: {status}, {err}")


def killed(folder):
    """All but the last seconds is in the file at any time."""
    tape, run_s = tape_in(folder, "killed"), 13
    with program("busy") as prog:
        watcher = lib.Gotide("record", "-o", tape, str(prog.pid))
        time.sleep(run_s)  # what is measured, not waited for
        watcher.proc.send_signal(signal.SIGKILL)
        lib.equal(watcher.finish()[0], -signal.SIGKILL, "killed: status")
        lib.check(lib.await_no_uprobes(prog.pid, lib.program_path("busy", lib.VERSIONS[-1],
                                                                  "stripped")), "killed: probes")
    _, out, err = lib.gotide("report", "-j", tape)
    lib.check(lib.reports(out)[prog.pid], f"killed: {err}")
    lib.check(told_s(err) >= run_s - 6, f"killed after {run_s} s: {err}")


def silent(folder):
    """record prints nothing, and its tape makes a report."""
    tape = tape_in(folder, "silent")
    with program("leak") as prog:
        status, out, err = lib.gotide("record", "-q", "-o", tape, "--for", "2s", str(prog.pid))
        lib.equal((status, out, err), (0, "", ""), "record -q")
        status, out, _ = lib.gotide("report", tape)
        lib.check(status == 0 and "WARMING UP" in out, f"record: {status}, {out}")
        begun = time.monotonic()
        status, out, _ = lib.gotide("replay", "--speed", "2", tape)
        lib.check(time.monotonic() - begun > 0.8, "replay --speed 2: too fast")
        status, _, err = lib.gotide("record", "-o", "/dev/full", "--for", "5s", str(prog.pid))
        lib.check(status == 1 and "No space left" in err, f"/dev/full: {status}, {err}")


def main():
    lib.need_root()
    lib.build(["count", "leak", "busy", "exiter"], ["stripped"], lib.VERSIONS[-1:])
    with tempfile.TemporaryDirectory() as folder:
        exact_counts(folder)
        tape = several(folder)
        cut(folder, tape)
        spoilt(folder, tape)
        killed(folder)
        silent(folder)
        print(f"{os.path.getsize(tape)} bytes for 18 s of several processes")
    lib.finish()


main()
