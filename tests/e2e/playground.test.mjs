// SPDX-License-Identifier: Apache-2.0
// The playground in headless Chromium, against `ramp dev` and `ramp serve`. RAMP_SHOTS=DIR keeps screenshots.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { ramp, room, root, Server, slow, until } from "./support.mjs";
import { Calls, ENTRIES_MAX, entryOf, parseFilter, Writers } from "../../console/calls.mjs";
import { cut, hexLines, hexText, isSame, jsonOf, parseHex, payloadOf, textOf } from "../../console/payload.mjs";

const source = `import { Connection, Message, room, setTimer } from "ramp-sdk";

export function onJoin(conn: Connection): void {
  room.broadcast("+" + conn.user, conn);
  conn.send("hello " + conn.user);
}

export function onMessage(conn: Connection, msg: Message): void {
  if (msg.isBinary) {
    room.broadcast(msg);
    return;
  }
  const text = msg.text;
  if (text == "boom") {
    console.log("about to <b>fail</b>"); conn.send("never seen");
    const list: i32[] = [1];
    console.log(list[text.length].toString());
  } else if (text == "kick") conn.close(4403, "kicked");
  else if (text == "timer") setTimer(1, 20);
  else if (text == "slow timers") {
    setTimer(7, 3600000, 60000);
    setTimer(8, 7200000);
  } else room.broadcast(conn.user + ": " + text);
}

export function onTimer(id: i32): void {
  room.broadcast("ding " + id.toString());
}

export function onLeave(conn: Connection): void {
  room.broadcast("-" + conn.user);
}
`;

const storing = `import { alarm, Connection, db, kv, Message, room, saveState, service } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  for (let i = 0; i < 70; i++) db.set("history/" + i.toString().padStart(3, "0"), '{"text":"' + msg.text + '"}');
  const raw = new Uint8Array(3);
  raw[2] = 255;
  db.set("blob", raw);
  kv.set("typing", conn.user, 3600000);
  service.kv.set("rooms/" + room.id, "<b>open</b>");
  alarm.after(3600000);
  saveState("nine byte");
  room.broadcast("stored");
}

export function onAlarm(): void {}
`;

// ---- pure parts -----------------------------------------------------------------------------------

test("hex is read in the forms that people paste, and refused otherwise", () => {
  for (const text of ["68 69", "6869", "0x68, 0x69", "68:69", " 68\n69 "]) assert.deepEqual([...parseHex(text)], [0x68, 0x69], text);
  assert.deepEqual([...parseHex("")], []);
  for (const text of ["6", "xy", "68 6", "6869g"]) assert.equal(parseHex(text), null, text);
  assert.equal(hexText(new Uint8Array([0, 255, 16]), 2), "00 ff …");
});

test("payloads are cut at a character", () => {
  assert.deepEqual(cut("ab👋", 3), { text: "ab", isCut: true });
  assert.deepEqual(cut("ab👋", 4), { text: "ab👋", isCut: false });
  assert.deepEqual(payloadOf({ payload_base64: "AP8=" }).bytes, new Uint8Array([0, 255]));
  assert.equal(payloadOf({ payload: "" }), null);
});

test("a payload is text, JSON in lines, or a dump in hex", () => {
  const bytes = new Uint8Array([0x68, 0x69, 0, 255]);
  assert.equal(textOf({ bytes }), null);
  assert.equal(textOf({ bytes: bytes.subarray(0, 2) }), "hi");
  assert.equal(jsonOf({ text: ' {"a":[1]} ' }), '{\n  "a": [\n    1\n  ]\n}');
  for (const text of ["12", '"x"', "{broken", ""]) assert.equal(jsonOf({ text }), null, text);
  assert.equal(jsonOf({ bytes }), null);
  assert.equal(hexLines(bytes, { perLine: 2 }), "0000  68 69  hi\n0002  00 ff  ··");
  assert.match(hexLines(new Uint8Array(5000)), /… 904 bytes more$/);
  assert.ok(isSame({ text: "a" }, { text: "a" }) && isSame({ bytes }, { bytes: bytes.slice() }));
  assert.ok(!isSame({ text: "hi" }, { bytes: bytes.subarray(0, 2) }) && !isSame({ text: "a" }, { text: "b" }));
});

