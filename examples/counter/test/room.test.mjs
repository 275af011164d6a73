import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const folder = new URL("..", import.meta.url).pathname;

test("everybody counts the same number", async () => {
  const r = await openRoom(folder), ann = r.join("ann"), bob = r.join("bob");
  assert.deepEqual(bob.take(), ["0"]);
  for (const sign of ["+", "+", "+", "-", "nonsense"]) ann.send(sign);
  assert.deepEqual(bob.take(), ["1", "2", "3", "2"]);
  bob.send("0");
  assert.equal(ann.last, "0");
});

test("the number stays through new versions, evictions, restarts and the end of the room", async () => {
  const r = await openRoom(folder), ann = r.join("ann");
  ann.send("-");
  ann.send("-");
  await r.reload();
  ann.send("+");
  assert.ok(r.evict());
  ann.send("+");
  assert.equal(ann.last, "0");
  ann.send("+");
  r.stop();
  const bob = r.join("bob");
  assert.equal(bob.last, "1");
  bob.leave();
  r.end();
  assert.equal(r.join("cid").last, "1");
});

test("a kill -9 takes what came after the last save", async () => {
  const r = await openRoom(folder), ann = r.join("ann");
  ann.send("+");
  r.evict();
  ann.send("+");
  r.crash();
  assert.equal(r.join("bob").last, "1"); // saveState in onMessage would keep each, for the price of a write
});
