// SPDX-License-Identifier: Apache-2.0
// entry.mjs -- how one call, log line or notice looks; a call can be opened up: what it was handed, what became
// of its events, which line failed, what it logged.
import { countText, element, hueOfId, hueOfName, timeText } from "./dom.mjs";
import { cut, hexText, OPEN_MAX, payloadOf } from "./payload.mjs";
import { excerptNode } from "./source.mjs";
import { viewNode } from "./view.mjs";

const EVENTS_SHOWN = 12; // of one call, before the rest is opened
const TO_SHOWN = 4; // recipients of a broadcast by name

const idText = id => (id.length > 12 ? id.slice(0, 8) : id);

/** names: Map of connection id to user, as far as known. */
function who(id, names) {
  const name = names.get(id);
  const made = element("span", { class: "who", title: name ? `${name} (${id})` : id }, name ?? idText(id));
  made.style.setProperty("--hue", name ? hueOfName(name) : hueOfId(id));
  return made;
}

function timeSpent(us) {
  if (us < 0.1) return "< 1 µs";
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
  return `${(us / 1000).toFixed(us < 10000 ? 1 : 0)} ms`;
}

/** A payload, cut; a click shows all of it. `size`: of the whole, if the feed has cut it already. */
function payloadNode(payload, size) {
  if (!payload) return null;
  const shown = payloadText(payload);
  return size ? element("span", {}, shown, element("span", { class: "untold" }, ` … ${size.toLocaleString("en")} bytes`)) : shown;
}

function payloadText(payload) {
  const isBytes = payload.bytes !== undefined;
  const whole = isBytes ? hexText(payload.bytes, OPEN_MAX / 3) : cut(payload.text, OPEN_MAX).text;
  const { text, isCut } = isBytes ? { text: hexText(payload.bytes, 32), isCut: payload.bytes.length > 32 } : cut(payload.text);
  const short = isCut && !isBytes ? `${text}…` : text;
  const node = element("code", { class: isBytes ? "payload bytes" : "payload" }, short);
  if (!isCut) return node;
  const size = isBytes ? payload.bytes.length : payload.text.length;
  const more = element("button", { type: "button", class: "more", "aria-expanded": "false" }, `show all ${size.toLocaleString("en")}`);
  more.addEventListener("click", () => {
    const open = more.getAttribute("aria-expanded") === "false";
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "show less" : `show all ${size.toLocaleString("en")}`;
    node.textContent = open ? whole : short;
  });
  return element("span", {}, node, " ", more);
}

function delayText(ms) {
  if (ms < 1000) return `${ms} ms`;
  return `${Number((ms / 1000).toFixed(3))} s`;
}

function broadcastTo(event, names) {
  const to = event.to ?? [];
  const count = event.to_count ?? to.length;
  const span = element("span", { class: "to" }, count ? `to ${count.toLocaleString("en")}` : "to nobody");
  if (count && count <= TO_SHOWN && count === to.length) {
    span.textContent = "to ";
    to.forEach((id, index) => span.append(index ? ", " : "", who(id, names)));
  }
  return span;
}

/** What an event says beside its type and payload. */
function detail(event, names) {
  switch (event.type) {
    case "broadcast":
      return broadcastTo(event, names);
    case "send":
      return element("span", { class: "to" }, "to ", who(event.connection ?? "", names));
    case "close":
      return element("span", { class: "to" }, who(event.connection ?? "", names), ` with ${event.code}`);
    case "timer_set":
      return element("span", { class: "to" }, `${event.id ?? event.timer_id}: in ${delayText(event.delay_ms ?? 0)}${event.period_ms ? `, then every ${delayText(event.period_ms)}` : ""}`);
    case "timer_clear":
      return element("span", { class: "to" }, String(event.id ?? event.timer_id));
    case "alarm_set":
      return element("span", { class: "to" }, event.at_ms ? new Date(event.at_ms).toISOString() : "none");
    case "respond":
      return element("span", { class: "to" }, String(event.status));
    default:
      return event.key ? element("span", { class: "to" }, element("code", {}, event.key), event.scope === 1 || event.scope === "service" ? " of the service" : "", payloadOf(event) ? " =" : "") : null;
  }
}

function eventNode(event, names) {
  return element("li", {}, element("span", { class: "type" }, event.type), " ", detail(event, names), " ", payloadNode(payloadOf(event), event.payload_size));
}

function eventList(entry, names) {
  if (!entry.events.length) return null;
  const list = element("ul", { class: "events" }, ...entry.events.slice(0, EVENTS_SHOWN).map(event => eventNode(event, names)));
  const rest = entry.events.length - EVENTS_SHOWN;
  if (rest > 0) {
    const more = element("button", { type: "button", class: "more" }, `show ${countText(rest, "more event")}`);
    more.addEventListener("click", () => more.parentNode.replaceWith(...entry.events.slice(EVENTS_SHOWN).map(event => eventNode(event, names))));
    list.append(element("li", {}, more));
  }
  const untold = entry.eventCount - entry.events.length;
  if (untold > 0) list.append(element("li", { class: "untold" }, `and ${countText(untold, "event")} that the feed left out`));
  return list;
}

/** "src/room.ts:27:56" in a text becomes a mark. */
function withPlaces(text) {
  const parts = text.split(/([\w./@-]+\.(?:ts|c|rs|zig|h):\d+(?::\d+)?)/);
  return parts.map((part, index) => (index % 2 ? element("mark", {}, part) : part));
}