test("a call has the lines that it wrote, and no others", () => {
  const writers = new Writers();
  const log = (room, connection, text, more = {}) => entryOf({ type: "log", room, call: "message", connection, text, ...more });
  const call = (room, connection) => entryOf({ type: "call", room, call: "message", connection, state: "done" });
  const first = call("r", "a"), second = call("r", "a"), elsewhere = call("q", "a");
  for (const entry of [log("r", "a", "one"), log("q", "a", "there"), log("r", "b", "not mine"), log("r", "a", "two"), first, second, elsewhere]) writers.add(entry);
  assert.deepEqual([first, second, elsewhere].map(entry => entry.logs.map(line => line.text)), [["one", "two"], [], ["there"]]);
  // Ramp's line about a failed call is the call's own entry; other lines of Ramp's are shown.
  assert.equal(log("r", "a", "message failed: no", { by_module: false }), null);
  assert.equal(log("r", "a", "something else", { by_module: false }).byModule, false);
  assert.equal(log("r", "a", "message failed: says the module").text, "message failed: says the module");
});

test("what happens to a service is told in a line", () => {
  const text = data => entryOf(data).text;
  assert.equal(text({ type: "switch", ok: true, version: "3f2a00112233", rooms_moved: 3, rooms_kept: 0, connections: 7 }), "switched to 3f2a0011 · 3 rooms moved, 7 connections kept");
  assert.match(text({ type: "switch", ok: true, rooms_moved: 1, rooms_kept: 1, connections: 1 }), /1 room moved, 1 connection kept · 1 room stayed on the version before, because/);
  assert.equal(text({ type: "switch", ok: false, message: "no memory" }), "the new version is not used: no memory");
  assert.equal(text({ type: "build", ok: false, problems: [{ file: "src/room.ts", line: 3, col: 7, text: "no such name" }] }), "build failed: src/room.ts:3:7 no such name");
  assert.equal(text({ type: "build", ok: false, what: "the module is refused", message: "too big" }), "the module is refused: too big");
  assert.equal(text({ type: "build", ok: true, file: "src/room.ts", changed: "src/lib.ts", ms: 412 }), "src/lib.ts changed: built src/room.ts in 0.41 s");
  const calls = new Calls();
  calls.add([entryOf({ type: "build", ok: false, message: "x" })]);
  assert.deepEqual([calls.entries.length, calls.calls, calls.failed], [1, 0, 0]);
  assert.equal(calls.entries.filter(parseFilter("build")).length, 1);
});

test("calls are bounded, counted and filtered", () => {
  const calls = new Calls();
  const entry = number => entryOf({ type: "call", room: "r", call: "message", connection: "c", state: number % 10 ? "done" : "failed", events: [{ type: "broadcast", payload: `Say ${number}` }], cpu_us: 1 });
  calls.add(Array.from({ length: ENTRIES_MAX + 5 }, (_, number) => entry(number)));
  calls.add([entryOf({ type: "log", level: "error", text: "Bad Thing", room: "r" })]);
  assert.deepEqual([calls.entries.length, calls.calls, calls.failed, calls.logs, calls.dropped], [ENTRIES_MAX, ENTRIES_MAX + 5, 1001, 1, 6]);
  const matching = text => calls.entries.filter(parseFilter(text)).length;
  assert.equal(matching("say 10004"), 1);
  assert.equal(matching("failed"), 1000);
  assert.equal(matching("LOG bad"), 1);
  assert.equal(matching("message -failed"), ENTRIES_MAX - 1 - 1000);
  assert.equal(parseFilter(" - "), null);
  assert.equal(entryOf({ type: "other" }), null);
});

// ---- the page -------------------------------------------------------------------------------------

let browser;
test.before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.RAMP_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
test.after(() => browser?.close());

const shots = process.env.RAMP_SHOTS;
const shot = (page, name) => (shots ? page.screenshot({ path: path.join(shots, `${name}.png`) }) : null);

const pages = [];
const closePages = () => Promise.all(pages.splice(0).map(context => context.close()));

