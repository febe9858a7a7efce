// Parses server-sent events (HTML standard, "Interpreting an event stream"). Pieces may end anywhere: within a
// character, a line or a line end. Memory is bounded: only the beginning of a longer event is kept.

const KEPT_MAX = 1 << 20; // characters kept of an event's data, and of a line

const lineEnd = /\r\n?|\n/g;

/** `on`: event({ name, data, id, isCut }), comment(text), retry(ms). */
export class EventParser {
	#on;
	#most;
	#decoder = new TextDecoder(); // keeps an incomplete character for the next piece, and drops a byte order mark
	#parts = []; // of the unfinished line
	#lineLength = 0; // length of the kept part
	#isAfterCr = false;
	#isLineCut = false;
	#name = "";
	#data = [];
	#dataLength = 0;
	#isCut = false;
	#id = "";

	constructor(on, most = KEPT_MAX) {
		this.#on = on;
		this.#most = most;
	}

	push(bytes) {
		const text = this.#decoder.decode(bytes, { stream: true });
		if (text === "") return;
		let from = this.#isAfterCr && text[0] === "\n" ? 1 : 0;
		this.#isAfterCr = text.endsWith("\r");
		lineEnd.lastIndex = from;
		for (let found = lineEnd.exec(text); found; found = lineEnd.exec(text)) {
			this.#keep(text.slice(from, found.index));
			this.#endLine();
			from = lineEnd.lastIndex = found.index + found[0].length; // a callback may have used the expression
		}
		this.#keep(text.slice(from));
	}

	#keep(text) {
		const part = text.slice(0, this.#most - this.#lineLength);
		if (part.length < text.length) this.#isLineCut = true;
		if (part === "") return;
		this.#parts.push(part);
		this.#lineLength += part.length;
	}

	#endLine() {
		const line = this.#parts.length === 1 ? this.#parts[0] : this.#parts.join("");
		const isCut = this.#isLineCut;
		this.#parts = [];
		this.#lineLength = 0;
		this.#isLineCut = false;
		if (line === "") this.#endEvent();
		else if (line[0] === ":") this.#on.comment?.(line.slice(1).trim());
		else this.#field(line, isCut);
	}

	#field(line, isCut) {
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
		if (name === "data") this.#addData(value, isCut);
		else if (name === "event") this.#name = value;
		else if (name === "id" && !isCut && !value.includes("\0")) this.#id = value;
		else if (name === "retry" && /^[0-9]+$/.test(value)) this.#on.retry?.(Number(value));
	}

	#addData(value, isCut) {
		const part = value.slice(0, this.#most - this.#dataLength);
		if (isCut || part.length < value.length || this.#dataLength >= this.#most) this.#isCut = true;
		if (this.#dataLength >= this.#most) return;
		this.#data.push(part);
		this.#dataLength += part.length + 1;
	}

	#endEvent() {
		const event = { name: this.#name || "message", data: this.#data.join("\n"), id: this.#id, isCut: this.#isCut };
		const hasData = this.#data.length > 0;
		this.#name = "";
		this.#data = [];
		this.#dataLength = 0;
		this.#isCut = false;
		if (hasData) this.#on.event?.(event);
	}
}
