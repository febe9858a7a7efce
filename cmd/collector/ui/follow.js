// Follows the documents. It reads the list page by page up to the newest document, and continues with the stream, which
// also carries the status. If the stream is refused, missing or silent, or if documents arrive faster than anyone can
// read them, it requests the list and the status once a second instead.

import { announce, byId, setBadge, setText } from "./dom.js";
import { clock } from "./format.js";
import { Refused, Unanswered, interrupt } from "./server.js";
import { firstPage, headAt, newestPage, pageAfter } from "./list.js";
import { readStream } from "./stream.js";
import { ROWS_MAX, addOne, addPage, hasFocus, removeRows, showCount } from "./table.js";
import { isFresh, lookNow } from "./watch.js";

const LIVE_MAX = 1000; // documents a second; above this rate, following all of them would slow Collector down
const LIVE_BYTES_MAX = 8 << 20; // characters a second, likewise
const FLOOD_MS = 5000;
const BEHIND_MAX = 3; // after this many full pages in a row the page skips to the newest documents
const WAIT_MS = 5000; // before the first retry of a stream that was refused, missing or silent
const CUT_MS = 1000; // the same for one that was interrupted
const WAIT_MAX_MS = 5 * 60e3;
const STEADY_MS = 10000; // a stream that lasted this long is a success

let cursor = "";
let behind = 0;
let isPaused = false;
let isFollowing = false;
let liveAfterMs = 0; // no stream before this time
let failures = 0;
let reason = "the page has just been opened"; // why there is no stream

/* --- Live or polling --- */

/** `why`: a sentence, or "". */
function say(kind, word, why) {
	if (byId("way").textContent !== word) announce(`Documents: ${word}.`);
	setBadge(byId("way"), kind, word);
	byId("way").hidden = false;
	byId("why").hidden = !why;
	setText(byId("why"), why);
}

function sayPolling(because) {
	reason = because;
	say("warn", "polling", `New documents are requested once a second, because ${because}.`);
}

const sayTooMany = () => sayPolling("they arrive faster than a page can show them");

function tell(text) {
	setText(byId("told"), `${clock(new Date())}: ${text}`);
	byId("told").hidden = false;
}

/* --- The list --- */

function startAgain(reason) {
	cursor = "";
	behind = 0;
	removeRows();
	tell(`The list starts again: ${reason}.`);
}

function take(page) {
	behind = page.more ? behind + 1 : 0;
	cursor = page.next;
	addPage(page);
}

/** Skipped documents are not shown. Earlier documents are removed too, so that the list has no gap. */
async function skip(nowMs, isFirst) {
	const page = await newestPage(cursor, nowMs, ROWS_MAX);
	if (isPaused) return;
	behind = 0;
	if (page.isGap && !hasFocus()) removeRows();
	take(page);
	if (page.isGap && !isFirst) tell("Documents in between were skipped.");
}

/** If the next page is not the last one, the list continues with the newest documents. */
function skipIfMuchCame() {
	behind = BEHIND_MAX - 1;
}

/** Reads one more page, and also the newest page if that page is far from the end. */
async function readList(nowMs) {
	const isFirst = cursor === "";
	const page = isFirst ? await firstPage(nowMs) : await pageAfter(cursor);
	if (isPaused || !page) return;
	take(page);
	if (page.more && (isFirst || behind >= BEHIND_MAX)) await skip(nowMs, isFirst);
}

/** False: the list could not be read. The next status shows why: Redis, or the token. */
async function catchUp(nowMs) {
	try {
		await readList(nowMs);
		return cursor !== "";
	} catch (error) {
		if (error instanceof Refused && error.status === 410) startAgain(error.message);
		else if (!(error instanceof Refused || error instanceof Unanswered)) throw error;
		return false;
	}
}

/* --- The stream --- */

/** Counts the documents of the current second. True: too many. */
function meter() {
	let since = 0;
	let documents = 0;
	let characters = 0;
	return (length) => {
		const now = Date.now();
		if (now - since >= 1000) {
			since = now;
			documents = characters = 0;
		}
		documents++;
		characters += length;
		return documents > LIVE_MAX || characters > LIVE_BYTES_MAX;
	};
}

const isBusy = (status) => status.documents.storedPerSecond.slice(-2).some((rate) => rate > LIVE_MAX);

