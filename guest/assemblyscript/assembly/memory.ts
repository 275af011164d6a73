// SPDX-License-Identifier: Apache-2.0
// memory.ts -- what the allocator calls; imports nothing that needs the allocator.
import * as host from "./imports";

/** The allocator has met the room's limit. The trap that follows throws the instance away. */
export function rampOutOfMemory(): void {
  const text = memory.data<u8>([
    111, 117, 116, 32, 111, 102, 32, 109, 101, 109, 111, 114, 121, // "out of memory"
  ]);
  host.log(3, text, 13);
  unreachable();
}
