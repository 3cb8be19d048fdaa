# SPDX-License-Identifier: BSD-2-Clause
"""The daemons of daemons.py: how each is started, and what its clients do."""

import base64
import collections
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException

__all__ = ["HTTPException", "every"]

TIMEOUT_S = 10
JSON = {"Content-Type": "application/json"}
PROFILED = {"go_memstats_heap_alloc_bytes": "HeapAlloc",
            "go_memstats_heap_inuse_bytes": "HeapInuse",
            "go_memstats_next_gc_bytes": "NextGC", "go_gc_duration_seconds_count": "NumGC"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(url, headers=None):
    request = urllib.request.Request(url, headers={"Connection": "close", **(headers or {})})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return answer.read()


class Client:
    """A connection that is kept, and what streams besides."""

    def __init__(self, port, answers):
        self.answers = answers  # counts of status codes, by hundreds
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self.stream = None

    def ask(self, method, path, body=None, headers=None):
        """The answer's body; its headers are in .headers."""
        self.http.request(method, path, body, headers or {})
        answer = self.http.getresponse()
        self.headers = answer.headers
        self.answers[answer.status // 100] += 1
        return answer.read()

    def close(self):
        self.http.close()
        if self.stream:
            self.stream.close()


class Load:
    """What is common: a daemon that speaks HTTP."""

    name, notes = "", ""
    rate, clients = 10, 8       # requests a second and connections, in the busy hours
    ready, metrics, pprof = "/", "/metrics", "/debug/pprof/goroutine?debug=1"
    headers, env = {}, {}

    def __init__(self, work, others):
        self.folder = os.path.join(work, self.name)
        self.port, self.own_port = free_port(), 0
        self.others = others    # by name, to talk to
        self.answers = collections.Counter()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def own_url(self, path):
        return f"http://127.0.0.1:{self.own_port or self.port}{path}"

    def at(self, name):
        return f"127.0.0.1:{self.others[name].port}"

    def prepare(self, program):
        pass

    def within(self):
        """What the program is started by."""
        return []

    def is_ready(self):
        try:
            fetch(self.url(self.ready), self.headers)
            return True
        except urllib.error.HTTPError as e:
            return e.code < 500
        except OSError:
            return False

    def begin(self):
        pass

    def connect(self):
        return Client(self.port, self.answers)

    def tend(self, client):
        pass

    def work(self, client, n):
        client.ask("GET", self.ready, headers=self.headers)

    def figures(self, names):
        """What it says of itself, by the names of Prometheus' client."""
        try:
            if not self.metrics:
                return self.profiled() if self.pprof else {}
            text = fetch(self.own_url(self.metrics), self.headers).decode()
        except (OSError, HTTPException):
            return {}
        rows = (line.rsplit(" ", 1) for line in text.splitlines()
                if "{" not in line and line[:1] != "#")
        return {r[0]: f"{float(r[1]):.0f}" for r in rows if len(r) == 2 and r[0] in names}

    def profiled(self):
        """The same from its profiles, if it serves no metrics."""
        heap = fetch(self.own_url("/debug/pprof/heap?debug=1")).decode()
        found = dict(re.findall(r"^# (\w+) = (\d+)", heap, re.M))
        total = re.search(r"total (\d+)", fetch(self.own_url(self.pprof)).decode())
        return {"go_goroutines": total and total[1],
                **{name: found[key] for name, key in PROFILED.items() if key in found}}

    def dump(self, path):
        """The goroutines as it says itself, if it does."""
        if not self.pprof:
            return
        try:
            text = fetch(self.own_url(self.pprof), self.headers)
        except (OSError, HTTPException):
            return
        if b"goroutine profile" in text:
            with open(path, "wb") as f:
                f.write(text)


# ---- Prometheus and what it scrapes ----

class Prometheus(Load):
    name, notes = "prometheus", "as installed, scrapes itself and a node exporter"
    rate, clients, ready = 3, 12, "/-/ready"
    more, scraped = [], ["prometheus", "node-exporter"]
    queries = ["/api/v1/query?query=up", "/api/v1/query?query=go_goroutines", "/metrics",
               "/api/v1/query?query=sum(rate(node_cpu_seconds_total[1m]))%20by%20(mode)",
               "/api/v1/series?match[]=up", "/api/v1/targets",
               "/api/v1/query?query=histogram_quantile"
               "(0.9,rate(prometheus_http_request_duration_seconds_bucket[1m]))"]

    def args(self):
        targets = ", ".join(f"'{self.at(n)}'" for n in self.scraped)
        config = self.write("prometheus.yml", f"""global: {{scrape_interval: 5s}}
scrape_configs:
  - job_name: day
    static_configs: [{{targets: [{targets}]}}]
""")
        return [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}",
                f"--storage.tsdb.path={self.folder}/data", *self.more]

    def work(self, client, n):
        client.ask("GET", self.queries[n % len(self.queries)])


class Prometheus3(Prometheus):
    name, notes = "prometheus-3", "blocks of 1 minute instead of 2 hours, scrapes others"
    more = ["--storage.tsdb.min-block-duration=1m", "--storage.tsdb.max-block-duration=4m",
            "--storage.tsdb.retention.time=6m"]
    scraped = ["prometheus-3", "alertmanager", "pushgateway", "etcd", "etcd-3.5"]


class NodeExporter(Load):
    name, notes = "node-exporter", "scraped by a Prometheus and by others"
    rate, clients = 1.5, 6

    def args(self):
        return [f"--web.listen-address=127.0.0.1:{self.port}"]

    def work(self, client, n):
        client.ask("GET", "/metrics" if n % 3 else "/")


class Alertmanager(Load):
    name, notes = "alertmanager", "alerts that come and are resolved, sent on to webhook"
    rate, ready = 6, "/-/ready"

    def within(self):
        """Debian's insists on templates in /usr/share: empty ones, in a mount namespace."""
        for name in ("default.tmpl", "email.tmpl"):
            self.write("share/prometheus/alertmanager/" + name, "")
        mount = f"mount -t overlay -o lowerdir={self.folder}/share:/usr/share day /usr/share"
        return ["unshare", "--mount", "sh", "-c", mount + ' && exec "$@"', "sh"]

    def args(self):
        config = self.write("alertmanager.yml", json.dumps({
            "global": {"resolve_timeout": "20s"},
            "route": {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s",
                      "group_interval": "10s", "repeat_interval": "2m"},
            "receivers": [{"name": "hook", "webhook_configs": [
                {"url": f"http://{self.at('webhook')}/hooks/day"}]}]}))
        return [f"--config.file={config}", f"--storage.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=",
                "--alerts.gc-interval=15s", "--data.retention=1m",
                "--data.maintenance-interval=15s"]

    def work(self, client, n):
        if n % 4 == 0:
            client.ask("GET", "/api/v2/alerts" if n % 8 else "/api/v2/alerts/groups")
            return
        alerts = [{"labels": {"alertname": f"alert{(n + i) % 11}",
                              "instance": f"i{(n * 7 + i) % 13}"},
                   "annotations": {"summary": "x" * 100}} for i in range(n % 5 + 1)]
        client.ask("POST", "/api/v2/alerts", json.dumps(alerts), JSON)


class Pushgateway(Load):
    name, notes = "pushgateway", "groups that are pushed and deleted"
    ready = "/-/ready"

    def args(self):
        return [f"--web.listen-address=127.0.0.1:{self.port}", "--persistence.file="]

    def work(self, client, n):
        group = f"/metrics/job/j{n % 13}/instance/i{n % 7}"
        if n % 5 == 0:
            client.ask("DELETE", group)
        else:
            text = "".join(f"m{i} {n + i}\n" for i in range(20))
            client.ask("PUT" if n % 2 else "POST", group, text)


class BlackboxExporter(Load):
    name, notes = "blackbox-exporter", "probes caddy"
    rate = 6

    def args(self):
        config = self.write("blackbox.yml",
                            "modules: {http_2xx: {prober: http}, tcp: {prober: tcp}}\n")
        return [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}"]

    def work(self, client, n):
        target = self.at("caddy")
        client.ask("GET", f"/probe?module=tcp&target={target}" if n % 3 == 0 else
                   f"/probe?module=http_2xx&target=http://{target}/small")


# ---- stores ----

class Etcd(Load):
    name, notes = "etcd", "500 keys put and read, leases, watches; compacted"
    rate, clients, ready = 8, 10, "/health"
    more = []

    def args(self):
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        return ["--data-dir", f"{self.folder}/data", "--enable-pprof", "--log-level", "error",
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"default={peer}", "--auto-compaction-mode", "periodic",
                "--auto-compaction-retention", "30s", *self.more]

    @staticmethod
    def coded(text):
        return base64.b64encode(text.encode()).decode()

    def call(self, client, what, **fields):
        return json.loads(client.ask("POST", "/v3/" + what, json.dumps(fields)))

    def connect(self):
        """Each watches a key besides, on a connection of its own."""
        client = Client(self.port, self.answers)
        client.stream = s = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        body = json.dumps({"create_request": {"key": self.coded("key7")}})
        s.sendall(b"POST /v3/watch HTTP/1.1\r\nHost: etcd\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body.encode()))
        s.setblocking(False)
        return client

    def tend(self, client):
        drain(client.stream)

    def work(self, client, n):
        key = self.coded(f"key{n * 37 % 500}")
        if n % 20 == 0:
            lease = self.call(client, "lease/grant", TTL=5)["ID"]
            self.call(client, "kv/put", key=key, value=self.coded("leased"), lease=lease)
        elif n % 3:
            self.call(client, "kv/range", key=key)
        else:
            self.call(client, "kv/put", key=key, value=self.coded("v" * (n % 300)))


class Etcd35(Etcd):
    name, notes = "etcd-3.5", "as etcd; its raft log is cut every 1000 entries"
    more = ["--snapshot-count", "1000"]


class Influxd(Load):
    name, notes = "influxd", "100 series written and queried; its cache is written out every 5 s"
    rate, ready, metrics = 8, "/ping", None

    def args(self):
        config = self.write("influx.conf", f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
query-log-enabled = false
cache-snapshot-memory-size = 262144
cache-snapshot-write-cold-duration = "5s"
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
""")
        return ["run", "-config", config]

    def begin(self):
        Client(self.port, self.answers).ask("POST", "/query?q=CREATE+DATABASE+day")

    def work(self, client, n):
        if n % 4 == 0:
            client.ask("GET", "/query?db=day&q="
                       "SELECT+mean(v)+FROM+m+WHERE+time+%3E+now()-10s+GROUP+BY+host")
        else:
            client.ask("POST", "/write?db=day",
                       "".join(f"m,host=h{(n * 5 + i) % 100} v={n}\n" for i in range(5)))


class VictoriaMetrics(Load):
    name, notes = "victoria-metrics", "200 series imported and queried"
    rate, ready = 8, "/health"

    def args(self):
        return [f"-storageDataPath={self.folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}",
                "-memory.allowedBytes=64MB", "-selfScrapeInterval=10s"]

    def work(self, client, n):
        if n % 4 == 0:
            client.ask("GET", "/api/v1/query?query=sum(rate(day[1m]))+by+(mod)")
        else:
            rows = (f'day{{host="h{(n * 10 + i) % 200}",mod="{i}"}} {n}\n' for i in range(10))
            client.ask("POST", "/api/v1/import/prometheus", "".join(rows))


class Registry(Load):
    name, notes = "docker-registry", "200 blobs pushed, pulled and deleted"
    rate, ready = 8, "/v2/"

    def args(self):
        self.own_port = free_port()
        config = self.write("config.yml", f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {self.folder}/data}}, delete: {{enabled: true}},
          cache: {{blobdescriptor: inmemory}}}}
http: {{addr: '127.0.0.1:{self.port}', debug: {{addr: '127.0.0.1:{self.own_port}',
       prometheus: {{enabled: true, path: /metrics}}}}}}
""")
        return ["serve", config]

    def work(self, client, n):
        blob = f"blob {n * 37 % 200} ".encode() * (n * 37 % 200 * 20 + 1)
        digest = "sha256:" + hashlib.sha256(blob).hexdigest()
        path = f"/v2/image{n * 37 % 200 % 5}/blobs/"
        if n % 3 == 0:
            client.ask("POST", path + "uploads/")
            where = client.headers["Location"].split(f":{self.port}")[-1]
            client.ask("PUT", f"{where}&digest={digest}", blob)
        else:
            client.ask("DELETE" if n % 11 == 0 else "GET", path + digest)


class Rclone(Load):
    name, notes = "rclone", "serves WebDAV: 61 files put, read, listed and deleted"
    rate = 8

    def args(self):
        self.own_port = free_port()
        os.makedirs(os.path.join(self.folder, "files"))
        return ["serve", "webdav", os.path.join(self.folder, "files"),
                "--addr", f"127.0.0.1:{self.port}", "--dir-cache-time", "10s",
                "--config", os.path.join(self.folder, "rclone.conf"), "--rc", "--rc-no-auth",
                "--rc-addr", f"127.0.0.1:{self.own_port}", "--rc-enable-metrics"]

    def work(self, client, n):
        path = f"/file{n * 7 % 61}"
        if n % 9 == 0:
            client.ask("PROPFIND", "/", headers={"Depth": "1"})
        elif n % 3 == 0:
            client.ask("PUT", path, b"x" * (n * 101 % 50000))
        else:
            client.ask("DELETE" if n % 10 == 0 else "GET", path)


class Syncthing(Load):
    name, notes = "syncthing", "one folder of which files change, its REST interface asked"
    rate, clients, ready = 4, 6, "/rest/system/ping"
    headers, env = {"X-API-Key": "day"}, {"STMONITORED": "yes", "STNOUPGRADE": "1"}
    off = ["globalAnnounceEnabled", "localAnnounceEnabled", "relaysEnabled", "natEnabled",
           "startBrowser", "crashReportingEnabled"]

    def prepare(self, program):
        subprocess.run([program, "generate", "--no-default-folder", f"--home={self.folder}"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={"HOME": self.folder, **self.env})
        path = os.path.join(self.folder, "config.xml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for option in self.off:
            text = text.replace(f"<{option}>true", f"<{option}>false")
        text = text.replace("<listenAddress>default",
                            f"<listenAddress>tcp://127.0.0.1:{free_port()}")
        self.write("config.xml", text.replace("<urAccepted>0", "<urAccepted>-1"))
        os.makedirs(os.path.join(self.folder, "files"))

    def args(self):
        return ["serve", f"--home={self.folder}", "--no-browser", "--no-restart",
                "--no-default-folder", f"--gui-address=127.0.0.1:{self.port}",
                "--gui-apikey=day", "--skip-port-probing"]

    def begin(self):
        folder = {"id": "day", "path": os.path.join(self.folder, "files"), "rescanIntervalS": 30,
                  "fsWatcherDelayS": 1}
        Client(self.port, self.answers).ask("POST", "/rest/config/folders", json.dumps(folder),
                              {**JSON, **self.headers})

    def work(self, client, n):
        if n % 3 == 0:
            self.write(f"files/d{n % 5}/f{n % 41}", "x" * (n * 101 % 20000))
        else:
            asked = ["/rest/db/status?folder=day", "/rest/system/status",
                     "/rest/system/connections", "/rest/events?since=0&limit=5&timeout=1"]
            client.ask("GET", asked[n % 4], headers=self.headers)


# ---- servers ----

class Caddy(Load):
    name, notes = "caddy", "files, compressed, and a proxy of webhook"
    rate, clients, ready = 15, 20, "/small"

    def args(self):
        self.own_port = free_port()
        for name, size in (("small", 100), ("middle", 10000), ("big", 200000)):
            self.write("www/" + name, "tide and ebb " * (size // 13))
        return ["run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", f"""{{
	admin 127.0.0.1:{self.own_port}
	auto_https off
	storage file_system {self.folder}/store
	metrics
}}
http://127.0.0.1:{self.port} {{
	encode gzip
	handle_path /proxy/* {{
		reverse_proxy {self.at("webhook")}
	}}
	file_server {{
		root {self.folder}/www
	}}
}}
""")]

    def work(self, client, n):
        paths = ["/small", "/middle", "/big", "/proxy/", "/none"]
        client.ask("GET", paths[n % 5], headers={"Accept-Encoding": "gzip"} if n % 2 else {})


class Webhook(Load):
    name, notes = "webhook", "each hook starts a process"
    rate, metrics, pprof = 3, None, None

    def args(self):
        hooks = self.write("hooks.json", json.dumps([
            {"id": "day", "execute-command": "/bin/true", "http-methods": ["GET", "POST"]}]))
        return ["-hooks", hooks, "-ip", "127.0.0.1", "-port", str(self.port)]

    def work(self, client, n):
        client.ask("GET", "/hooks/day" if n % 2 else "/")


def drain(sock):
    try:
        while sock.recv(65536):
            pass
    except BlockingIOError:
        pass


class NatsClient:
    """Subscribes, and publishes to all."""

    def __init__(self, port, n):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.sock.sendall(b'CONNECT {"verbose":false,"name":"day"}\r\n'
                          b"SUB day.%d 1\r\nSUB day.all 2\r\n" % (n % 5))
        self.sock.setblocking(False)

    def close(self):
        self.sock.close()


class Nats(Load):
    name, notes = "nats-server", "subscribers that come and go, messages to one or to all"
    rate, clients, ready, metrics = 30, 40, "/varz", None
    opened = 0

    def args(self):
        self.nats_port, self.own_port = free_port(), free_port()
        return ["-a", "127.0.0.1", "-p", str(self.nats_port), "-m", str(self.port), "--profile",
                str(self.own_port)]

    def connect(self):
        self.opened += 1
        return NatsClient(self.nats_port, self.opened)

    def tend(self, client):
        drain(client.sock)
        client.sock.sendall(b"PONG\r\n")

    def work(self, client, n):
        payload = b"x" * (n * 101 % 2000)
        subject = b"all" if n % 10 == 0 else b"%d" % (n % 5)
        client.sock.sendall(b"PUB day.%s %d\r\n%s\r\n" % (subject, len(payload), payload))


class Mtail(Load):
    name, notes = "mtail", "a log that is written and rotated"
    rate, clients = 20, 4
    program = """counter requests by code, path
gauge last by path
/^(?P<code>\\d+) (?P<path>\\S+) (?P<ms>\\d+)$/ {
  requests[$code][$path]++
  last[$path] = $ms
}
"""

    def args(self):
        self.write("progs/day.mtail", self.program)
        self.log = self.write("logs/day.log", "")
        return ["-address", "127.0.0.1", "-port", str(self.port), "-log_dir", self.folder,
                "-progs", os.path.join(self.folder, "progs"), "-logs", self.log]

    def work(self, client, n):
        if n % 2000 == 0:
            shutil.move(self.log, os.path.join(self.folder, "old.log"))
        if n % 20 == 0:
            client.ask("GET", "/metrics")
        with open(self.log, "a", encoding="ascii") as f:
            f.write("".join(f"{200 + n % 7} /path{i} {n}\n" for i in range(10)))


# ---- builders ----

class Esbuild(Load):
    rate, clients, ready, metrics, pprof = 3, 6, "/", None, None
    notes = "builds when sources change; clients are told"

    def source(self, n):
        self.write(f"www/part{n % 9}.js",
                   "".join(f"export const v{i} = {n} + {i};\n" for i in range(200)))

    def args(self):
        for n in range(9):
            self.source(n)
        app = "".join(f"import * as p{i} from './part{i}.js';\nconsole.log(p{i}.v1);\n"
                      for i in range(9))
        www = os.path.dirname(self.write("www/app.js", app))
        return [f"{www}/app.js", "--bundle", f"--outdir={www}/out", f"--servedir={www}",
                f"--serve=127.0.0.1:{self.port}", "--watch"]

    def connect(self):
        client = Client(self.port, self.answers)
        client.stream = s = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        s.sendall(b"GET /esbuild HTTP/1.1\r\nHost: day\r\nAccept: text/event-stream\r\n\r\n")
        s.setblocking(False)
        return client

    def tend(self, client):
        drain(client.stream)

    def work(self, client, n):
        if n % 5 == 0:
            self.source(n)
        client.ask("GET", "/out/app.js" if n % 2 else "/app.js")


class Esbuild18(Esbuild):
    name = "esbuild-0.18.0"


class Esbuild28(Esbuild):
    name = "esbuild-0.28.2"


class Turbo(Load):
    name, notes = "turbo-1.6.3", "watches files that change"
    rate, clients, metrics, pprof = 10, 1, None, None

    def prepare(self, program):
        self.write("package.json", '{"name": "tide", "packageManager": "npm@8.0.0"}')
        self.write("turbo.json", '{"pipeline": {}}')

    def args(self):
        return ["daemon", "--idle-time", "24h"]

    def is_ready(self):
        base = os.path.join(self.folder, "turbod")
        return any("turbod.sock" in files for _, _, files in os.walk(base))

    def work(self, client, n):
        self.write(f"packages/p{n % 7}/f{n % 31}.js", f"export const n = {n};\n")
        if n % 50 == 0:
            shutil.rmtree(os.path.join(self.folder, f"packages/p{n // 50 % 7}"), ignore_errors=True)


def every(work):
    """All of them, with folders in work."""
    others = {}
    for kind in (Prometheus, Prometheus3, NodeExporter, Alertmanager, Pushgateway, BlackboxExporter,
                 Etcd, Etcd35, Influxd, VictoriaMetrics, Registry, Rclone, Syncthing, Caddy,
                 Webhook, Nats, Mtail, Esbuild18, Esbuild28, Turbo):
        others[kind.name] = kind(work, others)
    return list(others.values())
