#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pods, containers and their limits, of real cgroups that are named as kubelet and the engines name
them; from the node, and from a container with a cgroup namespace of its own.  Logs lie in a folder
that is mounted over /var/log; the names that appear there later are told later."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import lib

MIB = 1 << 20
POD_LIMIT, LIMIT = 97 * MIB, 61 * MIB
UID, AGENT_UID = "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33", "a5a5a5a5-0001-4002-8003-5b7d6c1e2a33"
STATIC = "0123456789abcdef0123456789abcdef"
ID, AGENT_ID = "3b1f" * 16, "77ff" * 16
WAIT_S = 60  # at the most; it is done as soon as the names are there
FS = "/sys/fs/cgroup"
IS_V2 = os.path.exists(f"{FS}/cgroup.controllers")
TREE = FS if IS_V2 else f"{FS}/memory"


def cgroupfs(uid, cid):
    return f"kubepods/burstable/pod{uid}/{cid}"


def systemd(uid, cid):
    uid = uid.replace("-", "_")
    return ("kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{uid}.slice/cri-containerd-{cid}.scope")


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


class Cgroups:
    """Folders in the tree; they go with the context."""

    def __init__(self):
        self.top = f"gotide-{os.getpid()}"
        self.made = []

    def make(self, below):
        path = TREE
        for name in f"{self.top}/{below}".split("/"):
            if IS_V2:
                write(f"{path}/cgroup.subtree_control", "+memory")
            path += "/" + name
            if not os.path.exists(path):
                os.mkdir(path)
                self.made.append(path)
        return path

    def limit(self, path, n):
        write(f"{path}/" + ("memory.max" if IS_V2 else "memory.limit_in_bytes"), str(n))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        end = time.monotonic() + WAIT_S
        for path in reversed(self.made):
            # The kernel takes a moment to let go of who has ended.
            while os.path.exists(path) and time.monotonic() < end:
                with contextlib.suppress(OSError):
                    os.rmdir(path)


class Logs:
    """What kubelet makes in /var/log."""

    def __init__(self, folder):
        self.folder = folder

    def pod(self, ns, pod, uid, containers):
        for name in containers:
            os.makedirs(f"{self.folder}/pods/{ns}_{pod}_{uid}/{name}")

    def link(self, ns, pod, uid, name, cid):
        os.makedirs(f"{self.folder}/containers", exist_ok=True)
        os.symlink(f"/var/log/pods/{ns}_{pod}_{uid}/{name}/0.log",
                   f"{self.folder}/containers/{pod}_{ns}_{name}-{cid}.log")


@contextlib.contextmanager
def gotide(args, logs, own, is_private):
    """gotide in the cgroup own, with these logs, and with a cgroup namespace if it is private."""
    script = 'echo $$ >"$1/cgroup.procs"; logs=$2; shift 2; exec unshare -m{} sh -c \'' \
             'mount --bind "$0" /var/log && exec "$@"\' "$logs" "$@"'
    proc = subprocess.Popen(["sh", "-c", script.format("C" if is_private else ""), "sh", own,
                             logs.folder, lib.GOTIDE, *args], stdout=subprocess.PIPE, text=True)
    try:
        yield proc
    finally:
        proc.terminate()
        proc.communicate(timeout=WAIT_S)
        lib.equal(proc.returncode, 0, f"{args[0]}: status")


def rows_until(proc, pid, is_done):
    """The rows of that process, up to the first that will do; it is none if there is none."""
    end, row = time.monotonic() + WAIT_S, {}
    for line in proc.stdout:
        new = json.loads(line)
        row = new if new["pid"] == pid else row
        if (row and is_done(row)) or time.monotonic() > end:
            break
    return row


def check_row(what, row, want):
    got = {k: row.get(k) for k in want}
    lib.equal(got, want, what)
    current = row.get("pod_current_bytes") or 0
    lib.check(0 < current <= POD_LIMIT, f"{what}: the pod has {current} bytes")


