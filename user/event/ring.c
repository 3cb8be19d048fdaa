/* SPDX-License-Identifier: BSD-2-Clause */
#include "event/ring.h"

#include <stdlib.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "event/decode.h"

struct ring {
	struct ring_buffer *rb; /* owned */
	ring_fn *fn;
	void *arg;
	uint64_t malformed;
	int taken; /* in this ring_consume() */
};

static int record_take(void *arg, void *data, size_t size)
{
	struct ring *r = arg;
	struct event ev;

	if (decode_record(data, size, &ev))
		r->malformed++;
	else
		r->fn(&ev, data, size, r->arg);
	/* A negative value makes libbpf stop, after this record has been given back. */
	return ++r->taken < RING_CONSUME_MAX ? 0 : -ECANCELED;
}

int ring_open(int map_fd, ring_fn *fn, void *arg, struct ring **ret)
{
	_cleanup_free_ struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->fn = fn;
	r->arg = arg;
	r->rb = ring_buffer__new(map_fd, record_take, r, NULL);
	if (!r->rb)
		return -errno;
	*ret = TAKE_PTR(r);
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->rb);
	free(r);
}

int ring_fd(const struct ring *r)
{
	return ring_buffer__epoll_fd(r->rb);
}

int ring_consume(struct ring *r)
{
	int n;

	r->taken = 0;
	n = ring_buffer__consume(r->rb);
	return n < 0 && n != -ECANCELED ? n : r->taken;
}

uint64_t ring_malformed(const struct ring *r)
{
	return r->malformed;
}
