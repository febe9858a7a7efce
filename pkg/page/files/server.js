// Sends requests to the page's own program, one after another, so that a tab uses one connection. A stream occupies
// that connection, so any other request ends the stream. The tab's token is sent in a header and never in a URL.

const TOKEN = "token";
const TIMEOUT_MS = 10000; // until the response starts
const BODY_MS = 60000; // for the rest of the response, because a page of the list may be 4 MiB long
const PATIENCE_MS = 2000; // a request that Collector holds while Redis is unreachable must not delay the status
let last = Promise.resolve();
let streaming = null; // aborts the stream; null: there is none

/** The program returned an error. */
export class Refused extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

/** There was no response. */
export class Unanswered extends Error {}

// A browser that is set to store nothing refuses sessionStorage; then the token is lost when the page is reloaded.
let token = null;
try {
	token = sessionStorage.getItem(TOKEN);
} catch {
	// none kept
}

export const hasToken = () => token !== null;

export function setToken(given) {
	token = given;
	try {
		sessionStorage.setItem(TOKEN, given);
	} catch {
		// not kept
	}
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function request(path, options) {
	const headers = { Accept: "application/json", ...options.headers };
	if (token) headers.Authorization = `Bearer ${token}`;
	return fetch(path, { ...options, headers, cache: "no-store", redirect: "manual" });
}

async function exchange(method, path, { body, headers, timeoutMs }) {
	const ends = new AbortController();
	let timer = setTimeout(() => ends.abort(), timeoutMs ?? TIMEOUT_MS);
	try {
		const answer = await request(path, { method, headers, body, signal: ends.signal });
		clearTimeout(timer);
		timer = setTimeout(() => ends.abort(), BODY_MS);
		return { answer, text: await answer.text() };
	} catch {
		throw new Unanswered("no response");
	} finally {
		clearTimeout(timer);
	}
}

async function send(method, path, options) {
	const { answer, text } = await exchange(method, path, options);
	if (answer.type === "opaqueredirect") throw new Refused(0, "a proxy redirects to another page, perhaps a login; reload the page");
	if (answer.ok || options.anyStatus) return { status: answer.status, headers: answer.headers, text };
	let detail = `${answer.status} ${answer.statusText}`;
	try {
		detail = JSON.parse(text).detail ?? detail;
	} catch {
		// not JSON: the status is enough
	}
	throw new Refused(answer.status, detail);
}

/** Resolves to { status, headers, text }; rejects with Refused or Unanswered. */
export function ask(method, path, options = {}) {
	interrupt("asked");
	const turn = last;
	const answer = turn.then(() => send(method, path, options));
	last = Promise.race([answer.catch(() => {}), turn.then(() => pause(PATIENCE_MS))]);
	return answer;
}

/** Ends the stream, if there is one, for the given reason. */
export function interrupt(why) {
	streaming?.abort(why);
}

export const isStreaming = () => streaming !== null;

/** Waits for the connection to be free. `ends` is the AbortController of the stream that will use the connection. */
export async function awaitTurn(ends) {
	interrupt("replaced");
	streaming = ends;
	ends.signal.addEventListener("abort", () => {
		if (streaming === ends) streaming = null;
	});
	await last;
}

/** Resolves to a Response whose body is read piece by piece; rejects as fetch does. */
export const openStream = (path, headers, ends) => request(path, { headers, signal: ends.signal });

export const askJson = async (path, options) => JSON.parse((await ask("GET", path, options)).text);
