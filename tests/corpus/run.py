#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the programs of the corpus live, each under a gotide of its own, and writes down what was
true: DIR/labels.tsv.  With --report what gotide says is scored at once; else tapes are recorded."""

import argparse
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import score

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.join(ROOT, os.environ.get("OUTPUT", ".output"))
FIELDS = ["name", "program", "arguments", "environment", "flavour", "kinds", "site", "before_s",
          "onset_s", "rate", "unit", "seconds", "notes"]
LABELS = ["name", "file", "kinds", "site", "function", "source", "line", "start", "also", "onset_s",
          "rate", "growth", "unit", "seconds", "go", "notes"]
# What a leak is, if its ready line says that with this version of Go it is none.
HEALTHY = "healthy,pressure,warming-up"
# So many samples of a program's own figures in --verify.
SAMPLES = 9


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("patterns", nargs="*", help="names of cases, with * and ?; default: all")
    p.add_argument("--go", default="1.26", help="Go version (default %(default)s)")
    p.add_argument("--out", default=os.path.join(OUTPUT, "corpus"), metavar="DIR",
                   help="tapes or reports, and labels.tsv (default %(default)s)")
    p.add_argument("--jobs", type=int, default=12, help="cases at once (default %(default)s)")
    p.add_argument("--seconds", type=float, help="instead of each case's own time")
    p.add_argument("--every", default="1/1", metavar="I/N", help="only each Nth case, from the Ith on")
    p.add_argument("--programs", default=os.path.join(OUTPUT, "corpus-go"), metavar="DIR",
                   help="where they are built, and run: tapes have the path (default %(default)s)")
    p.add_argument("--gotide", default=os.path.join(OUTPUT, "gotide"))
    p.add_argument("--skip-done", action="store_true", help="leave cases that have a file already")
    mode = p.add_mutually_exclusive_group()
    mode.add_argument("--report", action="store_true", help="gotide report -j instead of record; score it")
    mode.add_argument("--verify", action="store_true",
                      help="no gotide: compare the programs' own figures with their labels")
    mode.add_argument("--list", action="store_true", help="only name the cases")
    return p.parse_args()


def cases(opts):
    with open(os.path.join(HERE, "cases.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    for row in rows:
        if len(row) != len(FIELDS):
            sys.exit(f"run.py: {row[0]}: {len(row)} fields, not {len(FIELDS)}")
    first, each = (int(n) for n in opts.every.split("/"))
    every = [dict(zip(FIELDS, row)) for row in rows]
    chosen = [c for c in every if not opts.patterns or
              any(fnmatch.fnmatch(c["name"], p) for p in opts.patterns)]
    return chosen[first - 1::each]


def build(chosen, opts):
    """Builds what is needed; the folder of the programs.  What they tell of their sources is where
    these are built, so they are copied there."""
    where = opts.programs
    sources = os.path.join(where, "src")
    shutil.copytree(os.path.join(HERE, "prog"), os.path.join(sources, "prog"), dirs_exist_ok=True)
    for program in sorted({c["program"] for c in chosen}):
        flavours = sorted({c["flavour"] for c in chosen if c["program"] == program})
        subprocess.run([os.path.join(ROOT, "scripts", "build-goprog.sh"), "-t", "-s", sources, "-o", where,
                        "--go", opts.go, "--flavour", ",".join(flavours), program],
                       stdout=sys.stderr, check=True)
    return os.path.join(where, opts.go)


class Case:
    """One case: its program, and what came of it."""

    def __init__(self, fields, opts, folder):
        self.fields = fields
        self.opts = opts
        self.seconds = opts.seconds or float(fields["seconds"])
        self.path = os.path.join(folder, f"{fields['program']}.{fields['flavour']}")
        self.prog = None
        self.facts = {}
        self.samples = []
        self.error = None

    @property
    def name(self):
        return self.fields["name"]

    @property
    def file(self):
        return self.name + (".json" if self.opts.report else ".tape")

    def line(self):
        return self.prog.stdout.readline().rstrip("\n")

    def tell(self, word):
        self.prog.stdin.write(word + "\n")
        self.prog.stdin.flush()

    def ask(self, word):
        self.tell(word)
        return json.loads(self.line())

    def start(self):
        f = self.fields
        env = dict(os.environ)
        if f["environment"] != "-":
            env.update(v.split("=", 1) for v in f["environment"].split())
        # What the runtime's defaults are must not depend on who runs this.
        for name in ("GOGC", "GOMEMLIMIT", "GODEBUG", "GOMAXPROCS"):
            if name + "=" not in f["environment"]:
                env.pop(name, None)
        args = f["arguments"].split() + ["-length", str(self.seconds)]
        self.prog = subprocess.Popen([self.path, *args], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.PIPE, env=env)
        line = self.line()
        if not line.startswith("ready "):
            raise RuntimeError(f"said {line!r}, not ready")
        self.facts = dict(w.split("=", 1) for w in line.split()[1:] if "=" in w)
        if f["kinds"].split(",")[0] != self.facts["kind"]:
            if self.facts["kind"] != "healthy":
                raise RuntimeError(f"is {self.facts['kind']}, labelled {f['kinds']}")
            f["kinds"], f["site"] = HEALTHY, "none"

    def begin(self):
        self.tell("go")
        self.line()

    def stop(self):
        if not self.prog:
            return
        try:
            self.tell("stop")
            self.prog.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.prog.kill()
        self.prog.wait()

    def observe(self):
        """Watches the whole run; what the program does begins when gotide watches, or was
        going on for a while."""
        before = float(self.fields["before_s"])
        if before:
            self.begin()
            time.sleep(before)
        with open(os.path.join(self.opts.out, self.name + ".log"), "w", encoding="utf-8") as log:
            gotide = subprocess.Popen(self.command(), stderr=subprocess.PIPE, text=True,
                                      stdout=subprocess.DEVNULL)
            try:
                for text in gotide.stderr:
                    log.write(text)
                    if "watching" in text:
                        break
                if not before:
                    self.begin()
                log.write(gotide.communicate(timeout=self.seconds + 120)[1])
            finally:
                if gotide.poll() is None:
                    gotide.kill()
                    gotide.wait()
        self.samples.append(self.ask("stats"))
        if gotide.returncode not in (0, 3):
            raise RuntimeError(f"gotide ended with {gotide.returncode}: see {self.name}.log")

    def command(self):
        out = os.path.join(self.opts.out, self.file)
        how = ["--for", f"{self.seconds:g}s", str(self.prog.pid)]
        if self.opts.report:
            return [self.opts.gotide, "report", "--park", "off", "-j", "-o", out, *how]
        return [self.opts.gotide, "record", "-o", out, *how]

    def sample(self):
        """Without gotide: the program's own figures, after a collection each."""
        self.begin()
        end = time.monotonic()
        for _ in range(SAMPLES):
            end += self.seconds / SAMPLES
            time.sleep(max(0, end - time.monotonic()))
            figures = self.ask("stats")
            figures.update({k: v for k, v in self.ask("collect").items() if k in ("heap", "off_heap")})
            self.samples.append(figures)

    def run(self):
        try:
            self.start()
            (self.sample if self.opts.verify else self.observe)()
        except (OSError, RuntimeError, ValueError, KeyError, subprocess.SubprocessError) as e:
            self.error = str(e) or repr(e)
        finally:
            self.stop()

    def label(self):
        f, facts = self.fields, self.facts
        onset = float(f["onset_s"]) - float(f["before_s"])
        row = {**f, "file": self.file, "function": facts.get("function", "-"),
               "source": facts.get("file", "-"), "line": facts.get("line", "-"),
               "start": facts.get("start", "-"), "also": facts.get("also", "-"),
               "onset_s": f"{onset:g}", "growth": facts.get("growth", "0"),
               "seconds": f"{self.seconds:g}", "go": facts.get("go", "-")}
        return "\t".join(str(row[k]) for k in LABELS)