/** A page whose every problem fails the test. */
async function open(t, url, { mayFail, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const problems = [];
  const foreign = [];
  // Before the server ends, which is no problem of the page's.
  pages.push(context);
  page.setDefaultTimeout(15000 * slow);
  page.on("pageerror", error => problems.push(error.message));
  page.on("console", message => message.type() === "error" && problems.push(message.text()));
  page.on("request", request => new URL(request.url()).origin !== new URL(url).origin && foreign.push(request.url()));
  t.after(() => {
    assert.deepEqual(foreign, [], "requests elsewhere");
    if (!mayFail) assert.deepEqual(problems, []);
  });
  await page.goto(url);
  return page;
}

const dev = async t => (await project(t)).url;

/** `ramp dev` on a project of its own; text: of its src/room.ts */
async function project(t, text = source) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-playground-"));
  fs.mkdirSync(path.join(dir, "src"));
  const file = path.join(dir, "src/room.ts");
  fs.writeFileSync(file, text);
  fs.writeFileSync(path.join(dir, "ramp.json"), `{ "name": "play" }`);
  const child = spawn(ramp, ["dev", dir, "--listen", "127.0.0.1:0", "--json", "--sdk", path.join(root, "guest/assemblyscript")], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise(done => child.on("exit", done));
  t.after(async () => {
    await closePages();
    child.kill("SIGINT");
    await exited;
    fs.rmSync(dir, { recursive: true, force: true });
  });
  let out = "";
  child.stdout.on("data", text => (out += text));
  await until("a built room", () => out.includes(`"built"`), 60000);
  return { url: JSON.parse(out.split("\n")[0]).url, dir, file };
}

const say = async (page, index, text) => {
  const input = page.locator(".pane").nth(index).getByLabel("Message", { exact: true });
  await input.fill(text);
  await input.press("Enter");
};
const heard = (page, index, text) => page.locator(".pane").nth(index).locator(".line.in", { hasText: text }).first().waitFor();

test("two users talk, and every call is seen with its events", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  assert.equal(await page.getByLabel("Service", { exact: true }).inputValue(), "play");

  await say(page, 0, "hi bob");
  await heard(page, 1, "ann: hi bob");
  await say(page, 1, "привет <i>ann</i>");
  await heard(page, 0, "bob: привет <i>ann</i>");
  const entry = page.locator(".entry", { hasText: "bob: привет <i>ann</i>" });
  await entry.getByText("broadcast").waitFor();
  assert.match(await entry.locator(".spent").innerText(), /\d (µs|ms)$/);
  assert.match(await entry.locator(".badge").innerText(), /message/);

  await page.locator(".pane").nth(1).getByLabel("Send as").selectOption("hex");
  await say(page, 1, "00 ff 41");
  await heard(page, 0, "00 ff 41");
  await page.locator(".entry .payload.bytes", { hasText: "00 ff 41" }).waitFor();
  await say(page, 1, "0");
  await page.getByText("that is no hex").waitFor();

  await say(page, 0, "boom");
  const failed = page.locator(".entry.failed");
  await failed.locator("mark", { hasText: /^src\/room\.ts:17:\d+$/ }).waitFor();
  assert.match(await failed.innerText(), /PANICKED/);
  await page.locator(".entry.is-log", { hasText: "about to <b>fail</b>" }).waitFor();
  await page.locator("#counts", { hasText: "1 failed" }).waitFor();

  await say(page, 0, "timer");
  await heard(page, 1, "ding 1");
  await page.locator(".entry", { hasText: "ding 1" }).locator(".badge.timer").waitFor();
  await page.locator("#facts", { hasText: "2 connections" }).waitFor();
  await shot(page, "light");

  await say(page, 0, "kick");
  await page.locator(".pane").nth(0).locator(".status", { hasText: "closed 4403 “kicked”" }).waitFor();
  await page.locator(".pane").nth(0).getByRole("button", { name: "Connect", exact: true }).click();
  await page.locator(".pane").nth(0).locator(".status", { hasText: /^connected$/ }).waitFor();
});

