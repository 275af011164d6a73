// SPDX-License-Identifier: Apache-2.0
// stores.mjs -- what the kv and db of the JavaScript host hold, and the faults that a test asks of them.

const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { ignoreBOM: true });
export const bytesOf = v => typeof v === "string" ? encoder.encode(v) : v instanceof ArrayBuffer ? new Uint8Array(v) : v;
export const textOf = bytes => decoder.decode(bytes);

/** A Map from keys to bytes: what is stored now. */
export class Store extends Map {
  /** null, or how every access fails: "unavailable" or "timeout". A db that fails also fails commits. */
  failing = null;
  /** Milliseconds of the room's clock that a read takes; above 0 the handler waits for it. */
  delayMs = 0;
  #until = new Map(); // key -> when it is forgotten

  /** content: a Map or an object; values are bytes or text. Another Store's is shared by handing it on as it is. */
  constructor(content = {}) {
    super();
    for (const [k, v] of content instanceof Map ? content : Object.entries(content)) this.set(k, v);
  }
  set(key, value, until = 0) {
    if (until) this.#until.set(key, until);
    else this.#until?.delete(key);
    return super.set(key, bytesOf(value));
  }
  delete(key) {
    this.#until.delete(key);
    return super.delete(key);
  }
  /** The value as text; null if there is none. */
  text(key) {
    return this.has(key) ? textOf(this.get(key)) : null;
  }
  /** All of it as text: { key: value }, in the order of keys. */
  texts() {
    return Object.fromEntries([...this].sort((a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]))).map(([k, v]) => [k, textOf(v)]));
  }
  /** Forgets what has outlived its ttl. */
  expire(now) {
    for (const [key, until] of this.#until) if (until <= now) this.delete(key);
  }
}

export const storeOf = content => content instanceof Store ? content : new Store(content);
