// SPDX-License-Identifier: Apache-2.0
// The pages of the examples, each in two tabs of headless Chromium, on a desk and on a phone, under
// `ramp dev`. RAMP_SHOTS=DIR keeps screenshots. What the rooms promise: examples.test.mjs.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { ramp, root, sleep, slow, until } from "./support.mjs";

let browser;
test.before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.RAMP_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
test.after(() => browser?.close());

const DESK = { viewport: { width: 1100, height: 760 } };
const PHONE = { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: "dark" };

/** `ramp dev` of a project made of the example, under another name; tab(path, options) opens its page, whose every problem fails the test. */
async function dev(t, name) {
  const dir = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ramp-page-")), `my-${name}`);
  const made = spawnSync(ramp, ["init", dir, "--template", name], { encoding: "utf8", env: { ...process.env, RAMP_SDK: path.join(root, "guest/assemblyscript") } });
  assert.equal(made.status, 0, made.stderr);
  const child = spawn(ramp, ["dev", dir, "--listen", "127.0.0.1:0", "--json", "--sdk", path.join(root, "guest/assemblyscript")], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise(done => child.on("exit", done)), contexts = [], problems = [];
  t.after(async () => {
    await Promise.all(contexts.map(c => c.close()));
    child.kill("SIGINT");
    await exited;
    fs.rmSync(path.dirname(dir), { recursive: true, force: true });
    assert.deepEqual(problems, []);
  });
  let out = "";
  child.stdout.on("data", text => (out += text));
  await until("a built room", () => out.includes(`"built"`), 60000);
  const { url } = JSON.parse(out.split("\n")[0]);
  return async (where = "/", options = DESK) => {
    const context = await browser.newContext(options), page = await context.newPage();
    contexts.push(context);
    page.setDefaultTimeout(15000 * slow);
    page.on("pageerror", error => problems.push(error.message));
    page.on("console", message => message.type() === "error" && problems.push(message.text()));
    page.on("request", request => new URL(request.url()).host !== new URL(url).host && !request.url().startsWith("data:") && problems.push(`a request elsewhere: ${request.url()}`));
    await page.goto(url + where);
    await page.locator("#status[data-state=open]").waitFor();
    return page;
  };
}
const shown = (page, where, text) => page.locator(where, { hasText: text }).first().waitFor();
async function shot(name, pages) {
  for (const [i, page] of pages.entries()) {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
    if (process.env.RAMP_SHOTS) await page.screenshot({ path: path.join(process.env.RAMP_SHOTS, `${name}-${i ? "phone" : "desk"}.png`) });
  }
}

const PAGES = {
  async chat(tab) {
    const ann = await tab("/?name=Ann"), bob = await tab("/?name=Bob", PHONE);
    const say = async (page, text) => { await page.fill("#text", text); await page.press("#text", "Enter"); };
    await shown(ann, "#members li", "Bob");
    await say(ann, "how was the trip to the mountains?");
    await shown(bob, "#log li", "how was the trip");
    await say(bob, "Snow up to the windows, and the last bus had gone, so we walked down in the dark with one torch between the five of us.");
    await shown(ann, "#log li", "one torch");
    await bob.reload(); // the name and what was said stay
    await shown(bob, "#log li.mine", "one torch");
    await shown(bob, "#log li", "how was the trip");
    await ann.fill("#name", "Ann Lee");
    await ann.press("#name", "Enter");
    await shown(bob, "#members li", "Ann Lee");
    return [ann, bob];
  },
  async cursors(tab) {
    const ann = await tab(), bob = await tab("/", PHONE);
    for (let i = 0; i < 12; i++) { await ann.mouse.move(200 + i * 25, 300 + Math.sin(i / 3) * 120); await sleep(30); }
    await bob.locator(".cursor").waitFor({ state: "attached" });
    await shown(bob, "#hint", "one other cursor");
    await shot("cursors", [ann, bob]);
    await ann.close();
    await shown(bob, "#hint", "Open this page");
    return [];
  },
  async counter(tab) {
    const ann = await tab(), bob = await tab("/", PHONE);
    for (let i = 0; i < 12; i++) await ann.click("#more");
    await bob.click("#less");
    for (const page of [ann, bob]) await shown(page, "#count", "11");
    return [ann, bob];
  },
  async countdown(tab) {
    const ann = await tab(), bob = await tab("/", PHONE);
    await ann.click("[data-seconds='60']");
    await shown(bob, "#left", /^0:5\d$/);
    await shot("countdown", [ann, bob]);
    await bob.click("#toggle");
    await shown(ann, "#toggle", "Resume");
    await ann.fill("#seconds", "1");
    await ann.click("form .main");
    for (const page of [ann, bob]) await page.locator("body.over").waitFor();
    return [];
  },
  async poll(tab) {
    const ann = await tab(), bob = await tab("/", PHONE);
    await ann.fill("#asked", "Where do we meet on Saturday?");
    await ann.fill("#given", "in the park\nat the lake\nat Ann's, if it rains");
    await ann.click("#ask button");
    for (const [page, number] of [[ann, 2], [bob, 2], [bob, 1]]) {
      await page.click(`#answers li:nth-child(${number}) button`);
      await page.locator(`#answers li:nth-child(${number}) button.mine`).waitFor();
    }
    for (const page of [ann, bob]) {
      await shown(page, "#total", "2 votes");
      await shown(page, "#answers li:nth-child(1)", "1 · 50 %");
    }
    return [ann, bob];
  },
  async leaderboard(tab) {
    const ann = await tab("/?name=Ann"), bob = await tab("/?name=Bob", PHONE), eve = await tab("/?name=Eve&room=two");
    for (const page of [ann, bob]) {
      await page.dispatchEvent("#go", "pointerdown");
      await page.locator("#go.running").waitFor();
      await sleep(page === ann ? 100 : 1000);
      await page.dispatchEvent("#go", "pointerdown");
      await shown(page, "#sub", /ms too (early|late); again/);
    }
    for (const page of [ann, bob]) {
      await page.locator("#top li:nth-child(2)").waitFor();
      const ms = (await page.locator("#top em").allInnerTexts()).map(text => Number(text.match(/\d+/)[0]));
      assert.deepEqual(ms, ms.toSorted((a, b) => a - b));
    }
    await shown(eve, "#record", /± \d+ ms, in lobby/);
    return [ann, bob];
  },
  async "tic-tac-toe"(tab) {
    const ann = await tab("/?name=Ann"), bob = await tab("/?name=Bob", PHONE), cid = await tab("/?name=Cid");
    const put = (page, field) => page.click(`#board button:nth-child(${field + 1})`);
    await shown(cid, "#watching", "one person watches");
    for (const [page, field] of [[ann, 4], [bob, 0], [ann, 2]]) await put(page, field);
    await shown(bob, "#say", "Your turn");
    await bob.reload();
    await shown(bob, "#O", "Bob (you)");
    for (const [page, field] of [[bob, 6], [ann, 3], [bob, 5], [ann, 1], [bob, 8], [ann, 7]]) await put(page, field);
    await shown(ann, "#say", "You have won");
    await shown(bob, "#say", "You have lost");
    await shown(cid, "#say", "Ann has won");
    return [ann, bob];
  },
};

for (const [name, scene] of Object.entries(PAGES)) test(`${name}: its page, in two tabs`, async t => {
  const pages = await scene(await dev(t, name));
  await shot(name, pages);
});
