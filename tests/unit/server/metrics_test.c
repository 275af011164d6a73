/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_test.c -- /metrics of a whole server is what Prometheus reads, and says what has happened. */
#define _GNU_SOURCE
#include "unit/server/live_server.h"

#include <ctype.h>

#define WORKERS 2

static int start(void **state) {
    (void)state;
    return live_start((struct server_options){.workers = WORKERS, .rooms_max = 32});
}

static int stop(void **state) {
    (void)state;
    return live_stop();
}

static char text[256 << 10];

/* Asks with the token; the answer's body is in `text`. */
static void get_metrics(void) {
    struct client *client = client_new();
    size_t size = 0;
    ssize_t got;
    char request[512], *body;

    snprintf(request, sizeof(request),
             "GET /metrics HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
             "Connection: close\r\n\r\n",
             server_token(server));
    say_text(client, request);
    while ((got = recv(client->fd, text + size, sizeof(text) - 1 - size, 0)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4"));
    body = strstr(text, "\r\n\r\n") + 4;
    memmove(text, body, strlen(body) + 1);
    client_free(client);
}

/* ---- a reader, as strict as the format's own description ----------------------------------------- */

static size_t name_size(const char *name) {
    size_t size = 0;

    while (isalnum((unsigned char)name[size]) || name[size] == '_' || name[size] == ':') size++;
    return isdigit((unsigned char)*name) ? 0 : size;
}

/* {a="b",c="d"}, in which a quote, a backslash and a line end are escaped. */
static const char *skip_labels(const char *at) {
    if (*at != '{') return at;
    do {
        size_t size = name_size(++at);
        assert_true(size > 0);
        at += size;
        assert_memory_equal(at, "=\"", 2);
        for (at += 2; *at != '"'; at++) {
            assert_true((unsigned char)*at >= 0x20);
            if (*at == '\\') assert_non_null(memchr("\\\"n", *++at, 3));
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

/* One `# HELP`, one `# TYPE`, then samples of that name, each with other labels. Returns what follows. */
static char *read_family(char *at, bool *ret_has_total) {
    char name[128] = "", type[16] = "", *samples, *line;
    size_t size;

    assert_int_equal(sscanf(at, "# HELP %127[a-z0-9_:] ", name), 1);
    assert_true(strncmp(name, "ramp_", 5) == 0);
    at = strchr(at, '\n') + 1;
    size = strlen(name);
    assert_memory_equal(at, "# TYPE ", 7);
    assert_memory_equal(at + 7, name, size);
    assert_int_equal(sscanf(at + 7 + size, " %15s", type), 1);
    *ret_has_total = size > 6 && strcmp(name + size - 6, "_total") == 0;
    assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0);
    if ((strcmp(type, "counter") == 0) != *ret_has_total) fail_msg("%s is of type %s", name, type);
    samples = at = strchr(at, '\n') + 1;
    for (line = samples; *line && *line != '#'; line = strchr(line, '\n') + 1) {
        const char *value;
        char *end;
        assert_int_equal(name_size(line), size);
        assert_memory_equal(line, name, size);
        value = skip_labels(line + size);
        assert_int_equal(*value, ' ');
        strtod(value + 1, &end);
        if (end == value + 1 || *end != '\n') fail_msg("no number: %.80s", line);
        /* No two samples have the same labels. */
        for (char *other = samples; other < line; other = strchr(other, '\n') + 1)
            assert_memory_not_equal(other, line, (size_t)(value - line) + 1);
    }
    if (line == samples) fail_msg("%s has no sample", name);
    return line;
}

static void the_text_is_what_prometheus_reads(void **state) {
    unsigned families = 0, counters = 0;
    char name[160], *found;

    (void)state;
    get_metrics();
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *at = text; *at; families++) {
        bool has_total;
        assert_int_equal(sscanf(at, "# HELP %127[a-z0-9_:]", name), 1);
        at = read_family(at, &has_total);
        counters += has_total;
        /* A family comes once. */
        snprintf(name + strlen(name), sizeof(name) - strlen(name), " ");
        for (found = at; (found = strstr(found, "# HELP ")) != NULL; found += 7)
            assert_memory_not_equal(found + 7, name, strlen(name));
    }
    assert_true(families > 30 && counters > 20);
}

static double sum_of(const char *name) {
    double sum = 0;
    unsigned samples = 0;
    size_t size = strlen(name);

    for (char *at = text; (at = strstr(at, name)) != NULL; at += size) {
        if ((at != text && at[-1] != '\n') || at[size] != '{') continue;
        sum += strtod(skip_labels(at + size), NULL);
        samples++;
    }
    assert_int_equal(samples, WORKERS);
    return sum;
}

static void the_numbers_are_those_of_what_has_happened(void **state) {
    struct client *clients[5];
    char upgrade[256];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        snprintf(upgrade, sizeof(upgrade), UPGRADE("/echo/m%u"), i);
        clients[i] = member(upgrade);
        send_frame(clients[i], 0x81, "x");
        expect(clients[i],
               "\x81\x01"
               "x",
               3);
    }
    usleep(100000); /* snapshots of hosts are at most 20 ms old when a worker sleeps */
    get_metrics();
    assert_true(sum_of("ramp_websocket_joins_total") == 5);
    assert_true(sum_of("ramp_websocket_messages_in_total") == 5);
    assert_true(sum_of("ramp_websocket_messages_out_total") == 5);
    assert_true(sum_of("ramp_connections") == 6); /* and the one that asks */
    assert_true(sum_of("ramp_room_connections") == 5);
    assert_true(sum_of("ramp_rooms") == 5);
    assert_true(sum_of("ramp_modules") >= 1);
    for (unsigned i = 0; i < 5; i++) client_free(clients[i]);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_what_prometheus_reads),
        cmocka_unit_test(the_numbers_are_those_of_what_has_happened),
    };
    int code;

    return live_main(argc, argv, &code) ? cmocka_run_group_tests(tests, start, stop) : code;
}
