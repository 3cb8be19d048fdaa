#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what gotide reported with the labels of the corpus, and the programs' own figures with
them.  Usage: score.py DIR, a folder that run.py --report has filled."""

import json
import os
import sys

# Loads with which a healthy program's figures rise until the end.
RISING = ("up", "double", "step")
LEAKS = ("goroutine-leak", "heap-retention", "off-heap-growth", "fd-leak")
# What grows, in a program's own figures.
GROWS = {"goroutine-leak": "goroutines", "heap-retention": "heap", "off-heap-growth": "off_heap",
         "fd-leak": "fds"}
# What a leak may be off by besides a third: pieces of work are whole, and arrays grow in steps.
GRAIN = {"goroutines": 4, "heap": 1 << 20, "off_heap": 1 << 20, "fds": 2}
# What a healthy program's lowest figures of the last third may be above the highest of the third before.
SLACK = {"goroutines": 12, "heap": 2 << 20, "off_heap": 3 << 20, "fds": 6}


def labels(folder):
    with open(os.path.join(folder, "labels.tsv"), encoding="utf-8") as f:
        head = f.readline().lstrip("#").rstrip("\n").split("\t")
        return [dict(zip(head, line.rstrip("\n").split("\t"))) for line in f]


def finding_of(report, kinds):
    """The first finding of an expected kind, or the first at all."""
    found = [f for f in report["findings"] if f["kind"] in kinds] or report["findings"]
    return found[0] if found else None


def right_site(label, finding):
    """None: not asked for."""
    if label["site"] != "required" or not finding:
        return None
    also = label["also"].split(",")
    names = [finding["site"]["function"]] if finding["site"] else []
    names += [s["function"] for s in finding.get("heap_sites") or []][:1]
    if finding["site"] and finding["site"]["function"] == label["function"] and \
            label["function"].startswith("main.") and finding["kind"] == "goroutine-leak":
        return str(finding["site"]["line"]) == label["line"]
    return any(n == label["function"] or n in also for n in names)


class Result:
    """One case, scored."""

    def __init__(self, label, report):
        kinds = label["kinds"].split(",")
        self.name, self.kinds = label["name"], label["kinds"]
        self.leak = kinds[0] in LEAKS
        self.verdict = report["verdict"]
        self.summary = report["summary"]
        self.finding = finding_of(report, kinds)
        self.confidence = self.finding["confidence"] if self.finding else None
        self.right = self.verdict in kinds
        self.site = right_site(label, self.finding) if self.right else None
        # of healthy ones: a leak, said of what is none
        self.alarm = not self.leak and self.verdict in LEAKS
        self.places = ""
        if self.finding and self.finding["site"]:
            s = self.finding["site"]
            self.places = f"{s['function']} {os.path.basename(s['file'] or '?')}:{s['line']}"

    def __str__(self):
        mark = "ok" if self.right else "ALARM" if self.alarm else "wrong"
        site = {None: "-", True: "yes", False: "NO"}[self.site]
        confidence = "-" if self.confidence is None else f"{self.confidence:.2f}"
        return f"{mark:6}{self.name:32}{self.kinds.split(',')[0]:17}{self.verdict:17}{site:5}{confidence}"


def share(part, whole):
    return f"{part}/{whole}" + (f" ({part / whole:.2f})" if whole else "")


def summary(results):
    leaks = [r for r in results if r.leak]
    fine = [r for r in results if not r.leak]
    print("\nkind               recall            right site        false alarms of this kind")
    for kind in LEAKS:
        of = [r for r in leaks if r.kinds.split(",")[0] == kind]
        sited = [r for r in of if r.site is not None]
        print(f"{kind:19}{share(sum(r.right for r in of), len(of)):18}"
              f"{share(sum(r.site for r in sited), len(sited)):18}"
              f"{sum(r.alarm and r.verdict == kind for r in fine)}")
    print(f"{'all leaks':19}{share(sum(r.right for r in leaks), len(leaks)):18}"
          f"{'':18}{sum(r.alarm for r in fine)}")
    print(f"healthy: {share(sum(r.right for r in fine), len(fine))} right")
    print("\nconfidence   findings of leaks   true")
    for low in (0.0, 0.5, 0.7, 0.8, 0.9):
        high = {0.0: 0.5, 0.5: 0.7, 0.7: 0.8, 0.8: 0.9, 0.9: 1.01}[low]
        of = [r for r in results if r.verdict in LEAKS and r.confidence is not None
              and low <= r.confidence < high]
        print(f"{low:.1f}-{min(high, 1):.1f}      {len(of):<20}{sum(r.right for r in of)}")


def report(folder):
    """Prints the table of a folder of reports; the number of false alarms."""
    results = []
    for label in labels(folder):
        path = os.path.join(folder, label["name"] + ".json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        if lines:
            results.append(Result(label, json.loads(lines[0])))
    results.sort(key=lambda r: (r.right and r.site is not False, not r.alarm, r.name))
    print("      case                            truth            verdict          site confidence")
    for r in results:
        print(r)
        if not r.right or r.site is False:
            print(f"        {r.summary}" + (f" [{r.places}]" if r.places else ""))
    summary(results)
    return sum(r.alarm for r in results)


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


if __name__ == "__main__":
    report(sys.argv[1])
