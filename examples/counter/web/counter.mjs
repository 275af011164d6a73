// The page of the counter: "+", "-" and "0" to the room, the number from it.
import { $, join } from "./room.mjs";

const room = join({
  onMessage(text) {
    const count = $("count"), before = Number(count.textContent);
    count.className = text.length > 4 ? "long" : "";
    count.getBoundingClientRect(); // so that the same movement begins again
    if (Number(text) !== before && !Number.isNaN(before)) count.classList.add(Number(text) > before ? "up" : "down");
    count.textContent = text;
  },
});

$("more").onclick = () => room.send("+");
$("less").onclick = () => room.send("-");
$("zero").onclick = () => room.send("0");
addEventListener("keydown", event => {
  if (event.key === "ArrowUp" || event.key === "+") room.send("+");
  if (event.key === "ArrowDown" || event.key === "-") room.send("-");
});
