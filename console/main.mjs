// SPDX-License-Identifier: Apache-2.0
// main.mjs -- the playground: which service and room, panes, the list of calls, the room's state, keys.
import { Denied, follow, get, hasToken, useToken } from "./api.mjs";
import { showBuild } from "./build.mjs";
import { Calls, ENTRIES_MAX, entryOf, parseFilter, Writers } from "./calls.mjs";
import { Canned } from "./canned.mjs";
import { byId, countText, element, sizeText } from "./dom.mjs";
import { entryNode } from "./entry.mjs";
import { List } from "./list.mjs";
import { Pane } from "./pane.mjs";
import { Room, roomPath } from "./room.mjs";
import { Sources } from "./source.mjs";

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
const sources = new Sources();
let writers = new Writers();
const panes = [];

// ---- panes ----------------------------------------------------------------------------------------

const where = () => (state.service && state.room ? { service: state.service, room: state.room } : null);

function freeName() {
  const taken = new Set(panes.map(pane => pane.name));
  return NAMES.find(name => !taken.has(name)) ?? `user${panes.length + 1}`;
}

function addPane(name = freeName(), connect = true) {
  if (panes.length >= PANES_MAX) return null;
  const pane = new Pane({ name, where, onRemove: removePane, onChange: numberPanes, onFocus: setActive, keep: payload => canned.ask(payload) });
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
  showActive();
  byId("panes").dataset.count = String(Math.min(panes.length, 3));
  byId("add-pane").disabled = panes.length >= PANES_MAX;
  remember();
}

// The pane that was used last is the one that sends what is kept.
let active = null;

function setActive(pane) {
  active = pane;
  showActive();
}

const activePane = () => (panes.includes(active) ? active : panes[0]);

function showActive() {
  const pane = activePane();
  byId("canned-as").textContent = pane?.name ? `send as ${pane.name}` : "send";
}

/** By the pane of that name if it is connected; else by the active one. */
function sendAs(name, payload) {
  const same = name ? panes.find(pane => pane.name === name && pane.isOpen) : null;
  const pane = same ?? activePane() ?? addPane();
  if (pane?.sendPayload(payload)) list.toEnd();
}

const canned = new Canned({ send: payload => sendAs("", payload) });

const reconnectPanes = () => panes.forEach(pane => pane.isWanted && pane.connect());

// ---- the list of calls ----------------------------------------------------------------------------

const list = new List(byId("list"), {
  max: ENTRIES_MAX,
  render: entry => entryNode(entry, {
    names: state.names,
    showRoom: scopeBox.value === "service",
    sendAgain: ({ connection, user, given }) => sendAs(user || state.names.get(connection), given),
    keep: ({ given }) => canned.ask(given),
    onOpen: node => {
      list.hold();
      node.scrollIntoView({ block: "nearest" });
    },
  }),
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
    const unready = arrived.findIndex(entry => entry.isUnready);
    const taken = arrived.splice(0, unready < 0 ? FRAME_MAX : Math.min(unready, FRAME_MAX));
    calls.add(taken);
    list.append(state.filter ? taken.filter(state.filter) : taken);
  }
  if (!state.paused && arrived.length && !arrived[0].isUnready) schedule();
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
  if (data.type === "build") showBuild(data);
  if (data.type === "switch") tellSwitch(data);
  else if (data.type !== "build" || !data.unchanged) arrive(entryOf(data));
}

/** With the version that is in use since, which the feed does not know. */
async function tellSwitch(data) {
  let version = "";
  try {
    if (data.ok !== false) ({ version } = await get(`services/${data.service}`));
  } catch { /* told without it */ }
  arrive(entryOf({ ...data, version }));
}

/** Now, since it is this source that failed; what comes after the entry waits with it. */
async function readSource(entry) {
  entry.isUnready = true;
  entry.excerpt = await sources.around(entry.where);
  entry.isUnready = false;
  schedule();
}

const COMINGS = new Set(["open", "join", "leave", "close"]);
let factsTimer = 0;

/** The line about the room, sooner than poll() comes by. */
function soonFacts() {
  if (!factsTimer && !document.hidden) factsTimer = setTimeout(() => showFacts().catch(() => {}), 300);
}

const isStorage = event => /^(db|kv|alarm|state)_/.test(event.type);

