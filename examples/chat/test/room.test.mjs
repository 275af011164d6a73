import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const room = () => openRoom(new URL("..", import.meta.url).pathname);

test("everybody hears who comes, who speaks and who goes", async () => {
  const r = await room();
  const ann = r.join({ id: "a1", query: { name: "Ann" } });
  assert.deepEqual(ann.take(), ["you a1 Ann", "members"]);
  const bob = r.join({ id: "b2", user: "bob", query: { name: "not me" } });
  assert.deepEqual(bob.take(), ["you b2 bob", "members\na1 Ann"]);
  assert.deepEqual(ann.take(), ["join b2 bob"]);
  ann.send("привет 👋");
  assert.equal(bob.last, "say a1 Ann\nпривет 👋");
  assert.equal(ann.last, "say a1 Ann\nпривет 👋");
  bob.leave();
  assert.equal(ann.last, "leave b2 bob");
});

test("names are optional, short and on one line", async () => {
  const r = await room();
  assert.equal(r.join({ id: "abcdef" }).got[0], "you abcdef guest abcd");
  assert.equal(r.join({ id: "x", query: { user: " a\nb " } }).got[0], "you x a b");
  assert.equal(r.join({ id: "y", query: { name: "n".repeat(50) } }).got[0], "you y " + "n".repeat(24));
});

test("names survive a restart of the room", async () => {
  const r = await room();
  const ann = r.join({ id: "a1", query: { name: "Ann" } });
  r.restart();
  ann.send("still here");
  assert.equal(ann.last, "say a1 Ann\nstill here");
});

test("a message that is too long closes its sender's connection", async () => {
  const r = await room();
  const ann = r.join("ann"), bob = r.join("bob");
  ann.send("x".repeat(4001));
  assert.equal(ann.closed.code, 4400);
  assert.equal(bob.last, "leave ann guest ann");
});