test("keys: panes, filter, pause, clear, help", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  const focused = () => page.evaluate(() => document.activeElement.closest(".pane")?.getAttribute("aria-label") ?? document.activeElement.id);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await page.locator(".entry").nth(1).waitFor();

  await page.keyboard.press("Control+2");
  assert.match(await focused(), /^Connection 2, bob/);
  await page.keyboard.press("Alt+1");
  assert.match(await focused(), /^Connection 1, ann/);
  await page.keyboard.type("needle/?npx");
  await page.keyboard.press("Enter");
  await heard(page, 1, "ann: needle/?npx");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.evaluate(() => document.activeElement.value), "needle/?npx");
  await page.keyboard.press("Enter");
  await page.locator(".entry", { hasText: "needle" }).nth(1).waitFor();

  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  assert.equal(await focused(), "filter");
  await page.keyboard.type("needle -join");
  await page.locator("#counts", { hasText: "2 shown" }).waitFor();
  assert.equal(await page.locator(".entry").count(), 2);
  await page.keyboard.press("Escape");
  await page.locator(".entry").nth(2).waitFor();

  await page.keyboard.press("p");
  await say(page, 1, "while paused");
  await heard(page, 0, "while paused");
  await page.locator("#counts", { hasText: "paused, 1 waiting" }).waitFor();
  assert.equal(await page.locator(".entry", { hasText: "while paused" }).count(), 0);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("p");
  await page.locator(".entry", { hasText: "while paused" }).waitFor();
  await page.keyboard.press("x");
  await page.locator("#counts", { hasText: /^0 calls/ }).waitFor();

  await page.keyboard.press("n");
  await page.locator(".pane").nth(2).locator(".status", { hasText: /^connected$/ }).waitFor();
  assert.match(await focused(), /^Connection 3, cleo/);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Playground" }).waitFor();
  await shot(page, "help");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await page.locator(".pane").nth(2).getByRole("button", { name: "Remove this connection" }).click();
  assert.equal(await page.locator(".pane").count(), 2);
});

test("a failed call opens up: what it was handed, its lines, the source; and it is sent again", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await say(page, 1, "boom");
  const failed = page.locator(".entry.failed").first();
  await failed.locator(".source .it", { hasText: "console.log(list[text.length].toString());" }).waitFor();
  assert.match(await failed.locator(".source").innerText(), /^16 │ +const list: i32\[\] = \[1\];\s*$/m);
  const opener = failed.getByRole("button", { name: "The whole call" });
  assert.equal(await opener.getAttribute("aria-expanded"), "false");
  await opener.press("Enter");
  const detail = failed.locator(".detail");
  const text = (await detail.innerText()).replace(/\s+/g, " ");
  assert.match(text, /from bob /);
  assert.match(text, /payload in text hex 4 B boom/);
  assert.match(text, /1 event dropped: of a call that fails nothing is sent, stored or set/);
  assert.match(text, /log lines info about to <b>fail<\/b>/);
  assert.match(text, /CPU time [\d.]+ (µs|ms)/);
  await detail.getByRole("button", { name: "hex" }).click();
  await detail.getByText("0000 62 6f 6f 6d").waitFor();
  // By bob's pane, whichever was used last.
  await page.locator(".pane").nth(0).getByLabel("Message", { exact: true }).focus();
  await detail.getByRole("button", { name: "Send again" }).click();
  await page.locator(".entry.failed").nth(1).waitFor();
  assert.equal(await page.locator(".pane").nth(1).locator(".line.out", { hasText: "boom" }).count(), 2);
  assert.equal(await page.locator(".pane").nth(0).locator(".line.out").count(), 0);
  await page.locator("#counts", { hasText: "2 failed" }).waitFor();

  const json = `{"kind":"move","to":[3,4]}`;
  await say(page, 0, json);
  const move = page.locator(".entry", { hasText: "ann: {" }).first();
  await move.getByRole("button", { name: "The whole call" }).click();
  assert.equal(await move.locator(".view pre").innerText(), JSON.stringify(JSON.parse(json), null, 2));
  await page.locator(".pane").nth(0).locator(".line.out", { hasText: "move" }).getByRole("button", { name: "Send again" }).click();
  await page.locator(".entry", { hasText: "ann: {" }).nth(1).waitFor();

  // Of a long one the feed has the beginning: it is shown as such, and not sent again.
  await say(page, 0, "x".repeat(5000));
  const long = page.locator(".entry", { hasText: "ann: xxx" }).first();
  await long.getByRole("button", { name: "The whole call" }).click();
  await long.locator(".detail", { hasText: "the first 4.0 KB of 4.9 KB" }).waitFor();
  assert.ok(await long.getByRole("button", { name: "Send again" }).isDisabled());
});

