// SPDX-License-Identifier: Apache-2.0
// text.ts -- UTF-8 to and from AssemblyScript's UTF-16 strings, 16 bytes a step.
//
// Decoding: what is not UTF-8 becomes U+FFFD, one per maximal part, as in browsers.
// Encoding: a surrogate without its partner becomes U+FFFD, so that what leaves is always UTF-8.
// Nothing here keeps state, for abort() uses it before any global exists.

const REPLACEMENT: u16 = 0xfffd;

/** UTF-16 units of n bytes of UTF-8; exact if they are valid. */
function unitsOf(p: usize, n: i32): i32 {
  let units = n, i = 0;
  for (; i + 16 <= n; i += 16) {
    const x = v128.load(p + i);
    if (!i8x16.bitmask(x)) continue;
    units -= popcnt(i8x16.bitmask(i8x16.lt_s(x, i8x16.splat(-64)))); // 10xxxxxx
    units += popcnt(i8x16.bitmask(i8x16.ge_u(x, i8x16.splat(<i8>0xf0)))); // 4 bytes: two units
  }
  for (; i < n; i++) {
    const b = load<u8>(p + i);
    units += i32(b >= 0xf0) - i32((b & 0xc0) == 0x80);
  }
  return units;
}

export function decode(p: usize, n: i32): string {
  if (n <= 0) return "";
  // @ts-ignore: runtime
  let s = __new(<usize>unitsOf(p, n) << 1, idof<string>());
  if (decodeTo(p, n, s, false) < 0) {
    // @ts-ignore: runtime
    s = __new(<usize>n << 1, idof<string>());
    const units = decodeTo(p, n, s, true);
    // @ts-ignore: runtime
    s = __renew(s, <usize>units << 1);
  }
  return changetype<string>(s);
}

/** Returns the units written at `to`; -1 at the first invalid byte, unless `lossy`. */
function decodeTo(p: usize, n: i32, to: usize, lossy: bool): i32 {
  const start = to, end = p + n;
  while (p < end) {
    for (; p + 16 <= end; p += 16, to += 32) {
      const x = v128.load(p);
      if (i8x16.bitmask(x)) break;
      v128.store(to, i16x8.extend_low_i8x16_u(x));
      v128.store(to, i16x8.extend_high_i8x16_u(x), 16);
    }
    for (; p + 16 <= end; p += 16, to += 16) { // eight letters of two bytes, as in Greek or Cyrillic
      const x = v128.load(p), shape = v128.and(x, i16x8.splat(<i16>0xc0e0));
      if (!i16x8.all_true(i16x8.eq(shape, i16x8.splat(<i16>0x80c0)))) break;
      if (!i16x8.all_true(v128.and(x, i16x8.splat(0x1e)))) break; // overlong
      const lead = i16x8.shl(v128.and(x, i16x8.splat(0x1f)), 6);
      v128.store(to, v128.or(lead, v128.and(i16x8.shr_u(x, 8), i16x8.splat(0x3f))));
    }
    const stop = min(p + 16, end); // then try the fast ways again
    while (p < stop) {
      const b = <u32>load<u8>(p);
      if (b < 0x80) {
        store<u16>(to, b);
        to += 2;
        p++;
        continue;
      }
      if (b - 0xc2 < 0x1e && p + 1 < end) { // two bytes: the common case of many scripts
        const c = <u32>load<u8>(p, 1);
        if ((c & 0xc0) == 0x80) {
          store<u16>(to, (b & 0x1f) << 6 | (c & 0x3f));
          to += 2;
          p += 2;
          continue;
        }
      }
      const c = sequence(p, end, b);
      p += <usize>(c >>> 24);
      const code = c & 0x1fffff;
      if (code == 0x1fffff) {
        if (!lossy) return -1;
        store<u16>(to, REPLACEMENT);
        to += 2;
      } else if (code < 0x10000) {
        store<u16>(to, code);
        to += 2;
      } else {
        store<u16>(to, 0xd7c0 + (code >> 10));
        store<u16>(to, 0xdc00 + (code & 0x3ff), 2);
        to += 4;
      }
    }
  }
  return <i32>(to - start) >> 1;
}

