#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The status page in a real browser: as wide as its window at phone and desktop width, legible in
light and dark, sorted, filtered, with and without scripts, and kept up to date by a real agent
without losing what its reader has opened; nothing is fetched but the page, and nothing is forbidden
by its own policy.  Pictures of it are left in GOTIDE_SHOTS, if that is set."""

import base64
import collections
import contextlib
import glob
import hashlib
import html.parser
import http.server
import os
import subprocess
import threading
import urllib.request

import browser
import daemons
import lib

TOOL = os.path.join(lib.OUTPUT, "live", "statuspage")
TAPES = os.path.join(lib.ROOT, "tests", "corpus", "tapes")
VERSION = "1.27"
CONTRAST = 4.5  # WCAG 2.1, AA, for text of this size

# Ratio of luminances of each text to what is behind it: the lowest, and which text that is.
CONTRAST_CODE = """(() => {
    const parse = (c) => c.match(/[0-9.]+/g).map(Number);
    const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] === 1)
                return c;
        }
        return [255, 255, 255];
    };
    let worst = [99, ""];
    for (const e of document.body.querySelectorAll("*")) {
        const isText = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim());
        if (!isText || !e.checkVisibility() || e.matches("script"))
            continue;
        const pair = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
        const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < worst[0])
            worst = [ratio, e.textContent.slice(0, 60)];
    }
    return worst;
})()"""
OPEN_ALL = "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"
# Text of a column of the processes that are shown, by the number of the column.
COLUMN = "Array.from(document.querySelectorAll('tbody:not([hidden]) > .r'), (r) => r.cells[%d]%s)"
PROCESS, PID, VERDICT, GOROUTINES = 0, 1, 4, 5


class Strict(html.parser.HTMLParser):
    """Every element is closed where it was opened, and no name is given twice."""

    EMPTY = {"meta", "link"}

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.open, self.faults, self.ids = [], [], collections.Counter()
        self.texts = {"script": "", "style": ""}

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)) or any(value is None for _, value in attrs):
            self.faults.append(f"attributes of {tag}: {names}")
        self.ids.update(value for name, value in attrs if name == "id")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} is closed at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]] += data

    def finish(self):
        self.close()
        twice = [name for name, n in self.ids.items() if n > 1]
        return self.faults + [f"open at the end: {t}" for t in self.open] + \
            [f"id twice: {name}" for name in twice]


def judge_source(name, text, policy):
    """Well formed, and its script and style are the ones that the policy lets in."""
    strict = Strict()
    strict.feed(text)
    lib.equal(strict.finish(), [], f"{name}: faults in the markup")
    for part, inside in strict.texts.items():
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        lib.check(f"{part}-src 'sha256-{digest}'" in policy, f"{name}: hash of its {part}")


def judge_quiet(name, b, origin):
    """What went on behind the page."""
    lib.equal(set(b.do("requests")), {origin + "/"}, f"{name}: what was fetched")
    lib.equal(b.do("complaints"), [], f"{name}: complaints of the browser")


def take_shot(b, name):
    folder = os.environ.get("GOTIDE_SHOTS")
    if folder:
        os.makedirs(folder, exist_ok=True)
        b.do("shot", path=os.path.join(folder, name + ".png"))


def column(b, number, what=".textContent"):
    return b.evaluate(COLUMN % (number, what))


# ---- what was recorded: many processes, all kinds of findings ----

@contextlib.contextmanager
def serve(text, policy):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tool(*args):
    return subprocess.run([TOOL, *args], stdout=subprocess.PIPE, text=True, check=True).stdout


def judge_layout(b, origin, text):
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            name = f"{width} pixels, {scheme}"
            lib.equal(b.open(origin + "/", width=width, height=844, scheme=scheme), 200, name)
            take_shot(b, f"{text}-{width}-{scheme}")
            for opened in ("closed", "open"):
                have, room = b.evaluate(WIDTHS)
                lib.check(have <= room, f"{name}, {opened}: {have} pixels wide")
                worst, where = b.evaluate(CONTRAST_CODE)
                lib.check(worst >= CONTRAST, f"{name}, {opened}: contrast {worst:.2f} of {where!r}")
                b.evaluate(OPEN_ALL)
            take_shot(b, f"{text}-{width}-{scheme}-open")
            judge_quiet(name, b, origin)


def judge_order(b):
    served = column(b, PID)
    heading = "thead th:nth-child(%d) button"
    for number, clicks in ((GOROUTINES, (-1, 1)), (PID, (-1, 1)), (PROCESS, (1, -1))):
        for sign in clicks:
            b.do("click", selector=heading % (number + 1))
            have = column(b, number, ".dataset.v" if number != PROCESS else ".textContent")
            key = float if number != PROCESS else str.lower
            lib.equal(have, sorted(have, key=key, reverse=sign < 0), f"column {number}, {sign}")
            sort = b.evaluate("document.querySelector('th[aria-sort]').getAttribute('aria-sort')")
            lib.equal(sort, "descending" if sign < 0 else "ascending", f"column {number}: said")
        b.do("click", selector=heading % (number + 1))
        lib.equal(column(b, PID), served, f"column {number}: as served, at the third click")


def judge_filter(b):
    verdicts = collections.Counter(column(b, VERDICT))
    total = sum(verdicts.values())
    b.do("press", key="/")
    lib.equal(b.evaluate("document.activeElement.type"), "search", "what / puts the focus on")
    for kind in ("goroutine-leak", "fd-leak"):
        lib.check(0 < verdicts[kind] < total, f"{kind}: {verdicts[kind]} of {total}")
        b.do("fill", selector="input", text=kind.upper())
        lib.equal(column(b, VERDICT), [kind] * verdicts[kind], f"filtered by {kind}")
        said = b.evaluate("document.getElementById('note').textContent")
        lib.equal(said, f"{verdicts[kind]} of {total}", f"{kind}: said")
    b.do("fill", selector="input", text="no such process")
    lib.equal(column(b, VERDICT), [], "filtered by what nothing is")
    b.do("fill", selector="input", text="")
    lib.equal(sum(collections.Counter(column(b, VERDICT)).values()), total, "not filtered")


def judge_details(b, scripts):
    """Of the worst process: opened by its triangle, and with scripts by its row."""
    name = "with scripts" if scripts else "without scripts"
    shown = "document.querySelector('details section li').checkVisibility()"
    lib.equal(b.evaluate(shown), False, f"{name}: evidence, closed")
    b.do("click", selector="tbody:nth-of-type(1) summary")
    lib.equal(b.evaluate(shown), True, f"{name}: evidence, opened")
    b.do("click", selector="tbody:nth-of-type(1) .r td:nth-child(4)")
    lib.equal(b.evaluate(shown), not scripts, f"{name}: evidence, after a click on the row")


def judge_recorded(b):
    names = sorted(glob.glob(os.path.join(TAPES, "*.tape")))
    pages = {"many": names[::7], "one": names[:1], "none": []}
    policy = tool("--policy").strip()
    for name, tapes in pages.items():
        text = tool(*tapes)
        judge_source(name, text, policy)
        with serve(text, policy) as origin:
            judge_layout(b, origin, name)
            if name != "many":
                continue
            b.open(origin + "/")
            judge_order(b)
            judge_filter(b)
            judge_details(b, True)
            b.open(origin + "/", scripts=False)
            judge_details(b, False)
            lib.equal(b.evaluate("document.querySelectorAll('input, button').length"), 0,
                      "controls that do nothing without scripts")
            lib.equal(len(column(b, PID)), len(tapes), "processes without scripts")
            judge_quiet("without scripts", b, origin)


# ---- a real agent ----

def judge_live(b, url, leaking):
    """While the agent goes on, what the reader has set stays, until the leak is told."""
    row = f"#p{leaking.pid}"
    b.open(url)
    b.do("wait", code=f"document.querySelector('{row}') !== null")
    b.do("click", selector=f"{row} summary")
    b.do("click", selector=f"thead th:nth-child({PROCESS + 1}) button")
    b.do("fill", selector="input", text="leak.stripped")
    b.evaluate(f"document.querySelector('{row} summary').focus()")
    b.evaluate("window.scrollTo(0, 60)")
    kept = f"""[document.querySelector('{row} details').open,
        document.activeElement.closest('tbody') === document.querySelector('{row}'),
        document.querySelector('input').value, window.scrollY,
        document.querySelector('th[aria-sort]').textContent,
        document.querySelectorAll('tbody:not([hidden]) > .r').length]"""
    before = b.evaluate(kept)
    lib.equal(before[:3], [True, True, "leak.stripped"], "what was set")
    for n in range(2):
        b.evaluate("window.then = document.querySelector('#sum small').textContent")
        b.do("wait", code="document.querySelector('#sum small').textContent !== window.then")
        lib.equal(b.evaluate(kept), before, f"what stays after refresh {n + 1}")
    b.do("wait", code=f"document.querySelector('{row} .v').textContent === 'goroutine-leak'")
    place = b.evaluate(f"document.querySelector('{row} .p').textContent")
    function, line = leaking.facts["function"], leaking.facts["line"]
    lib.check(f":{line} {function}" in place, f"place {place!r}, wanted {function} line {line}")
    evidence = b.evaluate(f"document.querySelectorAll('{row} section li').length")
    lib.check(evidence > 3, f"{evidence} lines of evidence and stack")
    lib.check(b.evaluate("document.title").startswith("1 of "), "title")
    take_shot(b, "agent")
    judge_quiet("agent", b, url.rstrip("/"))


def judge_gone(b, agent):
    """The page of an agent that has ended says so, and keeps what was seen last."""
    agent.proc.terminate()
    agent.proc.wait(60)
    b.do("wait", code="document.getElementById('note').textContent.startsWith('no answer')")
    lib.check(b.evaluate("document.body.classList.contains('stale')"), "a page that is old")
    lib.check(column(b, PID), "processes of a page that is old")


def judge_agent(b):
    lib.build(["leak", "busy"], ["stripped"], [VERSION])
    path = [lib.program_path(name, VERSION, "stripped") for name in ("leak", "busy")]
    port = daemons.free_port()
    command = [lib.GOTIDE, "agent", "-q", "--listen", f"127.0.0.1:{port}", "--include",
               "name=leak.stripped", "--include", "name=busy.stripped"]
    with lib.Program(path[0], "-kind", "chanrecv", "-rate", "7", "-noise", "50") as leaking, \
            lib.Program(path[1]), daemons.Daemon(command, port, "/readyz") as agent:
        text = daemons.get(agent.url + "/")
        with urllib.request.urlopen(agent.url + "/", timeout=10) as answer:
            judge_source("agent", text, answer.headers["Content-Security-Policy"])
            lib.equal(answer.headers["Content-Type"], "text/html; charset=utf-8", "type")
        judge_live(b, agent.url + "/", leaking)
        judge_gone(b, agent)


def main():
    subprocess.run(["make", "-s", "-C", lib.ROOT, f"OUTPUT={lib.OUTPUT}", TOOL], check=True)
    with browser.Browser() as b:
        print("Chromium", b.version)
        judge_recorded(b)
        if os.geteuid() == 0:
            judge_agent(b)
        else:
            print("no root: pages of recordings only")
    lib.finish()


main()
