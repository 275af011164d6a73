// The page of the poll: it asks and votes over HTTP, and hears the results from the WebSocket.
import { $, join, keyIn, path, service } from "./room.mjs";

let mine = Number(localStorage.getItem("voted" + path)); // my answer, from 1

join({
  onMessage(text) {
    const [question, ...lines] = text.trimEnd().split("\n");
    $("poll").hidden = !question;
    $("another").hidden = !question;
    $("ask").hidden = Boolean(question);
    if (question) show(question, lines.map(line => [Number(line.split(" ")[0]), line.slice(line.indexOf(" ") + 1)]));
  },
});

function show(question, answers) {
  const total = answers.reduce((sum, [votes]) => sum + votes, 0);
  $("question").textContent = document.title = question;
  $("total").textContent = total === 1 ? "1 vote" : `${total} votes`;
  while ($("answers").children.length < answers.length) $("answers").append(answerButton($("answers").children.length + 1));
  answers.forEach(([votes, answer], i) => { // the buttons stay, so that the bars move
    const button = $("answers").children[i].firstChild, [text, count] = button.children;
    text.textContent = answer;
    count.textContent = total ? `${votes} · ${Math.round((votes / total) * 100)} %` : "0";
    button.style.setProperty("--share", total ? votes / total : 0);
    button.classList.toggle("mine", mine === i + 1);
    button.setAttribute("aria-pressed", mine === i + 1);
  });
}

function answerButton(number) {
  const item = document.createElement("li"), button = document.createElement("button");
  button.append(document.createElement("span"), Object.assign(document.createElement("span"), { className: "votes" }));
  button.onclick = async () => {
    const before = mine;
    mine = number; // before the results come, which may be sooner than the answer
    if (!await post(`/vote?choice=${number}&voter=${keyIn(localStorage)}`)) mine = before;
    localStorage.setItem("voted" + path, mine);
  };
  item.append(button);
  return item;
}

async function post(what, body) {
  const answer = await fetch(path + what, { method: "POST", body }).catch(() => null);
  $("note").textContent = answer?.ok ? "" : answer ? await answer.text() : "no connection; nothing was sent";
  return answer?.ok;
}

$("ask").onsubmit = event => {
  event.preventDefault();
  post("/ask", $("asked").value + "\n" + $("given").value);
};
$("another").href = "?" + new URLSearchParams({ service, room: Math.random().toString(36).slice(2, 8) });
