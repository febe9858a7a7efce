// The rows of the latest documents, at most ROWS_MAX, and only the first characters of each document: opening a document
// fetches it again.

import { byId, element, setText } from "./dom.js";
import { clock, count } from "./format.js";
import { moveByArrows, oneStop } from "./rows.js";

export const ROWS_MAX = 200;
const PREVIEW_MAX = 160;
const SHOW_MS = 100; // documents of a stream are collected for this long

const list = byId("documents");
let seen = 0;
let coming = []; // rows that will be shown, the oldest first
let timer = 0;

/** When the document was stored, if its key (UUID version 7) or the document itself contains the time. */
function timeOf(key, text) {
	const created = key[14] === "7" ? parseInt(key.slice(0, 8) + key.slice(9, 13), 16) :
		Number(/"created":(\d{10,16})/.exec(text.slice(-300))?.[1] ?? NaN);
	const date = new Date(created);
	return Number.isNaN(date.getTime()) ? "" : clock(date);
}

// Copies the text, because a slice would keep all of the response in memory.
const copied = (text) => new TextDecoder().decode(new TextEncoder().encode(text));

/** The part of the document at text[from] to text[end] that a row shows. */
function brief({ key, from, end }, text) {
	const preview = text.slice(from, Math.min(end, from + PREVIEW_MAX)).replace(/[\ud800-\udbff]$/, "");
	return { key: copied(key), preview: copied(preview), when: timeOf(key, text.slice(Math.max(from, end - 300), end)) };
}

function row({ key, preview, when }) {
	return element("li", {}, element("button", { type: "button", "data-key": key },
		element("span", { class: "when" }, when), element("span", { class: "text mono" }, preview)));
}

function show() {
	clearTimeout(timer);
	timer = 0;
	list.prepend(...coming.reverse().map(row));
	coming = [];
	while (list.children.length > ROWS_MAX) {
		// Keep the row that has the keyboard focus.
		if (list.lastElementChild.contains(document.activeElement)) break;
		list.lastElementChild.remove();
	}
	oneStop(list);
	showCount();
}

/** Updates everything that depends on the number of rows. */
export function showCount() {
	byId("empty").hidden = list.children.length > 0;
	setText(byId("arrived"), `the latest of ${count(seen)} seen here`);
}

export function addPage({ text, documents }) {
	seen += documents.length;
	coming.push(...documents.slice(-ROWS_MAX).map((one) => brief(one, text)));
	show();
}

/** The document is shown within SHOW_MS. */
export function addOne(head, text) {
	seen++;
	coming.push(brief({ ...head, end: text.length - 1 }, text));
	if (coming.length > 2 * ROWS_MAX) coming = coming.slice(-ROWS_MAX);
	timer ||= setTimeout(show, SHOW_MS);
}

/** Removes all rows. If one of them has the keyboard focus, the button before the list gets it. */
export function removeRows() {
	coming = [];
	if (list.contains(document.activeElement)) byId("pause").focus();
	list.replaceChildren();
}

export const hasFocus = () => list.contains(document.activeElement);

moveByArrows(list);
