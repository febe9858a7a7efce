// Counts a second over five minutes, drawn on a canvas; the caption beside it says the same in words.

import { count } from "./format.js";

const SECONDS = 300;

export function draw(canvas, rates, { now, most, noun }) {
	const peak = Math.max(...rates, 0);
	const latest = rates.at(-1) ?? 0;
	now.textContent = `${count(latest)} ${noun} a second now`;
	most.textContent = `most: ${count(peak)}`;
	canvas.setAttribute("aria-label",
		`${noun} a second over the last five minutes: ${count(latest)} now, ${count(peak)} at most`);
	const ratio = window.devicePixelRatio || 1;
	const width = Math.round(canvas.clientWidth * ratio);
	const height = Math.round(canvas.clientHeight * ratio);
	if (canvas.width !== width) canvas.width = width;
	if (canvas.height !== height) canvas.height = height;
	const context = canvas.getContext("2d");
	const style = getComputedStyle(canvas);
	context.clearRect(0, 0, width, height);
	context.fillStyle = style.getPropertyValue("--line");
	context.fillRect(0, height - ratio, width, ratio);
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
	context.fillStyle = context.strokeStyle = style.getPropertyValue("--accent");
	context.globalAlpha = 0.25;
	context.fill();
	context.globalAlpha = 1;
	context.lineWidth = 1.5 * ratio;
	context.stroke();
}
