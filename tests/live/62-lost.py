#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records that the ring has no room for are counted and made up for: an observer that stands still
while storms fill the ring and a target becomes another program finds that program afterwards."""

import signal

import lib

VERSION = "1.26"
STORMS = 4  # each streams its budget of about 2 MB, the ring holds 4


def main():
    lib.need_root()
    lib.build(["storm", "exiter"], ["stripped"], [VERSION])
    storm = lib.program_path("storm", VERSION, "stripped")
    storms = [lib.Program(storm, "-rate", "50000", "-duration", "2s") for _ in range(STORMS)]
    with lib.Program(lib.program_path("exiter", VERSION, "stripped"), "-n", "7", "-exec", "1",
                     "-wait") as exiter:
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(exiter.pid),
                             *(str(p.pid) for p in storms))
        watcher.proc.send_signal(signal.SIGSTOP)
        for p in storms:
            p.tell("go")
        said = {p.pid: lib.json.loads(p.line()) for p in storms}
        exiter.tell("")
        lib.check(exiter.line().startswith("ready "), "the target did not become another program")
        watcher.proc.send_signal(signal.SIGCONT)
        while "unseen" not in (line := watcher.proc.stderr.readline()):
            if not lib.check(line, "the lost records were not told"):
                break
        watcher.interrupt()
        _, out, err = watcher.finish()
        got = lib.reports(out)
        lost = sum(got[p.pid]["events"]["lost"] for p in storms)
        lib.check(lost > 0, "no record was lost: the ring was never full")
        for p in storms:
            r = got[p.pid]
            born = max(s["born"] for s in r["sites"])
            lib.equal(born, said[p.pid]["spawned"], "born in a storm whose records were lost")
            ev = r["events"]
            lib.check(ev["received"] + ev["sampled_out"] + ev["lost"] + ev["bad"] >=
                      r["hooks"]["birth"] + r["hooks"]["death"], f"books do not close: {ev}")
        lib.check(got[exiter.pid]["goroutines"]["live"] is not None and
                  not got[exiter.pid]["exited"], f"the new image is not watched: {err}")
        lib.equal(got[exiter.pid]["goroutines"]["born"], 0, "born in the new image since")
        print(f"{lost} records lost and counted")
    lib.finish()


main()