function head(entry, badge, className, options) {
  return element(
    "div", { class: "head" },
    element("time", {}, timeText(entry.ms)),
    element("span", { class: `badge ${className}` }, badge),
    options.showRoom && entry.room ? element("span", { class: "room" }, entry.room) : null,
    entry.connection ? who(entry.connection, options.names) : null,
  );
}

function logNode(entry, options) {
  const top = head(entry, entry.level, `log ${entry.level}`, options);
  if (entry.call) top.append(element("span", { class: "quiet" }, entry.call));
  return element("article", { class: `entry is-log ${entry.level}` }, top, element("p", { class: "text" }, ...withPlaces(cut(entry.text, 4000).text)));
}

function noticeNode(entry) {
  return element(
    "article", { class: `entry notice ${entry.failed ? "failed" : "done"}` },
    element("div", { class: "head" }, element("time", {}, timeText(entry.ms)), element("span", { class: `badge is-${entry.kind}` }, entry.kind), element("span", { class: "text" }, ...withPlaces(entry.text))),
  );
}

function errorNode(entry) {
  return element(
    "p", { class: "text" },
    element("strong", {}, entry.status), " ", ...withPlaces(entry.message),
    entry.where && !entry.message.includes(entry.where) ? element("span", {}, " at ", element("mark", {}, entry.where)) : null,
  );
}

// ---- a call opened up ------------------------------------------------------------------------------

const row = (name, ...what) => [element("dt", {}, name), element("dd", {}, ...what)];

function fromRow(entry, names) {
  if (entry.method) return row("request", element("code", {}, `${entry.method} ${entry.path || "/"}`));
  if (!entry.connection) return row("from", "the host itself: no connection");
  const name = names.get(entry.connection);
  return row("from", name ? who(entry.connection, names) : null, name ? " " : null, element("code", { class: "quiet" }, entry.connection));
}

function givenRow(entry) {
  if (entry.given) return row("payload in", viewNode(entry.given, entry.givenSize));
  if (entry.call === "message") return row("payload in", "not known: nobody followed when it came");
  return entry.call === "request" ? row("payload in", "an empty body") : [];
}

const NEVER_RAN = new Set(["NO_HANDLER", "NOT_OPEN", "GONE"]);

function eventsRow(entry) {
  if (!entry.failed) return row("events", entry.eventCount ? `${countText(entry.eventCount, "event")}, carried out` : "none");
  if (NEVER_RAN.has(entry.status)) return row("events", "none: the module was not called");
  if (entry.status === "UNAVAILABLE" && entry.message.startsWith("kv.sync")) return row("events", "what it sent is dropped; what it wrote stays, and may still be stored");
  const rule = "of a call that fails nothing is sent, stored or set";
  if (entry.eventsDropped === undefined) return row("events", `dropped: ${rule}`);
  return row("events", entry.eventsDropped ? `${countText(entry.eventsDropped, "event")} dropped: ${rule}` : "it had emitted none");
}

function logsRow(entry) {
  if (!entry.logs.length) return row("log lines", "none");
  return row("log lines", element("ul", { class: "logs" }, ...entry.logs.map(line => element("li", { class: line.level }, element("span", { class: "quiet" }, line.level), " ", ...withPlaces(cut(line.text, 4000).text)))));
}

function actions(entry, options) {
  const isWhole = !entry.givenSize;
  const can = entry.call === "message" && entry.given;
  if (!can) return null;
  const why = isWhole ? undefined : "The feed has only the beginning of this message.";
  return element(
    "div", { class: "actions" },
    element("button", { type: "button", class: "again", disabled: !isWhole, title: why, onclick: () => options.sendAgain(entry) }, "Send again"),
    element("button", { type: "button", disabled: !isWhole, title: why, onclick: () => options.keep(entry) }, "Keep …"),
  );
}

function detailNode(entry, options) {
  return element(
    "div", { class: "detail" },
    element("dl", {}, ...fromRow(entry, options.names), ...givenRow(entry), ...eventsRow(entry), ...logsRow(entry), ...row("CPU time", timeSpent(entry.us), " in the module")),
    actions(entry, options),
  );
}

/** A button that opens the whole of a call below it, and remembers that it is open. */
function opener(entry, box, options) {
  const button = element("button", { type: "button", class: "icon opener", "aria-label": "The whole call", title: "Open this call" }, "›");
  let detail = null;
  const set = isOpen => {
    entry.isOpen = isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    detail?.remove();
    detail = isOpen ? detailNode(entry, options) : null;
    if (detail) box.append(detail);
  };
  button.addEventListener("click", () => {
    set(!entry.isOpen);
    if (entry.isOpen) options.onOpen(box);
  });
  return { button, set };
}

function callNode(entry, options) {
  const made = element("article", { class: `entry ${entry.failed ? "failed" : "done"}` });
  const open = opener(entry, made, options);
  const top = head(entry, entry.call, `call ${entry.call}`, options);
  if (!entry.failed && entry.eventCount > 1) top.append(element("span", { class: "quiet" }, countText(entry.eventCount, "event")));
  top.append(element("span", { class: "spent", title: "CPU time in the module" }, timeSpent(entry.us)), open.button);
  made.append(top);
  if (entry.failed) made.append(errorNode(entry));
  if (entry.excerpt) made.append(excerptNode(entry.excerpt));
  const list = eventList(entry, options.names);
  if (list) made.append(list);
  if (entry.isOpen) open.set(true);
  else open.button.setAttribute("aria-expanded", "false");
  return made;
}

/** options: names (Map), showRoom, sendAgain(entry), keep(entry), onOpen(node) */
export function entryNode(entry, options) {
  if (entry.isLog) return logNode(entry, options);
  return entry.isNotice ? noticeNode(entry) : callNode(entry, options);
}
