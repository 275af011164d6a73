// SPDX-License-Identifier: Apache-2.0
const list: string[] = [];

export function helperFails(n: i32): void {
  list.push("one");
  list.push(/*>helper*/list[n + 1]);
}
