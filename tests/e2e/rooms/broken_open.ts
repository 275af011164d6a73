// SPDX-License-Identifier: Apache-2.0
// Builds and passes the deploy's trial, then fails to open any room that has a state to take over.
import { Connection, Message, OpenReason, Saved } from "ramp-sdk";

export function onOpen(reason: OpenReason, saved: Saved | null): void {
  if (reason == OpenReason.NewVersion) throw new Error("this version cannot take over");
}
export function onSave(): string {
  return "";
}
export function onMessage(conn: Connection, msg: Message): void {
  conn.send("wrong version");
}
