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
import { Calls, ENTRIES_MAX, entryOf, parseFilter } from "../../console/calls.mjs";
import { cut, hexText, parseHex, payloadOf } from "../../console/payload.mjs";

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
    console.log("about to <b>fail</b>");
    const list: i32[] = [1];
    console.log(list[text.length].toString());
  } else if (text == "kick") conn.close(4403, "kicked");
  else if (text == "timer") setTimer(1, 20);
  else room.broadcast(conn.user + ": " + text);
}

export function onTimer(id: i32): void {
  room.broadcast("ding " + id.toString());
}

export function onLeave(conn: Connection): void {
  room.broadcast("-" + conn.user);
}
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

async function dev(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-playground-"));
  fs.mkdirSync(path.join(dir, "src"));
  fs.writeFileSync(path.join(dir, "src/room.ts"), source);
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
  return JSON.parse(out.split("\n")[0]).url;
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
  assert.equal(await page.getByLabel("Service").inputValue(), "play");

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
  assert.ok(took.ms < 20000 * slow, JSON.stringify(took));
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
  await page.getByRole("tab", { name: "Calls" }).click();
  await page.locator(".entry", { hasText: "from a phone" }).waitFor();
  assert.equal(await page.locator("#panes-part").isVisible(), false);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await shot(page, "phone-calls");
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
  assert.equal(await page.getByLabel("Service").inputValue(), "echo");
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
