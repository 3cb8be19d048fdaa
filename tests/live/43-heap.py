#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A heap that grows and does not come back is heap-retention, at the rate at which the program
keeps memory; garbage beside it and a bounded cache that is full are not."""

import lib

KEEP = 1 << 20  # bytes a second
VERSIONS = ["1.19", "1.22", "1.27"]


def retained(name, r):
    lib.equal(r["verdict"], "heap-retention", f"{name}: verdict ({r['summary']})")
    found = [f for f in r["findings"] if f["kind"] == "heap-retention"]
    if not lib.check(len(found) == 1, f"{name}: {len(found)} heap-retention findings, want 1"):
        return
    f = found[0]
    lib.check(0.7 * 60 * KEEP < f["per_min"] < 1.5 * 60 * KEEP,
              f"{name}: {f['per_min']:.0f} bytes a minute, {60 * KEEP} are kept")
    lib.check(f["last"] > f["first"] > 0, f"{name}: floor {f['first']} -> {f['last']}")
    lib.check(f["gcs"] >= 5 and f["evidence"], f"{name}: {f['gcs']} GCs, {f['evidence']}")
    print(f"{name}: {f['per_min'] / 60 / KEEP:.2f} of the rate kept, {f['gcs']} GCs,"
          f" confidence {f['confidence']}")


def main():
    lib.need_root()
    lib.build(["heapleak", "busy"], ["stripped"], VERSIONS)
    leaks = {f"heapleak go{v}": lib.Program(lib.program_path("heapleak", v, "stripped"),
                                            "-rate", str(KEEP)) for v in VERSIONS}
    busies = {f"busy go{v}": lib.Program(lib.program_path("busy", v, "stripped"))
              for v in VERSIONS}
    progs = {**leaks, **busies}
    status, out, err = lib.gotide("report", "--for", "60s", "--park", "off", "-j",
                                  *(str(p.pid) for p in progs.values()))
    got = lib.reports(out)
    lib.equal(status, 3, f"status ({err})")
    for name, prog in leaks.items():
        retained(name, got[prog.pid])
    for name, prog in busies.items():
        lib.check(got[prog.pid]["verdict"] in ("healthy", "warming-up", "pressure"),
                  f"{name}: {got[prog.pid]['verdict']}: {got[prog.pid]['summary']}")
    for prog in progs.values():
        prog.stop()
    lib.finish()


main()
