// SPDX-License-Identifier: Apache-2.0
// room.mjs -- the state of the room: instance, timers, alarm, what waits, and what is stored.
import { get } from "./api.mjs";
import { byId, countText, element, sizeText, spanText } from "./dom.mjs";
import { Keys } from "./keys.mjs";
import { bytesOf, payloadOf } from "./payload.mjs";

const EVERY_MS = 1000;
const TIMERS_SHOWN = 100;

export const roomPath = (service, room) => `services/${service}/rooms/${encodeURIComponent(room)}`;

function lifeOf(room) {
  if (!room.live) return ["not open", "It begins with its first call."];
  if (room.committing) return ["committing", `${countText(room.committing, "call")} returned; what they emitted leaves when their writes are stored.`];
  if (room.waiting) return ["waiting", "Its call is suspended until a driver answers."];
  return room.open ? ["open", "It has an instance of the module."] : ["no instance", "The next call makes one."];
}

function alarmText(at, now) {
  if (!at) return "none";
  const left = at - now;
  const when = new Date(at).toLocaleTimeString("en-GB");
  return left > 0 ? `${when}, in ${spanText(left)}` : `${when}, due`;
}

/** seen: the latest state_save that the feed has told; the server knows no more than that there is one. */
function savedText(room, seen) {
  if (!room.saved) return "none";
  return seen ? `${sizeText(seen.size)}, ${new Date(seen.ms).toLocaleTimeString("en-GB")}` : "there is one";
}

const spentText = ns => (ns < 1e6 ? `${Math.round(ns / 1000)} µs` : `${(ns / 1e6).toFixed(ns < 1e8 ? 1 : 0)} ms`);

const sizeOf = event => event.payload_size ?? bytesOf(payloadOf(event) ?? { text: "" }).length;

const fact = (name, value, title) => element("div", { title }, element("dt", {}, name), element("dd", {}, value));

function factNodes(room, seen, now) {
  const calls = [room.calls.toLocaleString("en")];
  if (room.calls_failed) calls.push(", ", element("b", { class: "bad" }, `${room.calls_failed.toLocaleString("en")} failed`));
  return [
    fact("version", element("code", {}, room.version.slice(0, 8)), `SHA-256 of the module: ${room.version}`),
    fact("memory", sizeText(room.memory), "of the instance"),
    fact("connections", room.connections.toLocaleString("en")),
    fact("queued calls", room.queued.toLocaleString("en"), "that happened and wait for their turn"),
    fact("calls", element("span", {}, ...calls), "since this room began"),
    fact("CPU time", spentText(room.cpu_ns), "in the module, since this room began"),
    fact("alarm", alarmText(room.alarm_ms, now)),
    fact("saved state", savedText(room, seen), "for the next instance: state_save()"),
    fact("worker", String(room.worker), room.pinned ? "keeps its module in the table" : undefined),
  ];
}

function timerNodes(timers) {
  const rows = timers.slice(0, TIMERS_SHOWN).map(timer => element(
    "tr", {},
    element("td", {}, String(timer.id)), element("td", {}, timer.due_ms ? `in ${spanText(timer.due_ms)}` : "due"), element("td", {}, timer.period_ms ? `every ${spanText(timer.period_ms)}` : "once"),
  ));
  const rest = timers.length - TIMERS_SHOWN;
  if (rest > 0) rows.push(element("tr", {}, element("td", { colspan: 3, class: "untold" }, `and ${countText(rest, "more timer")}`)));
  return rows;
}

export class Room {
  #service = "";
  #room = "";
  #timer = 0;
  #soon = 0;
  #visible = false;
  #seen = null; // {size, ms} of the latest saved state
  #keys = [
    new Keys({ title: "db", what: "Durable: stored before what a call sends leaves", pathOf: (service, room) => `${roomPath(service, room)}/db` }),
    new Keys({ title: "kv of this room", what: "Written behind, within 50 ms", pathOf: (service, room) => `${roomPath(service, room)}/kv?scope=room` }),
    new Keys({ title: "kv of the service", what: "Shared by all rooms of the service", pathOf: (service, room) => `${roomPath(service, room)}/kv?scope=service` }),
  ];
  /** onProblem(error): the state could not be read */
  constructor({ onProblem }) {
    this.onProblem = onProblem;
    byId("stored").append(...this.#keys.map(keys => keys.box));
  }
  use(service, room) {
    this.#service = service;
    this.#room = room;
    this.#seen = null;
    for (const keys of this.#keys) keys.use(service, room);
    this.#show(null);
    if (this.#visible) this.#loadAll();
  }
  show(isVisible) {
    if (isVisible === this.#visible) return;
    this.#visible = isVisible;
    clearTimeout(this.#timer);
    if (isVisible) this.#loadAll();
  }
  /** The feed told of a call that wrote, maybe to what is shown here. */
  stored(entry) {
    const save = entry.room === this.#room && entry.events.findLast(event => event.type === "state_save");
    if (save) this.#seen = { size: sizeOf(save), ms: entry.ms };
    if (!this.#visible || this.#soon) return;
    this.#soon = setTimeout(() => {
      this.#soon = 0;
      this.#loadKeys();
    }, 400);
  }
  #loadKeys() {
    for (const keys of this.#keys) keys.load();
  }
  #loadAll() {
    this.#loadKeys();
    this.#tick();
  }
  async #tick() {
    clearTimeout(this.#timer);
    if (!this.#visible) return;
    if (this.#service && !document.hidden) {
      const { service, room } = { service: this.#service, room: this.#room };
      try {
        const state = await get(roomPath(service, room));
        if (service === this.#service && room === this.#room) this.#show(state);
      } catch (error) {
        this.onProblem(error);
      }
    }
    clearTimeout(this.#timer);
    if (this.#visible) this.#timer = setTimeout(() => this.#tick(), EVERY_MS);
  }
  #show(room) {
    const [state, meaning] = room ? lifeOf(room) : ["", ""];
    byId("room-title").textContent = this.#room;
    byId("room-state").textContent = state;
    byId("room-state").dataset.state = state;
    byId("room-meaning").textContent = meaning;
    byId("room-facts").replaceChildren(...(room?.live ? factNodes(room, this.#seen, Date.now()) : []));
    const timers = room?.live ? room.timers : [];
    byId("timers-part").hidden = !timers.length;
    byId("timers-count").textContent = countText(timers.length, "timer");
    byId("timers").replaceChildren(...timerNodes(timers));
  }
}
