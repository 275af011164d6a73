/* SPDX-License-Identifier: Apache-2.0 */
/* sock.h -- TCP sockets, as far as the kernel is concerned.
 *
 * Door:     sock_listen(), sock_accept(), sock_receive(), sock_send().
 * Before:   server/server.c (listening), server/conn.c (everything else).
 *
 * Every option that a client's socket needs is set on the listening one and inherited: an accept costs
 * one system call. They bound what the kernel holds for a client that does not read (send buffer), and
 * find out that one has vanished without a word (keep-alive, user timeout).
 */
#ifndef IO_SOCK_H
#define IO_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SOCK_ADDRESS_MAX 64 /* "[address]:port" with its NUL */

/* Listens on HOST:PORT (IPv6: [HOST]:PORT; port 0: any free one). A port that another program uses is an
 * error, whoever that is. Writes the address with the real port. Returns the descriptor, or -1 with a
 * sentence in `ret_message`; errno is EINVAL if `address` has not that form. */
int sock_listen(const char *address, char ret_address[SOCK_ADDRESS_MAX], char *ret_message,
                size_t message_size);

/* Where a client comes from, as a number to count by: an IPv4 address, or the first half of an IPv6 one. */
struct sock_from {
    uint64_t network;
    bool is_loopback;
};

/* All of these return a negative errno on failure. */
int sock_accept(int listener, struct sock_from *ret_from); /* the new descriptor */
ssize_t sock_receive(int fd, void *bytes, size_t size);    /* 0: the peer sends no more */
ssize_t sock_send(int fd, const struct iovec *parts, int part_count);

/* The peer's address without port; "" if it has gone. */
void sock_peer(int fd, char ret_text[SOCK_ADDRESS_MAX], bool *ret_loopback);
/* A listening socket hears no more: who waits is reset, who comes is refused. For all threads that
 * share it. */
void sock_unlisten(int fd);
void sock_shutdown(int fd); /* no more from us; the peer may go on */
/* Closes with a reset: the kernel drops what it has not sent. */
void sock_reset(int fd);

#endif