test("a request opens up, too; one that reached no handler says so", async t => {
  const { url } = await project(t, `import { Connection, Message, Request, Response } from "ramp-sdk";

export function onJoin(conn: Connection): void {
  throw new Error("nobody " + "may come");
}

export function onRequest(req: Request): Response {
  return new Response("got " + req.text);
}
`);
  const page = await open(t, `${url}/_ramp/`);
  // The first calls that the page hears of fail: their source is shown all the same.
  await page.locator(".entry.failed .source .it", { hasText: 'throw new Error("nobody " + "may come");' }).nth(1).waitFor();
  await page.locator(".entry.failed", { hasText: "PANICKED nobody may come" }).nth(1).waitFor();
  const answer = await fetch(`${url}/play/lobby/x?y=1`, { method: "POST", body: '{"a":[true]}' });
  assert.equal(await answer.text(), 'got {"a":[true]}');
  const entry = page.locator(".entry", { has: page.locator(".badge.request") });
  await entry.getByRole("button", { name: "The whole call" }).click();
  assert.match((await entry.locator(".detail").innerText()).replace(/\s+/g, " "), /request POST \/x\?y=1 payload in text JSON hex 12 B \{ "a": \[ true \] \} events 1 event, carried out log lines none/);
  assert.equal(await entry.getByRole("button", { name: "Send again" }).count(), 0);

  await say(page, 0, "nobody listens");
  const silent = page.locator(".entry", { has: page.locator(".badge.message") });
  await silent.getByRole("button", { name: "The whole call" }).click();
  await silent.locator(".detail", { hasText: "nobody listens" }).waitFor();
});

test("messages are kept by name, sent with one click, and remembered", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  const pane = page.locator(".pane").nth(1);
  const input = pane.getByLabel("Message", { exact: true });
  const keep = async name => {
    await pane.getByRole("button", { name: "Keep this message" }).click();
    await page.getByRole("dialog", { name: "Keep this message" }).waitFor();
    await page.keyboard.type(name);
    await page.keyboard.press("Enter");
  };
  assert.equal(await page.locator("#canned").isVisible(), false);
  await input.fill("serve <b>it</b>");
  await keep("serve");
  await pane.getByLabel("Send as").selectOption("hex");
  await input.fill("01 02 ff");
  await keep("ping");
  await page.getByText("send as bob").waitFor();
  await page.getByRole("button", { name: "serve", exact: true }).click();
  await heard(page, 0, "bob: serve <b>it</b>");

  await page.reload();
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await page.locator(".pane").nth(0).getByLabel("Message", { exact: true }).focus();
  await page.getByText("send as ann").waitFor();
  await page.getByRole("button", { name: "ping", exact: true }).click();
  await heard(page, 1, "01 02 ff");
  await page.getByRole("button", { name: "Forget serve" }).click();
  assert.deepEqual(await page.locator(".chip .go").allInnerTexts(), ["ping"]);
  assert.deepEqual(await page.evaluate(() => JSON.parse(localStorage.getItem("ramp.canned.play")).map(item => item.name)), ["ping"]);
});

