// The latest documents, followed with the list's cursor. However many come, the page keeps ROWS_MAX rows, and of each
// document only its first characters: opening one asks for it again.

import { byId, element, setText } from "./dom.js";
import { clock, count } from "./format.js";
import { Refused, ask } from "./server.js";
import { openDocument } from "./one.js";

const ROWS_MAX = 200;
const PREVIEW_MAX = 160;
const PAGE = 200;
const FIRST_PAGE = 1000;
const LIST_MS = 1500; // while Redis is away a list is held: the status must not wait for it
const BEHIND_MAX = 3; // full pages in a row: then the page skips to now
const WINDOWS_MS = [60e3, 3600e3, 86400e3, 7 * 86400e3, 0]; // where the first look begins; 0: with the first document

const list = byId("documents");
let cursor = "";
let generation = 0;
let behind = 0;
let seen = 0;
let skipped = false;
let isPaused = false;

/* --- A page of the list, without reading the documents: they stay as they were sent, digit for digit --- */

const HEAD = '{"key":"';
const piece = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;

function endOfValue(text, from) {
	let depth = 0;
	piece.lastIndex = from;
	for (let found = piece.exec(text); found; found = piece.exec(text)) {
		if (found[0] === "{" || found[0] === "[") depth++;
		else if (found[0] === "}" || found[0] === "]") depth--;
		if (depth === 0) return piece.lastIndex;
	}
	return text.length;
}

function readPage(text) {
	const documents = [];
	let at = text.indexOf("[") + 1;
	while (text.startsWith(HEAD, at)) {
		const key = text.slice(at + HEAD.length, at + HEAD.length + 36);
		const from = at + HEAD.length + 36 + '","document":'.length;
		const end = endOfValue(text, from);
		documents.push({ key, from, end });
		at = end + 1 + (text[end + 1] === "," ? 1 : 0);
	}
	const { next, more } = JSON.parse(`{${text.slice(at + 2)}`);
	return { text, documents, next, more };
}

async function getPage(parameters) {
	const query = new URLSearchParams(parameters);
	return readPage((await ask("GET", `../v1/documents?${query}`, { timeoutMs: LIST_MS })).text);
}

/* --- Rows --- */

// A copy: a slice would keep the whole page of the list in memory.
const copied = (text) => new TextDecoder().decode(new TextEncoder().encode(text));

/** When it was stored, from its key where that tells it (UUID version 7). */
function timeOf(key, text) {
	const created = key[14] === "7" ? parseInt(key.slice(0, 8) + key.slice(9, 13), 16) :
		Number(/"created":(\d{10,16})/.exec(text.slice(-300))?.[1] ?? NaN);
	const date = new Date(created);
	return Number.isNaN(date.getTime()) ? "" : clock(date);
}

function row({ key, from, end }, text) {
	const preview = copied(text.slice(from, Math.min(end, from + PREVIEW_MAX)));
	const when = timeOf(key, text.slice(Math.max(from, end - 300), end));
	return element("li", {}, element("button", { type: "button", "data-key": key },
		element("span", { class: "when" }, when), element("span", { class: "text mono" }, preview)));
}

function addRows({ text, documents }) {
	const newest = documents.slice(-ROWS_MAX);
	list.prepend(...newest.reverse().map((one) => row(one, text)));
	while (list.children.length > ROWS_MAX) {
		// What is being read from the keyboard stays.
		if (list.lastElementChild.contains(document.activeElement)) break;
		list.lastElementChild.remove();
	}
}

function showCount() {
	byId("empty").hidden = list.children.length > 0;
	const more = skipped ? "; more come than are shown" : "";
	setText(byId("arrived"), isPaused ? `paused after ${count(seen)}` : `the latest of ${count(seen)} seen here${more}`);
}

/* --- Following --- */

async function first(nowMs) {
	for (const window of WINDOWS_MS) {
		const page = await getPage({ limit: FIRST_PAGE, ...(window ? { since: nowMs - window } : {}) });
		if (page.documents.length === 0 && !page.more && window) continue;
		return page;
	}
	return null;
}

async function skip(nowMs) {
	skipped = true;
	behind = 0;
	return getPage({ limit: PAGE, since: nowMs - 200 });
}

async function nextPage(nowMs) {
	if (!cursor) return first(nowMs);
	return behind >= BEHIND_MAX ? skip(nowMs) : getPage({ limit: PAGE, cursor });
}

function startAgain(now) {
	generation = now;
	cursor = "";
	behind = 0;
	skipped = false;
	list.replaceChildren();
}

/** One page more. After a swap it begins again, in the Redis that is in use then. */
export async function followDocuments(status) {
	if (isPaused) return;
	if (status.redis.generation !== generation) startAgain(status.redis.generation);
	let page = null;
	try {
		page = await nextPage(Date.parse(status.now));
	} catch (error) {
		if (error instanceof Refused && error.status === 401) throw error;
		return; // the next look tells what is wrong with Redis
	}
	if (isPaused || !page) return;
	behind = page.more ? behind + 1 : 0;
	if (!page.more) skipped = false;
	cursor = page.next;
	seen += page.documents.length;
	addRows(page);
	showCount();
}

/* --- What the reader does --- */

byId("pause").addEventListener("click", () => {
	isPaused = !isPaused;
	byId("pause").setAttribute("aria-pressed", isPaused);
	setText(byId("pause"), isPaused ? "Go on" : "Pause");
	showCount();
});

list.addEventListener("click", (event) => {
	const button = event.target.closest("button");
	if (button) openDocument(button.dataset.key, button);
});

byId("find").addEventListener("submit", async (event) => {
	event.preventDefault();
	const said = byId("find-said");
	setText(said, "Looking …");
	const error = await openDocument(byId("key").value.trim(), byId("key"));
	setText(said, error ?? "");
});

byId("post").addEventListener("submit", async (event) => {
	event.preventDefault();
	const said = byId("post-said");
	setText(said, "Sending …");
	try {
		const headers = { "Content-Type": "application/json" };
		const answer = await ask("POST", "../v1/documents", { body: byId("body").value, headers, timeoutMs: 60000 });
		setText(said, `Stored as ${JSON.parse(answer.text).key}`);
	} catch (error) {
		setText(said, `Not stored: ${error.message}`);
	}
});
