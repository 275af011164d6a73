// SPDX-License-Identifier: Apache-2.0
// calls.mjs -- what the feed tells, as entries: bounded, counted, filtered. No DOM.

export const ENTRIES_MAX = 10000;
const HAY_MAX = 2000; // characters of an entry that a filter looks at

/** An entry of an event of the feed; null: it is none. */
export function entryOf(data) {
  if (data.type === "log") {
    return { ...common(data), isLog: true, level: data.level ?? "info", text: String(data.text ?? ""), byModule: data.by_module !== false };
  }
  if (data.type !== "call") return null;
  const error = data.error ?? {};
  return {
    ...common(data),
    isLog: false,
    failed: data.state === "failed",
    status: error.code ?? "",
    message: error.message ?? "",
    where: error.where ?? "",
    us: data.cpu_ns !== undefined ? data.cpu_ns / 1000 : data.cpu_us ?? 0,
    events: data.events ?? [],
    eventCount: data.event_count ?? data.events?.length ?? 0,
  };
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
  } else {
    parts.push(entry.failed ? "failed" : "done", entry.status, entry.message, entry.where);
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
      else this.calls++;
      if (entry.failed) this.failed++;
      this.entries.push(entry);
    }
    const over = this.entries.length - ENTRIES_MAX;
    if (over > 0) {
      this.entries.splice(0, over);
      this.dropped += over;
    }
  }
}
