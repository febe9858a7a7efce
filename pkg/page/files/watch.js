// Polls the program while the tab is visible, asks for a token if one is required, and shows when the data is stale.

import { announce, byId, element, setBadge } from "./dom.js";
import { clock, duration } from "./format.js";
import { Refused, Unanswered, hasToken, interrupt, setToken } from "./server.js";

const EVERY_MS = 1000;
const STALE_MS = 3500;
const SLOW = "The program is slow to respond.";

let goodMs = 0;
let timer = 0;
let look = null;
let isRunning = false;

/** `way`: a button for the next step. */
function showStale(why, way) {
	const notice = byId("stale");
	const age = goodMs ? ` What you see is from ${clock(new Date(goodMs))}, ${duration(Date.now() - goodMs)} ago.` : "";
	const text = `${why}${age}`;
	if (notice.textContent !== text + (way?.textContent ?? "")) notice.replaceChildren(text, ...(way ? [way] : []));
	notice.hidden = false;
	setBadge(byId("state"), "plain", "not known");
}

function hideStale() {
	if (!byId("stale").hidden) announce("The page is up to date again.");
	byId("stale").hidden = true;
}

function askForToken() {
	const dialog = byId("ask-token");
	const again = element("button", { type: "button" }, "Enter a token");
	again.addEventListener("click", () => dialog.showModal());
	showStale("A token is required.", again);
	byId("token-wrong").hidden = !hasToken();
	dialog.showModal();
}

function onFailed(error) {
	if (error instanceof Refused && error.status === 401 && byId("ask-token")) {
		askForToken();
	} else if (error instanceof Refused) {
		showStale(`The answer is an error: ${error.message}.`);
	} else if (error instanceof Unanswered) {
		showStale("The program does not respond.");
	} else {
		showStale("This page does not understand the response. Reload it: the program may have been replaced.");
		console.error(error);
	}
}

/** A token is required but missing, so another request would be refused too. */
const isLocked = () => byId("stale").querySelector("button") !== null && !byId("stale").hidden;

async function turn() {
	timer = 0;
	if (document.hidden || isRunning) return;
	isRunning = true;
	const stale = setTimeout(() => showStale(SLOW), STALE_MS);
	try {
		await look();
		if (Date.now() - goodMs > STALE_MS) showStale(SLOW);
		else hideStale();
	} catch (error) {
		onFailed(error);
	}
	clearTimeout(stale);
	isRunning = false;
	if (!document.hidden && !timer && !isLocked()) timer = setTimeout(turn, EVERY_MS);
}

/** The data on the page is current. */
export function isFresh() {
	goodMs = Date.now();
}

/** Polls again now. */
export function lookNow() {
	clearTimeout(timer);
	turn();
}

// A header cannot contain other characters: fetch would reject every later request.
function onToken(event) {
	event.preventDefault();
	const token = byId("token").value.trim();
	const isWrong = !/^[\x21-\x7e]+$/.test(token);
	byId("token-wrong").hidden = !isWrong;
	byId("token").value = "";
	if (isWrong) return;
	setToken(token);
	byId("ask-token").close();
	lookNow();
}

/** Calls `each`, an async function, about once a second. */
export function watch(each) {
	look = each;
	document.addEventListener("visibilitychange", () => {
		clearTimeout(timer);
		timer = 0;
		if (document.hidden) interrupt("hidden");
		if (document.hidden || isLocked()) return;
		if (goodMs && Date.now() - goodMs > STALE_MS) showStale("The tab was hidden.");
		lookNow();
	});
	byId("token-form")?.addEventListener("submit", onToken);
	turn();
}
