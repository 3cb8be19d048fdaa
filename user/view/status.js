// SPDX-License-Identifier: BSD-2-Clause
// Of the status page: keeps it up to date, sorts and filters.  Names are only read and set as text.
"use strict";
(function () {
	const every = 5000, patience = 10000;
	const byId = (id) => document.getElementById(id);
	const table = byId("procs"), tools = byId("tools"), source = byId("script").textContent;
	const heads = Array.from(table.tHead.rows[0].cells);
	// Figures begin with the largest, verdicts with the worst.
	const isFigure = (i) => heads[i].matches(".n, .v");
	let sorted = -1, isDown = true, isPaused = false, timer = 0;

	function tool(name, text) {
		const e = document.createElement(name);
		e.textContent = text;
		tools.prepend(e);
		return e;
	}
	const pause = tool("button", "pause"), box = tool("input", ""), note = tool("span", "");
	pause.type = "button";
	box.type = "search";
	box.placeholder = "filter (/)";
	box.setAttribute("aria-label", "filter processes");
	note.id = "note";
	note.setAttribute("role", "status");

	// ---- order and filter: each body of the table is a process ----

	// As the agent has sorted them.
	function number() {
		Array.from(table.tBodies).forEach((body, i) => { body.dataset.at = i; });
	}

	function keyOf(body) {
		const cell = body.rows[0].cells[sorted];
		return isFigure(sorted) ? Number(cell.dataset.v || NaN) : cell.textContent.toLowerCase();
	}

	// What is not known comes last in either order.
	function compare(a, b) {
		const isOdd = Number.isNaN(a.key) - Number.isNaN(b.key);
		const sign = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
		return isOdd || (isDown ? -sign : sign) || a.at - b.at;
	}

	function order() {
		const rows = Array.from(table.tBodies, (body) => (
			{ body: body, at: Number(body.dataset.at), key: sorted < 0 ? 0 : keyOf(body) }));
		rows.sort(compare);
		table.append(...rows.map((r) => r.body));
	}

	// One way, the other way, and as the agent has sorted them.
	function sortBy(i) {
		if (sorted !== i) {
			sorted = i;
			isDown = isFigure(i);
		} else if (isDown === isFigure(i)) {
			isDown = !isDown;
		} else {
			sorted = -1;
		}
		for (const h of heads)
			h.removeAttribute("aria-sort");
		if (sorted >= 0)
			heads[i].setAttribute("aria-sort", isDown ? "descending" : "ascending");
		order();
	}

	function filter() {
		const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
		let shown = 0;
		for (const body of table.tBodies) {
			const place = body.querySelector(".p");
			const text = body.rows[0].textContent + " " + (place ? place.textContent : "");
			body.hidden = !words.every((w) => text.toLowerCase().includes(w));
			shown += !body.hidden;
		}
		note.textContent = words.length ? shown + " of " + table.tBodies.length : "";
	}

	// ---- refresh ----

	// Of the page that came only what changes; what is open, in focus or scrolled stays so.
	function swap(page) {
		const open = new Set(Array.from(table.querySelectorAll("[open]"), (d) => d.closest("tbody").id));
		const focus = table.contains(document.activeElement) && document.activeElement.closest("tbody");
		const bodies = Array.from(page.getElementById("procs").tBodies);
		for (const id of ["sum", "rest", "self"])
			byId(id).replaceWith(page.getElementById(id));
		for (const body of bodies)
			body.querySelector("details").open = open.has(body.id);
		for (const body of Array.from(table.tBodies))
			body.remove();
		table.append(...bodies);
		document.title = page.title;
		number();
		order();
		filter();
		if (focus && byId(focus.id))
			byId(focus.id).querySelector("summary").focus({ preventScroll: true });
	}

	async function fetchPage() {
		const signal = AbortSignal.timeout(patience);
		const answer = await fetch(location.pathname, { cache: "no-store", signal: signal });
		if (!answer.ok)
			throw new Error("status " + answer.status);
		return new DOMParser().parseFromString(await answer.text(), "text/html");
	}

	async function refresh() {
		try {
			const page = await fetchPage();
			// Another version answers now.
			if (page.getElementById("script").textContent !== source)
				location.reload();
			else if (window.getSelection().isCollapsed)
				swap(page);
			document.body.classList.remove("stale");
		} catch (e) {
			document.body.classList.add("stale");
			note.textContent = "no answer from the agent (" + e.message + ")";
		}
		wait();
	}

	function wait() {
		clearTimeout(timer);
		if (!isPaused && !document.hidden)
			timer = setTimeout(refresh, every);
	}

	// ---- what people do ----

	heads.forEach((head, i) => {
		const button = document.createElement("button");
		button.type = "button";
		button.textContent = head.textContent;
		button.addEventListener("click", () => sortBy(i));
		head.replaceChildren(button);
	});
	table.addEventListener("click", (e) => {
		const row = e.target.closest(".r");
		if (!row || !window.getSelection().isCollapsed)
			return;
		const details = row.parentNode.querySelector("details");
		details.open = !details.open;
	});
	box.addEventListener("input", filter);
	pause.addEventListener("click", () => {
		isPaused = !isPaused;
		pause.textContent = isPaused ? "go on" : "pause";
		wait();
	});
	document.addEventListener("keydown", (e) => {
		if (e.key !== "/" || e.target === box || e.ctrlKey || e.metaKey || e.altKey)
			return;
		e.preventDefault();
		box.focus();
	});
	document.addEventListener("visibilitychange", () => {
		if (document.hidden || isPaused)
			clearTimeout(timer);
		else
			refresh();
	});
	// #p123 is the process of that pid.
	const wanted = table.querySelector(":target details");
	if (wanted)
		wanted.open = true;
	document.body.classList.add("live");
	number();
	wait();
})();
