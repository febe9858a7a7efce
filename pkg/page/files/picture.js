// Rates per second over five minutes, drawn on a canvas; the caption describes it in words.

import { count } from "./format.js";

const SECONDS = 300;

function area(context, rates, peak, colour, { width, height, ratio }) {
	if (rates.length === 0) return;
	const step = width / SECONDS;
	const x = (index) => width - (rates.length - index) * step;
	const y = (rate) => height - ratio - (rate / Math.max(peak, 1)) * (height - 6 * ratio);
	context.beginPath();
	context.moveTo(x(0), height - ratio);
	rates.forEach((rate, index) => {
		context.lineTo(x(index), y(rate));
		context.lineTo(x(index + 1), y(rate));
	});
	context.lineTo(width, height - ratio);
	context.fillStyle = context.strokeStyle = colour;
	context.globalAlpha = 0.25;
	context.fill();
	context.globalAlpha = 1;
	context.lineWidth = 1.5 * ratio;
	context.stroke();
}

/** `lost`: a second series, of failures, drawn only if there are any. */
export function draw(canvas, rates, { now, most, noun, lost = [] }) {
	const peak = Math.max(...rates, ...lost, 0);
	const latest = rates.at(-1) ?? 0;
	const losses = lost.some((rate) => rate > 0);
	now.textContent = `${count(latest)} ${noun} a second now`;
	most.textContent = `most: ${count(peak)}`;
	canvas.setAttribute("aria-label", `${noun} a second over the last five minutes: ${count(latest)} now, ` +
		`${count(Math.max(...rates, 0))} at most${losses ? `, and at most ${count(Math.max(...lost))} dropped` : ""}`);
	const ratio = window.devicePixelRatio || 1;
	const size = { width: Math.round(canvas.clientWidth * ratio), height: Math.round(canvas.clientHeight * ratio), ratio };
	if (canvas.width !== size.width) canvas.width = size.width;
	if (canvas.height !== size.height) canvas.height = size.height;
	const context = canvas.getContext("2d");
	const style = getComputedStyle(canvas);
	context.clearRect(0, 0, size.width, size.height);
	context.fillStyle = style.getPropertyValue("--line");
	context.fillRect(0, size.height - ratio, size.width, ratio);
	area(context, rates, peak, style.getPropertyValue("--accent"), size);
	if (losses) area(context, lost, peak, style.getPropertyValue("--bad"), size);
}
