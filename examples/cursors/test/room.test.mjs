import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const room = () => openRoom(new URL("..", import.meta.url).pathname);
const at = (x, y) => new Uint8Array(new Uint16Array([x, y]).buffer);

function read(message) {
  const v = new DataView(message.buffer, message.byteOffset, message.length), kind = v.getUint8(0);
  if (kind !== 2) return { kind, id: v.getUint32(1, true) };
  const cursors = {};
  for (let p = 1; p < message.length; p += 8) cursors[v.getUint32(p, true)] = [v.getUint16(p + 4, true), v.getUint16(p + 6, true)];
  return { kind, cursors };
}

test("moves are gathered into one message", async () => {
  const r = await room();
  const ann = r.join("ann"), bob = r.join("bob");
  const annId = read(ann.take()[0]).id, bobId = read(bob.take()[0]).id;
  assert.notEqual(annId, bobId);
  for (let i = 0; i < 10; i++) ann.send(at(i, 65535));
  bob.send(at(7, 8));
  assert.equal(bob.got.length, 0);
  r.advance(30);
  assert.deepEqual(bob.take().map(read), [{ kind: 2, cursors: { [annId]: [9, 65535], [bobId]: [7, 8] } }]);
  bob.send(at(1, 2));
  r.advance(30);
  assert.deepEqual(ann.take().map(read).at(-1), { kind: 2, cursors: { [bobId]: [1, 2] } });
  r.advance(1000);
  assert.equal(ann.got.length, 0);
});

test("who comes later sees where everybody is; who goes takes the cursor away", async () => {
  const r = await room();
  const ann = r.join("ann");
  ann.send(at(500, 600));
  r.advance(100);
  const bob = r.join("bob"), annId = read(ann.got[0]).id;
  assert.deepEqual(read(bob.got[1]), { kind: 2, cursors: { [annId]: [500, 600] } });
  ann.leave();
  assert.deepEqual(read(bob.last), { kind: 3, id: annId });
});

test("what is not a position is ignored", async () => {
  const r = await room();
  const ann = r.join("ann");
  ann.take();
  ann.send("hello");
  ann.send(new Uint8Array(3));
  r.advance(100);
  assert.equal(ann.got.length, 0);
});
