// SPDX-License-Identifier: Apache-2.0
// payload.mjs -- payloads for people: hex to bytes and back, JSON set out in lines, long ones cut. No DOM.

export const SHOWN_MAX = 240; // characters of a payload before it is opened
export const OPEN_MAX = 65536; // ... and after

/** "68 69", "6869", "0x68,0x69" to bytes; null: that is no hex. */
export function parseHex(text) {
  const digits = text.replace(/0x/gi, "").replace(/[\s,:]/g, "");
  if (digits.length % 2 || !/^[0-9a-f]*$/i.test(digits)) return null;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** "68 69 0a" of at most `max` bytes. */
export function hexText(bytes, max = 80) {
  const shown = Array.from(bytes.subarray(0, max), byte => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > max ? `${shown} …` : shown;
}

export function fromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** At most `max` characters, never half a surrogate pair, and whether something is missing. */
export function cut(text, max = SHOWN_MAX) {
  if (text.length <= max) return { text, isCut: false };
  const code = text.charCodeAt(max - 1);
  return { text: text.slice(0, code >= 0xd800 && code < 0xdc00 ? max - 1 : max), isCut: true };
}

/** What an event or a message carries: {text} or {bytes}, or null. */
export function payloadOf(event) {
  if (typeof event.payload_base64 === "string") {
    try {
      return { bytes: fromBase64(event.payload_base64) };
    } catch {
      return { text: event.payload_base64 };
    }
  }
  return typeof event.payload === "string" && event.payload !== "" ? { text: event.payload } : null;
}

/** {text} or {bytes} as bytes. */
export const bytesOf = payload => payload.bytes ?? new TextEncoder().encode(payload.text);

/** ... as text; null: the bytes are none. */
export function textOf(payload) {
  if (payload.text !== undefined) return payload.text;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload.bytes);
  } catch {
    return null;
  }
}

/** ... as JSON in lines; null: it is no object and no list. */
export function jsonOf(payload) {
  const text = textOf(payload)?.trim();
  if (!text || !/^[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** A dump in lines: where, bytes, what of them is ASCII. */
export function hexLines(bytes, { perLine = 16, max = 4096 } = {}) {
  const lines = [];
  for (let at = 0; at < bytes.length && at < max; at += perLine) {
    const part = bytes.subarray(at, Math.min(at + perLine, max));
    const hex = Array.from(part, byte => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = Array.from(part, byte => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(perLine * 3 - 1)}  ${ascii}`);
  }
  if (bytes.length > max) lines.push(`… ${(bytes.length - max).toLocaleString("en")} bytes more`);
  return lines.join("\n");
}

/** Two payloads say the same, as the same kind of frame. */
export function isSame(a, b) {
  if ((a.text === undefined) !== (b.text === undefined)) return false;
  return a.text === undefined ? hexText(a.bytes, Infinity) === hexText(b.bytes, Infinity) : a.text === b.text;
}
