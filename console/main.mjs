// SPDX-License-Identifier: Apache-2.0
// main.mjs -- the playground: which service and room, panes, the list of calls, keys.
import { Denied, follow, get, hasToken, useToken } from "./api.mjs";
import { Calls, ENTRIES_MAX, entryOf, parseFilter } from "./calls.mjs";
import { byId, countText, element, sizeText } from "./dom.mjs";
import { entryNode } from "./entry.mjs";
import { List } from "./list.mjs";
import { Pane } from "./pane.mjs";

const NAMES = ["ann", "bob", "cleo", "dan", "eva", "finn", "gia", "hugo", "ida"];
const PANES_MAX = 24;
const FRAME_MAX = 1000; // entries that one frame takes from the feed
const KEY = "ramp.playground";

const serviceBox = byId("service");
const roomBox = byId("room");
const filterBox = byId("filter");
const scopeBox = byId("scope");

// ---- what is remembered of this tab ------------------------------------------------------------

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
const remembered = recall();

function remember() {
  const { service, room } = state;
  sessionStorage.setItem(KEY, JSON.stringify({ service, room, names: panes.map(pane => pane.name), scope: scopeBox.value }));
  if (service) history.replaceState(null, "", `#${service}/${encodeURIComponent(room)}`);
}

function fromHash() {
  const [service, room] = location.hash.slice(1).split("/");
  try {
    return { service, room: room && decodeURIComponent(room) };
  } catch {
    return {};
  }
}

const state = {
  service: fromHash().service || remembered.service || "",
  room: fromHash().room || remembered.room || "lobby",
  services: [],
  paused: false,
  filter: null,
  names: new Map(), // connection id → user, as far as the feed tells it
};
const calls = new Calls();
const panes = [];

// ---- panes ----------------------------------------------------------------------------------------

const where = () => (state.service && state.room ? { service: state.service, room: state.room } : null);

function freeName() {
  const taken = new Set(panes.map(pane => pane.name));
  return NAMES.find(name => !taken.has(name)) ?? `user${panes.length + 1}`;
}

function addPane(name = freeName(), connect = true) {
  if (panes.length >= PANES_MAX) return null;
  const pane = new Pane({ name, where, onRemove: removePane, onChange: numberPanes });
  panes.push(pane);
  byId("panes").append(pane.box);
  numberPanes();
  if (connect) pane.connect();
  return pane;
}

function removePane(pane) {
  const index = panes.indexOf(pane);
  panes.splice(index, 1);
  pane.remove();
  numberPanes();
  (panes[Math.min(index, panes.length - 1)]?.input ?? byId("add-pane")).focus();
}

function numberPanes() {
  panes.forEach((pane, index) => pane.setNumber(index + 1));
  byId("panes").dataset.count = String(Math.min(panes.length, 3));
  byId("add-pane").disabled = panes.length >= PANES_MAX;
  remember();
}

const reconnectPanes = () => panes.forEach(pane => pane.isWanted && pane.connect());

// ---- the list of calls ----------------------------------------------------------------------------

const list = new List(byId("list"), {
  max: ENTRIES_MAX,
  render: entry => entryNode(entry, { names: state.names, showRoom: scopeBox.value === "service" }),
  onFollow: follows => {
    byId("newest").hidden = follows;
  },
});

let arrived = []; // entries of the feed, not yet taken
let lost = 0; // ... of which so many were too many
let scheduled = false;

function schedule() {
  if (scheduled) return;
  scheduled = true;
  // A hidden tab has no frames, and needs none.
  if (document.hidden) setTimeout(takeArrived, 500);
  else requestAnimationFrame(takeArrived);
}

function takeArrived() {
  scheduled = false;
  if (!state.paused && arrived.length) {
    const taken = arrived.splice(0, FRAME_MAX);
    calls.add(taken);
    list.append(state.filter ? taken.filter(state.filter) : taken);
  }
  if (!state.paused && arrived.length) schedule();
  showCounts();
}

function onFeed(_kind, text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return;
  }
  // The server tells only so much per second to one follower.
  if (data.type === "dropped") lost += data.count;
  const entry = entryOf(data);
  if (!entry) return;
  if (entry.user && entry.connection) learnName(entry.connection, entry.user);
  arrived.push(entry);
  // Rarely and many at once: taking one off the front of a long array is slow.
  if (arrived.length >= 2 * ENTRIES_MAX) lost += arrived.splice(0, ENTRIES_MAX).length;
  schedule();
}

