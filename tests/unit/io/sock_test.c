/* SPDX-License-Identifier: Apache-2.0 */
/* sock_test.c -- addresses, ports in use, and what a listening socket hands down to its clients. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "io/loop.h"
#include "io/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char address[SOCK_ADDRESS_MAX], message[200];

static int listen_or_fail(const char *where) {
    int fd = sock_listen(where, address, message, sizeof(message));
    if (fd < 0) fail_msg("%s", message);
    return fd;
}

static int connect_to_address(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void refused(const char *where, const char *sentence) {
    assert_int_equal(sock_listen(where, address, message, sizeof(message)), -1);
    if (!strstr(message, sentence)) fail_msg("'%s' says: %s", where, message);
    assert_non_null(strstr(message, where));
}

static void listening_takes_addresses_with_a_port(void **state) {
    (void)state;
    close(listen_or_fail("127.0.0.1:0"));
    assert_int_equal(strncmp(address, "127.0.0.1:", 10), 0);
    assert_int_not_equal(strtoul(address + 10, NULL, 10), 0);
    close(listen_or_fail("localhost:0"));

    refused("127.0.0.1", "HOST:PORT");
    refused("127.0.0.1:", "HOST:PORT");
    refused(":80", "HOST:PORT");
    refused("127.0.0.1:65536", "HOST:PORT");
    refused("127.0.0.1:8o", "HOST:PORT");
    refused("::1:80", "HOST:PORT");
    refused("[::1:80", "HOST:PORT");
    refused("192.0.2.1:0", "cannot listen on");
}

static void listening_twice_on_a_port_is_an_error(void **state) {
    int fd = listen_or_fail("127.0.0.1:0");
    char taken[SOCK_ADDRESS_MAX];

    (void)state;
    memcpy(taken, address, sizeof(taken));
    refused(taken, "another program uses this port");
    close(fd);
    /* A port of connections that are merely closing is free. */
    fd = listen_or_fail(taken);
    close(fd);
}

static int option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void clients_inherit_every_option(void **state) {
    int listener = listen_or_fail("127.0.0.1:0"), client = connect_to_address(), fd;
    char peer[SOCK_ADDRESS_MAX];
    struct sock_from from;
    bool is_loopback;

    (void)state;
    fd = sock_accept(listener, &from);
    assert_true(fd >= 0);
    assert_int_equal(sock_accept(listener, &from), -EAGAIN);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), LIMIT_TCP_IDLE_S);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), LIMIT_TCP_UNANSWERED_MS);
    assert_int_equal(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * LIMIT_SEND_BUFFER);
    sock_peer(fd, peer, &is_loopback);
    assert_string_equal(peer, "127.0.0.1");
    assert_true(is_loopback);
    close(fd);
    close(client);
    close(listener);
}

/* Accepts a client of 127.0.0.1, who may come in by IPv6. */
static struct sock_from from_of_client(const char *where) {
    int listener = listen_or_fail(where), client = connect_to_address(), fd;
    struct sock_from from;

    fd = sock_accept(listener, &from);
    assert_true(fd >= 0);
    close(fd);
    close(client);
    close(listener);
    return from;
}

static void a_client_comes_from_the_same_network_by_ipv4_and_mapped(void **state) {
    struct sock_from from = from_of_client("0.0.0.0:0");
    int fd = sock_listen("[::]:0", address, message, sizeof(message));

    (void)state;
    assert_int_equal(from.network, UINT64_C(0xffff7f000001));
    assert_true(from.is_loopback);
    if (fd < 0) return; /* a machine without IPv6 */
    close(fd);
    from = from_of_client("[::]:0");
    assert_int_equal(from.network, UINT64_C(0xffff7f000001));
    assert_true(from.is_loopback);
}

static void sending_stops_at_the_bound_and_a_reset_is_seen(void **state) {
    static uint8_t bytes[1 << 20];
    int listener = listen_or_fail("127.0.0.1:0"), client = connect_to_address();
    struct sock_from from;
    int fd = sock_accept(listener, &from);
    struct iovec parts[2] = {{bytes, 1000}, {bytes, sizeof(bytes)}};
    ssize_t sent;
    size_t total = 0;

    (void)state;
    while ((sent = sock_send(fd, parts, 2)) > 0) total += (size_t)sent;
    assert_int_equal(sent, -EAGAIN);
    /* Ours is 256 KiB at most; the rest is the reader's buffer. */
    assert_true(total < 8u << 20);
    sock_reset(fd);
    while ((sent = recv(client, bytes, sizeof(bytes), 0)) > 0) continue;
    assert_int_equal(sent, -1);
    assert_int_equal(errno, ECONNRESET);
    close(client);
    close(listener);
}

struct watched {
    struct source source;
    unsigned seen;
};

static void note(struct source *source, unsigned what) {
    ((struct watched *)(void *)source)->seen |= what;
}

static unsigned seen_now(struct loop *loop, struct watched *watched) {
    watched->seen = 0;
    loop_announce_wait(loop);
    loop_wait(loop, 50);
    loop_dispatch(loop);
    return watched->seen;
}

static void loop_reports_what_is_armed(void **state) {
    int pair[2];
    struct loop loop;
    struct watched watched = {0};

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    watched.source = (struct source){.fd = pair[0], .ready = note};
    assert_true(loop_init(&loop));
    assert_true(loop_watch(&loop, &watched.source, LOOP_READ));
    assert_int_equal(seen_now(&loop, &watched), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(seen_now(&loop, &watched), LOOP_READ);
    assert_int_equal(seen_now(&loop, &watched), LOOP_READ); /* level-triggered */
    loop_rearm(&loop, &watched.source, LOOP_WRITE);
    assert_int_equal(seen_now(&loop, &watched), LOOP_WRITE);
    loop_rearm(&loop, &watched.source, 0);
    assert_int_equal(seen_now(&loop, &watched), 0);
    close(pair[1]);
    assert_int_equal(seen_now(&loop, &watched), LOOP_GONE); /* even when nothing is armed */
    loop_unwatch(&loop, &watched.source);
    assert_int_equal(seen_now(&loop, &watched), 0);
    close(pair[0]);
    loop_done(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_takes_addresses_with_a_port),
        cmocka_unit_test(listening_twice_on_a_port_is_an_error),
        cmocka_unit_test(clients_inherit_every_option),
        cmocka_unit_test(a_client_comes_from_the_same_network_by_ipv4_and_mapped),
        cmocka_unit_test(sending_stops_at_the_bound_and_a_reset_is_seen),
        cmocka_unit_test(loop_reports_what_is_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
