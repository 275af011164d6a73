// The page of tic-tac-toe (the protocol stands in src/room.ts). The seat belongs to a key that this tab keeps.
import { $, join, keyIn, myName } from "./room.mjs";

const LINES = ["012", "345", "678", "036", "147", "258", "048", "246"];
const fields = Array.from({ length: 9 }, (_, i) => {
  const button = document.createElement("button");
  button.append(document.createElement("span"));
  button.onclick = () => room.send("play " + i);
  $("board").append(button);
  return button;
});
let seat = "-";

const room = join({
  query: () => ({ key: keyIn(sessionStorage), ...(myName() && { name: myName() }) }),
  onMessage(text) {
    const [head, ...rest] = text.split("\n"), [word, ...words] = head.split(" ");
    if (word === "you") seat = words[0];
    if (word === "game") show(words[0], words[1], rest);
  },
});

function show(board, turn, [x, o, watching]) {
  const line = LINES.find(l => board[l[0]] !== "." && board[l[0]] === board[l[1]] && board[l[0]] === board[l[2]]);
  const players = { X: player(x), O: player(o) };
  fields.forEach((button, i) => {
    const mark = board[i] === "." ? "" : board[i], name = mark || (turn === seat ? "free" : "empty");
    button.className = (mark || (turn === seat ? "mine" : "")) + (line?.includes(String(i)) ? " won" : "");
    button.disabled = turn !== seat || mark !== "";
    button.setAttribute("aria-label", `field ${i + 1}, ${name}`);
    if (button.firstChild.textContent !== mark) button.firstChild.textContent = mark;
  });
  $("board").classList.toggle("over", turn === "-");
  for (const mark of ["X", "O"]) {
    const { state, name } = players[mark], item = $(mark);
    item.className = (turn === mark ? "turn " : "") + (state === "here" ? "" : "away");
    item.lastChild.textContent = state === "free" ? "free seat" : name + (mark === seat ? " (you)" : "") + (state === "away" ? " is away" : "");
  }
  $("say").textContent = sentence(turn, line && board[line[0]], players);
  $("again").hidden = turn !== "-" || seat === "-";
  $("watching").textContent = watching === "0" ? "Send this page's address to a friend. Reload it: the seat stays yours." : watching === "1" ? "one person watches" : `${watching} people watch`;
}

const player = line => ({ state: line.split(" ")[0], name: line.slice(line.indexOf(" ") + 1) });

function sentence(turn, winner, players) {
  if (turn === "-") return !winner ? "A draw" : winner === seat ? "You have won" : seat === "-" ? `${players[winner].name} has won` : "You have lost";
  if (players.X.state === "free" || players.O.state === "free") return "Waiting for a second player";
  if (turn === seat) return "Your turn";
  return players[turn].state === "away" ? `${players[turn].name} is away; the seat is kept for a while` : `${players[turn].name}'s turn`;
}

$("again").onclick = () => room.send("again");
