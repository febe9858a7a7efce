// The user's actions: pause, open, find and send documents.

import { byId, setText } from "./dom.js";
import { setPaused } from "./follow.js";
import { openDocument } from "./one.js";
import { Unanswered, ask } from "./server.js";

byId("pause").addEventListener("click", () => {
	const paused = byId("pause").textContent === "Pause";
	setText(byId("pause"), paused ? "Resume" : "Pause");
	setPaused(paused);
});

async function open(key, from) {
	setText(byId("find-said"), "Looking …");
	setText(byId("find-said"), (await openDocument(key, from)) ?? "");
}

byId("documents").addEventListener("click", (event) => {
	const button = event.target.closest("button");
	if (button) open(button.dataset.key, button);
});

byId("find").addEventListener("submit", (event) => {
	event.preventDefault();
	open(byId("key").value.trim(), byId("key"));
});

byId("post").addEventListener("submit", async (event) => {
	event.preventDefault();
	const said = byId("post-said");
	setText(said, "Sending …");
	try {
		const headers = { "Content-Type": "application/json" };
		const answer = await ask("POST", "../v1/documents", { body: byId("body").value, headers, timeoutMs: 60000 });
		setText(said, `Stored as ${JSON.parse(answer.text).key}`);
	} catch (error) {
		const isOpen = error instanceof Unanswered;
		setText(said, isOpen ? "No response: the document may be stored. Check the list." : `Not stored: ${error.message}`);
	}
});
