// SPDX-License-Identifier: Apache-2.0
// The call API: an outside service holds the sockets, Ramp runs the rooms. CONTRACT 9.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, room, sleep, slow, until } from "./support.mjs";

test("call API", async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  await server.deploy("counter", room("counter"));
  await server.deploy("chat", room("chat"));
  const base = { caller: "tests", service: "counter", room: "r" };
  const join = (connection, more = {}) => server.call({ ...base, call: "join", connection, ...more });
  const events = async (wait = 0, caller = "tests") =>
    (await server.api("GET", `/_ramp/v1/events?caller=${caller}&wait_ms=${wait}`)).json.events;

  await t.test("join, message, leave with their events", async () => {
    let answer = await server.call({ ...base, service: "chat", room: "x", call: "join", connection: "ann", user: "u1" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json.events.map(e => [e.type, e.service, e.room, e.connection ?? null, e.payload, e.binary, e.to ?? null]), [
      ["send", "chat", "x", "ann", "you are ann", false, null],
      ["broadcast", "chat", "x", answer.json.events[1].connection ?? null, "+ann", false, ["ann"]]]);
    answer = await server.call({ ...base, service: "chat", room: "x", call: "message", connection: "ann", payload: "hi" });
    assert.equal(answer.json.events[0].payload, "hi");
    answer = await server.call({ ...base, service: "chat", room: "x", call: "message", connection: "ann", payload_base64: Buffer.from([0, 255]).toString("base64") });
    assert.deepEqual([answer.json.events[0].payload_base64, answer.json.events[0].binary], [Buffer.from([0, 255]).toString("base64"), true]);
    answer = await server.call({ ...base, service: "chat", room: "x", call: "leave", connection: "ann", code: 1000 });
    assert.deepEqual([answer.status, answer.json.events[0].payload, answer.json.events[0].to], [200, "-ann", []]);
  });

  await t.test("one room emits every type of event that works, with all of its fields", async () => {
    await join("a"); await join("b");
    const { json } = await server.call({ ...base, call: "message", connection: "a", payload: "everything" });
    assert.deepEqual(json.events.map(({ type, payload, payload_base64, binary, to, connection, id, delay_ms, period_ms, code }) =>
      JSON.parse(JSON.stringify({ type, payload, payload_base64, binary, to, id, delay_ms, period_ms, code, connection: type === "send" || type === "close" ? connection : undefined }))), [
      { type: "broadcast", payload: "to all", binary: false, to: ["a", "b"] },
      { type: "broadcast", payload: "to others", binary: false, to: ["b"] },
      { type: "send", payload: "to you", binary: false, connection: "a" },
      { type: "send", payload_base64: "AP8H", binary: true, connection: "a" },
      { type: "timer_set", id: 7, delay_ms: 60000, period_ms: 1000, payload: "" },
      { type: "timer_clear", id: 7, delay_ms: 0, period_ms: 0, payload: "" },
      { type: "close", payload: "bye", code: 4001, connection: "a" }].map(e => JSON.parse(JSON.stringify(e))));
    await server.call({ ...base, call: "leave", connection: "a", code: 4001 });
    const answer = await server.call({ ...base, call: "request", method: "POST", path: "/p?q=1", payload: "body" });
    const respond = answer.json.events.find(e => e.type === "respond");
    assert.equal(respond.status, 200);
    assert.match(respond.payload, /^POST \/p/);
    await server.call({ ...base, call: "leave", connection: "b" });
  });

  await t.test("a timer's broadcast reaches the caller", async () => {
    await join("t1");
    await events();
    await server.call({ ...base, call: "message", connection: "t1", payload: "tick" });
    const got = await events(5000);
    assert.deepEqual(got.map(e => [e.type, e.payload, e.to]), [["broadcast", "timer 1", ["t1"]]]);
    await server.call({ ...base, call: "leave", connection: "t1" });
  });

  await t.test("members with sockets of ours get theirs from us, the caller's are the caller's", async () => {
    await server.call({ ...base, service: "chat", room: "mixed", call: "join", connection: "api" });
    const client = await server.client("/chat/mixed");
    await client.next(); await client.next();
    client.send("from a socket");
    assert.equal(await client.next(), "from a socket");
    const got = await until("the caller's event", async () => { const all = await events(1000); return all.length ? all : null; });
    assert.ok(got.some(e => e.payload === "from a socket" && e.to.includes("api") && e.to.length === 1), JSON.stringify(got));
    const { json } = await server.call({ ...base, service: "chat", room: "mixed", call: "message", connection: "api", payload: "from the api" });
    assert.equal(await client.next(), "from the api");
    assert.deepEqual(json.events.find(e => e.payload === "from the api").to, ["api"]);
    await client.close();
    await server.call({ ...base, service: "chat", room: "mixed", call: "leave", connection: "api" });
  });

  await t.test("errors have their status, and say what is wrong", async () => {
    assert.equal((await server.call({ ...base, call: "message", connection: "nobody", payload: "x" })).status, 404);
    assert.equal((await server.call({ ...base, service: "absent", call: "join", connection: "x" })).status, 404);
    await join("held");
    assert.equal((await server.call({ ...base, caller: "other", call: "join", connection: "held" })).status, 409);
    assert.equal((await server.api("POST", "/_ramp/v1/call", "{not json")).status, 400);
    assert.equal((await server.call({ ...base, call: "dance" })).status, 400);
    const bare = await fetch(server.url + "/_ramp/v1/call", { method: "POST", body: "{}" });
    assert.equal(bare.status, 401);
    const failed = await server.call({ ...base, call: "request", method: "GET", path: "/throw" });
    assert.equal(failed.status, 200);
    assert.equal(failed.json.events, undefined);
    assert.match(failed.json.error.message, /no answer/);
    assert.match(failed.json.error.where, /counter\.ts:\d+:\d+/);
    await server.call({ ...base, call: "leave", connection: "held" });
  });

  await t.test("request_id: a repeated call runs once", async () => {
    await join("d");
    const body = { ...base, call: "message", connection: "d", payload: "count", request_id: "r-1" };
    const first = await server.call(body), again = await server.call(body);
    assert.equal(first.json.events[0].payload, again.json.events[0].payload);
    const next = await server.call({ ...body, request_id: "r-2" });
    assert.equal(Number(next.json.events[0].payload), Number(first.json.events[0].payload) + 1);
    await server.call({ ...base, call: "leave", connection: "d" });
  });
});

test("a caller that vanishes leaves no member behind", { timeout: 120000 * slow }, async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  await server.deploy("chat", room("chat"));
  await server.call({ caller: "ghost", service: "chat", room: "r", call: "join", connection: "g" });
  const client = await server.client("/chat/r");
  await client.next(); await client.next();
  client.send("who");
  assert.equal(await client.next(), "2");
  assert.equal(await until("the lease to end", () => client.got.shift(), 75000), "-g");
  client.send("who");
  assert.equal(await client.next(), "1");
  await client.close();
});
