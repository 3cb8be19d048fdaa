/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes that were asked for, by pid or by name: which they are, and in words why some of
 * them cannot be watched.  Called by session.
 */
#ifndef GOTIDE_SESSION_ASKED_H
#define GOTIDE_SESSION_ASKED_H

#include "base/vec.h"
#include "session/watch.h"

/* A process that was asked for, and by which name. */
struct asked {
	pid_t pid;
	const char *name; /* borrowed */
};
typedef VEC(struct asked) asked_vec;

void cleanup_asked(asked_vec *a);

/*
 * Appends the processes that the names stand for.  A name that stands for none is an error, which
 * is reported: -ENOENT.
 */
int asked_match(const char *proc_root, const char *const *names, size_t n,
		asked_vec *ret) _must_check_;

/*
 * Puts them all under observation.  Each refusal is reported, those of one name for one reason in a
 * line; -ENOENT if none is left to watch.
 */
int asked_watch(struct watch *w, const asked_vec *asked) _must_check_;

#endif