test("the state of the room: instance, timers, and what is not there", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await say(page, 0, "slow timers");
  await say(page, 0, "boom");
  await page.locator(".entry.failed").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("s");
  const part = page.locator("#room-part");
  await part.getByText("open", { exact: true }).waitFor();
  const fact = name => part.locator("#room-facts div", { has: page.getByText(name, { exact: true }) }).locator("dd").innerText();
  assert.equal(await fact("connections"), "2");
  assert.match(await fact("memory"), /^\d+ KB$/);
  assert.match(await fact("version"), /^[0-9a-f]{8}$/);
  assert.match(await fact("calls"), /^\d+, 1 failed$/);
  assert.equal(await fact("alarm"), "none");
  const timers = await part.locator("#timers tr").allInnerTexts();
  assert.equal(timers.length, 2);
  assert.match(timers.join("\n"), /^7\s+in 59 min \d+ s\s+every 1 min 0 s\n8\s+in 1 h 59 min\s+once$/);
  await page.keyboard.press("s");
  await page.locator("#calls-part").waitFor();
  await page.getByRole("tab", { name: "Room" }).click();
  await page.keyboard.press("ArrowLeft");
  await page.locator("#calls-part").waitFor();
  assert.equal(await part.isVisible(), false);

  const state = async room => (await fetch(`${url}/_ramp/v1/services/play/rooms/${encodeURIComponent(room)}`)).json();
  assert.deepEqual({ ...(await state("Zoë 1")), worker: 0 }, { service: "play", room: "Zoë 1", worker: 0, sources: true, live: false });
  const { version, timers: told, ...rest } = await state("lobby");
  assert.match(version, /^[0-9a-f]{64}$/);
  assert.deepEqual(told.map(timer => [timer.id, timer.period_ms]).sort(), [[7, 60000], [8, 0]]);
  assert.deepEqual([rest.live, rest.open, rest.connections, rest.calls_failed], [true, true, 2, 1]);
  const refused = await fetch(`${url}/_ramp/v1/services/play/rooms/${"x".repeat(129)}`);
  assert.equal(refused.status, 400);
});

test("what a room has stored: db, kv of both scopes, alarm, saved state", async t => {
  const { url } = await project(t, storing);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await page.locator(".entry .badge.join").nth(1).waitFor();
  const part = page.locator("#room-part");
  const fact = name => part.locator("#room-facts div", { has: page.getByText(name, { exact: true }) }).locator("dd");
  const keys = name => part.getByRole("region", { name, exact: true });
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("s");
  for (const name of ["db", "kv of this room", "kv of the service"]) await keys(name).getByText("nothing stored").waitFor();

  // Written while it is looked at: seen by itself.
  await say(page, 0, "one");
  await keys("db").getByText("50 keys, and more · 1 commit").waitFor();
  await fact("alarm").filter({ hasText: /^[\d:]{8}, in 59 min \d+ s$/ }).waitFor();
  await fact("saved state").filter({ hasText: /^9 B, [\d:]{8}$/ }).waitFor();
  await keys("kv of this room").locator(".key", { hasText: /typing\s*ann\s*3 B · [\d,]+ s left/ }).waitFor();
  await keys("kv of the service").locator(".key", { hasText: "<b>open</b>" }).waitFor();
  const rows = keys("db").locator(".key");
  assert.match(await rows.first().innerText(), /^blob\s+00 00 ff\s+3 B$/);
  await rows.first().getByRole("button").click();
  assert.match(await rows.first().locator(".view pre").innerText(), /^0000 {2}00 00 ff +··· *$/);
  await keys("db").getByRole("button", { name: "more keys" }).click();
  await keys("db").getByText("71 keys · 1 commit").waitFor();
  assert.equal(await keys("db").getByRole("button", { name: "more keys" }).isVisible(), false);
  await keys("db").getByRole("searchbox").fill("history/06");
  await keys("db").getByText("10 keys · 1 commit").waitFor();
  await rows.nth(9).getByRole("button").click();
  assert.equal(await rows.nth(9).locator(".view pre").innerText(), '{\n  "text": "one"\n}');
  await say(page, 1, "two");
  await keys("db").getByText("10 keys · 2 commits").waitFor();
  await rows.nth(9).locator(".view pre", { hasText: '"two"' }).waitFor(); // still open, with the new value
  await keys("db").getByRole("searchbox").fill("none");
  await keys("db").getByText("no key begins with that").waitFor();
});

