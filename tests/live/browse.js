// SPDX-License-Identifier: BSD-2-Clause
// browse.js PLAYWRIGHT CHROMIUM: a browser that is told what to do by lines of JSON on stdin, one
// {"do": NAME, ...} each, and answers each with {"ok": VALUE} or {"error": TEXT}.  For browser.py.
"use strict";
const [library, executablePath] = process.argv.slice(2);
const { chromium } = require(library);
const limit = 120000;
let browser, context, page, requests, complaints;

const actions = {
	// A fresh page, without anything that the one before has kept.
	open: async ({ width, height, scripts, scheme }) => {
		if (context)
			await context.close();
		context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme,
			javaScriptEnabled: scripts });
		page = await context.newPage();
		requests = [];
		complaints = [];
		page.on("request", (r) => requests.push(r.url()));
		page.on("pageerror", (e) => complaints.push(e.message));
		page.on("console", (m) => {
			if (m.type() === "error" || m.type() === "warning")
				complaints.push(m.text());
		});
	},
	goto: async ({ url }) => (await page.goto(url)).status(),
	evaluate: ({ code }) => page.evaluate(code),
	// Asked from outside: the page's policy forbids it to evaluate text.
	wait: async ({ code }) => {
		const end = Date.now() + limit;
		while (!await page.evaluate(code)) {
			if (Date.now() > end)
				throw new Error("never comes true: " + code);
			await new Promise((done) => setTimeout(done, 100));
		}
	},
	click: ({ selector }) => page.click(selector),
	fill: ({ selector, text }) => page.fill(selector, text),
	press: ({ key }) => page.keyboard.press(key),
	shot: async ({ path }) => { await page.screenshot({ path, fullPage: true }); },
	requests: () => requests,
	complaints: () => complaints,
};

async function answer(line) {
	try {
		const asked = JSON.parse(line);
		return { ok: await actions[asked.do](asked) };
	} catch (e) {
		return { error: e.message };
	}
}

(async () => {
	browser = await chromium.launch({ executablePath,
		args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
	console.log(JSON.stringify({ ok: browser.version() }));
	for await (const line of require("readline").createInterface({ input: process.stdin }))
		console.log(JSON.stringify(await answer(line)));
	await browser.close();
})();