function learnName(id, name) {
  state.names.set(id, name);
  if (state.names.size > 5000) state.names.delete(state.names.keys().next().value);
}

function showAll() {
  list.clear();
  list.append(state.filter ? calls.entries.filter(state.filter) : calls.entries);
  showCounts();
}

function showCounts() {
  const parts = [countText(calls.calls, "call")];
  if (calls.failed) parts.push(element("b", { class: "bad" }, `${calls.failed.toLocaleString("en")} failed`));
  if (calls.logs) parts.push(countText(calls.logs, "log line"));
  if (state.filter) parts.push(`${list.count.toLocaleString("en")} shown`);
  if (calls.dropped) parts.push(`the newest ${ENTRIES_MAX.toLocaleString("en")} are kept`);
  if (lost) parts.push(`${lost.toLocaleString("en")} left out: too many at once`);
  if (state.paused) parts.push(element("b", {}, arrived.length ? `paused, ${arrived.length.toLocaleString("en")} waiting` : "paused"));
  byId("counts").replaceChildren(...parts.flatMap((part, index) => (index ? [" · ", part] : [part])));
  const empty = byId("empty");
  empty.hidden = list.count > 0;
  if (list.count) return;
  if (!state.services.length) empty.textContent = "No service here yet. Give the server one: ramp deploy DIR";
  else if (state.filter && calls.entries.length) empty.textContent = "No call matches the filter.";
  else empty.textContent = "No calls yet. Send something on the left.";
}

function setPaused(paused) {
  state.paused = paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Go on" : "Pause";
  schedule();
  showCounts();
}

function clearCalls() {
  calls.clear();
  arrived = [];
  lost = 0;
  showAll();
}

// ---- the feed ---------------------------------------------------------------------------------------

let feed = null;
let atLive = null; // done once the feed is there, so that it tells the joins of our own panes

function onceLive(act) {
  atLive = act;
  // Without a feed the panes work as well.
  setTimeout(() => atLive === act && goLive(), 2000);
}

function goLive() {
  const act = atLive;
  atLive = null;
  act?.();
}

function onFeedState(now, reason) {
  const link = byId("link");
  link.dataset.state = now;
  link.textContent = { opening: "connecting", open: "live", lost: "no answer; trying again" }[now];
  if (now === "open") goLive();
  if (reason instanceof Denied) askToken(reason.message);
}

function followCalls() {
  feed?.close();
  feed = null;
  if (!state.service) return;
  const query = new URLSearchParams({ service: state.service });
  if (scopeBox.value === "room") query.set("room", state.room);
  feed = follow(`feed?${query}`, onFeed, onFeedState);
}

/** `act`: what is done then; otherwise panes that are connected move there. */
function choose(service, room, act) {
  if (service === state.service && room === state.room) return;
  state.service = service;
  state.room = room;
  state.names.clear();
  serviceBox.value = service;
  roomBox.value = room;
  document.title = service ? `${service}/${room} · Ramp playground` : "Ramp playground";
  remember();
  clearCalls();
  followCalls();
  onceLive(act ?? reconnectPanes);
  byId("facts").textContent = ""; // poll() brings the new ones
}

// ---- services and rooms --------------------------------------------------------------------------------

const nameOf = service => service.service ?? service.name;

async function loadServices() {
  const { services } = await get("services");
  const names = services.map(nameOf).filter(Boolean);
  if (names.join() === state.services.join()) return;
  state.services = names;
  serviceBox.replaceChildren(...names.map(name => element("option", { value: name }, name)));
  serviceBox.disabled = !names.length;
  if (!names.length) serviceBox.append(element("option", { value: "" }, "none yet"));
  showCounts();
  const service = names.includes(state.service) ? state.service : names[0] ?? "";
  if (service !== state.service || !feed) {
    const { room } = state;
    state.service = "";
    // `ramp dev`: somebody who comes here wants to talk.
    choose(service, room, service && !hasToken() ? () => panes.forEach(pane => pane.connect()) : null);
  }
  serviceBox.value = state.service;
}

