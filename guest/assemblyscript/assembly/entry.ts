// SPDX-License-Identifier: Apache-2.0
// entry.ts -- what the entry that the build writes needs; not for rooms.
export { describe } from "./abi";
export { CallError, Saved, saveState } from "./calls";
export { beginCall, endCall, payloadBytes, payloadText } from "./host";
export { Request, Response } from "./http";
export { connOf, leavingConn, Message, OpenReason } from "./room";