test("sources are shown by `ramp dev`, and nothing else of the project", async t => {
  const { url, dir, file } = await project(t);
  fs.writeFileSync(path.join(dir, "secret.txt"), "no");
  fs.writeFileSync(path.join(dir, ".env.ts"), "no");
  fs.symlinkSync("/etc/hostname", path.join(dir, "src/link.ts"));
  const read = async name => {
    const response = await fetch(`${url}/_ramp/v1/source?file=${encodeURIComponent(name)}`);
    return response.ok ? response.text() : response.status;
  };
  assert.equal(await read("src/room.ts"), fs.readFileSync(file, "utf8"));
  for (const name of ["secret.txt", ".env.ts", "../x.ts", "src/../src/room.ts", "src/link.ts", "ramp.json", "src", "src/none.ts", "/src/room.ts"]) assert.equal(await read(name), 404, name);
  assert.equal(await read(""), 404);
  assert.equal((await fetch(`${url}/_ramp/v1/source`)).status, 400);

  const server = await Server.start();
  t.after(() => server.stop());
  assert.equal((await server.api("GET", "/_ramp/v1/source?file=src/room.ts")).status, 404);
  assert.equal((await server.api("GET", "/_ramp/v1/services/none/rooms/r")).json.sources, false);
});

test("a build that fails is a banner until it is whole; a switch is a line", async t => {
  const { url, file } = await project(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await page.locator(".entry .badge.join").nth(1).waitFor(); // the feed is there
  const banner = page.locator("#build");
  assert.equal(await banner.isVisible(), false);
  fs.writeFileSync(file, source.replace("const text = msg.text;", "const text: i32 = msg.text; // <i>no</i>"));
  await banner.locator("mark", { hasText: /^src\/room\.ts:13:\d+$/ }).first().waitFor();
  assert.match(await banner.innerText(), /The version before goes on serving/);
  assert.match(await banner.locator(".source").first().innerText(), /^13 │ +const text: i32 = msg\.text; \/\/ <i>no<\/i>\s+│ +\^\s*$/);
  // Whoever comes now sees it, too; and the rooms serve on.
  const other = await open(t, `${url}/_ramp/`);
  await other.locator("#build").waitFor();
  await say(page, 0, "still here");
  await heard(page, 1, "ann: still here");

  fs.writeFileSync(file, source.replace("hello ", "welcome "));
  await banner.waitFor({ state: "hidden" });
  await other.locator("#build").waitFor({ state: "hidden" });
  await page.locator(".entry.notice", { hasText: /switched to [0-9a-f]{8} · 1 room moved, \d connections kept/ }).waitFor();
  await page.locator(".entry.notice", { hasText: /build failed: src\/room\.ts:13/ }).waitFor();
  await page.locator("#add-pane").click();
  await page.locator(".pane").nth(2).locator(".line.in", { hasText: "welcome cleo" }).waitFor();
  assert.equal(await page.locator(".pane .line.bad").count(), 0);
});

test("another room: panes move, and a reload remembers", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`, { colorScheme: "dark" });
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  const room = page.getByLabel("Room", { exact: true });
  await room.fill("a/b");
  await room.press("Enter");
  assert.equal(await room.inputValue(), "lobby");
  await room.fill("Zoë 1");
  await room.press("Enter");
  await page.getByText("connected to play/Zoë 1").nth(1).waitFor();
  await page.locator(".entry .badge.join").nth(1).waitFor(); // the feed was there before the panes
  await say(page, 0, "here");
  await page.locator(".entry", { hasText: "ann: here" }).waitFor();
  await shot(page, "dark");
  await page.reload();
  await page.getByText("connected to play/Zoë 1").nth(1).waitFor();
  assert.equal(await room.inputValue(), "Zoë 1");
});

test("ten thousand calls: bounded, quick, at the end", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`);
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  // What the feed brings, without the server's bound per second.
  const took = await page.evaluate(async () => {
    const { List } = await import("/_ramp/list.mjs");
    const { entryNode } = await import("/_ramp/entry.mjs");
    const { entryOf } = await import("/_ramp/calls.mjs");
    const box = document.querySelector("#list");
    const list = new List(box, { max: 10000, render: entry => entryNode(entry, { names: new Map(), showRoom: false }), onFollow() {} });
    list.clear();
    const begin = performance.now();
    for (let part = 0; part < 120; part++) {
      list.append(Array.from({ length: 100 }, (_, number) => entryOf({ type: "call", time_ms: 1, room: "r", call: "message", connection: "c", state: "done", cpu_us: 5, events: [{ type: "broadcast", to: ["a"], payload: `number ${part * 100 + number}` }] })));
      await new Promise(requestAnimationFrame);
    }
    const ms = performance.now() - begin;
    await new Promise(done => setTimeout(done, 100));
    return { ms, count: list.count, nodes: box.querySelectorAll("*").length, gap: box.scrollHeight - box.scrollTop - box.clientHeight, last: box.lastElementChild.lastElementChild.innerText };
  });
  assert.ok(took.ms < 60000 * slow, JSON.stringify(took));
  assert.ok(took.count >= 10000 && took.count < 10050, JSON.stringify(took));
  assert.ok(took.nodes < 6000, JSON.stringify(took));
  assert.ok(took.gap < 2, JSON.stringify(took));
  assert.match(took.last, /number 11999/);
});

