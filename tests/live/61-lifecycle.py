#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Processes that exit, exec, share a binary, lose it or live in another namespace; an observer
that is killed.  The target is never harmed and nothing is left in it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

import lib

OLD, NEW = "1.22", "1.26"


def count_path(version, flavour="stripped"):
    return lib.program_path("count", version, flavour)


def born_matches(what, report, want):
    lib.equal(report["goroutines"]["born"], want["births"], f"{what}: born")
    lib.equal(report["goroutines"]["live"], 1 + want["births"] - want["deaths"], f"{what}: live")


def watched(what, prog):
    """Watches one program through its work, compares the counts."""
    watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid))
    want = prog.ask("go")
    watcher.interrupt()
    status, out, err = watcher.finish()
    if lib.check(status in (0, 3) and out, f"{what}: status {status}: {err}"):
        born_matches(what, lib.reports(out)[prog.pid], want)


def killed_observer():
    path = count_path(NEW)
    with lib.Program(path, "-n", "1009") as prog:
        lib.check(not lib.uprobes_on(prog.pid, path), "kill -9: probes before anyone watched")
        watcher = lib.Gotide("report", "--for", "5m", str(prog.pid))
        lib.check(lib.uprobes_on(prog.pid, path), "kill -9: no probes while watched")
        watcher.proc.send_signal(signal.SIGKILL)
        watcher.finish()
        lib.check(lib.await_no_uprobes(prog.pid, path), "kill -9: probes were left in the target")
        want = prog.ask("go")
        lib.equal(want["births"], 1009, "kill -9: the target went on")


def hangup_of_nohup():
    """With nohup the observer outlives its terminal; without, the hang-up ends it in order."""
    with lib.Program(count_path(NEW), "-n", "307") as prog:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does, and children inherit it
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid))
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        watcher.proc.send_signal(signal.SIGHUP)
        want = prog.ask("go")
        watcher.interrupt()
        _, out, err = watcher.finish()
        if lib.check(out, f"nohup: {err}"):
            born_matches("nohup", lib.reports(out)[prog.pid], want)
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid))
        watcher.proc.send_signal(signal.SIGHUP)
        status, out, err = watcher.finish()
        lib.check(status in (0, 3) and out, f"hang-up: status {status}: {err}")


def exits_while_watched():
    with lib.Program(count_path(NEW), "-n", "499") as prog:
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(prog.pid))
        want = prog.ask("go")
        prog.stop()
        status, out, err = watcher.finish()  # ends by itself: there is nothing left to watch
        if lib.check(status in (0, 3) and out, f"exit: status {status}: {err}"):
            lib.equal(lib.reports(out)[prog.pid]["goroutines"]["born"], want["births"],
                      "exit: born")


def shared_binary():
    with lib.Program(count_path(NEW), "-n", "1009") as a, \
            lib.Program(count_path(NEW), "-n", "2003") as b, \
            lib.Program(count_path(NEW), "-n", "101") as bystander:
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(a.pid), str(b.pid))
        bystander.ask("go")
        want = {p.pid: p.ask("go") for p in (a, b)}
        watcher.interrupt()
        _, out, err = watcher.finish()
        got = lib.reports(out)
        lib.equal(sorted(got), sorted(want), f"shared binary: reported ({err})")
        for pid in want:
            born_matches("shared binary", got[pid], want[pid])


def lost_binaries():
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "prog")
        shutil.copy(count_path(OLD), path)
        with lib.Program(path, "-n", "211") as old:
            os.unlink(path)
            watched("deleted executable", old)
        shutil.copy(count_path(OLD), path)
        with lib.Program(path, "-n", "223") as old:
            shutil.copy(count_path(NEW), path + ".new")
            os.rename(path + ".new", path)
            with lib.Program(path, "-n", "227") as new:
                watched("replaced executable, the old one", old)
                watched("replaced executable, the new one", new)


