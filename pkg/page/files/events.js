// The log's events of bindings and connections, the latest first.

import { announce, element } from "./dom.js";
import { clock, moment } from "./format.js";

const details = ["address", "binding", "version", "error", "reason"];
const sameMs = 3000;

/** Each worker thread logs separately, so lines within seconds that are otherwise equal are merged. */
function merged(lines) {
	const out = [];
	for (const line of lines) {
		const last = out.findLast((other) => other.event === line.event && other.address === line.address &&
			other.generation === line.generation && other.error === line.error);
		if (last && line.worker !== undefined && !last.workers.has(line.worker) &&
			Date.parse(line.time) - Date.parse(last.time) < sameMs) {
			last.workers.add(line.worker);
		} else {
			out.push({ ...line, workers: new Set([line.worker]) });
		}
	}
	return out;
}

function item(line) {
	const said = details.map((name) => line[name]).filter((text) => typeof text === "string" && text !== "");
	const times = line.workers.size > 1 ? ` (${line.workers.size} workers)` : "";
	return element("li", { class: `level-${line.level}`, "data-event": line.event },
		element("time", { datetime: line.time, title: line.time }, moment(line.time) || clock(new Date())),
		element("div", {}, element("div", {}, line.message + times),
			said.length ? element("div", { class: "muted small mono" }, said.join(" · ")) : null));
}

let shown = "";
let newest = "";

export function showEvents(list, lines) {
	const key = lines.length ? `${lines.length} ${lines.at(-1).time} ${lines.at(-1).event} ${lines.at(-1).worker}` : "";
	if (key === shown) return;
	shown = key;
	list.replaceChildren(...merged(lines).reverse().map(item));
	const last = lines.at(-1);
	if (newest && last && last.message !== newest) announce(last.message);
	newest = last?.message ?? "";
}
