// Repeats a look at the program while the tab is visible, asks for a token where one is needed, and says when what is
// shown is stale.

import { byId, setText, announce } from "./dom.js";
import { clock, duration } from "./format.js";
import { Refused, hasToken, setToken } from "./server.js";

const EVERY_MS = 1000;
const STALE_MS = 3500;

let goodMs = 0;
let timer = 0;
let look = null;
let isRunning = false;

function showStale(why) {
	const notice = byId("stale");
	const age = goodMs ? ` What you see is from ${clock(new Date(goodMs))}, ${duration(Date.now() - goodMs)} ago.` : "";
	setText(notice, `${why}${age}`);
	notice.hidden = false;
}

function hideStale() {
	if (!byId("stale").hidden) announce("The page is up to date again.");
	byId("stale").hidden = true;
}

function askForToken() {
	const dialog = byId("ask-token");
	if (dialog.open) return;
	byId("token-wrong").hidden = !hasToken();
	dialog.showModal();
}

function onFailed(error) {
	if (error instanceof Refused && error.status === 401) {
		showStale("A token is needed.");
		askForToken();
	} else if (error instanceof Refused) {
		showStale(`The program answers: ${error.message}.`);
	} else {
		showStale("The program does not answer.");
	}
}

async function turn() {
	timer = 0;
	if (document.hidden || isRunning || byId("ask-token")?.open) return;
	isRunning = true;
	const stale = setTimeout(() => showStale("The program takes long to answer."), STALE_MS);
	try {
		await look();
		hideStale();
	} catch (error) {
		onFailed(error);
	}
	clearTimeout(stale);
	isRunning = false;
	if (!document.hidden && !timer) timer = setTimeout(turn, EVERY_MS);
}

/** What is shown is as new as can be. */
export function isFresh() {
	goodMs = Date.now();
}

/** Looks again now. */
export function lookNow() {
	clearTimeout(timer);
	turn();
}

function onToken(event) {
	event.preventDefault();
	setToken(byId("token").value.trim());
	byId("token").value = "";
	byId("ask-token").close();
	lookNow();
}

/** Calls `each`, an async function, about once a second from now on. */
export function watch(each) {
	look = each;
	document.addEventListener("visibilitychange", () => {
		clearTimeout(timer);
		timer = 0;
		if (document.hidden) return;
		if (goodMs && Date.now() - goodMs > STALE_MS) showStale("The tab was hidden.");
		lookNow();
	});
	byId("token-form")?.addEventListener("submit", onToken);
	turn();
}
