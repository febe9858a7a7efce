// Collector's page. The stream of documents also carries the status; while there is no stream, the page requests it
// once a second.

import { announce, byId, setBadge, setFacts, setText } from "./dom.js";
import { bytes, count, duration, moment } from "./format.js";
import { showWho } from "./who.js";
import { askJson, isStreaming } from "./server.js";
import { isFresh, watch } from "./watch.js";
import { showEvents } from "./events.js";
import { draw } from "./picture.js";
import { follow } from "./follow.js";
import "./actions.js";

const states = {
	ready: ["good", "Redis in use"],
	connecting: ["warn", "Connecting to Redis"],
	away: ["bad", "Redis is unreachable"],
	nowhere: ["warn", "No binding yet"],
};

let state = "";

function showState(redis) {
	const [kind, text] = states[redis.state] ?? ["plain", redis.state];
	setBadge(byId("state"), kind, redis.state === "away" ? `${text} for ${duration(redis.awayMs)}` : text);
	if (state && state !== redis.state) announce(text);
	state = redis.state;
}

const changes = {
	trying: ["warn", (change) => `Trying the new Redis at ${change.address ?? "its address"} …`],
	refused: ["bad", (change) => `The new binding${change.address ? `, ${change.address},` : ""} was rejected: ` +
		`${change.error}. The current Redis stays in use.${change.retryMs ? " Collector tries again." : ""}`],
	vanished: ["warn", (change) => `The binding is gone: ${change.error}. The Redis in use stays.`],
};

function showChange(change) {
	const [kind, text] = changes[change.state] ?? [];
	const line = byId("change");
	line.hidden = !kind;
	if (!kind) return;
	line.className = `change ${kind}`;
	setText(line, text(change));
}

function showRedis(redis) {
	showState(redis);
	showChange(redis.change);
	setFacts(byId("redis"), [
		["Address", redis.address],
		["Server", redis.server === redis.address ? null : redis.server],
		["Binding", redis.binding ?? `none (${redis.source})`],
		["Type", redis.type],
		["Provider", redis.provider],
		["Version", redis.version],
		["Role", redis.role],
		["Mode", redis.mode],
		["TLS", redis.tls ? "yes" : "no"],
		["In use since", moment(redis.since)],
		["Switches", redis.generation > 1 ? redis.generation - 1 : "none since the start"],
	]);
}

const levels = {
	memory: "memory: Redis has answered",
	fsync: "fsync: synced to Redis's append-only file",
};

function showWaiting({ waiting, limits, ack }) {
	setFacts(byId("waiting"), [
		["Commands held", `${count(waiting.held)}, up to ${count(limits.heldMax)} requests`],
		["Commands in flight", count(waiting.inFlight)],
		["Memory for them", `${bytes(waiting.bytes)} of ${bytes(limits.heldBytesMax)}`],
		["Not yet safe", ack === "memory" ? null : count(waiting.unacknowledged)],
		["Connections", count(waiting.connections)],
	]);
	setFacts(byId("limits"), [
		["Acknowledged", levels[ack] ?? `${ack}: replicas have it too`],
		["Largest document", bytes(limits.bodyMaxBytes)],
		["Hold time", duration(limits.holdTimeMs)],
		["Documents kept", limits.retentionMs ? `for ${duration(limits.retentionMs)}` : "until deleted"],
		["List of documents", limits.feed ? "on" : "off (--feed=false)"],
	]);
}

function showTotals(documents) {
	setFacts(byId("totals"), [
		["Stored", count(documents.stored)],
		["Repeated", count(documents.replayed)],
		["Rejected", count(documents.rejected + documents.conflict)],
		["Failed", count(documents.failed)],
	]);
	draw(byId("rate"), documents.storedPerSecond, { now: byId("rate-now"), most: byId("rate-most"), noun: "documents" });
}

function show(status) {
	showWho(status);
	showRedis(status.redis);
	showWaiting(status);
	showTotals(status.documents);
	showEvents(byId("events"), status.events);
	document.title = status.redis.state === "ready" ? "Collector" : `Collector: ${byId("state").textContent}`;
}

watch(async () => {
	if (isStreaming()) return;
	const status = await askJson("../v1/status");
	show(status);
	isFresh();
	if (!status.limits.feed) setText(byId("arrived"), "not listed, because of --feed=false");
	else if (status.redis.state === "ready") follow(status, show);
});
