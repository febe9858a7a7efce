// Formats numbers, times and JSON for display.

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number) => counts.format(number ?? 0);

export function bytes(number) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;
	for (; number >= 1024 && unit < units.length - 1; unit++) number /= 1024;
	return `${counts.format(number)} ${units[unit]}`;
}

export function duration(ms) {
	if (ms < 1000) return `${Math.round(ms)} ms`;
	const seconds = ms / 1000;
	if (seconds < 90) return `${counts.format(Math.round(seconds * 10) / 10)} s`;
	if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
	if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
	return `${Math.round(seconds / 86400)} days`;
}

const pad = (number) => String(number).padStart(2, "0");

export function clock(date) {
	return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** The time of day; with the date unless it is today. */
export function moment(text) {
	const date = new Date(text);
	if (Number.isNaN(date.getTime())) return "";
	const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} `;
	return (date.toDateString() === new Date().toDateString() ? "" : day) + clock(date);
}

const token = /"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|[^\s]/g;
const kinds = { '"': "s", t: "w", f: "w", n: "w" };
const INDENT_MAX = 40;

/** JSON text, digit for digit, indented and coloured, as a document fragment. Text longer than `most` is truncated. */
export function colouredJson(text, most = 50000) {
	const fragment = document.createDocumentFragment();
	let depth = 0;
	let plain = "";
	const line = () => "\n" + "  ".repeat(Math.min(depth, INDENT_MAX));
	const flush = () => {
		if (plain) fragment.append(plain);
		plain = "";
	};
	const parts = text.length > most ? text.slice(0, most).match(token) ?? [] : text.match(token) ?? [];
	parts.forEach((part, index) => {
		const next = parts[index + 1];
		if (part === "{" || part === "[") {
			depth++;
			plain += part + (next === "}" || next === "]" ? "" : line());
		} else if (part === "}" || part === "]") {
			depth--;
			const before = parts[index - 1];
			plain += (before === "{" || before === "[" ? "" : line()) + part;
		} else if (part === ",") {
			plain += part + line();
		} else if (part === ":") {
			plain += ": ";
		} else {
			flush();
			const span = document.createElement("span");
			span.className = next === ":" ? "k" : kinds[part[0]] ?? "n";
			span.textContent = part;
			fragment.append(span);
		}
	});
	flush();
	if (text.length > most) fragment.append(`\n... cut here: ${bytes(text.length)} in all; "Copy" copies all of it`);
	return fragment;
}
