/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one event loop: timers, descriptors and signals, on libevent, whose `struct event` is not
 * ours and stays behind this header.  One thread; callbacks run to their end.
 */
#ifndef GOTIDE_SESSION_LOOP_H
#define GOTIDE_SESSION_LOOP_H

#include "base/err.h"

struct loop;
struct event_base;

int loop_new(struct loop **ret) _must_check_;
void loop_free(struct loop *l); /* NULL is fine; forgets all that was added */

typedef void loop_fn(void *arg);

/* Calls fn every seconds, or once if not repeating. */
int loop_add_timer(struct loop *l, double seconds, bool repeats, loop_fn *fn,
		   void *arg) _must_check_;
/* Calls fn whenever fd, which stays the caller's, is readable. */
int loop_add_fd(struct loop *l, int fd, loop_fn *fn, void *arg) _must_check_;
int loop_add_signal(struct loop *l, int signal, loop_fn *fn, void *arg) _must_check_;

/* libevent's own, for session/http and session/aside. */
struct event_base *loop_base(struct loop *l);

/* Runs until loop_stop(). */
int loop_run(struct loop *l) _must_check_;
void loop_stop(struct loop *l);

#endif
