// SPDX-License-Identifier: Apache-2.0
// calls.mjs -- what the feed tells, as entries: bounded, counted, filtered. No DOM.
import { payloadOf } from "./payload.mjs";

export const ENTRIES_MAX = 10000;
const HAY_MAX = 2000; // characters of an entry that a filter looks at
const LOGS_MAX = 100; // lines of one call
const WRITERS_MAX = 2000; // calls under way whose lines are known

/** An entry of an event of the feed; null: it is none. */
export function entryOf(data) {
  if (data.type === "log") {
    if (isSaidByCall(data)) return null;
    return { ...common(data), isLog: true, level: data.level ?? "info", text: String(data.text ?? ""), byModule: data.by_module !== false };
  }
  if (data.type === "switch" || data.type === "build") return noticeOf(data);
  if (data.type !== "call") return null;
  const error = data.error ?? {};
  return {
    ...common(data),
    isLog: false,
    given: data.payload === "" ? { text: "" } : payloadOf(data),
    givenSize: data.payload_size ?? 0, // of the whole, if the feed has cut it
    method: data.method ?? "",
    path: data.path ?? "",
    eventsDropped: data.events_dropped, // of a failed call; undefined: not told
    logs: [], // entries of the lines that it wrote
    isOpen: false, // somebody looks at the whole of it
    failed: data.state === "failed",
    status: error.code ?? "",
    message: error.message ?? "",
    where: error.where ?? "",
    us: data.cpu_ns !== undefined ? data.cpu_ns / 1000 : data.cpu_us ?? 0,
    events: data.events ?? [],
    eventCount: data.event_count ?? data.events?.length ?? 0,
  };
}

/** Ramp's own line about a call that failed, whose entry says the same and more. */
const isSaidByCall = ({ by_module: byModule, call, text }) => byModule === false && Boolean(call) && String(text).startsWith(`${call} failed: `);

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

/** What happened to the service, in a line. */
function noticeOf(data) {
  const made = { ...common(data), isLog: false, isNotice: true, kind: data.type, failed: data.ok === false };
  return { ...made, text: data.type === "switch" ? switchText(data) : buildText(data) };
}

/** `version` is ours to add: the feed does not know it. */
function switchText({ ok, version, message, rooms_moved: moved = 0, rooms_kept: kept = 0, connections = 0 }) {
  if (ok === false) return `the new version is not used: ${message || "no reason was given"}`;
  const parts = [version ? `switched to ${version.slice(0, 8)}` : "switched to the new version"];
  parts.push(moved ? `${plural(moved, "room")} moved, ${plural(connections, "connection")} kept` : "no room was to be moved");
  if (kept) parts.push(`${plural(kept, "room")} stayed on the version before, because the new one did not open there`);
  return parts.join(" · ");
}

function buildText({ ok, file, changed, ms, unchanged, problems = [], message, what }) {
  if (ok === false) {
    const [first] = problems;
    if (first?.file) return `build failed: ${first.file}:${first.line}:${first.col} ${first.text}`;
    return `${what || "build failed"}${message || first?.text ? `: ${message || first.text}` : ""}`;
  }
  const took = ms ? ` in ${(ms / 1000).toFixed(2)} s` : "";
  return `${changed ? `${changed} changed: ` : ""}built ${file ?? ""}${took}${unchanged ? "; the module is the same as before" : ""}`;
}

const common = data => ({
  ms: data.time_ms ?? Date.now(),
  room: data.room ?? "",
  connection: data.connection ?? "",
  user: data.user ?? "",
  call: data.call ?? "",
  hay: null,
});

/** The text that a filter looks at; made when first needed. */
function hayOf(entry) {
  if (entry.hay !== null) return entry.hay;
  const parts = [entry.call, entry.room, entry.connection, entry.user];
  if (entry.isLog) {
    parts.push("log", entry.level, entry.text);
  } else if (entry.isNotice) {
    parts.push(entry.kind, entry.text);
  } else {
    parts.push(entry.failed ? "failed" : "done", entry.status, entry.message, entry.where);
    parts.push(entry.given?.text ?? "", entry.method, entry.path);
    let size = 0;
    for (const event of entry.events) {
      parts.push(event.type, event.connection ?? "", event.key ?? "", event.payload ?? "");
      if ((size += (event.payload ?? "").length + 20) > HAY_MAX) break;
    }
  }
  return (entry.hay = parts.join(" ").slice(0, HAY_MAX).toLowerCase());
}

/** "ann -leave" to a function over entries; null: all match. */
export function parseFilter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(word => word && word !== "-");
  if (!words.length) return null;
  return entry => {
    const hay = hayOf(entry);
    return words.every(word => (word[0] === "-" ? !hay.includes(word.slice(1)) : hay.includes(word)));
  };
}

/** Whose lines are whose: a line comes before the end of the call that wrote it, and a room runs one call at a
 *  time. Only calls of one kind and connection that end late, together, may be taken for each other. */
export class Writers {
  #lines = new Map();
  /** Adds a line; or gives the call's lines to the call. */
  add(entry) {
    if (entry.isNotice) return;
    const key = `${entry.room}\n${entry.call}\n${entry.connection}`;
    const lines = this.#lines.get(key);
    if (!entry.isLog) {
      entry.logs = lines ?? [];
      this.#lines.delete(key);
    } else if (entry.byModule && entry.call) {
      if (lines && lines.length < LOGS_MAX) lines.push(entry);
      else if (!lines) this.#lines.set(key, [entry]);
      if (this.#lines.size > WRITERS_MAX) this.#lines.delete(this.#lines.keys().next().value);
    }
  }
}

export class Calls {
  entries = [];
  constructor() {
    this.clear();
  }
  clear() {
    this.entries = [];
    this.calls = this.failed = this.logs = this.dropped = 0; // since the last clear
  }
  /** Adds, and lets go of the oldest. */
  add(entries) {
    for (const entry of entries) {
      if (entry.isLog) this.logs++;
      else if (!entry.isNotice) this.calls++;
      if (entry.failed && !entry.isNotice) this.failed++;
      this.entries.push(entry);
    }
    const over = this.entries.length - ENTRIES_MAX;
    if (over > 0) {
      this.entries.splice(0, over);
      this.dropped += over;
    }
  }
}
