#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""200,000 goroutines a second over two processes of one binary: populations are exact at the end,
and every birth and death is accounted for: received, sampled out or lost, to the unit."""

import os
import lib

VERSION = "1.26"
SECONDS = os.environ.get("STORM_SECONDS", "10")
RATE = os.environ.get("STORM_RATE", "100000")


def books(name, r):
    ev, hits = r["events"], r["hooks"]
    lib.equal(ev["received"] + ev["sampled_out"] + ev["lost"] + ev["bad"],
              hits["birth"] + hits["death"], f"{name}: received + sampled out + lost")
    lib.equal(ev["bad"], 0, f"{name}: unreadable")


def storm(name, r, said):
    sites = [s for s in r["sites"] if s["start_function"].startswith("main.")]
    biggest = max(sites, key=lambda s: s["born"])
    lib.equal(biggest["born"], said["spawned"], f"{name}: born at the site of the storm")
    lib.equal(biggest["died"], said["ended"], f"{name}: died at it")
    lib.equal(biggest["live"], 0, f"{name}: its population")
    books(name, r)
    print(f"{name}: {said['rate']:.0f}/s, {r['hooks']['birth']} births, {r['events']}")


def main():
    lib.need_root()
    lib.build(["storm"], ["stripped"], [VERSION])
    path = lib.program_path("storm", VERSION, "stripped")
    with lib.Program(path, "-rate", RATE, "-duration", SECONDS + "s") as a, \
            lib.Program(path, "-rate", RATE, "-duration", SECONDS + "s") as b:
        watcher = lib.Gotide("report", "--for", "5m", "--park", "off", "-j", str(a.pid),
                             str(b.pid))
        a.tell("go")
        b.tell("go")
        said = {p.pid: lib.json.loads(p.line()) for p in (a, b)}
        status, out, err = watcher.finish()  # both have ended: so does it
        lib.equal(status, 0, f"status ({err})")
        got = lib.reports(out)
        for name, p in (("first", a), ("second", b)):
            storm(name, got[p.pid], said[p.pid])
    lib.finish()


main()
