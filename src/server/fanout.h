/* SPDX-License-Identifier: Apache-2.0 */
/* fanout.h -- a call's events to the queues of our own sockets.
 *
 * Door:     fanout_outcome().
 * Before:   worker.c, inside ramp_host_step().
 * After:    outgoing.h; the bytes leave at the end of the turn (conn.c).
 *
 * A message is encoded once, whoever gets it: the recipients' queues share the frame.
 * Not here: recipients with another owner (callers.c), and all events that libramp carries out itself.
 */
#ifndef SERVER_FANOUT_H
#define SERVER_FANOUT_H

#include "server/worker.h"

void fanout_outcome(struct worker *worker, const ramp_outcome *outcome);

#endif
