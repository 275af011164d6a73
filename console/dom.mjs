// SPDX-License-Identifier: Apache-2.0
// dom.mjs -- elements without markup in strings: text from rooms can never become HTML.

/** element("p", {class: "x", title: "y", onclick: f, hidden: true}, "text", child, …) */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else made.setAttribute(key, value);
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

export const byId = id => document.getElementById(id);

// Far apart for those who come first: they are most likely seen beside each other.
const HUES = [232, 18, 152, 292, 44, 190, 338, 96, 262, 210, 0, 128];
const given = new Map();

/** A hue for a user's name: the same for the same name, everywhere on the page. */
export function hueOfName(name) {
  let hue = given.get(name);
  if (hue === undefined) {
    hue = given.size < HUES.length ? HUES[given.size] : hueOfId(name);
    if (given.size < 1000) given.set(name, hue);
  }
  return hue;
}

/** A hue for an id, of which there are many: by its text alone. */
export function hueOfId(id) {
  let sum = 7;
  for (let i = 0; i < id.length; i++) sum = (sum * 31 + id.charCodeAt(i)) >>> 0;
  return (sum * 137) % 360;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let clockSecond = -1;
let clockText = "";
/** "12:04:31.123"; the formatter is slow, so its answer is kept for a second. */
export function timeText(ms) {
  const second = Math.floor(ms / 1000);
  if (second !== clockSecond) {
    clockSecond = second;
    clockText = clock.format(second * 1000);
  }
  return `${clockText}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;
}

export function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** "420 ms", "3.5 s", "2 min 5 s", "3 h 20 min" */
export function spanText(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600).toLocaleString("en")} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const countText = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
