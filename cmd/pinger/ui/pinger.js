// Pinger's page: it requests the status once a second. It reads the report once, and again on demand, because that
// request is logged.

import { announce, byId, setBadge, setFacts, setText } from "./dom.js";
import { count, moment } from "./format.js";
import { showWho } from "./who.js";
import { ask, askJson } from "./server.js";
import { isFresh, lookNow, watch } from "./watch.js";
import { showEvents } from "./events.js";
import { draw } from "./picture.js";
import { showReport } from "./report.js";

const states = {
	working: ["good", "Log is delivered to Collector"],
	retrying: ["bad", "Collector does not accept the log"],
	nowhere: ["warn", "Not bound to a Collector"],
};

const changes = {
	refused: ["bad", (change) => `The new binding can't be used: ${change.error}. The Collector in use stays.`],
	vanished: ["warn", (change) => `The binding is gone: ${change.error}. The Collector in use stays.`],
};

let state = "";

function showState(delivery) {
	const [kind, text] = states[delivery.state] ?? ["plain", delivery.state];
	setBadge(byId("state"), kind, text);
	if (state && state !== delivery.state) announce(text);
	state = delivery.state;
}

function showChange(change, error) {
	const [kind, text] = changes[change.state] ?? (error ? ["bad", () => `Records wait: ${error}.`] : []);
	const line = byId("change");
	line.hidden = !kind;
	if (!kind) return;
	line.className = `change ${kind}`;
	setText(line, text(change));
}

function showCollector({ collector, delivery }) {
	showState(delivery);
	showChange(collector.change, delivery.error);
	setFacts(byId("collector"), [
		["Address", collector.address ?? "unknown"],
		["Binding", collector.binding ?? `none (${collector.source})`],
		["Provider", collector.provider],
		["TLS", collector.tls ? "yes" : "no"],
		["In use since", moment(collector.since)],
		["Switches", collector.generation > 1 ? collector.generation - 1 : "none since the start"],
	]);
}

function showDelivery(delivery) {
	draw(byId("rate"), delivery.deliveredPerSecond,
		{ now: byId("rate-now"), most: byId("rate-most"), noun: "records", lost: delivery.droppedPerSecond });
	setFacts(byId("totals"), [
		["Delivered", count(delivery.delivered)],
		["Waiting", count(delivery.waiting)],
		["Dropped", count(delivery.dropped)],
	]);
	const queue = byId("queue");
	queue.max = delivery.waitingMax;
	queue.value = delivery.waiting;
	setText(byId("queue-said"), `Waiting: ${count(delivery.waiting)} of at most ${count(delivery.waitingMax)}`);
}

async function readReport() {
	const answer = await ask("GET", "../");
	showReport(byId("report"), JSON.parse(answer.text));
}

byId("report-again").addEventListener("click", () => readReport().catch((error) => announce(error.message)));

byId("ask").addEventListener("click", async (event) => {
	const path = event.target.dataset?.path;
	if (!path) return;
	setText(byId("asked"), `GET ${path} …`);
	try {
		const answer = await ask("GET", `..${path}`, { anyStatus: true });
		setText(byId("asked"), `GET ${path}: ${answer.status}, correlation id ${answer.headers.get("x-correlation-id")}`);
	} catch (error) {
		setText(byId("asked"), `GET ${path}: ${error.message}`);
	}
	lookNow();
});

let hasReport = false;

watch(async () => {
	const status = await askJson("../v1/status");
	showWho(status);
	showCollector(status);
	showDelivery(status.delivery);
	showEvents(byId("events"), status.events);
	isFresh();
	if (!hasReport) await readReport();
	hasReport = true;
});
