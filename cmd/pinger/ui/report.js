// The report by section: simple values first, then a section for each object.

import { element, setFacts } from "./dom.js";

const titles = {
	memoryUsage: "Memory, in bytes",
	networkInfo: "Network interfaces",
};

const isPlain = (value) => value === null || typeof value !== "object";

/** A value as lines, one for each element of an array, with the names of its members. */
function lines(value) {
	if (isPlain(value)) return [String(value)];
	if (!Array.isArray(value)) return Object.entries(value).map(([name, member]) => `${name} ${lines(member).join(", ")}`);
	return value.map((one) => lines(one).join(", "));
}

function table(object) {
	const rows = Object.entries(object).map(([name, value]) =>
		element("tr", {}, element("th", { scope: "row" }, name),
			element("td", { class: "mono" }, ...lines(value).map((line) => element("div", {}, line)))));
	return element("table", {}, element("tbody", {}, ...rows));
}

export function showReport(target, report) {
	const facts = element("dl", { class: "facts" });
	const entries = Object.entries(report);
	setFacts(facts, entries.filter(([, value]) => isPlain(value)));
	const sections = entries.filter(([, value]) => !isPlain(value)).map(([name, value]) =>
		element("details", { open: true }, element("summary", {}, titles[name] ?? name), table(value)));
	const hint = sections.length ? null : element("p", { class: "muted small" },
		"Memory, process and network are in the report of a Pinger that was started with PINGER_ADMIN=true.");
	target.replaceChildren(facts, ...sections, ...(hint ? [hint] : []));
}
