/* SPDX-License-Identifier: Apache-2.0 */
/* memory_db.h -- a db driver in memory, as small as one can be: it stores what rooms commit and forgets it
 * with the process. It answers later, from the program's loop, as a driver of a real database does.
 */
#ifndef EMBED_MEMORY_DB_H
#define EMBED_MEMORY_DB_H

#include <ramp/driver.h>

enum { MEMORY_DB_ROWS = 64, MEMORY_DB_REQUESTS = 64, MEMORY_DB_TEXT = 256 };

/* One key of one room; the room's head has the key "". */
struct memory_row {
    char room[MEMORY_DB_TEXT], key[MEMORY_DB_TEXT]; /* room: "service/room" */
    char value[MEMORY_DB_TEXT];
    size_t size;
    bool is_set;
    ramp_head head;
};

struct memory_request {
    ramp_ticket ticket;
    ramp_answer answer;
    char value[MEMORY_DB_TEXT];
};

struct memory_db { /* all zero: empty */
    struct memory_row rows[MEMORY_DB_ROWS];
    struct memory_request requests[MEMORY_DB_REQUESTS];
    size_t row_count, request_count;
};

ramp_db memory_db_driver(struct memory_db *db);
/* Answers what has been asked; how many answers there were. */
size_t memory_db_answer(struct memory_db *db, ramp_host *host);

#endif
