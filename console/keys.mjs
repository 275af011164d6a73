// SPDX-License-Identifier: Apache-2.0
// keys.mjs -- what a room has stored: a page of keys at a time, each opened to its value.
import { get } from "./api.mjs";
import { countText, element, sizeText } from "./dom.mjs";
import { cut, hexText, payloadOf } from "./payload.mjs";
import { viewNode } from "./view.mjs";

const PAGE = 50;
const ASKED_MAX = 1000; // keys that the server gives at once

const payloadOfEntry = entry => payloadOf({ payload: entry.value, payload_base64: entry.value_base64 }) ?? { text: "" };
const preview = payload => (payload.bytes ? hexText(payload.bytes, 24) : cut(payload.text, 80).text) || "empty";

function lifeText(expires) {
  if (!expires) return null;
  const left = expires - Date.now();
  return left <= 0 ? "expired" : `${Math.ceil(left / 1000).toLocaleString("en")} s left`;
}

export class Keys {
  #path = null;
  #entries = [];
  #more = false;
  #commits = 0; // of the room's db, ever
  #open = new Set(); // keys whose value is shown
  #shown = ""; // what is in the page, to leave it alone while it is the same
  #asked = 0;
  /** title: "db"; what: a sentence; pathOf(service, room): of the endpoint, with a query */
  constructor({ title, what, pathOf }) {
    this.pathOf = pathOf;
    this.count = element("span", { class: "quiet" });
    this.filter = element("input", { type: "search", "aria-label": `Keys of ${title} that begin with`, placeholder: "keys that begin with …", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    this.rows = element("div", { class: "rows" });
    this.moreButton = element("button", { type: "button", class: "more", hidden: true, onclick: () => this.#load(true) }, "more keys");
    this.box = element(
      "section", { class: "keys", "aria-label": title },
      element("header", {}, element("h3", { title: what }, title), this.count, this.filter, element("button", { type: "button", class: "icon", "aria-label": `Read ${title} again`, title: "Read again", onclick: () => this.load() }, "↻")),
      this.rows, this.moreButton,
    );
    let timer = 0;
    this.filter.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.load(), 150);
    });
  }
  use(service, room) {
    const path = service && room ? this.pathOf(service, room) : null;
    if (path === this.#path) return;
    this.#path = path;
    this.#entries = [];
    this.#more = false;
    this.#commits = 0;
    this.#open.clear();
    this.filter.value = "";
    this.#show("");
  }
  load() {
    return this.#load(false);
  }
  /** `further`: the next page; otherwise as many as are shown, anew. */
  async #load(further) {
    if (!this.#path) return;
    const asked = ++this.#asked;
    const path = this.#path;
    const query = new URLSearchParams({ limit: further ? PAGE : Math.min(ASKED_MAX, Math.max(PAGE, this.#entries.length)) });
    if (this.filter.value) query.set("prefix", this.filter.value);
    const last = this.#entries.at(-1)?.key;
    if (further && last !== undefined) query.set("after", last);
    try {
      const { entries, more, head } = await get(path + (path.includes("?") ? "&" : "?") + query);
      if (asked !== this.#asked || path !== this.#path) return;
      this.#entries = further ? this.#entries.concat(entries) : entries;
      this.#more = more === true;
      this.#commits = head?.number ?? 0;
      this.#show("");
    } catch (error) {
      if (asked === this.#asked) this.#show(error.message);
    }
  }
  #show(problem) {
    const now = JSON.stringify([problem, this.#entries, this.#more, this.#commits]);
    if (now === this.#shown) return;
    this.#shown = now;
    this.moreButton.hidden = !this.#more;
    const told = [];
    if (this.#entries.length) told.push(`${countText(this.#entries.length, "key")}${this.#more ? ", and more" : ""}`);
    if (this.#commits) told.push(countText(this.#commits, "commit"));
    this.count.textContent = problem ? "" : told.join(" · ");
    if (problem) this.rows.replaceChildren(element("p", { class: "wrong" }, problem));
    else if (!this.#entries.length) this.rows.replaceChildren(element("p", { class: "none" }, this.filter.value ? "no key begins with that" : "nothing stored"));
    else this.rows.replaceChildren(...this.#entries.map(entry => this.#row(entry)));
  }
  #row(entry) {
    const payload = payloadOfEntry(entry);
    const size = entry.size ?? 0;
    const box = element("div", { class: "key" });
    const button = element(
      "button", { type: "button", "aria-expanded": "false" },
      element("code", { class: "name" }, entry.key), element("code", { class: payload.bytes ? "payload bytes" : "payload" }, preview(payload)),
      element("span", { class: "quiet" }, [sizeText(size), lifeText(entry.expires_ms)].filter(Boolean).join(" · ")),
    );
    let value = null;
    const set = isOpen => {
      button.setAttribute("aria-expanded", String(isOpen));
      value?.remove();
      value = isOpen ? viewNode(payload, size) : null;
      if (value) box.append(value);
      if (isOpen) this.#open.add(entry.key);
      else this.#open.delete(entry.key);
    };
    button.addEventListener("click", () => set(!value));
    box.append(button);
    if (this.#open.has(entry.key)) set(true);
    return box;
  }
}
