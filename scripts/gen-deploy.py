#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the files below deploy/ that are made from others: the PrometheusRule object from the rules,
the seccomp profile from the agent's own filter, and the dashboard for Grafana from the tables in this
file.  --check: only says which are not what
they would be (exit 1 if any)."""

import argparse
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEPLOY = os.path.join(ROOT, "deploy")

RULE_OBJECT = """\
# SPDX-License-Identifier: BSD-2-Clause
# Made by scripts/gen-deploy.py from deploy/prometheus-rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: gotide
  namespace: gotide
spec:
"""


def rule_object():
    with open(os.path.join(DEPLOY, "prometheus-rules.yaml"), encoding="utf-8") as f:
        text = f.read()
    rules = text[text.index("groups:"):]
    return RULE_OBJECT + "".join("  " + line if line.strip() else line
                                 for line in rules.splitlines(keepends=True))


# ---- the seccomp profile: what the agent's own filter lets through, and what comes before it ----

# Of the program and its libraries, until the filter is on: threads of libbpf's trials, the BPF
# programs, the sockets, giving up capabilities.
START_CALLS = """
    arch_prctl bind bpf capget capset clone clone3 dup dup3 epoll_create1 eventfd2 execve fork
    inotify_init1 listen memfd_create perf_event_open pipe2 prctl rseq seccomp set_robust_list
    set_tid_address setsockopt socket socketpair uname vfork wait4 waitid
""".split()
# Of runc, which turns the filter on before it starts the program.
RUNTIME_CALLS = """
    chdir getcwd prlimit64 setgid setgroups setresgid setresuid setuid sigaltstack tgkill umask
    unlinkat
