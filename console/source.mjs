// SPDX-License-Identifier: Apache-2.0
// source.mjs -- lines of the project's source around a place: `ramp dev` shows them, other servers have none.
import { getText } from "./api.mjs";
import { element } from "./dom.mjs";

const FRESH_MS = 1000; // a file is read again after this: its author edits it
const AROUND = 2; // lines before and after

/** "src/room.ts:17:5" to {file, line, col}; null: it names no file of the project. */
export function placeOf(where) {
  const [, file, line, col] = /^(.+):(\d+):(\d+)$/.exec(where) ?? [];
  return file && !/^[/~]|^\.\./.test(file) ? { file, line: Number(line), col: Number(col) } : null;
}

/** The lines around a place, as `from` and `lines`; null: the file has no such line. */
export function excerpt(text, { line }) {
  const lines = text.split(/\r\n|\n/);
  if (line < 1 || line > lines.length) return null;
  const from = Math.max(1, line - AROUND);
  return { from, lines: lines.slice(from - 1, line + AROUND) };
}

export class Sources {
  isThere = Promise.resolve(false); // whether the server has sources to show
  #files = new Map(); // name → {ms, text: promise}
  async #read(file) {
    const known = this.#files.get(file);
    if (known && Date.now() - known.ms < FRESH_MS) return known.text;
    const text = getText(`source?file=${encodeURIComponent(file)}`).catch(() => null);
    this.#files.set(file, { ms: Date.now(), text });
    if (this.#files.size > 50) this.#files.delete(this.#files.keys().next().value);
    return text;
  }
  /** What stands there now: {place, from, lines}; null: that cannot be told. */
  async around(where) {
    const place = (await this.isThere) ? placeOf(where) : null;
    const text = place && (await this.#read(place.file));
    const found = text ? excerpt(text, place) : null;
    return found && { place, ...found };
  }
}

/** The spaces before a column, tabs kept, so that a caret stands below it. */
const indent = (text, col) => text.slice(0, col - 1).replace(/[^\t]/g, " ");

/** `lines` from number `from` on, with a caret below the column of one of them. */
export function excerptNode({ place, from, lines }) {
  const made = element("pre", { class: "source", tabindex: "0", "aria-label": `${place.file}, line ${place.line}` });
  const width = String(from + lines.length - 1).length;
  lines.forEach((text, index) => {
    const number = from + index;
    const isIt = number === place.line;
    const gutter = element("span", { class: "gutter", "aria-hidden": "true" }, `${String(number).padStart(width)} │ `);
    made.append(element("span", { class: isIt ? "it" : "near" }, gutter, text, "\n"));
    if (isIt && place.col > 0) made.append(element("span", { class: "caret", "aria-hidden": "true" }, element("span", { class: "gutter" }, `${" ".repeat(width)} │ `), `${indent(text, place.col)}^\n`));
  });
  return made;
}
