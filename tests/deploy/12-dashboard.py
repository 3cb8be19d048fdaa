#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard and the alerts ask for metrics that the agent has, and promtool can read what the
dashboard asks."""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import daemons  # pylint: disable=wrong-import-position
import lib  # pylint: disable=wrong-import-position


def text_of(*path):
    with open(os.path.join(lib.ROOT, *path), encoding="utf-8") as f:
        return f.read()


def plain(expr):
    """What Grafana would send."""
    return re.sub(r"\$__(rate_)?interval", "5m", expr).replace("$", "")


def main():
    promtool = daemons.fetched("tools")("promtool")
    families = set(re.findall(r'FAMILY\(\w+, "(\w+)"', text_of("user", "view", "metrics.c")))
    lib.check(len(families) > 30, f"only {len(families)} families in metrics.c")
    board = json.loads(text_of("deploy", "grafana-dashboard.json"))
    exprs = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
    asked = exprs + [v["definition"] for v in board["templating"]["list"] if "definition" in v]
    lib.check(len(exprs) > 30, f"only {len(exprs)} expressions")
    for where, text in (("dashboard", "\n".join(asked)),
                        ("alerts", text_of("deploy", "prometheus-rules.yaml"))):
        names = set(re.findall(r"\bgotide_\w+", text))
        lib.equal(sorted(names - families), [], f"{where}: metrics that the agent does not have")
    # JSON is YAML, too
    rules = [{"record": f"panel:{i}", "expr": plain(e)} for i, e in enumerate(exprs)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
        f.flush()
        done = subprocess.run([promtool, "check", "rules", f.name], capture_output=True, text=True,
                              check=False)
    lib.check(f"{len(exprs)} rules found" in done.stdout, f"promtool: {done.stdout}{done.stderr}")
    grid = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    lib.equal(len(set(grid)), len(grid), "panels at places of their own")
    lib.finish()


main()
