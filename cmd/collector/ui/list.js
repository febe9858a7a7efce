// Requests pages of the list of documents.

import { ask } from "./server.js";

const PAGE = 200;
const FIRST_PAGE = 1000;
const LIST_MS = 1500; // Collector holds list requests while Redis is unreachable; the status must not wait for them
const SKEW_MS = 600e3; // Redis's clock may be this far ahead of Collector's
const NEWEST_MS = 20;
const HALVINGS_MAX = 24;
const HOUR_MS = 3600e3;
const WINDOWS_MS = [60e3, HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 0]; // how far back the first request searches; 0: to the first document

/* --- A page of the list, without parsing the documents, so they stay exactly as they were sent --- */

const HEAD = '{"key":"';
const KEY = 36;
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

/** The key of `{"key":"...","document":...}` at this position, and where the document begins; null: there is none. */
export function headAt(text, at) {
	if (!text.startsWith(HEAD, at)) return null;
	const key = text.slice(at + HEAD.length, at + HEAD.length + KEY);
	return { key, from: at + HEAD.length + KEY + '","document":'.length };
}

function readPage(text) {
	const documents = [];
	let at = text.indexOf("[") + 1;
	for (let head = headAt(text, at); head; head = headAt(text, at)) {
		const end = endOfValue(text, head.from);
		documents.push({ ...head, end });
		at = end + 1 + (text[end + 1] === "," ? 1 : 0);
	}
	const { next, more } = JSON.parse(`{${text.slice(at + 2)}`);
	return { text, documents, next, more };
}

async function getPage(parameters) {
	const query = new URLSearchParams(parameters);
	return readPage((await ask("GET", `../v1/documents?${query}`, { timeoutMs: LIST_MS })).text);
}

/* --- Choosing a page --- */

/** A page has `text`, `documents` ({ key, from, end } of it), `next`, `more`. */
export const pageAfter = (cursor, limit = PAGE) => getPage({ limit, cursor });

/** The latest documents if there are few, otherwise the first of a time window. */
export async function firstPage(nowMs) {
	for (const window of WINDOWS_MS) {
		const page = await getPage({ limit: FIRST_PAGE, ...(window ? { since: nowMs - window } : {}) });
		if (page.documents.length > 0 || page.more || !window) return page;
	}
	return null;
}

/** The time of the last document before the cursor, by Redis's clock. Cursors of a Cluster don't show it. */
const timeIn = (cursor) => Math.max(0, ...[...cursor.matchAll(/[.~](\d+)-/g)].map((found) => Number(found[1])));

/** A time just before the newest document. The list can only be read forwards, so this is a binary search by time. */
async function newestMs(from, to) {
	for (let i = 0; i < HALVINGS_MAX && to - from > NEWEST_MS; i++) {
		const middle = Math.floor((from + to) / 2);
		const { documents, more } = await getPage({ limit: 1, since: middle });
		if (documents.length > 0 || more) from = middle;
		else to = middle;
	}
	return from;
}

/** The page that ends with the newest document and has at least `least` documents. If there are fewer after the cursor,
 * it begins at the cursor, and `isGap` is false. */
export async function newestPage(cursor, nowMs, least) {
	const from = timeIn(cursor) || nowMs - HOUR_MS;
	const newest = await newestMs(from, Math.max(nowMs, from) + SKEW_MS);
	if (newest === from) return { ...(await pageAfter(cursor, FIRST_PAGE)), isGap: false };
	let page = await getPage({ limit: FIRST_PAGE, since: newest });
	for (let ms = 2 * NEWEST_MS; page.documents.length < least && !page.more; ms *= 2) {
		if (newest - ms <= from) return { ...(await pageAfter(cursor, FIRST_PAGE)), isGap: false };
		page = await getPage({ limit: FIRST_PAGE, since: newest - ms });
	}
	return { ...page, isGap: true };
}
