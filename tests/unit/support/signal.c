/* SPDX-License-Identifier: Apache-2.0 */
/* signal.c -- keeps cmocka's hands off the signals that the engine needs.
 *
 * cmocka sets handlers for faults around every test. The engine sets its own once, at the first
 * engine_new(), and a guest's out-of-bounds access must reach them. So in tests signal() leaves these
 * alone; a fault of the test itself then ends it with a core instead of a line of cmocka's.
 */
#include <signal.h>
#include <string.h>

void (*signal(int number, void (*handler)(int)))(int) {
    struct sigaction action, old;

    if (number == SIGSEGV || number == SIGILL || number == SIGFPE) return SIG_DFL;
    memset(&action, 0, sizeof(action));
    memset(&old, 0, sizeof(old));
    action.sa_handler = handler;
    if (sigaction(number, &action, &old)) return SIG_ERR;
    return old.sa_handler;
}
