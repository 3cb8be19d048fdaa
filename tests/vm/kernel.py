#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kernel.py NAME [agent]: one of the kernels of kernels.txt, emulated; what its guest said (init)
against what the programs in it did.  What doctor must find missing there is in the list.  agent: only
the agent, with as few capabilities as it can begin with, until it has found a leak."""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "live"))

import lib  # noqa: E402
import truth  # noqa: E402

# The kernel keeps resident memory in parts per processor and sums them when they have grown.
RSS_SLACK_BYTES = 2 << 20
# Of 14455 births and deaths, while pages are joined as fast as the kernel can.
MOVED_BAD_MAX = 499
RUNS = 401
CLONE3 = 435
# linux/capability.h
SYS_PTRACE, SYS_ADMIN, PERFMON, BPF = (1 << n for n in (19, 21, 38, 39))
SPANS = 53


def lacks_of(name):
    with open(os.path.join(HERE, "kernels.txt"), encoding="ascii") as f:
        rows = [line.split(None, 5) for line in f if not line.startswith("#")]
    for row in rows:
        if row[0] == name:
            return set() if row[5].strip() == "-" else set(row[5].strip().split(", "))
    sys.exit(f"no kernel {name} in kernels.txt")


def boot(name, out, steps):
    """Ends the test as the guest's boot did, unless that went well."""
    done = subprocess.run([os.path.join(HERE, "boot.sh"), name, out, steps], check=False)
    if done.returncode:
        sys.exit(done.returncode)


