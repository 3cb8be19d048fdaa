#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Metrics as others read them: Debian's promtool, which also looks at names and units, and the strict
parser of OpenMetrics that Prometheus' client library for Python has.  The figures are those at the
end of tapes; needs no root."""

import json
import os
import subprocess
import sys

import daemons
import lib

TOOL = os.path.join(lib.OUTPUT, "live", "metrics")
TAPES = os.path.join(lib.ROOT, "tests", "corpus")
# A leak of each kind, a healthy program, and large ones that others wrote.
NAMES = ["tapes/chanrecv-up", "tapes/mapcache-fast-noise", "tapes/mmap-slow-noise",
         "tapes/fdpipes-fast-noise", "tapes/ok-httpclient", "tapes-daemons/daemon-etcd",
         "tapes-daemons/daemon-esbuild-0.28.2", "tapes-daemons/daemon-turbo-1.6.3"]
GOLDEN = os.path.join(lib.ROOT, "tests", "golden")


def parsers():
    """Of the text and of OpenMetrics: Debian's, also where another Python comes first."""
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        # pylint: disable=import-outside-toplevel
        from prometheus_client import parser as text
        from prometheus_client.openmetrics import parser as openmetrics
    except ImportError:
        lib.skip("needs python3-prometheus-client")
    return text.text_string_to_metric_families, openmetrics.text_string_to_metric_families


def parsed(name, parse, text):
    """Series and their values.  A quantile is written as 1 in the one, as 1.0 in the other."""
    series = {}
    try:
        families = list(parse(text))
    except ValueError as e:
        lib.check(False, f"{name}: {e}")
        return series
    for family in families:
        lib.check(family.documentation, f"{name}: {family.name} has no help")
        for s in family.samples:
            labels = dict(s.labels)
            if "quantile" in labels:
                labels["quantile"] = float(labels["quantile"])
            key = (s.name, json.dumps(labels, sort_keys=True))
            lib.check(key not in series, f"{name}: {key} comes twice")
            series[key] = float(s.value)
    return series


def promtool_likes(name, promtool, text):
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                          capture_output=True, check=False)
    lib.equal((done.returncode, done.stdout + done.stderr), (0, ""), f"{name}: promtool")


def written(form, tape):
    return subprocess.run([TOOL, form, tape], text=True, capture_output=True, check=True).stdout


def compare(name, parse_text, parse_open, promtool):
    """Both formats are valid, and say the same."""
    tape = os.path.join(TAPES, name + ".tape")
    text, openmetrics = written("text", tape), written("openmetrics", tape)
    promtool_likes(name, promtool, text)
    one, other = parsed(name, parse_text, text), parsed(name, parse_open, openmetrics)
    lib.check(len(one) > 50, f"{name}: {len(one)} series")
    for key in sorted(one.keys() ^ other.keys()):
        lib.check(False, f"{name}: only in one format: {key}")
    for key in one.keys() & other.keys():
        lib.equal(one[key], other[key], f"{name}: {key}")
    report = lib.reports(lib.gotide("report", "-j", tape)[1])
    agrees(name, one, list(report.values()))


def agrees(name, series, reports):
    """What the report of the same tape says of the process."""
    lib.equal(len(reports), 1, f"{name}: processes on the tape")
    report = reports[0]
    got = {key[0]: value for key, value in series.items()}
    for metric, want in (("gotide_goroutines", report["goroutines"]["live"]),
                         ("gotide_goroutines_started_total", report["goroutines"]["born"]),
                         ("gotide_heap_live_bytes", report["heap"]["live_bytes"]),
                         ("go_memstats_heap_objects", report["heap"]["objects"]),
                         ("process_open_fds", report["fds"])):
        lib.equal(got.get(metric), want, f"{name}: {metric}")
    verdicts = [json.loads(key[1])["verdict"] for key in series if key[0] == "gotide_verdict"]
    lib.equal(verdicts, [report["verdict"]], f"{name}: verdict")
    stands = sorted(f["kind"] for f in report["findings"] if f["state"] in ("flagged", "paused"))
    found = sorted(json.loads(key[1])["kind"] for key in series if key[0] == "gotide_finding")
    lib.equal(found, stands, f"{name}: findings")


def main():
    parse_text, parse_open = parsers()
    promtool = daemons.fetched("tools")("promtool")
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL, lib.GOTIDE],
                   check=True)
    for name in NAMES:
        compare(name, parse_text, parse_open, promtool)
    # What the unit tests hold the code against: hostile names are in one of them.
    for name in ("leak.openmetrics", "hostile.openmetrics", "leak.prom", "unknown.prom"):
        with open(os.path.join(GOLDEN, name), encoding="utf-8") as f:
            text = f.read()
        is_open = name.endswith("openmetrics")
        lib.check(parsed(name, parse_open if is_open else parse_text, text), f"{name}: empty")
        if not is_open:
            promtool_likes(name, promtool, text)
    lib.finish()


main()
