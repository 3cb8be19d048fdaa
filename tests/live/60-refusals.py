#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Bad input: each thing that cannot be watched gets one message that names it, the right exit
status, and leaves the other targets alone."""

import os
import shutil
import subprocess
import tempfile

import lib

VERSION = "1.24"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all"]


def refused(what, args, status, *words, prefix=()):
    done = subprocess.run([*prefix, lib.GOTIDE, *args], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    lib.equal(done.returncode, status, f"{what}: status ({done.stderr.strip()})")
    for word in words:
        lib.check(word in done.stderr, f"{what}: {word!r} is not in {done.stderr!r}")
    lib.check("Sanitizer" not in done.stderr, f"{what}: {done.stderr}")


def files(tmp, go_binary):
    """Executables that are none, or are broken in one way each: name -> bytes."""
    with open(go_binary, "rb") as f:
        whole = f.read()
    with open("/bin/true", "rb") as f:
        not_go = f.read()
    forged = bytearray(whole)
    forged[0x20:0x28] = b"\xff" * 8  # e_phoff
    many = bytearray(whole)
    many[0x38:0x3a] = b"\xff\xff"  # e_phnum
    broken = {
        "empty": b"", "text": b"#!/bin/sh\nexit 0\n", "magic-only": b"\x7fELF",
        "not-go": not_go, "half": whole[:len(whole) // 2], "headers-only": whole[:4096],
        "forged-phoff": bytes(forged), "forged-phnum": bytes(many),
    }
    for name, data in broken.items():
        path = os.path.join(tmp, name)
        with open(path, "wb") as f:
            f.write(data)
        yield name, path


def inspect_refusals(go_binary):
    with tempfile.TemporaryDirectory() as tmp:
        for name, path in files(tmp, go_binary):
            refused(f"inspect {name}", ["inspect", path], 1, path)
        refused("inspect missing", ["inspect", tmp + "/none"], 1, "/none")
        refused("inspect folder", ["inspect", tmp], 1, tmp)


def usage():
    refused("no target", ["report"], 2)
    refused("unknown command", ["no-such-command"], 2, "no-such-command")
    refused("neither command nor process", ["no-such-command"], 2, "command", "process")
    refused("unknown option", ["report", "--no-such-option", "1"], 2)
    refused("bad duration", ["report", "--for", "soon", "1"], 2, "soon")
    refused("bad park", ["report", "--park", "some", "1"], 2, "some")


def targets(prog):
    refused("no such name", ["report", "--for", "1s", "no-such-name"], 1, "no-such-name")
    refused("no such pid", ["report", "--for", "1s", "4194303"], 1, "4194303")
    refused("kernel thread", ["report", "--for", "1s", "2"], 1, "2")
    refused("no errno where it is noise", ["report", "no-such-name"], 1,
            "no-such-name: no process of this name\n")
    name = os.path.basename(prog.proc.args[0])
    done = subprocess.run([lib.GOTIDE, name, "-n", "1"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    lib.check(name[:10] in done.stdout, f"a name without a command is top's: {done.stderr!r}")
    done = subprocess.run([lib.GOTIDE, str(prog.pid), "-n", "1"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    lib.check(str(prog.pid) in done.stdout, f"a number without a command: {done.stderr!r}")
    with tempfile.TemporaryDirectory() as tmp:
        many = os.path.join(tmp, "gotide-many")
        shutil.copy("/bin/sleep", many)
        sleepers = [subprocess.Popen([many, "1000"]) for _ in range(7)]
        refused("seven of one name", ["report", "gotide-many"], 1,
                "gotide-many: 7 processes: not a Go program")
        for s in sleepers:
            s.kill()
            s.wait()
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        refused("not a Go program", ["report", "--for", "1s", str(sleeper.pid)], 1,
                str(sleeper.pid), "not a Go")
        status, out, err = lib.gotide("report", "--for", "2s", "-j", str(sleeper.pid),
                                      str(prog.pid))
        lib.equal(status, 0, f"one good, one bad: status ({err})")
        lib.check(str(sleeper.pid) in err, "one good, one bad: the bad one is not named")
        lib.equal(sorted(lib.reports(out)), [prog.pid], "one good, one bad: reported")
        sleeper.kill()
    refused("no such command", ["run", "--", "no-such-command"], 1, "no-such-command")


def privileges(prog):
    refused("no privilege", ["report", "--for", "1s", str(prog.pid)], 1, "CAP_BPF", prefix=NOBODY)
    refused("own pid namespace", ["report", "--for", "1s", "1"], 1, "pid namespace",
            prefix=["unshare", "--pid", "--fork"])


def main():
    lib.need_root()
    lib.build(["busy"], ["stripped"], [VERSION])
    path = lib.program_path("busy", VERSION, "stripped")
    usage()
    inspect_refusals(path)
    with lib.Program(path, "-base", "20", "-peak", "50") as prog:
        targets(prog)
        privileges(prog)
        lib.check(not lib.uprobes_on(prog.pid, path), "probes were left in the target")
    lib.finish()


main()
