# SPDX-License-Identifier: BSD-2-Clause
"""What a process holds in the kernel, BPF links, maps, programs and descriptors, by /proc; and what
is left of it afterwards, by bpftool."""

import json
import os
import shutil
import subprocess
import time

KINDS = {"link_id": "link", "map_id": "map", "prog_id": "prog"}


def bpftool():
    """Its path, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which("bpftool", path=path)


def held(pid):
    """{kind: set of the kernel's numbers}, and under fd the descriptors."""
    found = {kind: set() for kind in KINDS.values()}
    found["fd"] = set(os.listdir(f"/proc/{pid}/fd"))
    for fd in found["fd"]:
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as f:
                rows = dict(line.split(":", 1) for line in f if ":" in line)
        except FileNotFoundError:  # closed meanwhile
            continue
        # A link tells of its program, too.
        key = next((k for k in KINDS if k in rows), None)
        if key:
            found[KINDS[key]].add(int(rows[key]))
    return found


def count(pid):
    """{kind: how many}"""
    return {kind: len(numbers) for kind, numbers in held(pid).items()}


def left_of(things, seconds=60):
    """Those of what a process held that the kernel still has, once it has none or time is up: it lets
    go from a work queue."""
    end = time.monotonic() + seconds
    while True:
        left = {}
        for kind in KINDS.values():
            listing = subprocess.run([bpftool(), "-j", kind], capture_output=True, check=True)
            numbers = {o["id"] for o in json.loads(listing.stdout)} & things[kind]
            if numbers:
                left[kind] = sorted(numbers)
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.5)  # between attempts
