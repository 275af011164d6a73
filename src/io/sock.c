/* SPDX-License-Identifier: Apache-2.0 */
/* sock.c -- see sock.h. */
#define _GNU_SOURCE
#include "io/sock.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* ---- listening ----------------------------------------------------------------------------- */

/* Splits HOST:PORT; the port is 0 to 65535. */
static bool address_split(const char *address, char *host, size_t host_size, char port[6]) {
    const char *colon = strrchr(address, ':'), *start = address, *end = colon;
    size_t digits;
    long number = 0;

    if (!colon) return false;
    if (*start == '[') {
        if (end == start || end[-1] != ']') return false;
        start++;
        end--;
    } else if (memchr(start, ':', (size_t)(end - start))) {
        return false; /* IPv6 without brackets: which colon is the port's? */
    }
    digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0') return false;
    for (size_t i = 0; i < digits; i++) number = number * 10 + (colon[1 + i] - '0');
    if (number > 65535 || end == start || (size_t)(end - start) >= host_size) return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    memcpy(port, colon + 1, digits + 1);
    return true;
}

static bool set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_options(int fd) {
    return set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           /* The kernel doubles it for its own bookkeeping. */
           set(fd, SOL_SOCKET, SO_SNDBUF, (int)LIMIT_SEND_BUFFER) &&
           set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)LIMIT_TCP_IDLE_S) &&
           set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)LIMIT_TCP_PROBE_S) &&
           set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)LIMIT_TCP_PROBES) &&
           set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)LIMIT_TCP_UNANSWERED_MS) &&
           set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void address_write(int fd, char text[SOCK_ADDRESS_MAX]) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN] = "";

    getsockname(fd, (struct sockaddr *)&address, &size);
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(text, SOCK_ADDRESS_MAX, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, SOCK_ADDRESS_MAX, "%s:%u", host, ntohs(in->sin_port));
    }
}

int sock_listen(const char *address, char ret_address[SOCK_ADDRESS_MAX], char *ret_message,
                size_t message_size) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[256], port[6];
    int fd = -1, failed;

    if (!address_split(address, host, sizeof(host), port)) {
        snprintf(ret_message, message_size,
                 "'%s' is no address to listen on; it has the form HOST:PORT or [IPV6]:PORT",
                 address);
        errno = EINVAL;
        return -1;
    }
    failed = getaddrinfo(host, port, &hints, &found);
    if (failed) {
        snprintf(ret_message, message_size, "cannot listen on %s: %s", address,
                 gai_strerror(failed));
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !set_options(fd) || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        snprintf(ret_message, message_size, "cannot listen on %s: %s", address,
                 errno == EADDRINUSE ? "another program uses this port" : strerror(errno));
        if (fd >= 0) close(fd);
        fd = -1;
    } else {
        address_write(fd, ret_address);
    }
    freeaddrinfo(found);
    return fd;
}

/* ---- clients ------------------------------------------------------------------------------- */

static uint64_t big_endian(const uint8_t *bytes, size_t size) {
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) number = number << 8 | bytes[i];
    return number;
}

static struct sock_from from_of(const struct sockaddr_storage *address) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    const uint8_t *bytes = in6->sin6_addr.s6_addr;
    uint64_t ipv4;

    if (address->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return (struct sock_from){big_endian(bytes, 8), IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)};
    ipv4 = address->ss_family == AF_INET6
               ? big_endian(bytes + 12, 4)
               : ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
    return (struct sock_from){UINT64_C(0xffff) << 32 | ipv4, ipv4 >> 24 == 127};
}

int sock_accept(int listener, struct sock_from *ret_from) {
    struct sockaddr_storage address = {0};
    socklen_t size;
    int fd;

    do {
        size = sizeof(address);
        fd = accept4(listener, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) return -errno;
    *ret_from = from_of(&address);
    return fd;
}

ssize_t sock_receive(int fd, void *bytes, size_t size) {
    ssize_t received;

    do received = recv(fd, bytes, size, 0);
    while (received < 0 && errno == EINTR);
    return received < 0 ? -errno : received;
}

ssize_t sock_send(int fd, const struct iovec *parts, int part_count) {
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)part_count};
    ssize_t sent;

    do
        sent = part_count == 1 ? send(fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                               : sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

void sock_peer(int fd, char ret_text[SOCK_ADDRESS_MAX], bool *ret_loopback) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    ret_text[0] = '\0';
    *ret_loopback = false;
    if (getpeername(fd, (struct sockaddr *)&address, &size) != 0) return;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &in->sin_addr, ret_text, SOCK_ADDRESS_MAX);
        *ret_loopback = (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        const uint8_t *bytes = in6->sin6_addr.s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            inet_ntop(AF_INET, bytes + 12, ret_text, SOCK_ADDRESS_MAX);
            *ret_loopback = bytes[12] == 127;
        } else {
            inet_ntop(AF_INET6, bytes, ret_text, SOCK_ADDRESS_MAX);
            *ret_loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
        }
    }
}

void sock_unlisten(int fd) {
    shutdown(fd, SHUT_RD);
}

void sock_shutdown(int fd) {
    shutdown(fd, SHUT_WR);
}

void sock_reset(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}
