// The line that says which program answers.

import { byId, setText } from "./dom.js";
import { duration, moment } from "./format.js";

const SKEW_MS = 30000;

let version = "";

/** Times on the page are the program's: that its clock is wrong, or this machine's, would otherwise confuse. */
function skew(now) {
	const ms = Date.parse(now) - Date.now();
	if (!(Math.abs(ms) > SKEW_MS)) return "";
	return `; its clock is ${duration(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} this browser's`;
}

export function showWho(status) {
	version ||= status.version;
	const update = version === status.version ? "" : "; reload the page, it is of another version";
	setText(byId("who"), `${status.version} on ${status.hostname ?? "an unknown host"}, since ${moment(status.startedAt)}` +
		skew(status.now) + update);
}
