#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What gotide's verdicts on the corpus are worth: compares tapes (or reports) with the labels, and
the programs' own figures with them.  The tables are those of docs/accuracy.md."""

import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.join(ROOT, os.environ.get("OUTPUT", ".output"))
JUDGE = os.path.join(OUTPUT, "corpus", "judge")
LEAKS = ("goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak")
# Kinds of which a finding names the place.
SITED = ("goroutine-leak", "heap-retention")
# What grows, in a program's own figures.
GROWS = {"goroutine-leak": "goroutines", "heap-retention": "heap", "off-heap-growth": "off_heap",
         "fd-leak": "fds"}
# What a leak may be off by besides a third: pieces of work are whole, and arrays grow in steps.
GRAIN = {"goroutines": 4, "heap": 1 << 20, "off_heap": 1 << 20, "fds": 2}
# What a healthy program's figures may rise by in the last third of a run.
SLACK = {"goroutines": 12, "heap": 2 << 20, "off_heap": 3 << 20, "fds": 6}
# Loads with which a healthy program's figures rise until the end.
RISING = ("up", "double", "step")
THRESHOLDS = ("10", "50", "100", "1000", "10000")
# What the issue of verdicts asks for: --check fails below.
RECALL_MIN, SITE_MIN, VERDICT_S = 0.95, 0.95, 60


# ---- what there is ----

def labels(folder):
    with open(os.path.join(folder, "labels.tsv"), encoding="utf-8") as f:
        head = f.readline().lstrip("#").rstrip("\n").split("\t")
        return [dict(zip(head, line.rstrip("\n").split("\t"))) for line in f]