""".split()


def seccomp_profile():
    with open(os.path.join(ROOT, "user", "session", "calls.c"), encoding="utf-8") as f:
        own = re.findall(r"SCMP_SYS\((\w+)\)", f.read())
    # The C library does without it, if told that there is none; the agent's filter says the same.
    names = sorted({*own, *START_CALLS, *RUNTIME_CALLS} - {"openat2"})
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
               "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
                           {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []}],
               "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"},
                            {"names": ["openat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
    return json.dumps(profile, indent=2) + "\n"


# ---- the dashboard: from all nodes to one go statement ----

# What the variables choose; of the nodes first, then of one pod or process.
NODES = 'instance=~"$instance"'
ONE = f'{NODES}, namespace=~"$namespace", pod=~"$pod", pid=~"$pid"'
WHO = "{{comm}} {{pod}} {{pid}}"
WIDTH = 24  # of Grafana's grid


def target(expr, legend="", table=False):
    one = {"datasource": {"type": "prometheus", "uid": "${datasource}"}, "expr": expr,
           "legendFormat": legend}
    if table:
        one.update(format="table", instant=True)
    return one


def panel(kind, title, width, targets, unit="short", **more):
    for ref, one in zip("ABCDEFGH", targets):
        one["refId"] = ref
    return {"type": kind, "title": title, "gridPos": {"w": width, "h": more.pop("height", 8)},
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0, **more.pop("defaults", {})},
                            "overrides": more.pop("overrides", [])},
            "targets": targets, **more}


def graph(title, unit, *targets, width=8, stack=False):
    custom = {"fillOpacity": 20 if stack else 0, "showPoints": "never",
              "stacking": {"mode": "normal" if stack else "none"}}
    return panel("timeseries", title, width, list(targets), unit, defaults={"custom": custom},
                 options={"tooltip": {"mode": "multi", "sort": "desc"},
                          "legend": {"displayMode": "list", "placement": "bottom"}})


def stat(title, expr, unit="short", warn=None):
    steps = [{"color": "green", "value": None}]
    if warn is not None:
        steps.append({"color": "orange", "value": warn})
    return panel("stat", title, 4, [target(expr)], unit, height=4,
                 defaults={"thresholds": {"mode": "absolute", "steps": steps}},
                 options={"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"})


def table(title, expr, columns, unit="short", width=24, value="value", link=None):
    """The columns are labels, in this order, and the value last."""
    order = {name: i for i, name in enumerate([*columns, "Value"])}
    overrides = [{"matcher": {"id": "byName", "options": value},
                  "properties": [{"id": "unit", "value": unit}]}]
    if link:
        column, url = link
        overrides.append({"matcher": {"id": "byName", "options": column},
                          "properties": [{"id": "links",
                                          "value": [{"title": f"only this {column}", "url": url}]}]})
    organize = {"id": "organize",
                "options": {"excludeByName": {"Time": True}, "indexByName": order,
                            "renameByName": {"Value": value}}}
    return panel("table", title, width, [target(expr, table=True)], overrides=overrides,
                 transformations=[organize], options={"sortBy": [{"displayName": value, "desc": True}]})


def narrowed(**variables):
    """The dashboard again, with these variables set; the time range stays."""
    words = [f"var-{name}=${{__data.fields.{field}}}" for name, field in variables.items()]
    return "/d/gotide/gotide?" + "&".join(["var-datasource=${datasource}", *words, "${__url_time_range}"])


def fleet():
    findings = f"gotide_finding{{{NODES}}}"
    return [
        stat("Agents", f"count(gotide_build_info{{{NODES}}})"),
        stat("Go programs watched", f"sum(gotide_agent_processes{{{NODES}}})"),
        stat("Goroutine leaks", f'count(gotide_finding{{kind="goroutine-leak", {NODES}}}) or vector(0)',
             warn=1),
        stat("Other leaks", f'count(gotide_finding{{kind=~"heap-retention|off-heap-growth|fd-leak", '
             f'{NODES}}}) or vector(0)', warn=1),
        stat("Near their limit", f'count(gotide_finding{{kind="oom-risk", {NODES}}}) or vector(0)',
             warn=1),
        stat("Refused in the last hour", f"sum(increase(gotide_agent_refused_total{{{NODES}}}[1h]))"),
        table("Findings", "max by (instance, namespace, pod, container, comm, pid, kind, function, "
              f"source) ({findings})",
              ["instance", "namespace", "pod", "container", "comm", "pid", "kind", "function", "source"],
              "percentunit", value="confidence",
              link=("pid", narrowed(instance="instance", namespace="namespace", pod="pod", pid="pid"))),
        table("By node", f"count by (instance, verdict) (gotide_verdict{{{NODES}}})",
              ["instance", "verdict"], width=12, value="programs",
              link=("instance", narrowed(instance="instance"))),
        graph("Findings", "short", target(f"count by (kind) ({findings})", "{{kind}}"), width=12,
              stack=True),
    ]


def node():
    return [
        graph("Goroutines, the ten with most", "short",
              target(f"topk(10, gotide_goroutines{{{ONE}}})", WHO)),
        graph("Live heap, the ten largest", "bytes",
              target(f"topk(10, gotide_heap_live_bytes{{{ONE}}})", WHO)),
        graph("Resident, the ten largest", "bytes",
              target("topk(10, sum by (comm, pod, pid) (gotide_rss_bytes"
                     f'{{kind!="swap", {ONE}}}))', WHO)),
        graph("Until the limit is reached", "s", target(f"gotide_oom_seconds{{{ONE}}}", WHO)),
        graph("Memory of the pod, of its limit", "percentunit",
              target(f"gotide_pod_memory_bytes{{{ONE}}} / gotide_pod_memory_limit_bytes{{{ONE}}}", WHO)),
        graph("Memory of the control group, of its limit", "percentunit",
              target(f"gotide_cgroup_memory_bytes{{{ONE}}} / gotide_memory_limit_bytes{{{ONE}}}", WHO)),
    ]


def process():
    return [
        table("What it is", f"gotide_process_info{{{ONE}}}",
              ["instance", "namespace", "pod", "container", "comm", "pid", "exe", "go_version",
               "stripped", "container_id"]),
        graph("Goroutines", "short", target(f"gotide_goroutines{{{ONE}}}", WHO)),
        graph("Goroutines started and ended", "ops",
              target(f"rate(gotide_goroutines_started_total{{{ONE}}}[$__rate_interval])",
                     f"{WHO} started"),
              target(f"rate(gotide_goroutines_exited_total{{{ONE}}}[$__rate_interval])",
                     f"{WHO} ended")),
        graph("Goroutines waiting", "short",
              target(f"sum by (reason) (gotide_goroutines_waiting{{{ONE}}})", "{{reason}}"), stack=True),
        graph("Heap", "bytes", target(f"gotide_heap_live_bytes{{{ONE}}}", f"{WHO} live"),
              target(f"gotide_heap_inuse_bytes{{{ONE}}}", f"{WHO} in use"),
              target(f"gotide_heap_idle_bytes{{{ONE}}} - gotide_heap_released_bytes{{{ONE}}}",
                     f"{WHO} idle, kept"),
              target(f"gotide_heap_goal_bytes{{{ONE}}}", f"{WHO} next collection")),
        graph("Resident", "bytes", target(f"sum by (kind) (gotide_rss_bytes{{{ONE}}})", "{{kind}}"),
              stack=True),
        graph("Outside of the Go heap", "bytes",
              target(f"gotide_off_heap_bytes{{{ONE}}}", f"{WHO} outside of Go"),
              target(f"gotide_stacks_inuse_bytes{{{ONE}}}", f"{WHO} stacks")),
        graph("Allocated", "Bps",
              target(f"rate(gotide_heap_allocated_bytes_total{{{ONE}}}[$__rate_interval])", WHO)),
        graph("Collections", "ops",
              target(f"rate(gotide_gc_cycles_total{{{ONE}}}[$__rate_interval])", WHO)),
        graph("Stopped by the collector", "percentunit",
              target(f"rate(gotide_gc_pause_seconds_total{{{ONE}}}[$__rate_interval])", WHO)),
        graph("Descriptors", "short", target(f"sum by (kind) (gotide_open_fds{{{ONE}}})", "{{kind}}"),
              stack=True),
        graph("Objects", "short", target(f"gotide_heap_objects{{{ONE}}}", WHO)),
        graph("Timers", "short", target(f"gotide_timers{{{ONE}}}", WHO)),
    ]


def site():
    place = "{{function}} {{source}}"
    return [
        graph("Goroutines by go statement", "short",
              target(f"gotide_site_goroutines{{{ONE}}}", place), width=12),
        graph("Of these, that have outlived what ends", "short",
              target(f"gotide_site_survivors{{{ONE}}}", place), width=12),
        table("Go statements", "sort_desc(max by (instance, namespace, pod, comm, pid, function, "
              f"source) (gotide_site_goroutines{{{ONE}}}))",
              ["instance", "namespace", "pod", "comm", "pid", "function", "source"],
              value="goroutines"),
    ]


def agent():
    per_node = "sum by (instance)"
    return [
        graph("CPU of the agent", "percentunit",
              target(f"rate(gotide_agent_cpu_seconds_total{{{NODES}}}[$__rate_interval])",
                     "{{instance}}")),
        graph("Memory of the agent", "bytes",
              target(f"gotide_agent_resident_memory_bytes{{{NODES}}}", "{{instance}}")),
        graph("Its price to what it watches", "percentunit",
              target(f"{per_node} (rate(gotide_probe_cost_seconds_total{{{NODES}}}[$__rate_interval]))",
                     "{{instance}}")),
        graph("Events", "ops",
              target("sum by (outcome) (rate(gotide_agent_events_total"
                     f"{{{NODES}}}[$__rate_interval]))", "{{outcome}}")),
        graph("Hits of probes", "ops",
              target(f"rate(gotide_agent_probe_hits_total{{{NODES}}}[$__rate_interval])",
                     "{{instance}}")),
        graph("Refused", "ops",
              target("sum by (reason) (rate(gotide_agent_refused_total"
                     f"{{{NODES}}}[$__rate_interval]))", "{{reason}}")),
    ]


def laid_out():
    """Panels from left to right, rows of them below each other; numbered."""
    sections = [("Fleet", fleet()), ("Node", node()), ("Pod, process", process()),
                ("Site", site()), ("Agents", agent())]
    x = y = high = number = 0
    for title, panels in sections:
        y, x, high = y + high, 0, 0
        row = {"type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"w": WIDTH, "h": 1}}
        for one in [row, *panels]:
            pos = one["gridPos"]
            if x + pos["w"] > WIDTH:
                x, y, high = 0, y + high, 0
            pos.update(x=x, y=y)
            x, high, number = x + pos["w"], max(high, pos["h"]), number + 1
            one["id"] = number
            yield one


def variable(name, query):
    return {"name": name, "type": "query", "refresh": 2, "sort": 1, "multi": True,
            "includeAll": True, "allValue": ".*",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "definition": query, "query": {"query": query, "refId": name},
            "current": {"text": ["All"], "value": ["$__all"]}}


def dashboard():
    chosen = 'gotide_process_info{instance=~"$instance"'
    variables = [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        variable("instance", "label_values(gotide_build_info, instance)"),
        variable("namespace", f"label_values({chosen}}}, namespace)"),
        variable("pod", f'label_values({chosen}, namespace=~"$namespace"}}, pod)'),
        variable("pid", f'label_values({chosen}, namespace=~"$namespace", pod=~"$pod"}}, pid)'),
    ]
    board = {"uid": "gotide", "title": "gotide", "tags": ["go", "memory"], "schemaVersion": 38,
             "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"},
             "templating": {"list": variables}, "annotations": {"list": []},
             "panels": list(laid_out())}
    return json.dumps(board, indent=1) + "\n"


FILES = {
    "kubernetes/components/alerts/prometheusrule.yaml": rule_object,
    "kubernetes/components/seccomp/gotide.json": seccomp_profile,
    "grafana-dashboard.json": dashboard,
}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--check", action="store_true")
    check = p.parse_args().check
    stale = []
    for name, make in FILES.items():
        path, text = os.path.join(DEPLOY, name), make()
        if not check:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            continue
        try:
            with open(path, encoding="utf-8") as f:
                same = f.read() == text
        except FileNotFoundError:
            same = False
        stale += [] if same else [f"deploy/{name}"]
    if stale:
        print("not up to date, run scripts/gen-deploy.py:", *stale)
    sys.exit(1 if stale else 0)


main()
