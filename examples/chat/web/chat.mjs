// The page of the chat room: lines of text (the protocol stands in src/room.ts).
import { $, join, keepName, myName } from "./room.mjs";

const members = new Map(); // id -> name
let me = "", lastSpeaker = "";

const room = join({
  query: () => (myName() ? { name: myName() } : {}),
  onMessage(text) {
    const [head, ...rest] = text.split("\n"), [kind, id, ...words] = head.split(" "), who = words.join(" ");
    if (kind === "you") {
      $("log").replaceChildren(); // what was said comes again
      lastSpeaker = "";
      me = id;
      members.set(id, who);
    }
    if (kind === "members") for (const line of rest) members.set(line.split(" ")[0], line.slice(line.indexOf(" ") + 1));
    if (kind === "join") { members.set(id, who); note(`${who} is here`); }
    if (kind === "leave") { members.delete(id); note(`${who} has left`); }
    if (kind === "say" || kind === "said") said(id, Number(words[0]), words.slice(1).join(" "), rest.join("\n"));
    showMembers();
  },
  onClose() {
    members.clear();
    showMembers();
  },
});

/** The same name has the same colour, today and tomorrow. */
const hue = name => [...name].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);

function said(id, time, who, text) {
  const item = document.createElement("li"), name = document.createElement("b"), at = document.createElement("time");
  item.className = (id === me || who === myName() ? "mine" : "") + (who === lastSpeaker ? "" : " new");
  name.textContent = who === lastSpeaker ? "" : who;
  name.style.setProperty("--name", hue(who));
  at.textContent = new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  at.dateTime = new Date(time).toISOString();
  lastSpeaker = who;
  item.append(name, text, at);
  add(item);
}

function note(text) {
  const item = document.createElement("li");
  item.className = "note";
  item.textContent = text;
  lastSpeaker = "";
  add(item);
}

function add(item) {
  const log = $("log"), atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(item);
  while (log.children.length > 500) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showMembers() {
  $("members").replaceChildren(...[...members].map(([id, who]) => {
    const item = document.createElement("li");
    item.textContent = who;
    item.className = id === me ? "me" : "";
    item.style.setProperty("--name", hue(who));
    return item;
  }));
}

$("name").value = myName();
$("name").onchange = () => {
  keepName($("name").value);
  room.rejoin();
};
$("form").onsubmit = event => {
  event.preventDefault();
  if ($("text").value && room.send($("text").value)) $("text").value = "";
};
