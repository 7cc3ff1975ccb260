// A textarea in which Tab indents. Esc sets Tab free for once, so that the keyboard is not trapped.

const indent = "    ";

export function editor(area) {
  let free = false;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { free = true; return; }
    if (event.key === "Tab" && !event.shiftKey && !event.ctrlKey && !event.altKey && !free) {
      event.preventDefault();
      insert(area, indent);
    }
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing) {
      const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
      const space = line.match(/^[ \t]*/)[0];
      if (space) { event.preventDefault(); insert(area, "\n" + space); }
    }
    if (event.key !== "Shift") free = false;
  });
  area.addEventListener("blur", () => { free = false; });
}

// insert keeps the undo history where the browser can.
function insert(area, text) {
  if (document.execCommand?.("insertText", false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}
