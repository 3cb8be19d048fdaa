# SPDX-License-Identifier: BSD-2-Clause
"""Chromium without a screen, driven through playwright-core by browse.js: Debian's browser, the
library from npm, kept in the cache.  Where either is missing the test is skipped."""

import json
import os
import shutil
import subprocess
import tempfile

import lib

PLAYWRIGHT = "playwright-core@1.65.1"
CACHE = os.environ.get("GOTIDE_CACHE", os.path.expanduser("~/.cache/gotide"))


def chromium():
    if os.geteuid() == 0 and not shutil.which("chromium"):
        subprocess.run([os.path.join(lib.ROOT, "scripts", "setup.sh"), "--browser"], check=False)
    return shutil.which("chromium") or lib.skip("chromium is missing: scripts/setup.sh --browser")


def playwright():
    """Folder of the library; what lies in the cache is whole."""
    path = os.path.join(CACHE, "browser", PLAYWRIGHT)
    if os.path.exists(path):
        return path
    if not shutil.which("npm"):
        lib.skip("npm is missing")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        pack = subprocess.run(["npm", "pack", "--silent", "--loglevel=error", PLAYWRIGHT],
                              cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        if pack.returncode:
            lib.skip("npm cannot reach its registry")
        subprocess.run(["tar", "-xzf", pack.stdout.split()[-1]], cwd=folder, check=True)
        os.rename(os.path.join(folder, "package"), path)
    return path


class Browser:
    """One page at a time."""

    def __init__(self):
        command = ["node", os.path.join(lib.ROOT, "tests", "live", "browse.js"), playwright(),
                   chromium()]
        if not shutil.which("node"):
            lib.skip("node is missing")
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        self.version = self.answer()

    def answer(self):
        line = self.proc.stdout.readline()
        assert line, "the browser ended"
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said.get("ok")

    def do(self, action, **what):
        self.proc.stdin.write(json.dumps({"do": action, **what}) + "\n")
        self.proc.stdin.flush()
        return self.answer()

    def open(self, url, width=1280, height=800, scripts=True, scheme="light"):
        """Its status: 200."""
        self.do("open", width=width, height=height, scripts=scripts, scheme=scheme)
        return self.do("goto", url=url)

    def evaluate(self, code):
        return self.do("evaluate", code=code)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.stdin.close()
        self.proc.wait(60)
        self.proc.stdout.close()
