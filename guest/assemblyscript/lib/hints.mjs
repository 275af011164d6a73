// SPDX-License-Identifier: Apache-2.0
// hints.mjs -- plain sentences for what AssemblyScript, a subset of TypeScript, says in its own way.
//
// Door: hint(), for one message of the compiler and the line that it is about. Where the mistake is
// something that the language does not have, the line tells it better than the message: WRITTEN.
// Else the message is put into words: SAID. What neither knows stays as it is, with short names: say().
import fs from "node:fs";

const AWAIT = "there is no async and await, and no need for them: kv, db and fetch wait by themselves, and the room waits with them";
const MAYBE_NULL = "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure";
const UNDEFINED = "there is no 'undefined'; use null, with a type like 'Player | null', and map.has(key) before map.get(key)";
const SHAPE = "a type is not written as the shape of an object; write a class: class P { x: i32 = 0; y: i32 = 0; }";
const ENUM = "an enum holds whole numbers only; use constants for text: const RED = \"red\"";
const DESTRUCTURING = "there is no destructuring; take the values one by one: const a = list[0]";

/** [what the line looks like, the sentence, what the compiler must have said]: what people write that the language does not have. */
const WRITTEN = [
  [/\basync\b(?=\s+function|\s*\(|\s+\w+)|\bawait\b(?=\s*[\w(])|\bPromise\s*(?=[<.(])/, AWAIT],
  [/\.(then|catch|finally)\s*\(/, AWAIT, /'(then|catch|finally)'|identifier/i, 1],
  [/\?\.(?=[A-Za-z_[(])/, "there is no '?.'; write: if (x !== null) x.y"],
  [/\?\?/, "there is no '??'; write: x !== null ? x : other"],
  [/\bfor\s*\(\s*(const|let|var)\s+[\w[\]{}, ]+\s+of\b/, "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  [/\bfor\s*\(\s*(const|let|var)\s+\w+\s+in\b/, "there is no for..in; use a Map and loop over map.keys()"],
  [/\b(const|let|var)\s*[[{]|^\s*[[(]\s*\w+\s*,\s*\w+\s*\]\s*=/, DESTRUCTURING],
  [/\(\s*[[{]\s*\w+(\s*,\s*\w+)*\s*[\]}]\s*(?=[:,)])/, DESTRUCTURING, /expected/, 1],
  [/(?<=[[{(,]\s*)\.\.\./, "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  [/\btry\b|\bcatch\b/, "errors cannot be caught; a throw ends this handler and what it sent is dropped, the room goes on (see onError); kv.tryGet and db.tryGet return their error"],
  [/(?<=:\s*)any\b|(?<=<)any(?=>)|(?<=\bas\s+)any\b/, "there is no 'any'; write the real type, or make the function generic"],
  [/(?<=:\s*|<|\bas\s+)unknown\b|(?<=:\s*)object\b/, "there is no 'unknown' or 'object'; write the real type"],
  [/\bundefined\b/, UNDEFINED],
  [/\bsetTimeout\b|\bsetInterval\b/, "use setTimer(id, delayMs, periodMs) and export function onTimer(id: i32): void", /setTimeout|setInterval/],
  [/\bclearTimeout\b|\bclearInterval\b/, "use clearTimer(id)", /clearTimeout|clearInterval/],
  [/\bJSON\s*\./, 'JSON comes from a package: npm install json-as, then import { JSON } from "json-as" and write @json before the class', /'JSON'/],
  [/(?<=[=(,:]\s*)\/(?![/*]).+\/[gimsuy]*/, "there are no regular expressions; use indexOf, split, startsWith and the like"],
  [/\benum\s+\w+\s*\{[^}]*=\s*["'`]/, ENUM],
  [/\brequire\s*\(/, 'use import { x } from "./file"'],
  [/\bimport\s*\(/, 'there is no import(); use import { x } from "./file"'],
  [/\bimport\s+type\b/, 'write import { X } from …, without the word type'],
  [/\bfunction\s*\*|\byield\b/, "there are no generators; build a list and return it"],
  [/\btype\s+\w+\s*=\s*\{/, SHAPE],
  [/\{\s*\[\s*\w+\s*:\s*(string|number|i32)\s*\]/, "there are no objects with free keys; use a Map: new Map<string, i32>()"],
  [/(?<=:\s*)\{\s*\w+\s*\??\s*:/, SHAPE, /Type expected/],
  [/(?<=:\s*)\[\s*\w+\s*,/, "there are no tuples; write a class with a field for each value", /Type expected/],
  [/\bkeyof\b|(?<==\s*)typeof\b/, "types cannot be computed from others; write the type out", /Type expected/],
  [/\bas\s+const\b/, "'as const' means nothing here; leave it out"],
  [/\bsatisfies\b/, "there is no 'satisfies'; leave it out"],
  [/\bvoid\s+\d/, UNDEFINED],
  [/\bdelete\s+\w/, "there is no delete; use map.delete(key), or set the field to null", /'delete'/],
  [/(?<=\w\s*\.\s*|^\s*)#\w+/, "there are no #private fields; write: private name", /Invalid character/],
  [/^\s*\w+\s*:\s*(?=for|while|do)\b/, "there are no labels; put the inner loop into a function and return from it", /Expression expected/],
  [/\b\d+n\b/, "there are no BigInts; i64 and u64 hold whole numbers of 64 bits", /numeric literal/],
  [/\b(let|var)\s+\w+\s*(?=;|$)/, "a variable needs a type or a first value: let n: i32 = 0", /Type expected/],
  [/\bObject\s*\.\s*(keys|values|entries|assign|freeze|fromEntries)\b/, "objects have fields that the class names, and no list of them; use a Map and map.keys()", /'(keys|values|entries|assign|freeze|fromEntries)'/],
  [/\bArray\s*\.\s*(from|of)\b/, "there is no Array.from; map.keys(), set.values() and list.slice() are arrays already", /'(from|of)'/],
  [/\.\s*entries\s*\(/, "there is no entries(); loop over map.keys() and ask map.get(key)", /'entries'|ArrayBuffer/, 1],
  [/\bnew\s+Date\s*\(\s*\)/, "write: new Date(Date.now())", /argument/],
  [/\bnew\s+(Map|Set)\s*<[^(]*\(\s*\[/, "a Map and a Set begin empty; add the values one by one: map.set(key, value)", /argument/],
  [/\bMath\s*\.\s*(max|min)\s*\(/, "Math.max and Math.min take two numbers", /argument/],
  [/\bparse(Int|Float)\s*\(/, "parseInt gives an f64; write I32.parseInt(text)", /'f64' to '[iu]/],
  [/\bMath\s*\.\s*\w+\s*\(/, "Math works with f64; write: <i32>Math.floor(x)", /'f64' to '[iu]/],
  [/\bString\s*\(/, "write: value.toString(), or `${value}`", /does not compile to a value|not callable|call signature/],
  [/\bNumber\s*\(/, "write: I32.parseInt(text), or F64.parseFloat(text)", /does not compile to a value|not callable|call signature/],
  [/\bprocess\s*\./, 'settings come from env.get("NAME")', /'process'|'env'|has no member|exist/],
  [/\bcrypto\s*\./, "Math.random() is the host's good source of chance", /crypto/],
  [/\bnew\s+\w+\s*\(/, "say of what: new Array<i32>(3)", /Type argument expected|type arguments?, but/],
  [/\barguments\b/, "there is no 'arguments'; name the parameters", /'arguments'/],
  [/\bclass\s*\w*\s*\{/, "a class stands at the top level of its file; move it out of the function", /Block-scoped class/],
  [/(?<=[=(:]\s*)\{/, "an object needs a class: class P { x: i32 = 0; } and then const p: P = { x: 1 }", /'<object>'|'auto'/],
  [/\[\s*\{/, "an object needs a class: class P { x: i32 = 0; } and then const list: P[] = [{ x: 1 }]", /represented by a type/],
];

const WEAK = true; // may only follow from another mistake
const OBJECT = "an object literal makes an instance of a class; write a class instead of the interface";

/** [what the compiler says, a function of the match, the line and what is around that gives the sentence or null, WEAK] */
const SAID = [
  [/Not implemented: Closures/, () => "a function inside a function cannot use the outer one's variables; make the variable global, or write a loop"],
  [/Not implemented: [Uu]nion types/, (m, line) => /\bundefined\b/.test(line) ? UNDEFINED : "the only unions are 'T | null', for classes and strings"],
  [/Optional parameter must have an initializer/, () => "an optional parameter needs a default value instead of '?': x: i32 = 0"],
  [/Optional properties are not supported/, () => "a field cannot be optional; give it a first value: nick: string = \"\", or a type that may be null: nick: string | null = null"],
  [/Identifier expected|Expression expected/, (m, line) => {
    const word = line.match(/\b(?:let|const|var|function|class)\s+(of|in|as|is|from|get|set|type|module|namespace|declare|abstract|new|delete|void|typeof|case|default|yield)\b(?!\s*[({<]?\s*\w*\s*from)/)?.[1];
    return word ? `'${word}' is a reserved word; choose another name` : null;
  }],
  [/^User-defined: "(.*)"$/, m => m[1]],
  [/Type '(?:~lib\/string\/)?String' is not assignable to type 'i32'|String literal expected|Enum member must have initializer/i, (m, line, around) => around.inEnum ? ENUM : null],
  [/./, null], // from here on what is written counts more
  [/Type expected/, (m, line, around) => /^(export|import|function|class|let|const|type|enum)\b/.test(around.rest) ? "a type is missing before this" : null, WEAK],
  [/Type expected/, () => "every parameter and every result needs a type; 'void' if a function returns nothing"],
  [/Type '(.+) \| null' is not assignable to type '(.+)'/, (m, line) => /(?:[^=!<>]=|return|[(,])\s*null\b/.test(line)
    ? `${a(m[2])} cannot be null; make the type '${short(m[2])} | null'` : MAYBE_NULL],
  [/Object is possibly 'null'/, () => MAYBE_NULL],
  [/Conversion from type '(.+)' to '(.+)' requires an explicit cast/, m => `${a(m[1])} does not become ${a(m[2])} by itself; write: <${short(m[2])}>value${/f64/.test(m[1]) ? ", or use i32 for whole numbers ('number' is f64)" : ""}`],
  [/Type '(.+)' is not assignable to type '(?:~lib\/string\/)?String(?: \| null)?'/i, m => `${a(m[1])} is not a string; write: ${{ Message: "msg.text", Connection: "conn.id" }[short(m[1])] ?? "value.toString()"}`],
  [/Type '(?:~lib\/string\/)?String' is not assignable to type '([iuf]\d+)'/i, m => `a string is not a number; write: ${m[1].toUpperCase()}.${m[1][0] === "f" ? "parseFloat" : "parseInt"}(text)`],
  [/Type 'void' is not assignable/, () => "this function returns nothing that could be kept"],
  [/Type '(\(.*\) => .*)' is not assignable to type '(\(.*\) => .*)'/, m => `this function has another signature than the one that is wanted: ${short(m[2])}; an arrow may leave parameters out: (x) => f(x)`],
  [/Type '(.+)' is not assignable to type '(.+)'/, m => `${a(m[1])} is not ${a(m[2])}`],
  [/Operator '(.+)' cannot be applied to types '(.+)' and '(.+)'/, m => [m[2], m[3]].some(t => short(t) === "string")
    ? `'${m[1]}' takes two strings here; write: value.toString()` : `'${m[1]}' does not go with ${a(m[2])} and ${a(m[3])}`],
  [/The '(.+)' operator cannot be applied to type '(.+)'|Operation '(.+)' cannot be applied to type '(.+)'/, m => `'${m[1] ?? m[3]}' does not go with ${a(m[2] ?? m[4])}`],
  [/Expected (\d+) arguments?, but got (\d+)/, m => `this takes ${m[1]} argument${m[1] === "1" ? "" : "s"}, not ${m[2]}`],
  [/Expected at least (\d+) arguments?, but got (\d+)/, m => `this takes at least ${m[1]} argument${m[1] === "1" ? "" : "s"}, not ${m[2]}`],
  [/Expected (\d+) type arguments?, but got (\d+)|Type argument expected|cannot be inferred from the usage/, () => "the compiler cannot tell the type; write it: f<i32>(x)", WEAK],
  [/Cannot find name '(\w+)'/, (m, line, around) => missing(m[1], around)],
  [/does not exist on type '.*#/, (m, line) => /\bthis\b/.test(line) ? "a function inside a method has no 'this' of that method; write a loop" : null],
  [/Property '(.+)' does not exist on type '(.+)'/, (m, line, around) => noMember(m[1], short(m[2]), around)],
  [/Property '(?:.*[#/.~])?(\w+)' has no initializer|Initializer, definitive assignment or nullable type expected/, m => `${m[1] ? `the field '${m[1]}'` : "this"} needs a first value, here or in the constructor`],
  [/Cannot assign to '(?:.*[#/.~])?(\w+)'/, m => `'${m[1]}' is a constant; declare it with let if it changes`],
  [/Cannot redeclare block-scoped variable '(?:.*[#/.~])?(\w+)'|Duplicate identifier '(?:.*[#/.~])?(\w+)'|Duplicate function implementation/, m => m[1] || m[2] ? `'${m[1] ?? m[2]}' is taken already; choose another name` : "this name is taken already; choose another"],
  [/Function implementation is missing/, () => "a function has one signature; give the others names of their own, or make one that is generic"],
  [/must return a value/, () => "not every way through this function returns a value"],
  [/'(.+)' does not implement inherited abstract member '(.+)' from '(.+)'/, m => `${short(m[1])} has no '${short(m[2])}', which ${short(m[3])} asks for`],
  [/must contain a 'super' call/, () => "the constructor must begin with super(…), as the class extends another"],
  [/Interface hidden classes/, () => OBJECT],
  [/not constructable/, () => "only a class can be made with new; an interface cannot"],
  [/Not implemented: 'in' operator/, () => "there is no 'in'; use map.has(key)"],
  [/Cannot access method '(?:.*[#/.~])?(\w+)' without calling it/, m => `a method cannot be handed on without its object; write an arrow: (x) => object.${m[1]}(x), with an object that is global`],
  [/Index signature is missing in type '(.+)'/, m => short(m[1]).startsWith("Map") ? "a Map has no [ ]; write: map.get(key) and map.set(key, value)" : `${a(m[1])} has no [ ]; a field is reached by its name: x.name`],
  [/type lacks a call signature|This expression is not callable|has no call signatures/, () => "this is not a function; leave the () out if it is a field"],
  [/Expression does not compile to a value/, () => "this is no value; it is the name of a type, a class or a namespace", WEAK],
  [/Expression is never 'null'/, () => "this is never null"],
  [/File '(.+?)(?:\.ts)?' not found/, m => noFile(m[1].replace(/^~lib\//, ""))],
  [/Module '(.+)' has no exported member '(.+)'/, m => noExport(m[1], m[2])],
  [/Unexpected end of text/, (m, line, around) => around.atEnd ? "the file ends too early; a '}' or ')' is missing" : "this is not closed before the file ends", WEAK],
  [/Unterminated string literal/, () => "this text is not closed; the quote is missing"],
  [/Expression expected|Declaration expected|Unexpected token/, (m, line) => /^\s*[})\]]/.test(line) ? "there is one closing bracket too many, or an opening one is missing" : null, WEAK],
  [/Unterminated regular expression|Regular expressions/, () => "there are no regular expressions; use indexOf, split, startsWith and the like", WEAK],
  [/Not implemented: Spread/, () => "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  [/Not implemented: (.)(.*)/, m => `AssemblyScript does not have this: ${m[1].toLowerCase()}${m[2]}`],
  [/cannot immediately follow a numeric literal/, () => "a name cannot begin with a digit", WEAK],
  [/Expression expected/, () => "a value is missing here", WEAK],
  [/Identifier expected/, () => "a name is missing here", WEAK],
  [/Unexpected token|Invalid character/, () => "this does not belong here", WEAK],
  [/used before its declaration/, () => "this is used before it is declared; move the declaration up"],
  [/'(.{1,2})' expected/, m => `a '${m[1]}' is missing`, WEAK],
];

// ---- names -----------------------------------------------------------------------------------------

/** Internal names made short: ~lib/array/Array<~lib/string/String> -> Array<string>, src/room/P#name -> name */
const short = type => type.replace(/(?:~lib\/|[\w.-]+\/)+(?=\w)/g, "").replace(/\bString\b/g, "string").replace(/^(?:\w+[#~])+(?=\w)/, "").replace(/^[IUF](?=\d+$)/, c => c.toLowerCase()).replace(/\.ts$/, "");

function a(type) {
  const name = short(type);
  return `${/^[if](8|16|32|64)\b|^isize|^[aeioAEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** What the SDK exports. */
const EXPORTS = [...fs.readFileSync(new URL("../index.ts", import.meta.url), "utf8").matchAll(/export \{([^}]*)\}/g)].flatMap(m => m[1].split(",").map(n => n.trim()));

const ELSEWHERE = {
  process: 'settings come from env.get("NAME")', crypto: "Math.random() is the host's good source of chance", performance: "use Date.now()",
  URL: "conn.query(name) and req.query(name) read the URL", URLSearchParams: "conn.query(name) and req.query(name) read the URL",
  Buffer: "use Uint8Array, String.UTF8.encode(text) and String.UTF8.decode(buffer)", TextEncoder: "use String.UTF8.encode(text)", TextDecoder: "use String.UTF8.decode(buffer)",
  Record: "use a Map: new Map<string, i32>()", WeakMap: "use a Map, and delete what is over", WeakSet: "use a Set, and delete what is over", BigInt: "i64 and u64 hold whole numbers of 64 bits",
  WebSocket: "a room's connections are room.connections(); fetch() asks other servers", XMLHttpRequest: "use fetch()", structuredClone: "copy the fields one by one",
};
const BROWSER = /^(window|document|localStorage|sessionStorage|navigator|location|alert|requestAnimationFrame|Worker|global|module|exports|__dirname|require|Intl|Proxy|Reflect|queueMicrotask|setImmediate|eval)$/;
const UTILITY = /^(Partial|Readonly|Required|Pick|Omit|ReturnType|NonNullable|Exclude|Extract|Parameters|Awaited)$/;

function missing(name, around) {
  if (EXPORTS.includes(name)) return `import it: import { ${name} } from "ramp-sdk"`;
  if (Object.hasOwn(ELSEWHERE, name)) return `there is no '${name}' here; ${ELSEWHERE[name]}`;
  if (BROWSER.test(name)) return `there is no '${name}': a room runs on the server, without a browser's or Node's objects`;
  if (UTILITY.test(name)) return `there is no '${name}'; types cannot be computed from others, write the type out`;
  const near = nearest(name, [...EXPORTS, ...around.declared ?? []]);
  return near ? `there is no '${name}' here; did you mean '${near}'?` : `there is no '${name}' here; is it spelt right, declared before, or imported?`;
}

const INSTEAD = {
  find: "use findIndex(), or a loop", flatMap: "use map(…).flat()", match: "use indexOf, includes or split", matchAll: "use indexOf, includes or split", search: "use indexOf",
  toFixed: "write: (Math.round(x * 100) / 100).toString()", toPrecision: "write: (Math.round(x * 100) / 100).toString()", localeCompare: "compare with < and >",
  on: "export function onMessage(…), onLeave(…) and the like", addEventListener: "export function onMessage(…), onLeave(…) and the like",
  emit: "use send(message), or room.broadcast(message)", onmessage: "export function onMessage(…)", onclose: "export function onLeave(…)",
};

function noMember(name, type, around) {
  const has = `${a(type)} has no '${name}'`;
  if (type === "Object") return `${has}; say which class it is: (x as Player).${name}`;
  const near = nearest(name, around.members?.(type) ?? []);
  if (near) return `${has}; did you mean '${near}'?`;
  if (/^(Map|Set)/.test(type) && name === "forEach") return `${has}; loop over map.keys(), or set.values()`;
  return Object.hasOwn(INSTEAD, name) ? `${has}; ${INSTEAD[name]}` : has;
}

const NODE = /^(node:.*|fs|path|http|https|net|os|url|util|crypto|events|stream|child_process|worker_threads|ws|express|axios|socket\.io.*)$/;
const noFile = name => NODE.test(name) ? `there is no '${name}' in a room: it has no files and no network of its own, but db, kv and fetch` : `there is no file or package '${name}'`;

export function noExport(module, name) {
  const from = short(module), near = from === "ramp-sdk" || module.includes("ramp-sdk") ? nearest(name, EXPORTS) : null;
  return name === "default" ? `'${from}' has no default export; write: import { … } from "${from}"` : `'${from}' exports no '${name}'${near ? `; did you mean '${near}'?` : ""}`;
}

/** The one of these names that is meant, if there is one. */
export function nearest(name, names) {
  if (name.length < 3) return null;
  const [best] = names.map(n => [distance(n.toLowerCase(), name.toLowerCase()), n]).filter(([d, n]) => n !== name && d <= Math.max(1, Math.floor(Math.min(n.length, name.length) / 3))).sort((x, y) => x[0] - y[0]);
  return best?.[1] ?? null;
}

/** Letters to add, drop, change or swap. */
export function distance(x, y) {
  const d = Array.from({ length: x.length + 1 }, (_, i) => [i, ...Array(y.length).fill(0)]);
  for (let j = 0; j <= y.length; j++) d[0][j] = j;
  for (let i = 1; i <= x.length; i++)
    for (let j = 1; j <= y.length; j++) {
      d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (x[i - 1] !== y[j - 1]));
      if (i > 1 && j > 1 && x[i - 1] === y[j - 2] && x[i - 2] === y[j - 1]) d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[x.length][y.length];
}

// ---- the door ----------------------------------------------------------------------------------------

/** Sentences that the build itself has made. */
const OURS = /^'\w+' (is not a handler|must be a function|is that already)|^on[A-Z]\w* (returns|has no)|^'\w+' needs a type|^export the class|^nothing may have been saved|^'ramp-sdk' exports no|^there is no export default|^what is thrown/;

/**
 * What to say of this message about this line: { text, weak, index: where in the line the mistake stands, if not where the compiler says }.
 * around: { inEnum, atEnd, rest: the text from there on, declared: names of the file, members(type) }. Null if its own words must do.
 */
export function hint(message, line, around) {
  if (OURS.test(message)) return null;
  for (const [re, sentence, weak = false] of SAID) {
    const m = message.match(re);
    if (!m) continue;
    const text = sentence === null ? null : sentence(m, line, around);
    if (text) return { text, weak };
    const found = sentence === null && written(message, line);
    if (found) return found;
  }
  return null;
}

function written(message, line) {
  const code = masked(line);
  for (const [re, text, named, skip = 0] of WRITTEN) {
    const m = (!named || named.test(message)) && code.match(re);
    if (m) return { text, index: m.index + (m[0].length - m[0].trimStart().length) + skip };
  }
  return null;
}

/** The text without the insides of its strings and without comments, nothing moved. */
export function masked(text) {
  return text.replace(/(["'])(?:(?!\1)[^\\\n]|\\.)*\1|`(?:[^`\\]|\\[^])*`|(?<!\\)\/\/[^\n]*|\/\*[^]*?\*\//g,
    s => s[0] === "/" ? s.replace(/[^\n]/g, " ") : s[0] + s.slice(1, -1).replace(/[^\n]/g, " ") + s.at(-1));
}

/** The compiler's own message, with internal names made short. */
export function say(message) {
  return message.replace(/'([^']*\/[^']*)'/g, (whole, name) => `'${short(name)}'`).replace(/\.$/, "");
}