def from_reports(folder, rows):
    for label in rows:
        path = os.path.join(folder, label["name"] + ".json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        if lines:
            yield label, {"report": json.loads(lines[0]), "changes": [], "baselines": None}


def from_tapes(folder, rows):
    paths = {os.path.join(folder, r["name"] + ".tape"): r for r in rows}
    paths = {p: r for p, r in paths.items() if os.path.exists(p)}
    judge = subprocess.run([JUDGE, *paths], stdout=subprocess.PIPE, text=True, check=False)
    for line in judge.stdout.splitlines():
        judged = json.loads(line)
        if judged["error"] or not judged["report"]:
            print(f"{judged['tape']}: {judged['error'] or 'no process'}", file=sys.stderr)
        else:
            yield paths[judged["tape"]], judged


# ---- one case ----

def finding_of(report, kinds):
    """The first finding of an expected kind, or the first at all."""
    found = [f for f in report["findings"] if f["kind"] in kinds] or report["findings"]
    return found[0] if found else None


def right_site(label, finding):
    """None: not asked for."""
    if label["site"] != "required" or not finding or finding["kind"] not in SITED:
        return None
    site, also = finding["site"], label["also"].split(",")
    if site and site["function"] == label["function"] and label["function"].startswith("main.") \
            and finding["kind"] == "goroutine-leak":
        return str(site["line"]) == label["line"]
    names = [site["function"]] if site else []
    names += [s["function"] for s in finding["alloc_sites"] or []][:1]
    return any(n == label["function"] or n in also for n in names)


class Result:
    """One case, scored."""

    def __init__(self, label, judged):
        self.kinds = label["kinds"].split(",")
        self.label, self.name, self.kind = label, label["name"], self.kinds[0]
        self.leak = self.kind in LEAKS
        report = judged["report"]
        self.verdict, self.summary = report["verdict"], report["summary"]
        self.finding = finding_of(report, self.kinds)
        self.confidence = self.finding["confidence"] if self.finding else None
        self.findings = [f for f in report["findings"] if f["kind"] in LEAKS and
                         f["state"] in ("flagged", "paused")]
        self.right = self.verdict in self.kinds
        self.site = right_site(label, self.finding) if self.right else None
        # of healthy ones: a leak, said of what is none, in the end or for a while
        self.alarm = not self.leak and self.verdict in LEAKS
        self.alarmed = [c for c in judged["changes"] if c[1] in LEAKS] if not self.leak else []
        self.seconds = self.time_to_verdict(judged["changes"])
        self.baselines = judged["baselines"]
        self.bytes, self.us = judged.get("bytes"), judged.get("us_per_look")

    def time_to_verdict(self, changes):
        """From the onset, or from the begin of the observation."""
        onset = max(0, float(self.label["onset_s"]))
        times = [c[0] - onset for c in changes if c[1] in self.kinds and c[0] >= onset]
        return times[0] if self.leak and times else None

    def true_findings(self):
        """(confidence, whether it is true) of each finding of a leak."""
        for f in self.findings:
            site = right_site(self.label, f)
            yield f["confidence"], f["kind"] in self.kinds and self.leak and site is not False

    def row(self):
        mark = "ok" if self.right else "ALARM" if self.alarm else "wrong"
        site = {None: "-", True: "yes", False: "NO"}[self.site]
        confidence = "-" if self.confidence is None else f"{self.confidence:.2f}"
        seconds = "-" if self.seconds is None else f"{self.seconds:.0f}s"
        return (f"{mark:6}{self.name:32}{self.kind:17}{self.verdict:17}{site:5}{confidence:6}"
                f"{seconds}")

    def place(self):
        site = self.finding and self.finding["site"]
        if site:
            return f"{site['function']} {os.path.basename(site['file'] or '?')}:{site['line']}"
        allocs = self.finding and self.finding["alloc_sites"]
        return f"{allocs[0]['function']}" if allocs else ""


# ---- tables ----

def share(part, whole):
    return f"{part} of {whole}" + (f" ({part / whole:.2f})" if whole else "")


def quantiles(seconds):
    if not seconds:
        return "-"
    s = sorted(seconds)
    return f"{statistics.median(s):.0f}, {s[int(0.9 * (len(s) - 1))]:.0f}, {s[-1]:.0f}"


def table(head, rows, markdown):
    if markdown:
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for r in rows:
            print("| " + " | ".join(r) + " |")
    else:
        width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
        for r in [head, *rows]:
            print("  ".join(c.ljust(w) for c, w in zip(r, width)).rstrip())
    print()


def kind_rows(results):
    healthy = [r for r in results if not r.leak]
    for kind in LEAKS:
        of = [r for r in results if r.kind == kind]
        sited = [r for r in of if r.site is not None]
        said = [r for r in results if r.verdict == kind]
        yield [kind, share(sum(r.right for r in of), len(of)),
               share(sum(kind in r.kinds for r in said), len(said)),
               share(sum(r.site for r in sited), len(sited)) if sited else "-",
               quantiles([r.seconds for r in of if r.seconds is not None]),
               str(sum(r.verdict == kind for r in healthy)),
               str(sum(any(c[1] == kind for c in r.alarmed) for r in healthy))]


def detector(name, results, says):
    """A row on a detector that says yes or no (or a place) of each case."""
    leaks, healthy = [r for r in results if r.leak], [r for r in results if not r.leak]
    found, alarms = sum(bool(says(r)) for r in leaks), sum(bool(says(r)) for r in healthy)
    goroutines = [r for r in leaks if r.kind == "goroutine-leak"]
    return [name, share(found, len(leaks)),
            share(sum(bool(says(r)) for r in goroutines), len(goroutines)),
            share(alarms, len(healthy)), f"{found / (found + alarms):.2f}" if found + alarms else "-"]


def detector_rows(results):
    yield detector("gotide", results, lambda r: r.right if r.leak else r.alarm)
    if any(r.baselines is None for r in results):
        return
    for t in THRESHOLDS:
        yield detector(f"{t} goroutines blocked at one site", results,
                       lambda r, t=t: r.baselines["threshold"][t])
    yield detector("Mann-Kendall on RSS, p < 0.05", results, lambda r: r.baselines["mk_rss"])
    yield detector("Mann-Kendall on live heap, p < 0.05", results,
                   lambda r: r.baselines["mk_heap"])


def confidence_rows(results):
    findings = [f for r in results for f in r.true_findings()]
    edges = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
    for low, high in zip(edges, edges[1:]):
        of = [(c, ok) for c, ok in findings if low <= c < high]
        if of:
            yield [f"{low:.1f} to {min(high, 1):.1f}", str(len(of)),
                   share(sum(ok for _, ok in of), len(of)),
                   f"{statistics.mean(c for c, _ in of):.2f}"]


def tables(results, markdown):
    healthy = [r for r in results if not r.leak]
    table(["kind", "recall", "precision", "right site", "seconds to verdict (50 %, 90 %, all)",
           "false alarms", "for a while"], list(kind_rows(results)), markdown)
    table(["detector", "leaks found", "of goroutines", "false alarms", "precision"],
          list(detector_rows(results)), markdown)
    table(["confidence", "findings", "true", "mean confidence"], list(confidence_rows(results)),
          markdown)
    print(f"{len(results)} cases, {len(healthy)} of them healthy, of which "
          f"{share(sum(r.right for r in healthy), len(healthy))} are said to be what they are.")
    sizes = [r.bytes for r in results if r.bytes]
    if sizes:
        print(f"Tapes: {sum(sizes) / len(sizes) / 1024:.1f} KiB on average, "
              f"{max(sizes) / 1024:.1f} KiB at most.")


def print_cases(results):
    print("      case                            truth            verdict          site conf  after")
    for r in sorted(results, key=lambda r: (r.right and r.site is not False, not r.alarm, r.name)):
        print(r.row())
        if not r.right or r.site is False:
            print(f"        {r.summary}" + (f" [{r.place()}]" if r.place() else ""))
        elif r.alarmed:
            print("        for a while: " + ", ".join(f"{c[1]} at {c[0]:.0f}s ({c[2]:.2f})"
                                                     for c in r.alarmed))
    print()


def check(results):
    """Whether the figures are reached; says which are not."""
    leaks = [r for r in results if r.leak]
    sited = [r for r in leaks if r.site is not None]
    found, placed = [r for r in leaks if r.right], [r for r in sited if r.site]
    slow = [r.name for r in found if r.seconds is not None and r.seconds > VERDICT_S]
    wrong = []
    if len(found) < RECALL_MIN * len(leaks):
        wrong.append(f"recall {len(found)} of {len(leaks)}")
    if len(placed) < SITE_MIN * len(sited):
        wrong.append(f"right site {len(placed)} of {len(sited)}")
    wrong += [f"false alarm: {r.name}" for r in results if r.alarm]
    if len(slow) > (1 - RECALL_MIN) * len(found):
        wrong.append(f"verdict after more than {VERDICT_S} s: {', '.join(slow)}")
    for text in wrong:
        print("FAILED:", text)
    return not wrong


def score(folder, opts):
    rows = labels(folder)
    has_tapes = any(os.path.exists(os.path.join(folder, r["name"] + ".tape")) for r in rows)
    results = [Result(*x) for x in (from_tapes if has_tapes else from_reports)(folder, rows)]
    if not results:
        sys.exit(f"score.py: {folder}: neither tapes nor reports")
    if not opts.markdown:
        print_cases(results)
    tables(results, opts.markdown)
    return check(results) if opts.check else True


def report(folder):
    score(folder, argparse.Namespace(markdown=False, check=False))


# ---- the programs' own figures ----

def rise(samples, key, over):
    """Of the lowest of the last third over the lowest (min) or highest (max) of the third before."""
    third = len(samples) // 3
    return min(s[key] for s in samples[-third:]) - over(s[key] for s in samples[-2 * third:-third])


def verify(done):
    """Whether programs do what their labels say, by their own figures; the number that do not."""
    wrong = 0
    print("      case                            figure       rises by       expected   at the end, peak RSS")
    for c in done:
        if not c.samples:
            continue
        kind = c.facts["kind"]
        last, peak = c.samples[-1], max(s["rss"] for s in c.samples)
        rising = c.facts["shape"] in RISING
        for key in [GROWS[kind]] if kind in GROWS else [] if rising else list(SLACK):
            got = rise(c.samples, key, min if kind in GROWS else max)
            want = float(c.facts["growth"]) * c.seconds / 3 if kind in GROWS else 0
            ok = abs(got - want) <= want / 3 + GRAIN[key] if want else got <= SLACK[key]
            wrong += not ok
            if kind in GROWS or not ok:
                print(f"{'ok' if ok else 'WRONG':6}{c.name:32}{key:11}{got:11}{want:15.0f}"
                      f"{last[key]:13}{peak >> 20:6} MiB")
        if peak > 150 << 20:
            wrong += 1
            print(f"WRONG {c.name:32}peak RSS {peak >> 20} MiB")
    print(f"{len(done)} programs, {wrong} faults")
    return wrong


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", help="of tapes or reports, with labels.tsv")
    p.add_argument("--markdown", action="store_true", help="only the tables, for docs/accuracy.md")
    p.add_argument("--check", action="store_true", help="fail if the figures are not reached")
    opts = p.parse_args()
    sys.exit(0 if score(opts.folder, opts) else 1)


if __name__ == "__main__":
    main()
