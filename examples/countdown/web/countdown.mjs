// The page of the countdown room: commands as text, the room's state as JSON.
import { $, join } from "./room.mjs";

let state = { left: 0, of: 0, running: false };

const room = join({
  onMessage(text) {
    const m = JSON.parse(text);
    if (m.error) $("note").textContent = m.error;
    else show(m);
  },
});

function show(next) {
  const { left, of, running } = next;
  $("ring").classList.toggle("jump", left > state.left || of !== state.of);
  document.body.classList.toggle("over", state.running && !running && left === 0);
  state = next;
  $("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("ring").style.strokeDasharray = `${of ? (left / of) * 100 : 0} 100`;
  $("ring").style.opacity = left ? 1 : 0; // a round end is a dot even at length 0
  $("toggle").textContent = running || !left ? "Pause" : left === of ? "Go" : "Resume";
  $("toggle").disabled = !left;
  $("reset").disabled = left === of && !running;
  document.title = left ? `${$("left").textContent} Countdown` : "Countdown";
}

for (const button of document.querySelectorAll("[data-seconds]")) button.onclick = () => room.send("start " + button.dataset.seconds);
$("form").onsubmit = event => { event.preventDefault(); room.send("start " + $("seconds").value); };
$("toggle").onclick = () => room.send(state.running ? "pause" : "resume");
$("reset").onclick = () => room.send("reset");
show(state);
