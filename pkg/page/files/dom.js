// Builds and changes elements. All outside data becomes text; nothing here parses markup.

export const byId = (id) => document.getElementById(id);

/** element("li", { class: "x" }, "text", child, ...): null and undefined are omitted. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

/** Writes only changes, so that screen readers and selections are not disturbed. */
export function setText(target, text) {
	if (target.textContent !== text) target.textContent = text;
}

/** The rows of a <dl>: [["Address", "10.0.0.9:6379"], ...]. Rows with the same name keep their elements. */
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

/** Announces the text to screen readers (aria-live polite). */
export function announce(text) {
	setText(byId("live"), text);
}
