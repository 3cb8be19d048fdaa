#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""From end to end: a program leaks in a container that lies and logs as a pod's does; the image runs
beside it with the privileges of the DaemonSet and its seccomp profile; a real Prometheus scrapes it,
with our alerts, and is watched by it.  The alert fires, and names function, pod and container."""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import daemons  # pylint: disable=wrong-import-position
import lib  # pylint: disable=wrong-import-position

DEPLOY = os.path.join(lib.ROOT, "deploy")
UID = "8d7c6f1e-3f5b-4a77-9d0a-0b1d2e3f4a5b"
LIMIT = 271 << 20  # bytes
RATE = 7  # leaked goroutines per second
DEADLINE_S = 300
# What a machine without CAP_SYS_RESOURCE lets runc set.
ENGINE = ["--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]


def podman(*args):
    done = subprocess.run(["podman", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"podman {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


def need_engine(tag):
    """Skips where podman runs no container at all: that is the machine's matter."""
    done = subprocess.run(["podman", "run", "--rm", "--network", "none", *ENGINE, tag, "-help"],
                          capture_output=True, text=True, check=False)
    if "of /shop" not in done.stdout + done.stderr:
        lib.skip("podman runs no containers here: " + (done.stderr.strip().splitlines() or ["?"])[-1])


def image(tag, folder, files):
    """An image of these files, the first of which is run."""
    for name, path in files.items():
        shutil.copy(path, os.path.join(folder, name))
    with open(os.path.join(folder, "Containerfile"), "w", encoding="ascii") as f:
        f.write(f"FROM scratch\nCOPY {' '.join(files)} /\nENTRYPOINT [\"/{next(iter(files))}\"]\n")
    subprocess.run(["buildah", "build", "-q", "--isolation", "chroot", "-t", tag, folder],
                   stdout=subprocess.DEVNULL, check=True)


@contextlib.contextmanager
def container(name, *args):
    """Its id; killed and removed at the end."""
    subprocess.run(["podman", "rm", "-f", name], capture_output=True, check=False)
    try:
        yield podman("run", "-d", "--name", name, *ENGINE, *args)
    finally:
        subprocess.run(["podman", "rm", "-f", name], capture_output=True, check=False)


def forget():
    """What podman leaves: the images, and the control groups above those of the containers."""
    subprocess.run(["podman", "rmi", "-f", "localhost/gotide-test:agent",
                    "localhost/gotide-test:leak"], capture_output=True, check=False)
    for top in glob.glob("/sys/fs/cgroup/kubepods") + glob.glob("/sys/fs/cgroup/*/kubepods"):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # in use: not ours
                os.rmdir(folder)


def pid_of(name):
    return int(podman("inspect", "-f", "{{.State.Pid}}", name))


def capabilities():
    """Those of the DaemonSet."""
    with open(os.path.join(DEPLOY, "kubernetes", "base", "daemonset.yaml"), encoding="ascii") as f:
        block = re.search(r"add:\n((?:\s+- \w+\n)+)", f.read())[1]
    return re.findall(r"- (\w+)", block)


def kubelet_logs(folder, container_id):
    """What kubelet leaves in /var/log, which tells names without the API server."""
    log = f"/var/log/pods/shop_orders-1_{UID}/app/0.log"
    os.makedirs(os.path.join(folder, "pods", f"shop_orders-1_{UID}", "app"))
    os.makedirs(os.path.join(folder, "containers"))
    with open(os.path.join(folder, "pods", f"shop_orders-1_{UID}", "app", "0.log"), "wb"):
        pass
    os.symlink(log, os.path.join(folder, "containers", f"orders-1_shop_app-{container_id}.log"))


def answers(url, what, seconds=60):
    """The body, once there is one."""
    end = time.monotonic() + seconds
    while True:
        try:
            return daemons.get(url)
        except (OSError, urllib.error.URLError) as e:
            assert time.monotonic() < end, f"{what} does not answer: {e}"
            time.sleep(0.05)  # between attempts; nothing is asserted from it


def config(folder, own, agent):
    """Our rules with every wait shortened to 3s, and a configuration as docs/kubernetes.md has it."""
    with open(os.path.join(DEPLOY, "prometheus-rules.yaml"), encoding="utf-8") as f:
        rules, n = re.subn(r"(?m)^( +for:) \w+$", r"\1 3s", f.read())
    lib.check(n > 8, f"{n} waits shortened")
    with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as f:
        f.write(rules)
    path = os.path.join(folder, "prometheus.yml")
    with open(path, "w", encoding="ascii") as f:
        json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                   "rule_files": ["rules.yml"],
                   "scrape_configs": [
                       {"job_name": "gotide", "honor_labels": True,
                        "static_configs": [{"targets": [f"127.0.0.1:{agent}"]}]},
                       {"job_name": "self",
                        "static_configs": [{"targets": [f"127.0.0.1:{own}"]}]}]}, f)
    return path


def prometheus(path, folder, agent):
    port = daemons.free_port()
    return daemons.Daemon([path, f"--config.file={config(folder, port, agent)}",
                           f"--web.listen-address=127.0.0.1:{port}",
                           f"--storage.tsdb.path={folder}/data"], port, "/-/ready")


def query(server, expr):
    """[(labels, value)]"""
    url = f"{server.url}/api/v1/query?" + urllib.parse.urlencode({"query": expr})
    return [(r["metric"], float(r["value"][1])) for r in json.loads(daemons.get(url))["data"]["result"]]


