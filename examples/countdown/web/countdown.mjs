// The page of the countdown room: commands as text, the room's state as JSON.
const url = new URLSearchParams(location.search);
const service = url.get("service") ?? "countdown", room = url.get("room") ?? "lobby";
const $ = id => document.getElementById(id);
let socket, state = { left: 0, of: 0, running: false }, delay = 500;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${service}/${encodeURIComponent(room)}`, "ramp.1");
  socket.onopen = () => { delay = 500; $("status").textContent = "everybody in " + room + " sees this clock"; };
  socket.onmessage = event => {
    const m = JSON.parse(event.data);
    if (m.error) $("status").textContent = m.error;
    else show(m);
  };
  socket.onclose = event => {
    if (event.code >= 4400 && event.code < 4500) return;
    $("status").textContent = "no connection; trying again …";
    setTimeout(connect, delay);
    delay = Math.min(delay * 2, 10000);
  };
}

function show(next) {
  $("ring").classList.toggle("jump", next.left > state.left || next.of !== state.of);
  state = next;
  const { left, of, running } = state;
  $("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("ring").style.strokeDasharray = `${of ? (left / of) * 100 : 0} 100`;
  $("toggle").textContent = running || !left || left === of ? "Pause" : "Resume";
  $("toggle").disabled = !left || (!running && left === of);
  $("reset").disabled = left === of && !running;
  document.title = left ? `${$("left").textContent} Countdown` : "Countdown";
}

const say = text => { if (socket.readyState === WebSocket.OPEN) socket.send(text); };
$("form").onsubmit = event => { event.preventDefault(); say("start " + $("seconds").value); };
$("toggle").onclick = () => say(state.running ? "pause" : "resume");
$("reset").onclick = () => say("reset");

show(state);
connect();