def write_labels(done, opts):
    """Labels of this run replace those of the same cases; others stay."""
    path = os.path.join(opts.out, "labels.tsv")
    kept = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            kept = {line.split("\t")[0]: line.rstrip("\n") for line in f if line[0] != "#"}
    kept.update({c.name: c.label() for c in done if not c.error})
    with open(path, "w", encoding="utf-8") as f:
        print("#" + "\t".join(LABELS), file=f)
        for name in sorted(kept):
            print(kept[name], file=f)


def run_all(todo, opts):
    """Runs cases, --jobs at once, each begun as one ends; starts are a little apart."""
    todo, done, lock = list(todo), [], threading.Lock()

    def work():
        while True:
            with lock:
                if not todo:
                    return
                case = todo.pop(0)
                time.sleep(0.5)
            case.run()
            with lock:
                done.append(case)
                print(f"{len(done):4} {case.name}" + (f": FAILED: {case.error}" if case.error else ""),
                      file=sys.stderr, flush=True)
                if not opts.verify:
                    write_labels([case], opts)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(opts.jobs, len(todo)))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return done


def main():
    opts = options()
    chosen = cases(opts)
    if opts.list:
        print("\n".join(c["name"] for c in chosen))
        return 0
    if not opts.verify and os.geteuid() != 0:
        print("run.py: needs root")
        return 77
    os.makedirs(opts.out, exist_ok=True)
    # An interrupted run leaves no program behind: their stdin ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    todo = [Case(c, opts, folder) for folder in [build(chosen, opts)] for c in chosen]
    if opts.skip_done:
        todo = [c for c in todo if not os.path.exists(os.path.join(opts.out, c.file))]
    done = run_all(todo, opts)
    failed = [c for c in done if c.error]
    if opts.verify:
        wrong = score.verify(sorted(done, key=lambda c: c.name))
        return 1 if failed or wrong else 0
    if opts.report:
        score.report(opts.out)
    print(f"{len(done) - len(failed)} cases run, {len(failed)} failed; see {opts.out}/labels.tsv")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
