// SPDX-License-Identifier: Apache-2.0
// http.ts -- requests to the room (onRequest) and from it (fetch).
import * as host from "./imports";
import { Err, OUT, OUT_CAP, PENDING } from "./abi";
import { bytesOf, must, payload, payloadLen, reason, takeBytes } from "./host";
import { connField } from "./room";
import { decode } from "./text";

/** The value of `name` (lower-case) in `name: value\n` lines. */
function headerIn(lines: string, name: string): string | null {
  const wanted = name.toLowerCase();
  let at = 0;
  while (at < lines.length) {
    let end = lines.indexOf("\n", at);
    if (end < 0) end = lines.length;
    const colon = lines.indexOf(":", at);
    if (colon > at && colon < end && lines.substring(at, colon) == wanted)
      return lines.substring(colon + 1, end).trim();
    at = end + 1;
  }
  return null;
}

/** An HTTP request to this room. */
export class Request {
  readonly method: string;
  /** What follows /<service>/<room>, with the query. */
  readonly url: string;
  /** `name: value` lines, names lower-case. */
  readonly headers: string;
  private content: Uint8Array;

  /** Reads the payload: u32 n, method, u32 n, url, u32 n, headers, body. */
  constructor() {
    let p = payload();
    const end = p + payloadLen;
    let n = load<u32>(p);
    this.method = decode(p + 4, n);
    p += 4 + n;
    n = load<u32>(p);
    this.url = decode(p + 4, n);
    p += 4 + n;
    n = load<u32>(p);
    this.headers = decode(p + 4, n);
    p += 4 + n;
    this.content = new Uint8Array(<i32>(end - p));
    memory.copy(this.content.dataStart, p, end - p);
  }
  /** The URL without its query; at least "/". */
  get path(): string {
    const q = this.url.indexOf("?");
    const path = q < 0 ? this.url : this.url.substring(0, q);
    return path.length ? path : "/";
  }
  get text(): string {
    return decode(this.content.dataStart, this.content.length);
  }
  get bytes(): Uint8Array {
    return this.content;
  }
  header(name: string): string | null {
    return headerIn(this.headers, name);
  }
  /** A parameter of the URL; null if absent. */
  query(name: string): string | null {
    return connField(0, 1, name);
  }
  /** The subject of the requester's token; "" if there is none. */
  get user(): string {
    const s = connField(0, 3, "");
    return s === null ? "" : s;
  }
  get ip(): string {
    const s = connField(0, 4, "");
    return s === null ? "" : s;
  }
  claim(name: string): string | null {
    return connField(0, 5, name);
  }
}

/** The answer to a request, or to a fetch. */
export class Response {
  private content: ArrayBuffer;
  /** `name: value` lines, names lower-case. */
  headers: string = "";

  constructor(text: string = "", public status: i32 = 200, type: string = "text/plain; charset=utf-8") {
    this.content = text.length ? bytesOf(text) : new ArrayBuffer(0);
    if (type.length) this.setHeader("content-type", type);
  }
  /** An answer of JSON text. */
  static json(text: string, status: i32 = 200): Response {
    return new Response(text, status, "application/json");
  }
  static html(text: string, status: i32 = 200): Response {
    return new Response(text, status, "text/html; charset=utf-8");
  }
  static bytes(content: Uint8Array, type: string = "application/octet-stream", status: i32 = 200): Response {
    const r = new Response("", status, type);
    r.content = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
    return r;
  }
  /** Adds a header. Returns the response. */
  setHeader(name: string, value: string): Response {
    this.headers += name.toLowerCase() + ": " + value + "\n";
    return this;
  }
  header(name: string): string | null {
    return headerIn(this.headers, name);
  }
  /** The status is 200 to 299. */
  get ok(): bool {
    return this.status >= 200 && this.status < 300;
  }
  get text(): string {
    return decode(changetype<usize>(this.content), this.content.byteLength);
  }
  get bytes(): Uint8Array {
    return Uint8Array.wrap(this.content);
  }
  /** Of a fetch that got no answer (status 0): why. */
  get error(): string {
    return this.status == 0 ? this.text : "";
  }
  /** Sends it as the answer to the request that runs. */
  send(): void {
    const h = bytesOf(this.headers);
    must("the response", host.http_respond(<u32>this.status, changetype<usize>(h), h.byteLength,
      changetype<usize>(this.content), this.content.byteLength),
      "a status is 200 to 599, a header one line, a body at most 1 MiB");
  }
}

// ---- fetch -----------------------------------------------------------------------------------------------

export class FetchInit {
  method: string = "GET";
  /** `name: value` lines. */
  headers: string = "";
  body: string = "";
  /** Sent instead of `body` if it is set. */
  bytes: Uint8Array | null = null;
  timeoutMs: i32 = 5000;
}

// @ts-ignore: decorator
@lazy const REQUEST: usize = memory.data(40, 8);

function part(at: usize, p: usize, n: i32): void {
  store<u32>(REQUEST + at, <u32>p);
  store<u32>(REQUEST + at, n, 4);
}

function start(url: string, init: FetchInit): i32 {
  const m = bytesOf(init.method), u = bytesOf(url), h = bytesOf(init.headers), b = bytesOf(init.body);
  const raw = init.bytes;
  store<u32>(REQUEST, 40);
  store<u32>(REQUEST, init.timeoutMs, 4);
  part(8, changetype<usize>(m), m.byteLength);
  part(16, changetype<usize>(u), u.byteLength);
  part(24, changetype<usize>(h), h.byteLength);
  if (raw !== null) part(32, raw.dataStart, raw.length);
  else part(32, changetype<usize>(b), b.byteLength);
  return host.http_fetch(REQUEST, OUT, OUT_CAP);
}

/** A result of n bytes: u32 status | u32 n | headers | body. */
function answer(n: i32): Response {
  if (n < 0) return new Response(reason(n), 0, "");
  const b = takeBytes(n), p = b.dataStart, hn = load<u32>(p, 4);
  const r = Response.bytes(b.subarray(8 + <i32>hn), "", <i32>load<u32>(p));
  r.headers = decode(p + 8, hn);
  return r;
}

/** Sends a request and waits for its answer; the room waits with it. No answer: status 0. */
export function fetch(url: string, init: FetchInit | null = null): Response {
  let n = start(url, init === null ? new FetchInit() : init);
  if (n == PENDING) n = host.wait(OUT, OUT_CAP);
  return answer(n);
}

/** All at the same time (at most 16); the answers in the order of the urls. */
export function fetchAll(urls: string[], init: FetchInit | null = null): Response[] {
  const options = init === null ? new FetchInit() : init;
  const answers = new Array<Response>(urls.length);
  const waiting: i32[] = [];
  for (let i = 0; i < urls.length; i++) {
    const n = start(urls[i], options);
    if (n == PENDING) waiting.push(i);
    else answers[i] = answer(n);
  }
  for (let i = 0; i < waiting.length; i++) answers[waiting[i]] = answer(host.wait(OUT, OUT_CAP));
  return answers;
}
