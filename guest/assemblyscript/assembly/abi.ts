// SPDX-License-Identifier: Apache-2.0
// abi.ts -- the memory that the host and the module share, and the numbers of the ABI.
//
// One block, laid out so that a room which has handled a small message has touched as few pages as
// can be: descriptor, results, arguments and the head of the inbox share the first page; the
// program's own data and its heap follow right behind the inbox.

/** Bytes that the host may write as the result of a host function; longer ones are read on. */
export const OUT_CAP: i32 = 512;
/** Bytes of arguments on their way to the host; longer ones take a buffer from the heap. */
export const TMP_CAP: i32 = 512;
/** Bytes of the inbox, its head included; larger payloads are pulled. */
export const INBOX_CAP: i32 = 16384;
export const INBOX_HEAD: i32 = 16;
const DESC_SIZE: i32 = 32;

// @ts-ignore: decorator
@lazy const DESC: usize = memory.data(DESC_SIZE + OUT_CAP + TMP_CAP + INBOX_CAP, 16);
// @ts-ignore: decorator
@lazy export const OUT: usize = DESC + DESC_SIZE;
// @ts-ignore: decorator
@lazy export const TMP: usize = OUT + OUT_CAP;
// @ts-ignore: decorator
@lazy export const INBOX: usize = TMP + TMP_CAP;
// @ts-ignore: decorator
@lazy export const PAYLOAD: usize = INBOX + INBOX_HEAD;

export namespace Kind {
  export const TEXT: u32 = 0;
  export const BINARY: u32 = 1;
}
export namespace Flag {
  export const BINARY: u32 = 1;
  export const PULL: u32 = 2;
  export const STALE: u32 = 4;
}
export namespace Err {
  export const NOT_FOUND: i32 = -1;
  export const GONE: i32 = -2;
  export const ARGS: i32 = -3;
  export const TOO_BIG: i32 = -4;
  export const LIMIT: i32 = -5;
  export const TIMEOUT: i32 = -6;
  export const UNAVAILABLE: i32 = -7;
  export const DENIED: i32 = -8;
}
export const PENDING: i32 = i32.MIN_VALUE;

/** What ramp_abi_v1() returns. */
export function describe(): usize {
  store<u32>(DESC, DESC_SIZE, 0);
  store<u32>(DESC, <u32>INBOX, 4);
  store<u32>(DESC, INBOX_CAP, 8);
  store<u32>(DESC, 1, 12); // RESUMABLE: a throw leaves the room sound
  store<u32>(DESC, 0x00000100, 16); // this SDK: 0.1.0
  return DESC;
}
