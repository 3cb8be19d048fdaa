// SPDX-License-Identifier: BSD-2-Clause
// The script inside a flame graph: fit to the window, zoom, search, details.  No outside resources;
// names are only ever read and set as text.
"use strict";
(function () {
	const top = document.getElementById("top"), frames = document.getElementById("frames");
	const byId = (id) => document.getElementById(id);
	const info = byId("info"), found = byId("found"), reset = byId("reset");
	const margin = 10, charWidth = 7.25;
	const all = Array.from(frames.querySelectorAll("g.f")).map((g) => {
		const text = g.querySelector("title").textContent;
		return {
			g: g, rect: g.querySelector("rect"), label: g.querySelector("text"), text: text,
			name: text.slice(0, text.lastIndexOf(" (")),
			start: Number(g.dataset.s), value: Number(g.dataset.v),
			y: Number(g.querySelector("rect").getAttribute("y")),
		};
	});
	const root = all[0];
	let shown = root, wanted = null;

	// Without the path of its package; a version keeps what it belongs to.
	function short(name) {
		const head = name.split(/[([]/, 1)[0];
		let at = head.lastIndexOf("/");
		if (at > 0 && /^v[0-9]+\./.test(name.slice(at + 1)))
			at = head.lastIndexOf("/", at - 1);
		return name.slice(at + 1);
	}

	function fit(f, pixels) {
		const room = Math.floor((pixels - 6) / charWidth);
		const name = f.name.length <= room ? f.name : short(f.name);
		f.label.textContent = room < 3 ? "" :
			name.length <= room ? name : name.slice(0, room - 2) + "..";
	}

	function place() {
		const from = shown.start, to = shown.start + shown.value;
		// Of the window what a scroll bar leaves, which innerWidth does not tell.
		top.setAttribute("width", "100%");
		const width = Math.max(320, top.getBoundingClientRect().width || window.innerWidth);
		top.setAttribute("width", width);
		frames.setAttribute("width", width - 2 * margin);
		for (const f of all) {
			const isAbove = f.y < shown.y && f.start <= from && f.start + f.value >= to;
			const isIn = isAbove || (f.y >= shown.y && f.start >= from && f.start + f.value <= to);
			f.g.style.display = isIn ? "" : "none";
			f.g.classList.toggle("above", isAbove);
			if (!isIn)
				continue;
			const share = isAbove || !shown.value ? 1 : f.value / shown.value;
			const x = isAbove || !shown.value ? 0 : 100 * (f.start - from) / shown.value;
			f.rect.setAttribute("x", x + "%");
			f.rect.setAttribute("width", 100 * share + "%");
			f.label.setAttribute("x", x + "%");
			fit(f, share * (width - 2 * margin));
		}
		reset.textContent = shown === root ? "" : "reset zoom (Esc)";
	}

	function zoom(f) {
		shown = f;
		place();
		count();
	}

	// Of what is shown, how much has a match on its stack: nested matches count once.
	function count() {
		let sum = 0, end = -1;
		if (!wanted) {
			found.textContent = "";
			return;
		}
		const hits = all.filter((f) => f.g.classList.contains("hit") && f !== root);
		hits.sort((a, b) => a.start - b.start || b.value - a.value);
		for (const f of hits) {
			const from = Math.max(f.start, end, shown.start);
			const to = Math.min(f.start + f.value, shown.start + shown.value);
			if (to > from)
				sum += to - from;
			end = Math.max(end, to);
		}
		const share = shown.value ? 100 * sum / shown.value : 0;
		found.textContent = "matched " + share.toFixed(2) + "%";
	}

	function search(text) {
		let re = null;
		try {
			re = text ? new RegExp(text, "i") : null;
		} catch (e) {
			re = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
		}
		wanted = re;
		for (const f of all)
			f.g.classList.toggle("hit", Boolean(re) && f !== root && re.test(f.name));
		byId("find").textContent = re ? "clear search" : "search (/)";
		count();
	}

	function ask() {
		const text = window.prompt("Function (a regular expression):", "");
		if (text !== null)
			search(text);
	}

	for (const f of all) {
		f.g.addEventListener("click", () => zoom(f));
		f.g.addEventListener("mouseover", () => { info.textContent = f.text; });
		f.g.addEventListener("mouseout", () => { info.textContent = ""; });
	}
	reset.addEventListener("click", () => zoom(root));
	byId("find").addEventListener("click", () => { if (wanted) search(""); else ask(); });
	window.addEventListener("keydown", (e) => {
		if (e.key === "/" || ((e.ctrlKey || e.metaKey) && e.key === "f")) {
			e.preventDefault();
			ask();
		} else if (e.key === "Escape") {
			search("");
			zoom(root);
		}
	});
	window.addEventListener("resize", place);
	byId("acts").setAttribute("visibility", "visible");
	place();
})();