test("on a phone one part is shown at a time, and nothing sticks out", async t => {
  const url = await dev(t);
  const page = await open(t, `${url}/_ramp/`, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await page.getByText("connected", { exact: true }).nth(1).waitFor();
  await say(page, 0, "from a phone");
  await shot(page, "phone");
  assert.equal(await page.locator("#calls-part").isVisible(), false);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll("#room-part, #list")].every(box => box.scrollWidth <= box.clientWidth));
  await page.getByRole("tab", { name: "Calls" }).click();
  const entry = page.locator(".entry", { hasText: "from a phone" });
  await entry.getByRole("button", { name: "The whole call" }).click();
  await entry.locator(".detail").waitFor();
  assert.equal(await page.locator("#panes-part").isVisible(), false);
  assert.ok(await fits());
  await shot(page, "phone-calls");
  await page.getByRole("tab", { name: "Room" }).click();
  await page.locator("#room-facts dd").first().waitFor();
  assert.equal(await page.locator("#calls-part").isVisible(), false);
  assert.ok(await fits());
  await shot(page, "phone-room");
});

test("a server with a token is asked for it; a wrong one is told", async t => {
  const server = await Server.start();
  t.after(closePages);
  t.after(() => server.stop());
  await server.deploy("echo", room("echo"));
  const page = await open(t, `${server.url}/_ramp/`, { mayFail: true });
  const dialog = page.getByRole("dialog", { name: "This server wants its admin token" });
  await dialog.waitFor();
  await page.getByLabel("Admin token", { exact: true }).fill("wrong");
  await page.keyboard.press("Enter");
  await dialog.getByRole("alert").filter({ hasText: "token" }).waitFor();
  await page.getByLabel("Admin token", { exact: true }).fill(server.token);
  await page.keyboard.press("Enter");
  await page.locator("#link", { hasText: "live" }).waitFor();
  assert.equal(await page.getByLabel("Service", { exact: true }).inputValue(), "echo");
  assert.equal(await page.locator("dialog[open]").count(), 0);
});

test("the server comes back: feed and panes do, too", async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-playground-"));
  let server = await Server.start({ data });
  t.after(closePages);
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  t.after(() => server.stop());
  await server.deploy("echo", room("echo"));
  const port = new URL(server.url).port;
  const page = await open(t, `${server.url}/_ramp/`, { mayFail: true });
  await page.getByLabel("Admin token", { exact: true }).fill(server.token);
  await page.keyboard.press("Enter");
  await page.locator("#link", { hasText: "live" }).waitFor();
  await page.locator(".pane").nth(0).getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText("connected", { exact: true }).waitFor();
  await server.stop();
  await page.locator("#link", { hasText: "trying again" }).waitFor();
  await page.locator(".pane").nth(0).locator(".line.bad", { hasText: /closed 10(12|06)/ }).first().waitFor();
  server = await Server.start({ data, args: ["--listen", `127.0.0.1:${port}`] });
  await page.locator("#link", { hasText: "live" }).waitFor();
  await page.locator(".pane").nth(0).locator(".status", { hasText: /^connected$/ }).waitFor();
});
