/* SPDX-License-Identifier: Apache-2.0 */
/* next.c -- what to do next about a failure; see next.h. */
#include "cli/next.h"

#include <stddef.h>
#include <string.h>

static const struct {
    enum next_where where;
    const char *part; /* of the sentence */
    const char *next;
} nexts[] = {
    {NEXT_SERVER, "there is no service ",
     "; `ramp deploy` makes one, and `ramp rooms` shows what runs"},
    {NEXT_SERVER, "has no version from before",
     "; `ramp versions` lists those that the server keeps"},
    {NEXT_SERVER, "not a WebAssembly module", "; `ramp build` makes one of src/room.ts"},
    {NEXT_SERVER, "must have a memory and export it", "; modules made by `ramp build` have it"},
    {NEXT_MODULE, "not a WebAssembly module", "; `ramp build` makes one of src/room.ts"},
    {NEXT_MODULE, "must have a memory and export it", "; modules made by `ramp build` have it"},
    {NEXT_MODULE, "No such file or directory", "; `ramp build` makes a module of src/room.ts"},
    {NEXT_MODULE, "Is a directory", "; `ramp build` makes a module of the project in a folder"},
    {NEXT_START, "another program uses this port",
     "; end that one, or choose another address with --listen"},
    {NEXT_START, "Cannot assign requested address",
     "; name an address that this machine has, or 0.0.0.0 for all"},
    {NEXT_START, "cannot listen on ", "; choose another address with --listen"},
    {NEXT_START, "another ramp serves the data folder", "; end that one, or choose another folder"},
    {NEXT_START, "the data folder ", "; choose another folder"},
    {NEXT_START, "cannot write ", "; `ramp doctor` looks at disk and data folder"},
};

const char *next_of(enum next_where where, const char *message) {
    for (size_t i = 0; i < sizeof(nexts) / sizeof(nexts[0]); i++)
        if (nexts[i].where == where && strstr(message, nexts[i].part)) return nexts[i].next;
    return "";
}
