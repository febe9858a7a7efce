// The latest documents; the list's cursor finds new ones. The page keeps at most ROWS_MAX rows, and only the first
// characters of each document: opening a document fetches it again.

import { byId, element, setText } from "./dom.js";
import { clock, count } from "./format.js";
import { Refused, Unanswered, ask } from "./server.js";
import { moveByArrows, oneStop } from "./rows.js";
import { openDocument } from "./one.js";

const ROWS_MAX = 200;
const PREVIEW_MAX = 160;
const PAGE = 200;
const FIRST_PAGE = 1000;
const LIST_MS = 1500; // Collector holds list requests while Redis is unreachable; the status must not wait for them
const BEHIND_MAX = 3; // after this many full pages in a row the page skips to the newest documents
const SKEW_MS = 600e3; // Redis's clock may be this far ahead of Collector's
const NEWEST_MS = 20;
const HALVINGS_MAX = 24;
const WINDOWS_MS = [60e3, 3600e3, 86400e3, 7 * 86400e3, 0]; // how far back the first request looks; 0: to the first document

const list = byId("documents");
let cursor = "";
let place = null;
let isFollowing = false;
let behind = 0;
let seen = 0;
let skipped = false;
let isPaused = false;

/* --- A page of the list, without parsing the documents, so they stay exactly as they were sent --- */

const HEAD = '{"key":"';
const mark = /["{}[\]]/g;

// Uses no regular expression, because that would overflow its stack on strings of a few megabytes.
function endOfString(text, from) {
	for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
		let before = end - 1;
		while (text[before] === "\\") before--;
		if ((end - before) % 2 === 1) return end + 1;
	}
	return text.length;
}

