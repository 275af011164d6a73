/* SPDX-License-Identifier: Apache-2.0 */
/* life.h -- an instance's life: opened with the room's saved state, saved, changed over to another
 * version, thrown away.
 *
 * Door:   room_begin_open(), room_begin_save(), room_begin_switch().
 * Before: room.c, which decides when.
 * After:  the states driver, the engine; service.c is told how a change of version ended.
 */
#ifndef CORE_LIFE_H
#define CORE_LIFE_H

#include "core/room.h"

/* What became of something that was to begin. */
enum begun {
    BEGUN_CALL,  /* room->call is to be run */
    BEGUN_WAITS, /* for an answer, or for its turn: the room is woken */
    BEGUN_FAILED /* and everybody has been told */
};

enum begun room_begin_open(struct room *room);
/* The call that opened the room has ended. */
void room_opened(struct room *room, const struct call *call);
/* The call that opened the room's new version has returned, and its batch is about to be carried out. */
void room_adopt(struct room *room);
/* The new version does not open: the old one goes on. */
void room_restore(struct room *room, const char *why);

/* The module keeps what it has in on_save, and there is somewhere to put it. */
bool room_can_save(const struct room *room);
/* It can, has something to save, and has not just failed to. */
bool room_must_save(const struct room *room);
/* false: no memory. */
bool room_begin_save(struct room *room);
enum begun room_begin_switch(struct room *room);

/* With its timers. */
void room_close_instance(struct room *room);
void room_set_module(struct room *room, struct module *module);
/* The room changes over to another version of its service between two calls; NULL: it does not. */
void room_set_next(struct room *room, struct module *module);
/* The room is freed. */
void room_life_done(struct room *room);

#endif
