// A poll: one question in each room. It is asked and voted on over HTTP, and the results come by WebSocket:
//   POST /poll/<room>/ask                      body: the question, then 2 to 8 answers, a line each
//   POST /poll/<room>/vote?choice=1&voter=KEY  the first answer is 1; who votes again changes the vote
//   GET  /poll/<room>                          the results
// The results, over both: the question, then a line "VOTES ANSWER" for each answer. Nothing asked: no lines.
import { room, db, Connection, Request, Response } from "ramp-sdk";

const LONGEST_LINE = 200;
const MOST_ANSWERS = 8;
const LONGEST_VOTER = 64;

let question = "";
let answers: string[] = [];
let votes: i32[] = [];

/** What is asked lies in db under "poll", each vote under "vote/<voter>"; the sums are only in memory. */
export function onOpen(): void {
  const poll = db.get("poll");
  if (poll === null) return;
  ask(poll.split("\n"));
  let after = "";
  while (true) {
    const page = db.list("vote/", 1000, after); // it may have more than a page
    for (let i = 0; i < page.length; i++) votes[I32.parseInt(page[i].text) - 1]++;
    if (!page.more) break;
    after = page.last;
  }
}

export function onJoin(conn: Connection): void {
  conn.send(results());
}

export function onRequest(req: Request): Response {
  if (req.method == "GET") return new Response(results());
  if (req.method == "POST" && req.path == "/ask") return onAsk(req);
  if (req.method == "POST" && req.path == "/vote") return onVote(req);
  return new Response("GET, or POST /ask, or POST /vote?choice=1&voter=KEY\n", 404);
}

function onAsk(req: Request): Response {
  if (answers.length > 0) return new Response("this room has a poll; ask in another room\n", 409);
  const lines: string[] = [];
  const given = req.text.split("\n");
  for (let i = 0; i < given.length; i++) {
    const line = given[i].trim();
    if (line.length > 0) lines.push(line.substring(0, LONGEST_LINE));
  }
  if (lines.length < 3 || lines.length > MOST_ANSWERS + 1) {
    return new Response("a question and 2 to 8 answers, a line each\n", 400);
  }
  db.set("poll", lines.join("\n"));
  ask(lines);
  room.broadcast(results());
  return new Response(results(), 201);
}

function onVote(req: Request): Response {
  const choice = I32.parseInt(orEmpty(req.query("choice")));
  if (choice < 1 || choice > answers.length) return new Response("choice: which answer, from 1\n", 400);
  const voter = req.user.length > 0 ? req.user : orEmpty(req.query("voter")); // a token cannot be made up
  if (voter.length < 1 || voter.length > LONGEST_VOTER || voter.includes("\0")) return new Response("voter: who votes?\n", 400);

  const before = db.get("vote/" + voter);
  db.set("vote/" + voter, choice.toString());
  if (before !== null) votes[I32.parseInt(before) - 1]--;
  votes[choice - 1]++;
  room.broadcast(results()); // like the answer, it leaves when the vote is stored
  return new Response(results());
}

function ask(lines: string[]): void {
  question = lines[0];
  answers = lines.slice(1);
  votes = new Array<i32>(answers.length).fill(0);
}

function results(): string {
  if (answers.length == 0) return "";
  const lines = [question];
  for (let i = 0; i < answers.length; i++) lines.push(votes[i].toString() + " " + answers[i]);
  return lines.join("\n") + "\n";
}

function orEmpty(s: string | null): string {
  return s === null ? "" : s;
}