function endOfValue(text, from) {
	let depth = 0;
	mark.lastIndex = from;
	for (let found = mark.exec(text); found; found = mark.exec(text)) {
		if (found[0] === '"') mark.lastIndex = endOfString(text, found.index);
		else depth += found[0] === "{" || found[0] === "[" ? 1 : -1;
		if (depth === 0) return mark.lastIndex;
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

// Copies the text, because a slice would keep the whole page of the list in memory.
const copied = (text) => new TextDecoder().decode(new TextEncoder().encode(text));

/** When it was stored, if its key contains the time (UUID version 7). */
function timeOf(key, text) {
	const created = key[14] === "7" ? parseInt(key.slice(0, 8) + key.slice(9, 13), 16) :
		Number(/"created":(\d{10,16})/.exec(text.slice(-300))?.[1] ?? NaN);
	const date = new Date(created);
	return Number.isNaN(date.getTime()) ? "" : clock(date);
}

function row({ key, from, end }, text) {
	const preview = copied(text.slice(from, Math.min(end, from + PREVIEW_MAX)).replace(/[\ud800-\udbff]$/, ""));
	const when = timeOf(key, text.slice(Math.max(from, end - 300), end));
	return element("li", {}, element("button", { type: "button", "data-key": key },
		element("span", { class: "when" }, when), element("span", { class: "text mono" }, preview)));
}

function addRows({ text, documents }) {
	const newest = documents.slice(-ROWS_MAX);
	list.prepend(...newest.reverse().map((one) => row(one, text)));
	while (list.children.length > ROWS_MAX) {
		// Keep the row that has the keyboard focus.
		if (list.lastElementChild.contains(document.activeElement)) break;
		list.lastElementChild.remove();
	}
	oneStop(list);
}

function showCount() {
	byId("empty").hidden = list.children.length > 0;
	const more = skipped ? "; more arrive than are shown" : "";
	setText(byId("arrived"), isPaused ? `paused after ${count(seen)}` : `the latest of ${count(seen)} seen here${more}`);
}

/* --- Following --- */

async function first(nowMs) {
	for (const window of WINDOWS_MS) {
		const page = await getPage({ limit: FIRST_PAGE, ...(window ? { since: nowMs - window } : {}) });
		if (page.documents.length === 0 && !page.more && window) continue;
		if (page.more) behind = BEHIND_MAX;
		return page;
	}
	return null;
}

/** The time of the last document seen, by Redis's clock. */
const seenMs = () => Math.max(0, ...[...cursor.matchAll(/[.~](\d+)-/g)].map((found) => Number(found[1])));

/** A time just before the newest document. The list only goes forward, so this is a binary search over the time. */
async function newestMs(from, to) {
	for (let i = 0; i < HALVINGS_MAX && to - from > NEWEST_MS; i++) {
		const middle = Math.floor((from + to) / 2);
		const { documents, more } = await getPage({ limit: 1, since: middle });
		if (documents.length > 0 || more) from = middle;
		else to = middle;
	}
	return from;
}

/** The rows up to the newest document. They follow the last document seen, or replace the list. */
async function newestPage(newest, from) {
	let page = await getPage({ limit: FIRST_PAGE, since: newest });
	for (let ms = 2 * NEWEST_MS; page.documents.length < ROWS_MAX && !page.more; ms *= 2) {
		if (newest - ms <= from) return getPage({ limit: FIRST_PAGE, cursor });
		page = await getPage({ limit: FIRST_PAGE, since: newest - ms });
	}
	// Skipped documents are not shown. Earlier ones are removed too, so that the list has no gap.
	if (!list.contains(document.activeElement)) list.replaceChildren();
	return page;
}

async function skip(nowMs) {
	const from = seenMs();
	const newest = await newestMs(from, Math.max(nowMs, from) + SKEW_MS);
	skipped = true;
	behind = 0;
	return newest === from ? getPage({ limit: FIRST_PAGE, cursor }) : newestPage(newest, from);
}

async function nextPage(nowMs) {
	if (!cursor) return first(nowMs);
	return behind >= BEHIND_MAX ? skip(nowMs) : getPage({ limit: PAGE, cursor });
}

/** True if the list is from another Redis. Replicas that answer in turn count their switches separately. */
function hasMoved({ hostname, startedAt, redis }) {
	const now = { instance: `${hostname} ${startedAt}`, generation: redis.generation, address: redis.address };
	const before = place;
	place = now;
	if (!before) return true;
	return before.instance === now.instance ? before.generation !== now.generation : before.address !== now.address;
}

function startAgain() {
	cursor = "";
	behind = 0;
	skipped = false;
	list.replaceChildren();
}

async function follow(status) {
	if (hasMoved(status)) startAgain();
	const page = await nextPage(Date.parse(status.now));
	if (isPaused || !page) return;
	behind = page.more ? behind + 1 : 0;
	if (!page.more) skipped = false;
	cursor = page.next;
	seen += page.documents.length;
	addRows(page);
	showCount();
}

/** Fetches one more page. After a swap it starts again, in the new Redis. */
export async function followDocuments(status) {
	if (isPaused || isFollowing) return;
	isFollowing = true;
	try {
		await follow(status);
	} catch (error) {
		// The next status request shows the problem: with Redis, or with the token.
		if (!(error instanceof Refused || error instanceof Unanswered)) console.error(error);
	}
	isFollowing = false;
}

/* --- User actions --- */

byId("pause").addEventListener("click", () => {
	isPaused = !isPaused;
	setText(byId("pause"), isPaused ? "Resume" : "Pause");
	showCount();
});

moveByArrows(list);

async function open(key, from) {
	setText(byId("find-said"), "Looking …");
	setText(byId("find-said"), (await openDocument(key, from)) ?? "");
}

list.addEventListener("click", (event) => {
	const button = event.target.closest("button");
	if (button) open(button.dataset.key, button);
});

byId("find").addEventListener("submit", (event) => {
	event.preventDefault();
	open(byId("key").value.trim(), byId("key"));
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
		const isOpen = error instanceof Unanswered;
		setText(said, isOpen ? "No response: the document may be stored. Check the list." : `Not stored: ${error.message}`);
	}
});
