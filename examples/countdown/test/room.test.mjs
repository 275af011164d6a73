import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const room = () => openRoom(new URL("..", import.meta.url).pathname);
const state = (left, of, running) => JSON.stringify({ left, of, running });

test("counts down for everybody, once a second, and stops at zero", async () => {
  const r = await room();
  const ann = r.join("ann"), bob = r.join("bob");
  assert.deepEqual(bob.take(), [state(0, 0, false)]);
  ann.send("start 3");
  r.advance(2500);
  assert.deepEqual(bob.take(), [state(3, 3, true), state(2, 3, true), state(1, 3, true)]);
  r.advance(60000);
  assert.deepEqual(bob.take(), [state(0, 3, false)]);
});

test("pauses, resumes and resets", async () => {
  const r = await room();
  const ann = r.join("ann");
  ann.send("start 10");
  r.advance(3000);
  ann.send("pause");
  r.advance(5000);
  assert.equal(ann.last, state(7, 10, false));
  ann.send("resume");
  r.advance(1000);
  assert.equal(ann.last, state(6, 10, true));
  ann.send("reset");
  assert.equal(ann.last, state(10, 10, false));
});

test("says what it takes", async () => {
  const r = await room();
  const ann = r.join("ann");
  for (const bad of ["start", "start soon", "start -1", "start 99999999", "go"]) {
    ann.send(bad);
    assert.ok(JSON.parse(ann.last).error, bad);
  }
});

test("answers over HTTP", async () => {
  const r = await room();
  const ann = r.join("ann");
  assert.equal(r.request("POST", "/start").status, 400);
  assert.equal(r.request("POST", "/start?seconds=5").text, state(5, 5, true));
  assert.equal(ann.last, state(5, 5, true));
  r.advance(1000);
  const answer = r.request("GET", "");
  assert.equal(answer.text, state(4, 5, true));
  assert.match(answer.headers, /^content-type: application\/json$/m);
  assert.equal(r.request("PUT", "/").status, 404);
});

test("goes off when nobody is here, and after a restart of the server", async () => {
  const r = await room(), ann = r.join("ann");
  ann.send("start 60");
  ann.leave();
  assert.equal(r.events.at(-1).type, "timer_clear"); // nobody looks: no ticks, and the room may end
  r.advance(10000);
  r.crash();
  const bob = r.join("bob");
  assert.equal(bob.last, state(50, 60, true));
  r.advance(1000);
  assert.equal(bob.last, state(49, 60, true));
  r.advance(60000);
  assert.equal(bob.last, state(0, 60, false));
});

test("a new version goes on ticking", async () => {
  const r = await room(), ann = r.join("ann");
  ann.send("start 10");
  r.advance(1500);
  await r.reload();
  ann.take();
  r.advance(500);
  assert.deepEqual(ann.take(), [state(8, 10, true)]);
});
