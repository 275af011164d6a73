// The page of the cursors room: binary messages (the protocol stands in src/room.ts).
const url = new URLSearchParams(location.search);
const service = url.get("service") ?? "cursors", room = url.get("room") ?? "lobby";
const $ = id => document.getElementById(id);
const cursors = new Map(); // id -> element
let socket, me = 0, place = null, scheduled = false, delay = 500;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${service}/${encodeURIComponent(room)}`, "ramp.1");
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { delay = 500; count(); };
  socket.onmessage = event => read(new DataView(event.data));
  socket.onclose = event => {
    for (const id of cursors.keys()) remove(id);
    if (event.code >= 4400 && event.code < 4500) return;
    $("status").textContent = "no connection; trying again …";
    setTimeout(connect, delay);
    delay = Math.min(delay * 2, 10000);
  };
}

function read(v) {
  if (v.byteLength === 0) return;
  const kind = v.getUint8(0);
  if (kind === 1) me = v.getUint32(1, true);
  if (kind === 2) for (let p = 1; p < v.byteLength; p += 8) move(v.getUint32(p, true), v.getUint16(p + 4, true), v.getUint16(p + 6, true));
  if (kind === 3) remove(v.getUint32(1, true));
}

function move(id, x, y) {
  if (id === me) return;
  let cursor = cursors.get(id);
  if (!cursor) {
    cursor = $("arrow").cloneNode(true);
    cursor.removeAttribute("id");
    cursor.removeAttribute("hidden");
    cursor.classList.add("cursor");
    cursor.style.setProperty("--hue", `oklch(68% 0.19 ${(id * 137) % 360})`);
    document.body.append(cursor);
    cursors.set(id, cursor);
    count();
  }
  cursor.style.transform = `translate(${(x / 65535) * innerWidth}px, ${(y / 65535) * innerHeight}px)`;
}

function remove(id) {
  cursors.get(id)?.remove();
  cursors.delete(id);
  count();
}

function count() {
  const n = cursors.size;
  $("status").textContent = n === 0 ? "nobody else moves" : n === 1 ? "one other cursor" : `${n} other cursors`;
}

addEventListener("pointermove", event => {
  place = event;
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    if (socket.readyState !== WebSocket.OPEN) return;
    const share = (at, of) => Math.round((Math.min(Math.max(at, 0), of) / of) * 65535);
    const m = new DataView(new ArrayBuffer(4));
    m.setUint16(0, share(place.clientX, innerWidth), true);
    m.setUint16(2, share(place.clientY, innerHeight), true);
    socket.send(m.buffer);
  });
});

connect();