def await_alert(server, name):
    """The labels and annotations of the alert of this name that fires for our program, or None."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        for alert in json.loads(daemons.get(f"{server.url}/api/v1/alerts"))["data"]["alerts"]:
            labels = alert["labels"]
            if (labels["alertname"], labels.get("comm"), alert["state"]) == (name, "shop", "firing"):
                return alert
        time.sleep(0.5)  # between attempts; nothing is asserted from it
    return None


def judge_alert(alert, agent):
    if not lib.check(alert, f"no alert within {DEADLINE_S} s"):
        return
    print(json.dumps(alert, indent=1))
    want = {"function": "main.(*server).handle", "namespace": "shop", "pod": "orders-1",
            "container": "app", "instance": f"127.0.0.1:{agent}", "severity": "warning"}
    lib.equal({k: alert["labels"].get(k) for k in want}, want, "labels of the alert")
    lib.check(re.fullmatch(r"server\.go:\d+", alert["labels"].get("source", "")), "its source")
    told = alert["annotations"]["description"]
    lib.check("main.(*server).handle" in told and "shop/orders-1" in told, f"description: {told}")


def judge_metrics(text, container_id, promtool):
    row = re.search(r'^gotide_process_info\{.*comm="shop".*\} 1$', text, re.M)
    lib.check(row and f'container_id="{container_id}"' in row[0], f"its container: {row and row[0]}")
    limit = re.search(r'^gotide_memory_limit_bytes\{.*comm="shop".*\} (\S+)$', text, re.M)
    lib.equal(float(limit[1]) if limit else None, LIMIT, "its limit")
    lib.check(re.search(r'^gotide_pod_memory_bytes\{.*pod="orders-1".*\} \d', text, re.M),
              "no memory of its pod")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True,
                          check=False)
    lib.equal((done.returncode, done.stderr), (0, ""), "promtool check metrics")


def judge_prometheus(server):
    """gotide's count of Prometheus' goroutines beside its own, as Prometheus itself has them."""
    seen = query(server, f'gotide_goroutines{{pid="{server.pid}"}}')
    own = query(server, 'go_goroutines{job="self"}')
    if lib.check(len(seen) == 1 and len(own) == 1, f"goroutines of prometheus: {seen}, {own}"):
        lib.equal(seen[0][0]["comm"], "prometheus", "comm of prometheus")
        # each scrape has a few of its own, and the two are not of the same instant
        daemons.near(seen[0][1], own[0][1], own[0][1], 15, "goroutines of prometheus")
    down = query(server, 'ALERTS{alertname=~"GotideAgent(Down|sAbsent)", alertstate="firing"}')
    lib.equal(down, [], "alerts about the agent")


def judge_privileges():
    with open(f"/proc/{pid_of('gotide-test-agent')}/status", encoding="ascii") as f:
        status = dict(row.rstrip("\n").split(":\t", 1) for row in f if ":\t" in row)
    lib.equal(status["NoNewPrivs"], "1", "no_new_privs")
    lib.equal(status["Seccomp"], "2", "seccomp")


def main():
    lib.need_root()
    if not shutil.which("podman") or not shutil.which("buildah"):
        lib.skip("podman and buildah are missing: scripts/setup.sh --deploy")
    server_path = daemons.fetched("debian")("prometheus")
    promtool = daemons.fetched("tools")("promtool")
    lib.build(["leak"], ["stripped"], ["1.26"])
    with contextlib.ExitStack() as stack:
        stack.callback(forget)
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(3)]
        subprocess.run([os.path.join(DEPLOY, "build-image.sh"), "-t", "localhost/gotide-test:agent"],
                       check=True)
        image("localhost/gotide-test:leak", folders[0],
              {"shop": lib.program_path("leak", "1.26", "stripped")})
        need_engine("localhost/gotide-test:leak")
        leak = stack.enter_context(container(
            "gotide-test-leak", "-i", "--network", "none", "--user", "65534", "-m", str(LIMIT),
            "--cgroup-parent", f"/kubepods/besteffort/pod{UID}", "localhost/gotide-test:leak",
            "-rate", str(RATE)))
        kubelet_logs(folders[1], leak)
        port = daemons.free_port()
        mounts = {"/sys/fs/cgroup": "/sys/fs/cgroup", f"{folders[1]}/pods": "/var/log/pods",
                  f"{folders[1]}/containers": "/var/log/containers"}
        stack.enter_context(container(
            "gotide-test-agent", "--network", "host", "--pid", "host", "--cgroupns", "private",
            "--cgroup-parent", "/kubepods/burstable/pod00000000-0000-4000-8000-000000000000",
            "--read-only", "--cap-drop", "all", "--cap-add", ",".join(capabilities()),
            "--security-opt", "no-new-privileges", "--security-opt",
            f"seccomp={DEPLOY}/kubernetes/components/seccomp/gotide.json",
            *(word for a, b in mounts.items() for word in ("-v", f"{a}:{b}:ro")),
            "localhost/gotide-test:agent", "agent", "--listen", f"127.0.0.1:{port}"))
        try:
            answers(f"http://127.0.0.1:{port}/readyz", "the agent")
            server = stack.enter_context(prometheus(server_path, folders[2], port))
            judge_alert(await_alert(server, "GotideGoroutineLeak"), port)
            judge_metrics(daemons.get(f"http://127.0.0.1:{port}/metrics"), leak, promtool)
            judge_prometheus(server)
            judge_privileges()
        finally:
            print(subprocess.run(["podman", "logs", "gotide-test-agent"], text=True, check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout)
    lib.finish()


main()