class Said:
    """What the guest's steps left."""

    def __init__(self, folder):
        self.folder = folder

    def text(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                return f.read().strip()
        except FileNotFoundError:
            return ""

    def objects(self, name):
        return [lib.json.loads(x) for x in self.text(name).splitlines() if x.startswith("{")]

    def object(self, name):
        """The one object of a file; None, and a failed check, if there is none."""
        found = self.objects(name)
        lib.check(len(found) == 1, f"{name}: {len(found)} objects, want 1")
        return found[0] if len(found) == 1 else None


def judge_doctor(said, lacks):
    found = {c["name"]: c for c in said.objects("doctor.json")}
    lib.check(len(found) > 10, f"doctor: {len(found)} checks: {said.text('doctor.err')}")
    lib.equal({n for n, c in found.items() if c["state"] != "ok"}, lacks, "doctor: what is missing")
    lib.equal(said.text("doctor.status"), "0", "doctor: status")


def judge_count(said, name):
    got, want, after = (said.object(f"{name}.{x}") for x in ("json", "want", "after"))
    lib.equal([said.text(f"{name}.{x}") for x in ("before", "during", "gone")],
              ["no", "yes", "yes"], f"{name}: probes before, during, gone after")
    if lib.check(said.text(f"{name}.status") in ("0", "3") and got and want and after,
                 f"{name}: status {said.text(f'{name}.status')}: {said.text(f'{name}.err')}"):
        truth.compare_counts(name, got, want, after)
        lib.equal(after["deaths"], after["births"], f"{name}: the program after its observer left")


def states(said, name):
    """Checks of doctor that are not ok -> state."""
    return {c["name"]: c["state"] for c in said.objects(f"{name}.doctor") if c["state"] != "ok"}


def judge_privileges(said, lacks):
    """Few suffice for uprobe.multi; without it CAP_SYS_ADMIN is asked for, and is enough."""
    missing = {name: "missing" for name in lacks}
    alone = {f"CAP_{c}": "denied" for c in ("DAC_READ_SEARCH", "SYS_RESOURCE")}
    few = {**missing, **alone, "CAP_SYS_ADMIN": "denied", "uprobe": "denied",
           "perf_event_paranoid": "denied"}
    if lacks:
        lib.equal(said.text("few.status"), "1", "few privileges: status")
        lib.check("CAP_SYS_ADMIN" in said.text("few.err"),
                  f"few privileges: no word of CAP_SYS_ADMIN: {said.text('few.err')}")
        lib.equal(said.text("few.during"), "no", "few privileges: probes")
    else:
        judge_count(said, "few")
    lib.equal(states(said, "few"), few, "few privileges: doctor")
    lib.equal(states(said, "many"), {**missing, **alone}, "CAP_SYS_ADMIN: doctor")
    judge_count(said, "many")


def judge_books(said, name, multi, bad_max=0):
    got, want = said.object(f"{name}.json"), said.object(f"{name}.want")
    if not lib.check(got and want, f"{name}: {said.text(f'{name}.err')}"):
        return
    lib.equal(got["multi"], multi, f"{name}: attached by uprobe.multi")
    p = got["processes"][0]
    bad = [p[hook]["bad"] for hook in ("birth", "death")]
    lib.equal([p["site_births"] + bad[0], p["site_deaths"] + bad[1]],
              [want["births"], want["deaths"]], f"{name}: births and deaths, {bad} of them bad")
    lib.check(sum(bad) <= bad_max, f"{name}: {bad} births and deaths were bad")
    facts = dict(row.split(":") for row in said.text(f"{name}.proc").splitlines())
    anon = int(facts["RssAnon"].split()[0]) << 10
    lib.check(p["rss_events"] > 0, f"{name}: resident memory never changed")
    lib.check(abs(p["rss_anon_bytes"] - anon) < RSS_SLACK_BYTES,
              f"{name}: resident memory {p['rss_anon_bytes']}, by /proc {anon}")


def judge_spans(said):
    got = said.object("spans.json")
    if not lib.check(got is not None, f"spans: {said.text('spans.err')}"):
        return
    facts = facts_of(said, "spans.ready")
    found = [s for s in got["stacks"] if s["stack"] and s["stack"][0] == "main.(*store).keepLarge"]
    lib.equal(sum(s["large_bytes"] for s in found), SPANS * int(facts["large_bytes"]),
              "spans: large objects")
    lib.equal(got["others"] + got["kept"] + got["sampled_out"] + got["frees"], got["hits"],
              "spans: hits")


def facts_of(said, name):
    """Of a program's first line."""
    return dict(w.split("=", 1) for w in said.text(name).split() if "=" in w)


def judge_verdicts(said):
    got = {r["comm"]: r for r in said.objects("verdicts.json")}
    lib.equal(sorted(got), ["busy-new", "leak-new"], f"verdicts: {said.text('verdicts.err')}")
    if "leak-new" in got:
        truth.judge_leak("leak", facts_of(said, "leak.ready"), got["leak-new"])
    if "busy-new" in got:
        truth.judge_busy("busy", got["busy-new"])
    lib.equal(said.text("verdicts.status"), "3", "verdicts: status")


def judge_ends(said):
    r = said.object("exits.json")
    if r:
        lib.equal((r["exited"], r["exit_code"]), (True, 7 << 8), "exits: status of the process")
    r, want = said.object("runs.json"), said.object("runs.want")
    if r and want:
        born = sum(s["born"] for s in r["sites"] if s["start_function"].startswith("main."))
        lib.equal(born, want["births"], "runs: born")
        lib.equal(want["births"], RUNS, "runs: the program's own count")
        lib.equal((r["goroutines"]["at_attach"], r["exited"], r["exit_code"]), (0, True, 0),
                  "runs: at attach, exited, exit code")


def judge_killed(said):
    lib.equal([said.text(f"killed.{x}") for x in ("during", "gone", "status")],
              ["yes", "yes", "137"], "killed: probes while watched, gone after, status")
    want = said.object("killed.want")
    if want:
        lib.equal(want["births"], 1009, "killed: the target went on")


def judge_pods(said):
    """Seen from a pod of its own, with a cgroup namespace."""
    row = said.object("pods.json")
    if not row:
        return
    want = {"container": f"{41:064}", "pod_uid": "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33",
            "pod": None, "limit_bytes": 61 << 20, "pod_limit_bytes": 97 << 20}
    lib.equal({k: row[k] for k in want}, want, "pods: " + said.text("pods.err"))
    lib.check(0 < (row["pod_current_bytes"] or 0) <= 97 << 20, "pods: what the pod has")


def judge_privileges_left(said, begun, left):
    """The agent's: nothing can come back by an exec, either."""
    proc = dict(row.split(":\t", 1) for row in said.text("agent.proc").splitlines() if ":\t" in row)
    for key, want in (("CapEff", left), ("CapPrm", left), ("CapInh", 0), ("CapAmb", 0)):
        lib.equal(proc.get(key), f"{want:016x}", f"agent: {key}")
    # To empty it takes a capability that it does not have.
    lib.equal(proc.get("CapBnd"), f"{begun:016x}", "agent: CapBnd")
    lib.equal([proc.get(k) for k in ("NoNewPrivs", "Seccomp")], ["1", "2"],
              "agent: no_new_privs, filter")


def calls_refused(said):
    """Of the agent's, by the kernel's audit log.  clone3 is refused so that clone is taken."""
    return {int(m[1]) for m in re.finditer(r'type=1326 .*comm="gotide".* syscall=(\d+)',
                                           said.text("dmesg"))} - {CLONE3}


def of_agent(said, name, **labels):
    """label -> value, of each sample of that name with these labels among others."""
    found = []
    for line in said.text("agent.metrics").splitlines():
        sample = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line)
        if not sample or sample[1] != name:
            continue
        have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2]))
        if labels.items() <= have.items():
            found.append({**have, "value": float(sample[3])})
    return found


