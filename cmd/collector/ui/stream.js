// Reads one stream of server-sent events to its end. A stream with the status sends something every second: if nothing
// arrives for longer, a proxy is buffering it, or the connection is dead.

import { EventParser } from "./parser.js";
import { awaitTurn, openStream } from "./server.js";

const FIRST_MS = 3000; // until the first piece
const SILENT_MS = 5000; // between two pieces

class Ended extends Error {}

/** `on`: event, comment and retry of an EventParser. Resolves to { why, status } when the stream has ended. `why` is
 * "missing" (see `status`), "silent", "cut", or the reason for an interruption. */
export async function readStream(path, lastId, on) {
	const ends = new AbortController();
	const found = { why: "cut", status: 0 };
	let timer = 0;
	const listen = (ms) => {
		clearTimeout(timer);
		timer = setTimeout(() => ends.abort("silent"), ms);
	};
	const arrived = (promise) => promise.catch(() => {
		throw new Ended(ends.signal.aborted ? ends.signal.reason : "cut");
	});
	try {
		await awaitTurn(ends);
		listen(FIRST_MS);
		const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
		const answer = await arrived(openStream(path, headers, ends));
		found.status = answer.status;
		if (!answer.ok || !answer.body || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
			throw new Ended("missing");
		}
		const parser = new EventParser(on);
		const reader = answer.body.getReader();
		for (;;) {
			const { done, value } = await arrived(reader.read());
			if (done) break;
			listen(SILENT_MS);
			parser.push(value);
			if (ends.signal.aborted) throw new Ended(ends.signal.reason); // an event has interrupted the stream
		}
	} catch (error) {
		if (!(error instanceof Ended)) throw error;
		found.why = error.message;
	} finally {
		clearTimeout(timer);
		ends.abort("over"); // closes the connection, if it is still open
	}
	return found;
}
