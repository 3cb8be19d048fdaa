# SPDX-License-Identifier: BSD-2-Clause
"""What a process holds in the kernel: BPF links, maps and programs, by bpftool, and descriptors."""

import json
import os
import shutil
import subprocess
import time


def bpftool():
    """Its path, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which("bpftool", path=path)


def objects(kind, pid):
    """How many BPF objects of a kind (link, map, prog) the process has open."""
    listing = subprocess.run([bpftool(), "-j", kind], capture_output=True, check=True).stdout
    return sum(any(holder["pid"] == pid for holder in o.get("pids", []))
               for o in json.loads(listing))


def count(pid):
    """{kind: how many}"""
    held = {kind: objects(kind, pid) for kind in ("link", "map", "prog")}
    held["fd"] = len(os.listdir(f"/proc/{pid}/fd"))
    return held


def settle(pid, want, seconds=60):
    """count() as soon as it is no more than want, or what it is when the time is up: links of
    executables that nobody runs any more stay for a while."""
    end = time.monotonic() + seconds
    while True:
        held = count(pid)
        if all(held[k] <= want[k] for k in want) or time.monotonic() > end:
            return held
        time.sleep(0.5)  # between attempts
