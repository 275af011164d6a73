/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h -- single keys of a terminal, as they are pressed.
 *
 * Door:     keys_open(), keys_start(), keys_close().
 * Before:   dev.c. After: the terminal, and its state as it was, however we end.
 *
 * Ctrl-C and Ctrl-Z stay what they are. A process that waits for our end puts the terminal back, so that
 * it is whole after a crash and a SIGKILL, too. Without a terminal, or in the background, nothing of this
 * happens.
 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>
#include <uv.h>

#define KEYS_GONE '\0' /* a key that tells that the terminal has been closed */

struct keys {
    bool is_open;
    int guard; /* the pipe whose end tells the guard of ours */
    uv_poll_t poll;
    uv_signal_t resumed;
    unsigned open_handles;
    enum { KEYS_NOTHING, KEYS_ESCAPE, KEYS_SEQUENCE } skipping;
    void (*on_key)(void *context, char key);
    void *context;
};

/* Before there are threads: it forks. If there is no terminal to read keys from it stays closed. */
void keys_open(struct keys *keys);
/* Keys go to `on_key` from now on, if it is open. */
void keys_start(struct keys *keys, uv_loop_t *loop, void (*on_key)(void *context, char key),
                void *context);
/* Lets go of the loop; all is closed when open_handles is 0, after turns of the loop. */
void keys_stop(struct keys *keys);
/* Afterwards: the terminal is as it was. */
void keys_close(struct keys *keys);

#endif
