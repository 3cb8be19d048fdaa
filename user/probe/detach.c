/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/detach.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* It calls close() and free(), no more. */
#define STACK_BYTES MAX((size_t)PTHREAD_STACK_MIN, (size_t)(64 << 10))

struct detaching {
	struct detacher *detacher;
	struct probe_link *link; /* owned */
};

void detacher_init(struct detacher *d)
{
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->is_done, NULL);
	d->under_way = 0;
}

static void count(struct detacher *d, size_t more)
{
	pthread_mutex_lock(&d->lock);
	d->under_way += more;
	if (!d->under_way)
		pthread_cond_signal(&d->is_done);
	pthread_mutex_unlock(&d->lock);
}

static void *detach(void *arg)
{
	struct detaching *job = arg;
	struct detacher *d = job->detacher;

	probe_detach(job->link);
	free(job);
	count(d, (size_t)-1);
	return NULL;
}

/* Signals belong to the event loop, so the thread is born with all of them blocked. */
static int start(struct detaching *job)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, &attr, detach, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

void detacher_take(struct detacher *d, struct probe_link *l)
{
	struct detaching *job = l ? malloc(sizeof(*job)) : NULL;
	int err = -ENOMEM;

	if (job) {
		*job = (struct detaching){ d, l };
		count(d, 1);
		err = start(job);
		if (!err)
			return;
		count(d, (size_t)-1);
		free(job);
	}
	if (l)
		log_debug("no thread to detach in: %s", strerror(-err));
	probe_detach(l);
}

void detacher_release(struct detacher *d)
{
	pthread_mutex_lock(&d->lock);
	while (d->under_way)
		pthread_cond_wait(&d->is_done, &d->lock);
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&d->is_done);
	pthread_mutex_destroy(&d->lock);
}
