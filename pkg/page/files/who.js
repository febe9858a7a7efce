// The line that names the program that answered.

import { byId, setText } from "./dom.js";
import { duration, moment } from "./format.js";

const SKEW_MS = 30000;

let version = "";

/** The page shows the program's times, so it reports a difference between the two clocks. */
function skew(now) {
	const ms = Date.parse(now) - Date.now();
	if (!(Math.abs(ms) > SKEW_MS)) return "";
	return `; its clock is ${duration(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} this browser's`;
}

export function showWho(status) {
	version ||= status.version;
	const update = version === status.version ? "" : "; reload the page to get its new version";
	setText(byId("who"), `${status.version} on ${status.hostname ?? "an unknown host"}, since ${moment(status.startedAt)}` +
		skew(status.now) + update);
}
