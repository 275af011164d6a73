// SPDX-License-Identifier: Apache-2.0
// api.mjs -- the control API: JSON and server-sent events, with the admin token where one is needed.
// EventSource cannot carry a token, so the stream is read with fetch.

const BASE = "v1/"; // below the page, /_ramp/
const KEY = "ramp.token";

export class Denied extends Error {}

let token = sessionStorage.getItem(KEY) ?? "";

export function useToken(text) {
  token = text;
  sessionStorage.setItem(KEY, text);
}
export const hasToken = () => token !== "";

async function request(path, signal) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(BASE + path, { headers, signal, cache: "no-store" });
  if (response.ok) return response;
  let message = `HTTP ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch { /* the status has to do */ }
  throw response.status === 401 || response.status === 403 ? new Denied(message) : new Error(message);
}

export async function get(path) {
  return (await request(path, AbortSignal.timeout(10000))).json();
}

/** A text that is no JSON. */
export async function getText(path) {
  return (await request(path, AbortSignal.timeout(10000))).text();
}

/** Server-sent events out of pieces of text that are cut anywhere. */
export class EventParser {
  #rest = "";
  #event = "";
  #data = [];
  constructor(onEvent) {
    this.onEvent = onEvent;
  }
  feed(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }
  #line(line) {
    if (line === "") {
      if (this.#data.length) this.onEvent(this.#event || "message", this.#data.join("\n"));
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#event = value;
  }
}

/** Follows a stream until close(); begins again by itself.
 *  onState: "opening", "open", "lost". */
export function follow(path, onEvent, onState) {
  const stop = new AbortController();
  let delay = 250;

  async function once() {
    onState("opening");
    const response = await request(path, stop.signal);
    onState("open");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser(onEvent);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      delay = 250;
      parser.feed(value);
    }
  }
  (async () => {
    while (!stop.signal.aborted) {
      let reason = "";
      try {
        await once();
      } catch (error) {
        if (stop.signal.aborted) return;
        reason = error;
      }
      if (stop.signal.aborted) return;
      onState("lost", reason);
      await new Promise(done => setTimeout(done, delay));
      delay = Math.min(delay * 2, 4000);
    }
  })();
  return { close: () => stop.abort() };
}
