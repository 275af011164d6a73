// One WebSocket to the room, which comes back by itself. The same file lies in every example.
const url = new URLSearchParams(location.search);
export const service = url.get("service") ?? document.documentElement.dataset.service;
export const room = url.get("room") ?? "lobby";
/** Of the room: for HTTP as it stands, for the WebSocket below. */
export const path = `/${service}/${encodeURIComponent(room)}`;
export const $ = id => document.getElementById(id);
const status = (text, state) => { $("status").textContent = text; $("status").dataset.state = state; };

/** A random key that the storage keeps: sessionStorage knows this tab again, localStorage this browser. */
export function keyIn(storage) {
  const made = [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, "0")).join("");
  if (!storage.getItem("key")) storage.setItem("key", made);
  return storage.getItem("key");
}

/** The name in the URL, or the one used last in this tab or browser; with "" the room says "guest". */
let name = url.get("name") ?? url.get("user") ?? sessionStorage.getItem("name") ?? localStorage.getItem("name") ?? "";
export const myName = () => name;
export function keepName(chosen) {
  name = chosen.trim();
  sessionStorage.setItem("name", name);
  localStorage.setItem("name", name);
}

/** Joins. Returns send(message), which is false without a connection, and rejoin(), with what query() says then. */
export function join({ query = () => ({}), onMessage, onClose = () => {} }) {
  let socket, timer, tries = 0;
  function open() {
    clearTimeout(timer);
    status("connecting …", "wait");
    const own = new URLSearchParams(query()).toString();
    socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}${path}${own && "?" + own}`, "ramp.1");
    socket.binaryType = "arraybuffer";
    socket.onopen = () => status("in " + room, "open");
    socket.onmessage = event => { tries = 0; onMessage(event.data); };
    socket.onclose = event => {
      onClose();
      if (event.code >= 4400 && event.code < 4500) return status(event.reason || "the room has closed the connection", "closed");
      status("no connection; trying again …", "wait");
      timer = setTimeout(open, 300 + Math.random() * Math.min(10000, 300 * 2 ** tries++)); // not all at once
    };
  }
  addEventListener("online", () => { if (socket.readyState === WebSocket.CLOSED) open(); });
  open();
  return {
    send(message) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(message);
      return true;
    },
    rejoin() {
      socket.onclose = () => {};
      socket.close(1000);
      onClose();
      open();
    },
  };
}