def judge_agent(said, multi, begun):
    """It is allowed less than what it would take to see all, and says of what it is that it does not
    see it."""
    pid = said.text("agent.pid")
    judge_privileges_left(said, begun, SYS_PTRACE if multi else SYS_PTRACE | SYS_ADMIN)
    lib.equal(calls_refused(said), set(), "agent: calls that its filter should let through")
    lib.check("without CAP_DAC_READ_SEARCH" in said.text("agent.err"),
              f"agent: what is missing: {said.text('agent.err')}")
    comms = {p["comm"] for p in of_agent(said, "gotide_process_info")}
    lib.equal(comms, {"leak-new", "count-old"}, "agent: watched, and what came later")
    denied = of_agent(said, "gotide_agent_refused_total", reason="denied")
    lib.equal([d["value"] for d in denied], [1], "agent: executables that it may not read")
    for name, want in (("gotide_heap_inuse_bytes", 1), ("gotide_open_fds", 0)):
        lib.equal(len(of_agent(said, name, pid=pid)), want, f"agent: {name} of another user's")
    lib.equal([said.text(f"agent.{x}") for x in ("during", "gone", "status")], ["yes", "yes", "0"],
              "agent: probes while it watched, gone after, status")


def judge_agent_alone(said, lacks):
    multi = "uprobe.multi" not in lacks
    judge_agent(said, multi, (BPF | PERFMON if multi else SYS_ADMIN) | SYS_PTRACE)

    facts = facts_of(said, "agent.ready")
    found = of_agent(said, "gotide_finding", pid=said.text("agent.pid"), kind="goroutine-leak")
    lib.equal([(f["function"], f["source"]) for f in found],
              [(facts["function"], f"{facts['file']}:{facts['line']}")], "agent: what leaks")
    verdicts = of_agent(said, "gotide_verdict", pid=said.text("agent.pid"))
    lib.equal([(v["verdict"], v["value"]) for v in verdicts], [("goroutine-leak", 1)],
              "agent: verdict")


def judge_everything(said, lacks):
    multi = "uprobe.multi" not in lacks
    judge_doctor(said, lacks)
    judge_count(said, "count-old")
    judge_count(said, "count-new")
    judge_books(said, "books", multi)
    if multi:
        judge_count(said, "count-single")
        judge_books(said, "books-single", False)
    judge_books(said, "books-moved", multi, bad_max=MOVED_BAD_MAX)
    judge_spans(said)
    judge_verdicts(said)
    judge_privileges(said, lacks)
    judge_ends(said)
    judge_killed(said)
    judge_pods(said)
    judge_agent(said, multi, SYS_ADMIN | SYS_PTRACE)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["agent"]):
        sys.exit("usage: kernel.py NAME [agent]")
    name, steps = sys.argv[1], (sys.argv[2:] or ["all"])[0]
    out = os.path.join(lib.OUTPUT, "vm", "-".join(sys.argv[1:]))
    lacks = lacks_of(name)
    begin = time.monotonic()
    boot(name, out, steps)
    said = Said(out)
    if steps == "agent":
        judge_agent_alone(said, lacks)
    else:
        judge_everything(said, lacks)
    print(f"Linux {said.text('uname')}: {time.monotonic() - begin:.0f} s")
    lib.finish()


main()