def want_of(uid, pod, name):
    return {"container": ID, "pod_uid": uid, "namespace": "shop", "pod": pod,
            "container_name": name, "limit_bytes": LIMIT, "pod_limit_bytes": POD_LIMIT}


def names_and_limits(name_of, uid, is_private):
    what = f"{name_of.__name__}, {'cgroup namespace' if is_private else 'on the node'}"
    with tempfile.TemporaryDirectory() as folder, Cgroups() as cgroups, \
         lib.Program(lib.program_path("leak", lib.VERSIONS[-1], "stripped"),
                     "-kind", "chansend", "-rate", "0") as prog:
        os.mkdir(f"{folder}/log")
        logs, tape = Logs(f"{folder}/log"), f"{folder}/pods.tape"
        box = cgroups.make(name_of(uid, ID))
        cgroups.limit(os.path.dirname(box), POD_LIMIT)
        cgroups.limit(box, LIMIT)
        own = cgroups.make(name_of(AGENT_UID, AGENT_ID))
        write(f"{box}/cgroup.procs", str(prog.pid))
        logs.pod("shop", "web-0", uid, ["server"])
        with gotide(["top", "-j", "-q", "--tape", tape], logs, own, is_private) as top:
            row = rows_until(top, prog.pid, lambda r: r["pod_limit_bytes"])
            check_row(f"{what}, before there is a link", row, want_of(uid, "web-0", None))
            logs.link("shop", "web-0", uid, "server", ID)
            row = rows_until(top, prog.pid, lambda r: r["container_name"])
            check_row(what, row, want_of(uid, "web-0", "server"))
        status, out, err = lib.gotide("report", "-j", tape)
        lib.equal((status, err), (0, ""), f"{what}: report of the tape")
        check_row(f"{what}, from the tape", lib.reports(out)[prog.pid],
                  want_of(uid, "web-0", "server"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def metrics_until(url, needle):
    end, text = time.monotonic() + WAIT_S, ""
    while needle not in text and time.monotonic() < end:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=10) as r:
                text = r.read().decode()
    return text


def by_namespace():
    """The pod's folder comes when the agent runs already; only then it is known to be wanted."""
    url = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder, Cgroups() as cgroups, \
         lib.Program(lib.program_path("leak", lib.VERSIONS[-1], "stripped"),
                     "-kind", "chansend", "-rate", "0") as prog:
        logs = Logs(folder)
        box, own = cgroups.make(systemd(UID, ID)), cgroups.make(systemd(AGENT_UID, AGENT_ID))
        write(f"{box}/cgroup.procs", str(prog.pid))
        with gotide(["agent", "-q", "--listen", url, "--include", "namespace=sh*"], logs, own,
                    True):
            text = metrics_until(f"http://{url}/metrics", "gotide_agent_processes 0")
            lib.check(f'pid="{prog.pid}"' not in text, "a namespace that is not known is none")
            logs.pod("shop", "web-0", UID, ["server"])
            labels = f'pid="{prog.pid}",comm="{comm_of(prog.pid)}",container="{ID[:12]}",' \
                     'pod="web-0",namespace="shop"'
            text = metrics_until(f"http://{url}/metrics", f"gotide_goroutines{{{labels}}}")
            lib.check(f"gotide_goroutines{{{labels}}}" in text, f"{labels} in\n{text}")


def comm_of(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as f:
        return f.read().strip()


def main():
    lib.need_root()
    if not shutil.which("unshare"):
        lib.skip("needs unshare(1)")
    if not os.access(TREE, os.W_OK) or (not IS_V2 and not os.path.isdir(TREE)):
        lib.skip(f"no cgroups can be made in {TREE}")
    lib.build(["leak"], ["stripped"], lib.VERSIONS[-1:])
    for is_private in False, True:
        names_and_limits(systemd, UID, is_private)
        names_and_limits(cgroupfs, STATIC, is_private)
    by_namespace()
    lib.finish()


main()
