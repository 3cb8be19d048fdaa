// SPDX-License-Identifier: BSD-2-Clause
// Reads Kubernetes objects as YAML from standard input, and prints what is wrong with them: missing
// fields, wrong types, fields that no schema knows, names that lead nowhere.  Exit 1 if anything is.
//
// usage: node manifests.mjs FOLDER-WITH-NODE_MODULES < objects.yaml
//
// The validators of kubernetes-models accept fields they do not know.  But a validator has to ask for
// each field that it knows, and goes over all keys of what may have any; so a field that is there and was
// never asked for is unknown.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const modules = path.resolve(process.argv[2], "node_modules");
const require = createRequire(modules);
const yaml = require(path.join(modules, "yaml"));

const core = (kind) => `kubernetes-models/_schemas/IoK8sApiCoreV1${kind}.js`;
const operator = (kind) =>
	`@kubernetes-models/prometheus-operator/_schemas/MonitoringCoreosComV1${kind}.js`;
const SCHEMAS = {
	"v1 Namespace": core("Namespace"),
	"v1 ServiceAccount": core("ServiceAccount"),
	"v1 ConfigMap": core("ConfigMap"),
	"v1 ResourceQuota": core("ResourceQuota"),
	"apps/v1 DaemonSet": "kubernetes-models/_schemas/IoK8sApiAppsV1DaemonSet.js",
	"networking.k8s.io/v1 NetworkPolicy": "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy.js",
	"monitoring.coreos.com/v1 PodMonitor": operator("PodMonitor"),
	"monitoring.coreos.com/v1 PrometheusRule": operator("PrometheusRule"),
};

// The object, and a set of the paths that were asked for.
function watched(object, asked, at = "") {
	if (typeof object !== "object" || object === null)
		return object;
	return new Proxy(object, {
		get(it, key) {
			asked.add(`${at}/${String(key)}`);
			return watched(it[key], asked, `${at}/${String(key)}`);
		},
		ownKeys(it) {
			for (const key of Reflect.ownKeys(it))
				asked.add(`${at}/${String(key)}`);
			return Reflect.ownKeys(it);
		},
	});
}

function* unknown(object, asked, at = "") {
	if (typeof object !== "object" || object === null)
		return;
	for (const [key, value] of Object.entries(object)) {
		const here = `${at}/${key}`;
		if (asked.has(here))
			yield* unknown(value, asked, here);
		else
			yield `${here}: unknown field`;
	}
}

function* faults(object) {
	const schema = SCHEMAS[`${object.apiVersion} ${object.kind}`];
	if (!schema) {
		yield `: no schema for ${object.apiVersion} ${object.kind}`;
		return;
	}
	const { validate } = require(path.join(modules, schema));
	const asked = new Set();
	validate(watched(object, asked));
	for (const error of validate.errors ?? [])
		yield `${error.instancePath || "/"}: ${error.keyword} ${JSON.stringify(error.params)}`;
	yield* unknown(object, asked);
}

const contains = (labels, wanted) =>
	Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);

// What the API server checks besides the schema.
function* danglingNames({ spec }) {
	const { metadata, spec: pod } = spec.template;
	const volumes = pod.volumes.map((it) => it.name);
	if (!contains(metadata.labels, spec.selector.matchLabels))
		yield ": the selector does not select the template";
	for (const container of pod.containers) {
		const ports = container.ports.map((it) => it.name);
		for (const mount of container.volumeMounts)
			if (!volumes.includes(mount.name))
				yield `: no volume ${mount.name}`;
		for (const probe of [container.livenessProbe, container.readinessProbe])
			if (!ports.includes(probe.httpGet.port))
				yield `: no port ${probe.httpGet.port}`;
	}
}

// Whether a selector finds the pods, and their ports.
function* lostPorts(selector, ports, objects) {
	const pods = objects.filter((it) => it.kind === "DaemonSet").map((it) => it.spec.template);
	for (const { port } of ports)
		if (!pods.some((pod) => contains(pod.metadata.labels, selector.matchLabels) &&
			pod.spec.containers.some((c) => c.ports.some((it) => it.name === port))))
			yield `: finds no pod with a port ${port}`;
}

let count = 0;
function tell(object, found) {
	let any = false;
	for (const fault of found) {
		console.log(`${object.kind} ${object.metadata?.name}${fault}`);
		any = true;
		count++;
	}
	return any;
}

const documents = yaml.parseAllDocuments(readFileSync(0, "utf8"), { uniqueKeys: true });
for (const error of documents.flatMap((it) => it.errors)) {
	console.log(String(error));
	count++;
}
const objects = count ? [] : documents.map((it) => it.toJS());
for (const object of objects) {
	if (tell(object, faults(object)))
		continue;
	if (object.kind === "DaemonSet")
		tell(object, danglingNames(object));
	if (object.kind === "PodMonitor")
		tell(object, lostPorts(object.spec.selector, object.spec.podMetricsEndpoints, objects));
	if (object.kind === "NetworkPolicy")
		tell(object, lostPorts(object.spec.podSelector, object.spec.ingress.flatMap((it) => it.ports),
			objects));
}
if (!documents.length)
	console.log("no objects");
process.exit(count || !documents.length ? 1 : 0);
