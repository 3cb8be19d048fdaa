/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a service tells its manager: sd_notify(3)'s protocol, one datagram per message to the socket
 * that the environment names.  The socket is opened once, so that a process that may open none
 * afterwards still can tell.
 */
#ifndef GOTIDE_BASE_NOTIFY_H
#define GOTIDE_BASE_NOTIFY_H

#include "base/err.h"

struct notify {
	int fd; /* -1: nobody wants to know */
	double watchdog_s; /* a sign of life is wanted this often; 0: none is */
};

/*
 * By NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are taken out of the environment.  A
 * socket that cannot be connected to is none: -errno, and *ret says nothing to anybody.
 */
int notify_open(struct notify *ret) _must_check_;
void notify_close(struct notify *n);

/* "READY=1", "STOPPING=1"...  What is not received is not sent again. */
void notify_send(const struct notify *n, const char *message);

#endif
