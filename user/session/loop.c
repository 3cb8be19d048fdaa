/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/vec.h"

struct loop_source {
	struct event *ev;
	loop_fn *fn;
	void *arg;
};

struct loop {
	struct event_base *base;
	VEC(struct loop_source *) sources;
};

static void call_source(evutil_socket_t fd, short what, void *arg)
{
	struct loop_source *src = arg;

	(void)fd; /* a source knows its own */
	(void)what; /* and is added for one thing only */
	src->fn(src->arg);
}

static void free_source(struct loop_source *src)
{
	if (src->ev)
		event_free(src->ev);
	free(src);
}

int loop_new(struct loop **ret)
{
	_cleanup_free_ struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->base = event_base_new();
	if (!l->base)
		return -ENOMEM;
	*ret = TAKE_PTR(l);
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	vec_for_each (&l->sources, src)
		free_source(*src);
	vec_release(&l->sources);
	event_base_free(l->base);
	free(l);
}

static int add_source(struct loop *l, evutil_socket_t fd, short what, const struct timeval *timeout,
		      loop_fn *fn, void *arg)
{
	struct loop_source *src = calloc(1, sizeof(*src));

	if (!src)
		return -ENOMEM;
	src->fn = fn;
	src->arg = arg;
	src->ev = event_new(l->base, fd, what, call_source, src);
	if (!src->ev || event_add(src->ev, timeout) || vec_push(&l->sources, src)) {
		free_source(src);
		return -ENOMEM;
	}
	return 0;
}

int loop_add_timer(struct loop *l, double seconds, bool repeats, loop_fn *fn, void *arg)
{
	struct timeval tv = {
		.tv_sec = (time_t)seconds,
		.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6),
	};

	return add_source(l, -1, repeats ? EV_PERSIST : 0, &tv, fn, arg);
}

int loop_add_fd(struct loop *l, int fd, loop_fn *fn, void *arg)
{
	return add_source(l, fd, EV_READ | EV_PERSIST, NULL, fn, arg);
}

int loop_add_signal(struct loop *l, int signal, loop_fn *fn, void *arg)
{
	return add_source(l, signal, EV_SIGNAL | EV_PERSIST, NULL, fn, arg);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

int loop_run(struct loop *l)
{
	return event_base_dispatch(l->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}
