import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const folder = new URL("..", import.meta.url).pathname, room = options => openRoom(folder, { now: 1000, ...options });

test("everybody hears who comes, who speaks and who goes", async () => {
  const r = await room();
  const ann = r.join({ id: "a1", query: { name: "Ann" } });
  assert.deepEqual(ann.take(), ["you a1 Ann", "members"]);
  const bob = r.join({ id: "b2", user: "bob", query: { name: "not me" } });
  assert.deepEqual(bob.take(), ["you b2 bob", "members\na1 Ann"]);
  assert.deepEqual(ann.take(), ["join b2 bob"]);
  ann.send("привет 👋");
  assert.equal(bob.last, "say a1 1000 Ann\nпривет 👋");
  assert.equal(ann.last, "say a1 1000 Ann\nпривет 👋");
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
  assert.equal(ann.last, "say a1 1000 Ann\nstill here");
});

test("who comes later reads the last 50 messages, also after a restart, and no more are kept", async () => {
  const r = await room(), ann = r.join({ id: "a1", query: { name: "Ann" } });
  for (let i = 1; i <= 60; i++) ann.send("message " + i);
  const expected = ["you b2 Bob", ...Array.from({ length: 50 }, (_, i) => `said a1 1000 Ann\nmessage ${i + 11}`), "members\na1 Ann"];
  assert.deepEqual(r.join({ id: "b2", query: { name: "Bob" } }).got, expected);
  assert.equal(r.db.size, 50);

  r.crash();
  const bob = r.join({ id: "b2", query: { name: "Bob" } });
  assert.deepEqual(bob.take(), [...expected.slice(0, -1), "members"]);
  bob.send("message 61");
  assert.deepEqual(r.join("c").got.slice(50), ["said b2 1000 Bob\nmessage 61", "members\nb2 Bob"]);
  assert.equal(r.db.size, 50);
});

test("a message that is too long closes its sender's connection", async () => {
  const r = await room();
  const ann = r.join("ann"), bob = r.join("bob");
  ann.send("x".repeat(4001));
  assert.equal(ann.closed.code, 4400);
  assert.equal(bob.last, "leave ann guest ann");
});

test("nobody reads what was not stored", async () => {
  const r = await room(), ann = r.join("ann"), bob = r.join("bob");
  r.holdCommits();
  ann.send("one");
  assert.equal(bob.got.length, 2);
  r.releaseCommits();
  assert.match(bob.last, /^say ann .*\none$/);
  r.failCommits();
  ann.send("two");
  assert.equal(bob.closed.code, 1011);
  assert.deepEqual(r.join("cid").got.filter(m => m.startsWith("said")).map(m => m.split("\n")[1]), ["one"]);
});
