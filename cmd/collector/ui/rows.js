// The rows share one tab stop; arrows, Home and End move between them.

/** Makes the focused row, or otherwise the first one, the tab stop. */
export function oneStop(list) {
	const buttons = [...list.querySelectorAll("button")];
	const stop = buttons.find((button) => button === document.activeElement) ??
		buttons.find((button) => button.tabIndex === 0) ?? buttons[0];
	for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

const steps = {
	ArrowDown: (row) => row.nextElementSibling,
	ArrowUp: (row) => row.previousElementSibling,
	Home: (row) => row.parentElement.firstElementChild,
	End: (row) => row.parentElement.lastElementChild,
};

export function moveByArrows(list) {
	list.addEventListener("keydown", (event) => {
		const row = event.target.closest("li");
		const to = row && steps[event.key]?.(row);
		if (!to || event.altKey || event.ctrlKey || event.metaKey) return;
		event.preventDefault();
		to.querySelector("button").focus();
		oneStop(list);
	});
}
