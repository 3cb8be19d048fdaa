/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's ring buffer, drained: each record decoded and handed on, and as it came for those
 * who write tapes.  Called by session when its descriptor is readable and on a timer, because the
 * kernel wakes us only when the ring fills up.
 */
#ifndef GOTIDE_EVENT_RING_H
#define GOTIDE_EVENT_RING_H

#include "event/event.h"

/* Records taken in one ring_consume(), so that a storm cannot keep the caller in it. */
#define RING_CONSUME_MAX 65536

/* ev and data are valid during the call; data is the wire record, size its bytes. */
typedef void ring_fn(const struct event *ev, const void *data, size_t size, void *arg);

struct ring;

/* map_fd is borrowed, and must stay open as long as the ring. */
int ring_open(int map_fd, ring_fn *fn, void *arg, struct ring **ret) _must_check_;
void ring_close(struct ring *r); /* NULL is fine */

/* Readable when the kernel asks for attention; owned by the ring. */
int ring_fd(const struct ring *r);

/*
 * Hands on what has come since, at most RING_CONSUME_MAX records; returns how many were taken from
 * the ring, malformed ones included.
 */
int ring_consume(struct ring *r) _must_check_;

/* Records so far that decode_record() refused. */
uint64_t ring_malformed(const struct ring *r);

#endif
