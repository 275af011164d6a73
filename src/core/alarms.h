/* SPDX-License-Identifier: Apache-2.0 */
/* alarms.h -- which rooms of this host are to be woken by their alarm, and when.
 *
 * Door:   alarms_set() when a call has set or cleared one; alarms_step() rings those that are due.
 * Before: call.c, gate.c (a room's head), the db driver's list.
 * After:  room_ring(): the room decides by what is stored about it. What is known here is a hint.
 *
 * The db holds the alarms (CONTRACT 5.3). The host asks it every LIMIT_ALARM_SCAN_MS for those that are
 * due soon, and so knows of rooms that are not open, also after a restart.
 */
#ifndef CORE_ALARMS_H
#define CORE_ALARMS_H

#include "base/heap.h"
#include "base/map.h"
#include "core/requests.h"

struct alarms {
    struct map rooms; /* "service\0room" -> struct alarm */
    struct heap due;  /* by at_ms */
    struct request request;
    uint64_t scan_ns; /* monotonic: when the db is asked next */
    int64_t until_ms; /* of the scan under way */
};

void alarms_init(ramp_host *host, uint64_t seed);
void alarms_done(ramp_host *host);
/* The room's alarm is at this time (Unix ms; 0: there is none). Forgets how often it has failed. */
void alarms_set(ramp_host *host, const char *service, const char *room, int64_t at_ms);
/* on_alarm has failed: it is rung again, later. false: it has failed too often. */
bool alarms_retry(ramp_host *host, const char *service, const char *room);
/* The room could not be called, or asked whether it is due: it is rung again. */
void alarms_postpone(ramp_host *host, const char *service, const char *room);
void alarms_step(ramp_host *host);
/* Monotonic ns; UINT64_MAX: nothing. */
uint64_t alarms_deadline(const ramp_host *host);

#endif
