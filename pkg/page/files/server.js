// Asks the program that the page came from: one request at a time, so that a tab takes one connection; with the token
// of this tab, in a header and never in an address.

const TOKEN = "token";
const TIMEOUT_MS = 10000;
let last = Promise.resolve();

export class Refused extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

export const setToken = (token) => sessionStorage.setItem(TOKEN, token);
export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

async function send(method, path, options) {
	const token = sessionStorage.getItem(TOKEN);
	const headers = { Accept: "application/json", ...options.headers };
	if (token) headers.Authorization = `Bearer ${token}`;
	const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
	const answer = await fetch(path, { method, headers, body: options.body, signal, cache: "no-store", redirect: "error" });
	const text = await answer.text();
	if (answer.ok || options.anyStatus) return { status: answer.status, headers: answer.headers, text };
	let detail = `${answer.status} ${answer.statusText}`;
	try {
		detail = JSON.parse(text).detail ?? detail;
	} catch {
		// not JSON: the status says enough
	}
	throw new Refused(answer.status, detail);
}

/** Resolves to { status, headers, text }; rejects with Refused for an error of the program. */
export function ask(method, path, options = {}) {
	const answer = last.then(() => send(method, path, options));
	last = answer.catch(() => {});
	return answer;
}

export const askJson = async (path, options) => JSON.parse((await ask("GET", path, options)).text);