async function showFacts() {
  if (!state.service) {
    byId("facts").textContent = "";
    return;
  }
  const { rooms } = await get("rooms");
  const mine = rooms.filter(room => room.service === state.service);
  byId("rooms").replaceChildren(...mine.slice(0, 200).map(room => element("option", { value: room.room })));
  const room = mine.find(one => one.room === state.room);
  const parts = room ? [countText(room.connections, "connection"), sizeText(room.memory ?? 0)] : ["not open"];
  if (room?.timers) parts.push(countText(room.timers, "timer"));
  if (room?.version) parts.push(room.version.slice(0, 8));
  byId("facts").textContent = parts.join(" · ");
  byId("facts").title = room?.version ? `module ${room.version}` : "";
}

async function poll() {
  if (!document.hidden) {
    try {
      await loadServices();
      await showFacts();
    } catch (error) {
      if (error instanceof Denied) askToken(error.message);
      else if (!feed) onFeedState("lost");
    }
  }
  setTimeout(poll, 2000);
}

// ---- dialogs -----------------------------------------------------------------------------------------------

function askToken(message) {
  const dialog = byId("ask-token");
  if (dialog.open) return;
  byId("token-wrong").textContent = hasToken() ? message : "";
  dialog.showModal();
}

byId("token-form").addEventListener("submit", () => {
  useToken(byId("token").value.trim());
  byId("token").value = "";
  state.services = [];
  followCalls();
});

// ---- keys and buttons ------------------------------------------------------------------------------------------

const isTyping = target => target.matches?.("input, textarea, select") ?? false;

function goToPane(digit) {
  const pane = panes[digit - 1];
  if (!pane) return false;
  showPart("panes");
  pane.focus();
  return true;
}

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  if (digit && (event.altKey || event.ctrlKey) && !event.metaKey && !event.shiftKey) {
    if (goToPane(Number(digit))) event.preventDefault();
    return;
  }
  if (event.key === "Escape" && event.target === filterBox) {
    filterBox.value = "";
    setFilter();
    byId("list").focus();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
  const act = {
    "/": () => {
      showPart("calls");
      filterBox.focus();
    },
    "?": () => byId("help").showModal(),
    n: () => addPane()?.focus(),
    p: () => setPaused(!state.paused),
    x: clearCalls,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function setFilter() {
  state.filter = parseFilter(filterBox.value);
  showAll();
}

/** On a small screen one part is shown at a time. */
function showPart(part) {
  document.body.dataset.part = part;
  byId("show-panes").setAttribute("aria-selected", String(part === "panes"));
  byId("show-calls").setAttribute("aria-selected", String(part === "calls"));
  if (part === "calls" && list.follows) list.toEnd();
}

let filterTimer = 0;
filterBox.addEventListener("input", () => {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(setFilter, 80);
});
document.addEventListener("keydown", onKey);
byId("list").addEventListener("keydown", event => {
  if (event.key === "End") list.toEnd();
});
byId("newest").addEventListener("click", () => list.toEnd());
byId("pause").addEventListener("click", () => setPaused(!state.paused));
byId("clear").addEventListener("click", clearCalls);
byId("add-pane").addEventListener("click", () => addPane()?.focus());
byId("open-help").addEventListener("click", () => byId("help").showModal());
byId("show-panes").addEventListener("click", () => showPart("panes"));
byId("show-calls").addEventListener("click", () => showPart("calls"));
serviceBox.addEventListener("change", () => choose(serviceBox.value, state.room));
roomBox.addEventListener("change", () => {
  const room = roomBox.value.trim();
  // What the server would refuse; it counts bytes, and so do we.
  const isGood = room && !/[/\p{Cc}]/u.test(room) && new TextEncoder().encode(room).length <= 128 && room !== "." && room !== "..";
  if (isGood) choose(state.service, room);
  else roomBox.value = state.room;
});
scopeBox.addEventListener("change", () => {
  remember();
  clearCalls();
  followCalls();
});
window.addEventListener("hashchange", () => {
  const { service, room } = fromHash();
  if (service && room && state.services.includes(service)) choose(service, room);
});
document.addEventListener("click", event => {
  // A click elsewhere closes an open sheet.
  for (const details of document.querySelectorAll("details[open]")) if (!details.contains(event.target)) details.open = false;
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) schedule();
});

// ---- begin ---------------------------------------------------------------------------------------------------

roomBox.value = state.room;
if (remembered.scope === "service") scopeBox.value = "service";
showPart("panes");
for (const name of remembered.names?.length ? remembered.names.slice(0, PANES_MAX) : ["ann", "bob"]) addPane(name, false);
panes[0]?.focus();
poll();
