// The page of the chat room: one WebSocket, lines of text (the protocol stands in src/room.ts).
const url = new URLSearchParams(location.search);
const service = url.get("service") ?? "chat", room = url.get("room") ?? "lobby", name = url.get("user") ?? url.get("name");
const $ = id => document.getElementById(id);
const members = new Map(); // id -> name
let socket, me = "", delay = 500;

function connect() {
  const query = name ? "?name=" + encodeURIComponent(name) : "";
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${service}/${encodeURIComponent(room)}${query}`, "ramp.1");
  socket.onopen = () => { delay = 500; status("in " + room); };
  socket.onmessage = event => read(event.data);
  socket.onclose = event => {
    members.clear();
    showMembers();
    if (event.code >= 4400 && event.code < 4500) return status(event.reason || "closed by the room");
    status("no connection; trying again …");
    setTimeout(connect, delay);
    delay = Math.min(delay * 2, 10000);
  };
}

function read(text) {
  const [head, ...rest] = text.split("\n"), [kind, id, ...words] = head.split(" "), who = words.join(" ");
  if (kind === "you") { me = id; members.set(id, who); }
  if (kind === "members") for (const line of rest) members.set(line.split(" ")[0], line.slice(line.indexOf(" ") + 1));
  if (kind === "join") { members.set(id, who); line("note", `${who} is here`); }
  if (kind === "leave") { members.delete(id); line("note", `${who} has left`); }
  if (kind === "say") line("", rest.join("\n"), who, id);
  showMembers();
}

const status = text => { $("status").textContent = text; };
const colour = id => `oklch(65% 0.16 ${[...id].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7)})`;

function line(kind, text, who = "", id = "") {
  const log = $("log"), item = document.createElement("li"), atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  item.className = kind;
  if (who) {
    const b = document.createElement("b");
    b.textContent = who + "  ";
    b.style.setProperty("--name", colour(id));
    item.append(b);
  }
  item.append(text);
  log.append(item);
  while (log.children.length > 500) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showMembers() {
  $("members").replaceChildren(...[...members].map(([id, who]) => {
    const item = document.createElement("li");
    item.textContent = who;
    item.className = id === me ? "me" : "";
    item.style.setProperty("--name", colour(id));
    return item;
  }));
}

$("form").onsubmit = event => {
  event.preventDefault();
  const text = $("text").value;
  if (!text || socket.readyState !== WebSocket.OPEN) return;
  socket.send(text);
  $("text").value = "";
};

connect();
