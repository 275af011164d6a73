// SPDX-License-Identifier: Apache-2.0
// hints.mjs -- plain sentences for what AssemblyScript, a subset of TypeScript, says in its own way.

const AWAIT = "there is no async and await, and no need for them: kv, db and fetch wait by themselves, and the room waits with them";

const MAYBE_NULL = "this may be null; check it first: if (x !== null) … (a local constant keeps the check), or write x! if you are sure";
const UNDEFINED = "there is no 'undefined'; use null, with a type like 'Player | null'";

/** [what the line looks like, the sentence, what the compiler must have named]: what people write that the language does not have. */
const WRITTEN = [
  [/\basync\b|\bawait\b|\bPromise\s*</, AWAIT],
  [/\?\.[A-Za-z_[(]/, "there is no '?.'; write: if (x !== null) x.y"],
  [/\?\?/, "there is no '??'; write: x !== null ? x : other"],
  [/\bfor\s*\(\s*(const|let|var)\s+[\w[\]{}, ]+\s+of\b/, "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  [/\bfor\s*\(\s*(const|let|var)\s+\w+\s+in\b/, "there is no for..in; use a Map and loop over map.keys()"],
  [/\b(const|let|var)\s*[[{]|^\s*[[(]\s*\w+\s*,\s*\w+\s*\]\s*=/, "there is no destructuring; take the values one by one"],
  [/[[(,]\s*\.\.\.|\(\s*\.\.\.\w/, "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  [/\btry\b|\bcatch\b/, "errors cannot be caught; a throw ends this handler and what it sent is dropped, the room goes on (see onError); kv.tryGet and db.tryGet return their error"],
  [/:\s*any\b|<any>|\bas\s+any\b/, "there is no 'any'; write the real type, or make the function generic"],
  [/\bunknown\b|:\s*object\b/, "there is no 'unknown' or 'object'; write the real type"],
  [/\bundefined\b/, UNDEFINED],
  [/\bsetTimeout\b|\bsetInterval\b/, "use setTimer(id, delayMs, periodMs) and export function onTimer(id: i32): void", /setTimeout|setInterval/],
  [/\bclearTimeout\b|\bclearInterval\b/, "use clearTimer(id)", /clearTimeout|clearInterval/],
  [/\bJSON\s*\./, 'JSON comes from a package: npm install json-as, then import { JSON } from "json-as" and write @json before the class', /'JSON'/],
  [/[=(,:]\s*\/(?![/*]).+\/[gimsuy]*/, "there are no regular expressions; use indexOf, split, startsWith and the like"],
  [/\benum\s+\w+\s*\{[^}]*=\s*["'`]/, "an enum holds whole numbers only; use constants for text"],
  [/\brequire\s*\(/, 'use import { x } from "./file"'],
  [/\bimport\s*\(/, 'there is no import(); use import { x } from "./file"'],
  [/\bnew\s+Promise\b/, AWAIT],
  [/\bfunction\s*\*|\byield\b/, "there are no generators; build a list and return it"],
];

/** [what the compiler says, a function of the match and the line that gives the sentence, or null] */
const SAID = [
  [/Not implemented: Closures/, () => "a function inside a function cannot use the outer one's variables; make the variable global, or write a loop"],
  [/Not implemented: [Uu]nion types/, (m, line) => /\bundefined\b/.test(line) ? UNDEFINED : "the only unions are 'T | null', for classes and strings"],
  [/Optional parameter must have an initializer/, () => "an optional parameter needs a default value instead of '?': x: i32 = 0"],
  [/Identifier expected|Expression expected/, (m, line) => {
    const word = line.match(/\b(?:let|const|var|function|class)\s+(of|in|as|is|from|get|set|type|module|namespace|declare|abstract|new|delete|void|typeof|case|default|yield)\b(?!\s*[({<]?\s*\w*\s*from)/)?.[1];
    return word ? `'${word}' is a reserved word; choose another name` : null;
  }],
  [/^User-defined: "(.*)"$/, m => m[1]],
  [/Type expected/, () => "every parameter and every result needs a type; 'void' if a function returns nothing"],
  [/String literal expected|Enum member must have initializer/, (m, line) => /\benum\b/.test(line) ? "an enum holds whole numbers only; use constants for text" : null],
  [/Type '(.+) \| null' is not assignable to type '(.+)'/, (m, line) => /(?:=|return|[(,])\s*null\b/.test(line)
    ? `a ${short(m[2])} cannot be null; make the type '${short(m[2]).replace("String", "string")} | null'` : MAYBE_NULL],
  [/Object is possibly 'null'/, () => MAYBE_NULL],
  [/Conversion from type '(.+)' to '(.+)' requires an explicit cast/, m => `a ${m[1]} does not become a ${m[2]} by itself; write: <${m[2]}>value, or value as ${m[2]}`],
  [/Type '(\w+)' is not assignable to type '(?:~lib\/string\/)?String'/i, m => `a ${m[1]} is not a string; write: value.toString()`],
  [/Expected (\d+) arguments?, but got (\d+)/, m => `this takes ${m[1]} argument${m[1] === "1" ? "" : "s"}, not ${m[2]}`],
  [/Expected at least (\d+) arguments?, but got (\d+)/, m => `this takes at least ${m[1]} argument${m[1] === "1" ? "" : "s"}, not ${m[2]}`],
  [/Cannot find name '(\w+)'/, m => `there is no '${m[1]}' here; is it spelt right, declared before, or imported?`],
  [/Property '(.+)' does not exist on type '(.+)'/, m => `a ${short(m[2])} has no '${m[1]}'`],
  [/File '(.+?)(?:\.ts)?' not found/, m => `there is no file or package '${m[1].replace(/^~lib\//, "")}'`],
  [/Module '(.+)' has no exported member '(.+)'/, m => `'${short(m[1])}' exports no '${m[2]}'`],
];

const short = type => type.replace(/^.*\//, "").replace(/\.ts$/, "");

/** Those of SAID that count before what the line looks like. */
const FIRST = 6;
const OURS = /^'\w+' (is not a handler|must be a function)|^on[A-Z]\w* (returns|has no)|^'\w+' needs a type|^export the class/;

/** The sentence for what the compiler said about this line; null if its own words must do. */
export function hint(message, line) {
  const said = rules => {
    for (const [re, sentence] of rules) {
      const m = message.match(re), s = m && sentence(m, line);
      if (s) return s;
    }
    return null;
  };
  if (OURS.test(message)) return null;
  return said(SAID.slice(0, FIRST)) ?? written(message, line) ?? said(SAID.slice(FIRST));
}

function written(message, line) {
  const code = line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""').replace(/\/\/.*$/, "");
  for (const [re, sentence, named] of WRITTEN) if (re.test(code) && (!named || named.test(message))) return sentence;
  return null;
}

/** The compiler's own message, with internal names made short. */
export function say(message) {
  return message.replace(/'~lib\/[^']*\/([^'/]+)'/g, "'$1'").replace(/\.$/, "");
}
