// The page of the cursors room: binary messages (the protocol stands in src/room.ts).
import { $, join } from "./room.mjs";

const cursors = new Map(); // id -> element
let me = 0, place = null, scheduled = false;

const room = join({
  onMessage(bytes) {
    const v = new DataView(bytes), kind = v.byteLength ? v.getUint8(0) : 0;
    if (kind === 1) me = v.getUint32(1, true);
    if (kind === 2) for (let p = 1; p < v.byteLength; p += 8) move(v.getUint32(p, true), v.getUint16(p + 4, true), v.getUint16(p + 6, true));
    if (kind === 3) remove(v.getUint32(1, true));
  },
  onClose() { for (const id of cursors.keys()) remove(id); },
});

const colour = id => `oklch(68% 0.19 ${(id * 137.5) % 360})`; // the golden angle: neighbours differ

function move(id, x, y) {
  if (id === me) return;
  let cursor = cursors.get(id);
  if (!cursor) {
    cursor = $("arrow").cloneNode(true);
    cursor.removeAttribute("id");
    cursor.removeAttribute("hidden");
    cursor.classList.add("cursor");
    cursor.style.setProperty("--hue-of", colour(id));
    document.body.append(cursor);
    cursors.set(id, cursor);
    count();
  }
  const at = `translate(${(x / 65535) * innerWidth}px, ${(y / 65535) * innerHeight}px)`;
  cursor.style.transform = at;
  trail(id, at);
}

function trail(id, at) {
  const dot = document.createElement("i");
  dot.className = "trail";
  dot.style.setProperty("--hue-of", colour(id));
  dot.style.transform = at;
  dot.onanimationend = () => dot.remove();
  document.body.append(dot);
  setTimeout(() => dot.remove(), 1000); // where nothing is animated
}

function remove(id) {
  cursors.get(id)?.remove();
  cursors.delete(id);
  count();
}

function count() {
  const n = cursors.size;
  $("hint").textContent = n === 0 ? "Open this page in a second window, or on your phone, and move." : n === 1 ? "one other cursor" : `${n} other cursors`;
}

addEventListener("pointermove", event => {
  place = event;
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    const share = (at, of) => Math.round((Math.min(Math.max(at, 0), of) / of) * 65535);
    const m = new DataView(new ArrayBuffer(4));
    m.setUint16(0, share(place.clientX, innerWidth), true);
    m.setUint16(2, share(place.clientY, innerHeight), true);
    room.send(m.buffer);
  });
});
