// One document, indented and coloured.

import { announce, byId, setText } from "./dom.js";
import { colouredJson } from "./format.js";
import { Refused, ask } from "./server.js";

const panel = byId("one");
let whole = "";
let opener = null;

/** Resolves to null or an error text. */
export async function openDocument(key, from) {
	try {
		const answer = await ask("GET", `../v1/documents/${encodeURIComponent(key)}`);
		whole = answer.text;
	} catch (error) {
		const isMissing = error instanceof Refused && error.status === 404;
		return `${isMissing ? "Not found" : "Not opened"}: ${error.message}`;
	}
	opener?.removeAttribute("aria-current");
	opener = from;
	if (opener.dataset.key) opener.setAttribute("aria-current", "true");
	setText(byId("one-key"), key);
	byId("one-text").replaceChildren(colouredJson(whole));
	panel.hidden = false;
	panel.focus();
	panel.scrollIntoView({ block: "nearest" });
	return null;
}

function close() {
	panel.hidden = true;
	whole = "";
	byId("one-text").replaceChildren();
	opener?.removeAttribute("aria-current");
	(opener?.isConnected ? opener : byId("key")).focus();
}

// Browsers allow the clipboard only for pages over HTTPS or from this machine; otherwise the text is selected for copying.
async function copy() {
	try {
		await navigator.clipboard.writeText(whole);
		announce("Copied.");
		setText(byId("copy"), "Copied");
	} catch {
		getSelection().selectAllChildren(byId("one-text"));
		setText(byId("copy"), "Selected: press Ctrl+C");
	}
	setTimeout(() => setText(byId("copy"), "Copy"), 2000);
}

byId("copy").addEventListener("click", copy);
byId("close").addEventListener("click", close);
panel.addEventListener("keydown", (event) => {
	if (event.key === "Escape") close();
});
