/* SPDX-License-Identifier: Apache-2.0 */
/* control.h -- the control API, /_ramp/v1/...: each function takes one authorised request and answers it,
 * now or later.
 *
 * Before:   routes.c, which knows the paths.
 * After:    control.c (services), gather.c (what all workers know), room_state.c (one room), callers.c (call
 *           API), feed.c.
 * Not here: who may (auth.h).
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "server/server.h"

#include <jansson.h>

/* control.c */
void control_deploy(struct worker *worker, struct exchange *exchange, const char *service);
void control_rollback(struct worker *worker, struct exchange *exchange, const char *rest);
void control_services(struct worker *worker, struct exchange *exchange, const char *service);
/* Answers with JSON; takes `json` (NULL: no memory). */
void control_reply(struct exchange *exchange, int status, json_t *json);
/* Answers with {"error": {"code", "message"}}, and the HTTP status that fits. */
void control_reply_failed(struct exchange *exchange, ramp_status status, const char *message);
int control_http_status(ramp_status status);
/* The segment of that index of a route's `rest` ("chat/rollback"), cut to the capacity; "": there is none. */
void control_part(const char *rest, unsigned index, char *out, size_t capacity);
/* The first value of a parameter of the query, decoded: mem_free(). NULL: absent, or `*ret_bad`: it is
 * there, but broken. */
char *control_query(const struct exchange *exchange, const char *name, bool *ret_bad);

/* gather.c */
void control_modules(struct worker *worker, struct exchange *exchange, const char *rest);
void control_rooms(struct worker *worker, struct exchange *exchange, const char *rest);
void control_stats(struct worker *worker, struct exchange *exchange, const char *rest);
void control_metrics(struct worker *worker, struct exchange *exchange);

/* callers.c */
void control_call(struct worker *worker, struct exchange *exchange, const char *rest);
void control_events(struct worker *worker, struct exchange *exchange, const char *rest);

/* room_state.c */
void control_room(struct worker *worker, struct exchange *exchange, const char *rest);
void control_source(struct worker *worker, struct exchange *exchange, const char *rest);

/* inspect.c */
void control_db(struct worker *worker, struct exchange *exchange, const char *rest);
void control_kv(struct worker *worker, struct exchange *exchange, const char *rest);

/* feed.c */
void control_feed(struct worker *worker, struct exchange *exchange, const char *rest);
void control_logs(struct worker *worker, struct exchange *exchange, const char *rest);

#endif
