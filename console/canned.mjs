// SPDX-License-Identifier: Apache-2.0
// canned.mjs -- messages kept to be sent again: named, per service, one click each. In this browser's storage.
import { byId, element } from "./dom.mjs";
import { cut, fromBase64, hexText, isSame } from "./payload.mjs";

const KEPT_MAX = 40; // of one service
const NAME_MAX = 40; // characters
const BYTES_MAX = 65536; // of one message: storage is small
const keyOf = service => `ramp.canned.${service}`;

function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const stored = ({ name, payload }) => (payload.bytes ? { name, base64: toBase64(payload.bytes) } : { name, text: payload.text });

function restored(item) {
  if (typeof item?.name !== "string") return null;
  if (typeof item.text === "string") return { name: item.name, payload: { text: item.text } };
  try {
    return typeof item.base64 === "string" ? { name: item.name, payload: { bytes: fromBase64(item.base64) } } : null;
  } catch {
    return null;
  }
}

export const shortText = payload => (payload.bytes ? hexText(payload.bytes, 12) : cut(payload.text.replace(/\s+/g, " "), 28).text) || "empty";

export class Canned {
  #service = "";
  #items = [];
  #asked = null; // the payload that a name is asked for
  /** send(payload): sends it now. */
  constructor({ send }) {
    this.send = send;
    byId("keep-form").addEventListener("submit", () => this.#keepAsked());
    byId("keep-cancel").addEventListener("click", () => byId("keep").close());
    // Another tab may keep messages, too.
    window.addEventListener("storage", event => event.key === keyOf(this.#service) && this.use(this.#service));
  }
  use(service) {
    this.#service = service;
    let items = [];
    try {
      items = JSON.parse(localStorage.getItem(keyOf(service))) ?? [];
    } catch { /* somebody else's, or broken: none */ }
    this.#items = Array.isArray(items) ? items.map(restored).filter(Boolean).slice(0, KEPT_MAX) : [];
    this.#show();
  }
  /** Asks for a name, then keeps it. Returns why not, or "". */
  ask(payload) {
    if (!this.#service) return "there is no service to keep it for";
    if ((payload.bytes ?? payload.text).length > BYTES_MAX) return "it is too long to be kept";
    if (this.#items.length >= KEPT_MAX) return `${KEPT_MAX} messages are kept already; remove one`;
    this.#asked = payload;
    byId("keep-what").textContent = shortText(payload);
    byId("keep-name").value = this.#items.find(item => isSame(item.payload, payload))?.name ?? shortText(payload);
    byId("keep").showModal();
    byId("keep-name").select();
    return "";
  }
  #keepAsked() {
    const name = byId("keep-name").value.trim().slice(0, NAME_MAX) || shortText(this.#asked);
    const at = this.#items.findIndex(item => item.name === name);
    const item = { name, payload: this.#asked };
    if (at >= 0) this.#items[at] = item;
    else this.#items.push(item);
    this.#store();
  }
  #remove(item) {
    this.#items.splice(this.#items.indexOf(item), 1);
    this.#store();
    (byId("canned").querySelector("button") ?? byId("add-pane")).focus();
  }
  #store() {
    try {
      localStorage.setItem(keyOf(this.#service), JSON.stringify(this.#items.map(stored)));
    } catch { /* storage is full or forbidden: they last as long as this page */ }
    this.#show();
  }
  #show() {
    const box = byId("canned");
    box.hidden = !this.#items.length;
    byId("canned-list").replaceChildren(...this.#items.map(item => element(
      "span", { class: "chip" },
      element("button", { type: "button", class: "go", title: `Send ${shortText(item.payload)}`, onclick: () => this.send(item.payload) }, item.name),
      element("button", { type: "button", class: "away", "aria-label": `Forget ${item.name}`, title: "Forget", onclick: () => this.#remove(item) }, "×"),
    )));
  }
}