function onDocument(event, isTooMuch) {
	const head = headAt(event.data, 0);
	if (head) addOne(head, event.data);
	if (isTooMuch(event.data.length)) interrupt("flood");
}

/** null: it is not JSON, so the stream ends. */
function parsed(event) {
	try {
		return JSON.parse(event.data);
	} catch {
		interrupt("garbled");
		return null;
	}
}

function onStatus(event, showStatus) {
	if (event.isCut) {
		tell("A status was skipped because it is too long.");
		return;
	}
	const status = parsed(event);
	if (!status) return;
	showStatus(status);
	isFresh();
	if (isBusy(status)) interrupt("flood");
}

function onReset(event) {
	startAgain(parsed(event)?.reason);
	interrupt("again");
}

function onRebound(event) {
	removeRows();
	showCount();
	tell(`Collector has moved to ${parsed(event)?.address}. The documents below are stored there.`);
}

function follower(showStatus) {
	const isTooMuch = meter();
	const kinds = {
		document: (event) => onDocument(event, isTooMuch),
		status: (event) => onStatus(event, showStatus),
		reset: onReset,
		rebound: onRebound,
	};
	const heard = { comment: "", retryMs: 0, events: 0 };
	let isOver = false;
	return {
		heard,
		event(event) {
			if (isOver) return;
			if (heard.events++ === 0) say("good", "live", "");
			if (event.id) cursor = event.id;
			isOver = event.name === "reset";
			kinds[event.name]?.(event);
		},
		comment(text) {
			heard.comment ||= text;
			if (heard.events > 0) isFresh();
		},
		retry(ms) {
			heard.retryMs = Math.min(ms, WAIT_MAX_MS);
		},
	};
}

/** The stream is retried after this time, which doubles with each failure. */
function wait(ms) {
	const most = Math.min(ms * 2 ** failures, WAIT_MAX_MS);
	failures++;
	liveAfterMs = Date.now() + most * (0.5 + Math.random() / 2);
}

function onStreamEnd({ why, status }, { comment, retryMs, events }) {
	if (why === "cut" && events === 0 && comment) {
		liveAfterMs = Date.now() + Math.max(retryMs, CUT_MS);
		sayPolling(comment);
	} else if (why === "cut") {
		wait(Math.max(retryMs, CUT_MS));
		sayPolling("the stream was interrupted");
	} else if (why === "silent") {
		wait(WAIT_MS);
		sayPolling("the stream is silent; a proxy may be buffering it");
	} else if (why === "missing" || why === "garbled") {
		wait(WAIT_MS);
		sayPolling(why === "missing" ? `there is no stream (status ${status})` : "the stream is not valid");
	} else if (why === "flood") {
		liveAfterMs = Date.now() + FLOOD_MS;
		sayTooMany();
	}
}

async function readLive(showStatus) {
	const on = follower(showStatus);
	const began = Date.now();
	const end = await readStream("../v1/documents/stream?status=true", cursor, on);
	if (Date.now() - began >= STEADY_MS) failures = 0;
	onStreamEnd(end, on.heard);
}

/* --- Both --- */

async function listAndStream(status, showStatus) {
	const isRead = await catchUp(Date.parse(status.now));
	if (isPaused || document.hidden || !isRead) return;
	if (behind > 0 || isBusy(status)) sayTooMany();
	else if (Date.now() >= liveAfterMs) await readLive(showStatus);
	else sayPolling(reason);
}

/** Reads a page of the list and then, if that was the last page, the stream until it ends. `showStatus` is called with
 * each status in the stream. Does nothing while an earlier call is in progress. */
export async function follow(status, showStatus) {
	if (isPaused || isFollowing) return;
	isFollowing = true;
	try {
		await listAndStream(status, showStatus);
	} catch (error) {
		wait(WAIT_MS);
		console.error(error);
	}
	isFollowing = false;
}

/** While paused, the list has no connection; it resumes at the same place. */
export function setPaused(paused) {
	isPaused = paused;
	say("plain", paused ? "paused" : "…", "");
	if (paused) interrupt("paused");
	else skipIfMuchCame();
	if (!paused) lookNow();
}

document.addEventListener("visibilitychange", skipIfMuchCame);
