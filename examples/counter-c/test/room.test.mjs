// COUNTER_WASM: the built module; the line that builds it is in README.md.
import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const open = options => openRoom(null, { wasm: fs.readFileSync(process.env.COUNTER_WASM), ...options });

test("everybody counts the same number", async () => {
  const r = await open(), ann = r.join("ann"), bob = r.join("bob");
  assert.deepEqual(bob.take(), ["0"]);
  for (const sign of ["+", "+", "-", "-", "-", "nonsense", "", new Uint8Array([43])]) ann.send(sign);
  assert.deepEqual(bob.take(), ["1", "2", "1", "0", "-1"]);
  bob.send("0");
  assert.equal(ann.last, "0");
});

test("the number stays through new versions, evictions, restarts and the end of the room", async () => {
  const r = await open(), ann = r.join("ann");
  ann.send("-");
  await r.reload();
  ann.send("-");
  assert.ok(r.evict());
  ann.send("-");
  assert.equal(ann.last, "-3");
  r.stop();
  const bob = r.join("bob");
  assert.equal(bob.last, "-3");
  bob.leave();
  r.end();
  assert.equal(r.join("cid").last, "-3");
});

test("numbers of any size", async () => {
  for (const [saved, next] of [["9223372036854775806", "9223372036854775807"], ["-9223372036854775808", "-9223372036854775807"], ["-10", "-9"]]) {
    const r = await open({ saved });
    assert.equal(r.join("ann").last, saved);
    const bob = r.join("bob");
    bob.send("+");
    assert.equal(bob.last, next);
  }
});
