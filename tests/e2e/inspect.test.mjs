// SPDX-License-Identifier: Apache-2.0
// What a room has stored, as the control API shows it to people.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, room, until } from "./support.mjs";

async function ask(client, line) {
  client.send(line);
  return client.next();
}

test("the control API shows a room's db and kv, page by page", async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  await server.deploy("s", room("state"));
  const name = "café 1";
  const ann = await server.client(`/s/${encodeURIComponent(name)}`);
  const path = `/_ramp/v1/services/s/rooms/${encodeURIComponent(name)}`;
  const read = async where => {
    const { status, json } = await server.api("GET", path + where);
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  };

  assert.deepEqual(await read("/db"), { service: "s", room: name, head: { number: 0, alarm_ms: 0 }, entries: [], more: false });
  for (const key of ["b", "a/2", "é", "a/1"]) await ask(ann, `set ${key} value-${key}`);
  await ask(ann, "alarm 3600000");
  const all = await read("/db");
  assert.deepEqual(all.entries.map(entry => entry.key), ["a/1", "a/2", "b", "é"]);
  assert.deepEqual(all.entries[3], { key: "é", size: 8, value: "value-é" });
  assert.equal(all.head.number, 5);
  assert.ok(Math.abs(all.head.alarm_ms - Date.now() - 3600000) < 60000);
  const page = await read("/db?limit=2");
  assert.deepEqual([page.entries.length, page.more], [2, true]);
  const rest = await read(`/db?limit=2&after=${encodeURIComponent(page.entries[1].key)}`);
  assert.deepEqual([rest.entries.map(entry => entry.key), rest.more], [["b", "é"], false]);
  assert.deepEqual((await read("/db?prefix=a%2F")).entries.map(entry => entry.key), ["a/1", "a/2"]);

  await ask(ann, `set long ${"é".repeat(10000)}`);
  const [long] = (await read("/db?prefix=long")).entries;
  assert.deepEqual([long.size, long.cut, long.value], [20000, true, "é".repeat(8192)]);

  await ask(ann, "kvsync k v");
  await ask(ann, "shareset x y");
  assert.deepEqual((await read("/kv")).entries, [{ key: "k", size: 1, value: "v" }]);
  assert.deepEqual((await read("/kv?scope=service")).entries, [{ key: "x", size: 1, value: "y" }]);
  await ask(ann, "kvset later v");
  await until("what is written behind", async () => (await read("/kv?prefix=later")).entries.length === 1);
});

test("questions that cannot be answered are refused in a sentence", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  const path = "/_ramp/v1/services/s/rooms/r";
  for (const [where, status, sentence] of [
    [`${path}/db?limit=0`, 400, /`limit` is a number from 1 to 1000/],
    [`${path}/db?limit=1001`, 400, /`limit`/],
    [`${path}/db?limit=x`, 400, /`limit`/],
    [`${path}/db?after=${"k".repeat(513)}`, 400, /`after` is no key/],
    [`${path}/kv?scope=all`, 400, /`scope` is `room` or `service`/],
    ["/_ramp/v1/services/S/rooms/r/db", 400, /names no service and room/],
    ["/_ramp/v1/services/s/rooms/r/other", 404, /has no/],
  ]) {
    const answer = await server.api("GET", where);
    assert.equal(answer.status, status, where);
    assert.match(answer.json.error.message, sentence);
  }
  assert.equal((await server.api("DELETE", `${path}/db`)).status, 405);
  const stranger = await fetch(`${server.url}${path}/db`);
  assert.equal(stranger.status, 401);
});
