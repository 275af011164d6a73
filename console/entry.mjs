// SPDX-License-Identifier: Apache-2.0
// entry.mjs -- how one call or log line looks, with its events.
import { countText, element, hueOfId, hueOfName, timeText } from "./dom.mjs";
import { cut, hexText, OPEN_MAX, payloadOf } from "./payload.mjs";

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
  const row = head(entry, entry.level, `log ${entry.level}`, options);
  if (entry.call) row.append(element("span", { class: "quiet" }, entry.call));
  return element("article", { class: `entry is-log ${entry.level}` }, row, element("p", { class: "text" }, ...withPlaces(cut(entry.text, 4000).text)));
}

function callNode(entry, options) {
  const row = head(entry, entry.call, `call ${entry.call}`, options);
  if (!entry.failed && entry.eventCount > 1) row.append(element("span", { class: "quiet" }, countText(entry.eventCount, "event")));
  row.append(element("span", { class: "spent", title: "CPU time in the module" }, timeSpent(entry.us)));
  const made = element("article", { class: `entry ${entry.failed ? "failed" : "done"}` }, row);
  if (entry.failed) {
    made.append(element(
      "p", { class: "text" },
      element("strong", {}, entry.status), " ", ...withPlaces(entry.message),
      entry.where && !entry.message.includes(entry.where) ? element("span", {}, " at ", element("mark", {}, entry.where)) : null,
    ));
  }
  const list = eventList(entry, options.names);
  if (list) made.append(list);
  return made;
}

/** options: names (Map), showRoom */
export function entryNode(entry, options) {
  return entry.isLog ? logNode(entry, options) : callNode(entry, options);
}
