// What builds and changes elements. Everything from outside becomes text: nothing here reads markup.

export const byId = (id) => document.getElementById(id);

/** element("li", { class: "x" }, "text", child, ...): what is null or undefined is left out. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

/** Writes only what differs, so that a screen reader and a selection stay undisturbed. */
export function setText(target, text) {
	if (target.textContent !== text) target.textContent = text;
}

/** The rows of a <dl>: [["Address", "10.0.0.9:6379"], ...]. Rows keep their elements while their names stay. */
export function setFacts(list, rows) {
	const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
	const names = known.map(([name]) => name).join("\n");
	if (list.dataset.names !== names) {
		list.dataset.names = names;
		list.replaceChildren(...known.flatMap(([name]) => [element("dt", {}, name), element("dd")]));
	}
	known.forEach(([, value], index) => setText(list.querySelectorAll("dd")[index], String(value)));
}

export function setBadge(target, kind, text) {
	target.className = `badge ${kind}`;
	setText(target, text);
}

/** Tells a screen reader, politely. */
export function announce(text) {
	setText(byId("live"), text);
}