/** The sequence that starts with b >= 0x80: length << 24 | code point, 0x1fffff for an invalid one. */
function sequence(p: usize, end: usize, b: u32): u32 {
  const bad: u32 = 0x1fffff;
  let low: u32 = 0x80, high: u32 = 0xbf, more: u32;
  let code: u32;
  if (b >= 0xc2 && b <= 0xdf) {
    more = 1;
    code = b & 0x1f;
  } else if ((b & 0xf0) == 0xe0) {
    more = 2;
    code = b & 0x0f;
    if (b == 0xe0) low = 0xa0; // overlong
    else if (b == 0xed) high = 0x9f; // surrogates
  } else if (b >= 0xf0 && b <= 0xf4) {
    more = 3;
    code = b & 0x07;
    if (b == 0xf0) low = 0x90; // overlong
    else if (b == 0xf4) high = 0x8f; // beyond U+10FFFF
  } else return 1 << 24 | bad;
  for (let i: u32 = 1; i <= more; i++) {
    if (p + i >= end) return i << 24 | bad;
    const c = <u32>load<u8>(p + i);
    if (c < low || c > high) return i << 24 | bad;
    code = code << 6 | (c & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return (more + 1) << 24 | code;
}

/** Bytes that suffice for s in UTF-8: exact but for pairs of surrogates. */
export function sizeBound(s: string): i32 {
  const n = s.length;
  let p = changetype<usize>(s), size = n, i = 0;
  for (; i + 8 <= n; i += 8, p += 16) {
    const x = v128.load(p);
    size += popcnt(i16x8.bitmask(i16x8.gt_u(x, i16x8.splat(0x7f))));
    size += popcnt(i16x8.bitmask(i16x8.gt_u(x, i16x8.splat(0x7ff))));
  }
  for (; i < n; i++, p += 2) {
    const c = load<u16>(p);
    size += i32(c > 0x7f) + i32(c > 0x7ff);
  }
  return size;
}

/** Encodes n units of s at `to`, which has room for sizeBound(s) bytes; returns the bytes written. */
export function encodeTo(s: string, n: i32, to: usize): i32 {
  let p = changetype<usize>(s);
  const start = to, end = p + (<usize>n << 1);
  while (p < end) {
    for (; p + 32 <= end; p += 32, to += 16) {
      const a = v128.load(p), b = v128.load(p, 16);
      if (v128.any_true(v128.and(v128.or(a, b), i16x8.splat(<i16>0xff80)))) break;
      v128.store(to, i8x16.narrow_i16x8_u(a, b));
    }
    for (; p + 16 <= end; p += 16, to += 16) { // eight letters of two bytes
      const x = v128.load(p), high = i16x8.sub(x, i16x8.splat(0x80));
      if (!i16x8.all_true(i16x8.lt_u(high, i16x8.splat(0x780)))) break;
      const lead = v128.or(i16x8.shr_u(x, 6), i16x8.splat(0xc0));
      const tail = i16x8.shl(v128.or(v128.and(x, i16x8.splat(0x3f)), i16x8.splat(0x80)), 8);
      v128.store(to, v128.or(lead, tail));
    }
    const stop = min(p + 16, end);
    while (p < stop) {
      let c = <u32>load<u16>(p);
      p += 2;
      if (c < 0x80) {
        store<u8>(to++, c);
      } else if (c < 0x800) {
        store<u8>(to, 0xc0 | c >> 6);
        store<u8>(to, 0x80 | (c & 0x3f), 1);
        to += 2;
      } else {
        if ((c & 0xf800) == 0xd800) {
          const d: u32 = p < end ? load<u16>(p) : 0;
          if (c < 0xdc00 && (d & 0xfc00) == 0xdc00) {
            p += 2;
            c = 0x10000 + ((c & 0x3ff) << 10 | (d & 0x3ff));
            store<u8>(to, 0xf0 | c >> 18);
            store<u8>(to, 0x80 | (c >> 12 & 0x3f), 1);
            store<u8>(to, 0x80 | (c >> 6 & 0x3f), 2);
            store<u8>(to, 0x80 | (c & 0x3f), 3);
            to += 4;
            continue;
          }
          c = REPLACEMENT;
        }
        store<u8>(to, 0xe0 | c >> 12);
        store<u8>(to, 0x80 | (c >> 6 & 0x3f), 1);
        store<u8>(to, 0x80 | (c & 0x3f), 2);
        to += 3;
      }
    }
  }
  return <i32>(to - start);
}