function arrive(entry) {
  if (!entry) return;
  if (entry.user && entry.connection) learnName(entry.connection, entry.user);
  writers.add(entry);
  if (entry.events?.some(isStorage)) room.stored(entry);
  if (COMINGS.has(entry.call) && !entry.isLog) soonFacts();
  if (entry.failed && entry.where) readSource(entry);
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
  writers = new Writers();
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
function choose(service, id, act) {
  if (service === state.service && id === state.room) return;
  state.service = service;
  state.room = id;
  state.names.clear();
  serviceBox.value = service;
  roomBox.value = id;
  document.title = service ? `${service}/${id} · Ramp playground` : "Ramp playground";
  remember();
  clearCalls();
  showBuild({});
  canned.use(service);
  room.use(service, id);
  followCalls();
  onceLive(act ?? reconnectPanes);
  byId("facts").textContent = ""; // poll() brings the new ones
  if (service) learnSources();
}

// ---- the room's state -----------------------------------------------------------------------------------

const room = new Room({
  onProblem: error => error instanceof Denied && askToken(error.message),
});

/** Whether the server shows sources: asked before the first call fails. */
function learnSources() {
  sources.isThere = get(roomPath(state.service, state.room)).then(now => now.sources === true, () => false);
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
    const id = state.room;
    state.service = "";
    // `ramp dev`: somebody who comes here wants to talk.
    choose(service, id, service && !hasToken() ? () => panes.forEach(pane => pane.connect()) : null);
  }
  serviceBox.value = state.service;
}

async function showFacts() {
  clearTimeout(factsTimer);
  factsTimer = 0;
  if (!state.service) {
    byId("facts").textContent = "";
    return;
  }
  const { rooms } = await get("rooms");
  const mine = rooms.filter(one => one.service === state.service);
  byId("rooms").replaceChildren(...mine.slice(0, 200).map(one => element("option", { value: one.room })));
  const now = mine.find(one => one.room === state.room);
  const parts = now ? [countText(now.connections, "connection"), sizeText(now.memory ?? 0)] : ["not open"];
  if (now?.timers) parts.push(countText(now.timers, "timer"));
  if (now?.version) parts.push(now.version.slice(0, 8));
  byId("facts").textContent = parts.join(" · ");
  byId("facts").title = now?.version ? `module ${now.version}` : "";
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
    s: () => showPart((small.matches ? document.body.dataset.part : document.body.dataset.side) === "room" ? "calls" : "room"),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function setFilter() {
  state.filter = parseFilter(filterBox.value);
  showAll();
}

const small = matchMedia("(max-width: 760px)");
const wide = matchMedia("(min-width: 1500px)");

/** On a small screen one part is shown at a time; on a larger one the panes, and beside them one of the others;
 *  on a wide one all. */
function showPart(part) {
  document.body.dataset.part = part;
  if (part !== "panes") document.body.dataset.side = part;
  const { side } = document.body.dataset;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const isShown = tab.dataset.part === (tab.parentNode.className === "tabs" ? side : part);
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
  }
  room.show(small.matches ? part === "room" : wide.matches || side === "room");
  if (part === "calls" && list.follows) list.toEnd();
}

/** Arrows go from tab to tab. */
function onTabKey(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")];
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  showPart(next.dataset.part);
  next.focus();
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
for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => showPart(tab.dataset.part));
for (const tabs of document.querySelectorAll("[role=tablist]")) tabs.addEventListener("keydown", onTabKey);
for (const size of [small, wide]) size.addEventListener("change", () => showPart(document.body.dataset.part));
serviceBox.addEventListener("change", () => choose(serviceBox.value, state.room));
roomBox.addEventListener("change", () => {
  const id = roomBox.value.trim();
  // What the server would refuse; it counts bytes, and so do we.
  const isGood = id && !/[/\p{Cc}]/u.test(id) && new TextEncoder().encode(id).length <= 128 && id !== "." && id !== "..";
  if (isGood) choose(state.service, id);
  else roomBox.value = state.room;
});
scopeBox.addEventListener("change", () => {
  remember();
  clearCalls();
  followCalls();
});
window.addEventListener("hashchange", () => {
  const there = fromHash();
  if (there.service && there.room && state.services.includes(there.service)) choose(there.service, there.room);
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
document.body.dataset.side = "calls";
if (remembered.scope === "service") scopeBox.value = "service";
showPart("panes");
for (const name of remembered.names?.length ? remembered.names.slice(0, PANES_MAX) : ["ann", "bob"]) addPane(name, false);
panes[0]?.focus();
poll();
