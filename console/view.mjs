// SPDX-License-Identifier: Apache-2.0
// view.mjs -- a payload or a stored value in full: as text, as JSON set out in lines, as hex.
import { element, sizeText } from "./dom.mjs";
import { bytesOf, cut, hexLines, jsonOf, OPEN_MAX, textOf } from "./payload.mjs";

const narrow = matchMedia("(max-width: 760px)");

function shapes(payload) {
  const made = {};
  const text = textOf(payload);
  const json = jsonOf(payload);
  if (text !== null) made.text = () => cut(text, OPEN_MAX).text;
  if (json !== null) made.JSON = () => cut(json, OPEN_MAX).text;
  made.hex = () => hexLines(bytesOf(payload), { perLine: narrow.matches ? 8 : 16 });
  return made;
}

/** payload: {text} or {bytes}. size: of the whole, if this is only its beginning. */
export function viewNode(payload, size = 0) {
  const made = shapes(payload);
  const out = element("pre", { class: "payload", tabindex: "0" });
  const buttons = Object.keys(made).map(name => element("button", { type: "button", onclick: () => show(name) }, name));
  function show(name) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
    const text = made[name]();
    out.replaceChildren(text === "" ? element("i", {}, "empty") : text);
    out.classList.toggle("bytes", name === "hex");
  }
  const length = bytesOf(payload).length;
  const told = size > length ? `the first ${sizeText(length)} of ${sizeText(size)}` : sizeText(length);
  show(made.JSON ? "JSON" : made.text && payload.text !== undefined ? "text" : "hex");
  return element(
    "div", { class: "view" },
    element("div", { class: "views" }, element("span", { class: "group", role: "group", "aria-label": "Shown as" }, ...buttons), element("span", { class: "size" }, `${payload.bytes ? "binary, " : ""}${told}`)),
    out,
  );
}
