// The page of the five seconds: it shows a clock, but the one that counts is the room's.
import { $, join, keepName, myName, room as here } from "./room.mjs";

let me = "", started = 0, shown = "", top = [];

const room = join({
  query: () => (myName() ? { name: myName() } : {}),
  onMessage(text) {
    const [head, ...rest] = text.split("\n"), word = head.split(" ")[0], value = head.slice(word.length + 1);
    if (word === "you") me = value;
    if (word === "go") run();
    if (word === "off") stop(Number(value));
    if (word === "top") top = rest.map(line => [Number(line.split(" ")[0]), line.slice(line.indexOf(" ") + 1)]);
    if (word === "record") record(Number(value), rest[0], rest[1]);
    showTop();
  },
  onClose: () => stop(null),
});

function run() {
  started = performance.now();
  $("go").classList.add("running");
  $("sub").textContent = "stop at five";
  tick();
}

/** Seen for the first second and a half, then only felt. */
function tick() {
  if (!started) return;
  const seconds = (performance.now() - started) / 1000;
  $("face").textContent = seconds < 1.5 ? seconds.toFixed(1) : "?";
  if (seconds < 1.5) requestAnimationFrame(tick);
}

function stop(off) {
  started = 0;
  $("go").classList.remove("running");
  $("face").textContent = off === null ? "Start" : `${((5000 + off) / 1000).toFixed(3)}`;
  $("sub").textContent = off === null ? "then stop at exactly five seconds" : off === 0 ? "exactly!" : `${Math.abs(off)} ms too ${off < 0 ? "early" : "late"}; again?`;
}

function showTop() {
  if (!top.length) {
    $("top").replaceChildren(Object.assign(document.createElement("li"), { className: "none", textContent: "Nobody yet. Be the first." }));
    return;
  }
  $("top").replaceChildren(...top.map(([ms, name]) => {
    const item = document.createElement("li");
    item.className = name === me ? "me" : "";
    item.append(Object.assign(document.createElement("span"), { textContent: name }), Object.assign(document.createElement("em"), { textContent: `± ${ms} ms` }));
    return item;
  }));
}

function record(ms, name, where) {
  $("record").textContent = `Best of all rooms: ${name}, ± ${ms} ms` + (where === here ? "" : `, in ${where}`);
  $("record").classList.toggle("new", shown !== "" && shown !== `${ms} ${name}`);
  shown = `${ms} ${name}`;
}

const press = () => {
  if (started) room.send("stop");
  else room.send("start");
};
$("go").onpointerdown = event => { event.preventDefault(); press(); }; // at once, not when the finger is lifted
addEventListener("keydown", event => {
  if (event.key !== " " || event.repeat || event.target === $("name")) return;
  event.preventDefault();
  press();
});
$("name").value = myName();
$("name").onchange = () => {
  keepName($("name").value);
  room.rejoin();
};
$("form").onsubmit = event => event.preventDefault();
showTop();
