/* SPDX-License-Identifier: Apache-2.0 */
/* next.h -- what to do next about a failure, for sentences of layers that know no verbs.
 *
 * Door:   next_of().
 * Before: serve, dev, check, deploy, and target.h for what a server answers.
 *
 * The server, its store and the kernel say what is wrong; only here is known what people can type about it.
 */
#ifndef CLI_NEXT_H
#define CLI_NEXT_H

enum next_where {
    NEXT_SERVER, /* a server's answer */
    NEXT_MODULE, /* a module's file, or what is in it */
    NEXT_START   /* a server of ours that does not start */
};

/* "; end what listens there, ...", to be put behind the sentence; "" if it says enough. */
const char *next_of(enum next_where where, const char *message);

#endif