def namespaces():
    """As in a container: another root, another pid namespace, another mount namespace."""
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copy(count_path(NEW), os.path.join(tmp, "prog"))
        os.chmod(tmp, 0o755)
        # Where / is no mount point, as in a chroot, its propagation cannot be changed.
        proc = subprocess.Popen(["unshare", "--pid", "--mount", "--propagation", "unchanged",
                                 "--fork", "chroot", tmp, "/prog", "-n", "307"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        facts = proc.stdout.readline()
        lib.check("pid=1 " in facts, f"namespaces: not pid 1 inside: {facts!r}")
        with open(f"/proc/{proc.pid}/task/{proc.pid}/children", encoding="ascii") as f:
            pid = int(f.read().split()[0])
        watcher = lib.Gotide("report", "--for", "5m", "-j", str(pid))
        proc.stdin.write("go\n")
        proc.stdin.flush()
        proc.stdout.readline()
        watcher.interrupt()
        status, out, err = watcher.finish()
        if lib.check(status in (0, 3) and out, f"namespaces: status {status}: {err}"):
            lib.equal(lib.reports(out)[pid]["goroutines"]["born"], 307, "namespaces: born")
        proc.communicate("stop\n", timeout=30)


def run_command(what, argv):
    """gotide run: the report, and what the program said of itself."""
    done = subprocess.run([lib.GOTIDE, "run", "-j", "-o", "/dev/stderr", "--", *argv],
                          input="go\nstop\n", capture_output=True, text=True, timeout=60,
                          check=False)
    rows = [line for line in done.stderr.splitlines() if line.startswith("{")]
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]
    lib.check(len(rows) == 1, f"{what}: one report, got {done.stderr!r}")
    return json.loads(rows[0]), json.loads(said[0])


def command():
    """What gotide starts itself is counted from its first instruction, and its children are seen."""
    path = count_path(NEW)
    got, want = run_command("run", [path, "-n", "401"])
    born = sum(s["born"] for s in got["sites"] if s["start_function"].startswith("main."))
    lib.equal(born, want["births"], "run: born")
    lib.equal(got["goroutines"]["at_attach"], 0, "run: at attach")
    got, want = run_command("run through a shell", ["sh", "-c", f"{path} -n 401; :"])
    lib.check(got["goroutines"]["born"] <= want["births"] + 1,
              "run through a shell: born")
    lib.equal(got["comm"], "count.stripped", "run through a shell: what is reported")
    status, _, err = lib.gotide("run", "--", "sh", "-c", "exit 7")
    lib.equal(status, 1, f"run of a command that fails: status ({err})")
    lib.check("7" in err, f"run of a command that fails: its status is not in {err!r}")


def interrupted_together():
    """Ctrl-C goes to the command as well, which may end before or after counting has stopped."""
    for _ in range(5):
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as out, \
                subprocess.Popen([lib.GOTIDE, "run", "-j", "-o", out.name, "--", count_path(NEW),
                                  "-n", "53"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, start_new_session=True) as run:
            run.stdout.readline()  # it is ready
            os.killpg(run.pid, signal.SIGINT)
            run.wait(60)  # before its standard input ends, which would end the command too
            rows = lib.reports(out.read())
            lib.equal(len(rows), 1, "interrupted together: reported")
            for row in rows.values():
                want = signal.SIGINT if row["exited"] else None
                lib.equal(row["exit_code"], want, "interrupted together: exit code")


def lost_notices():
    """A ring that nobody empties fills up; who came meanwhile is found all the same."""
    storms = [lib.Program(lib.program_path("storm", NEW, "stripped"), "-duration", "2s",
                          "-rate", "40000") for _ in range(4)]
    top = lib.Gotide("top", "-j", "-i", "1s", "--for", "30s")
    top.proc.send_signal(signal.SIGSTOP)
    for storm in storms:
        storm.tell("go")
    for storm in storms:
        storm.line()
    with lib.Program(count_path(NEW), "-n", "53") as late:
        ended = storms.pop()
        ended.stop()
        top.proc.send_signal(signal.SIGCONT)
        seen, lost, gone = set(), 0, False
        for line in top.proc.stdout:
            row = json.loads(line)
            seen.add(row["pid"])
            lost = max(lost, row["events"]["lost"])
            gone = gone or (row["pid"] == ended.pid and row["exited"])
            if late.pid in seen and gone:
                break
        lib.check(late.pid in seen, "lost notices: a program that came was not found")
        lib.check(gone, "lost notices: a program that ended was not missed")
        lib.check(lost > 0, "lost notices: the ring was never full: this proves nothing")
        top.interrupt()
        _, _, err = top.finish()
        lib.check("ring was full" in err, f"lost notices: not said: {err!r}")
    for storm in storms:
        storm.stop()


def main():
    lib.need_root()
    lib.build(["count", "storm"], ["stripped"], [OLD, NEW])
    killed_observer()
    hangup_of_nohup()
    exits_while_watched()
    shared_binary()
    lost_binaries()
    namespaces()
    command()
    interrupted_together()
    lost_notices()
    lib.finish()


main()
