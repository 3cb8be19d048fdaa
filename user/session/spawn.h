/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command started under observation: forked, held just before exec until the probes are in
 * place, then let go.  Used by session for `gotide run`.
 */
#ifndef GOTIDE_SESSION_SPAWN_H
#define GOTIDE_SESSION_SPAWN_H

#include <sys/types.h>

#include "base/err.h"

struct spawn {
	pid_t pid; /* -1: none */
	int gate_fd; /* writing lets the child go */
	int fail_fd; /* carries the errno of a failed exec; closed by a successful one */
	int status; /* wait(2)'s, -1 until the child was reaped */
};

/* For a struct spawn that owns nothing yet. */
void spawn_init(struct spawn *s);

/* Where exec would find file: PATH applied.  -ENOENT, -EACCES. */
int spawn_resolve(const char *file, char *buf, size_t size) _must_check_;

/* Forks a child that waits to become path with argv. */
int spawn_start(struct spawn *s, const char *path, char *const *argv) _must_check_;

/* Lets the child exec; returns exec's error if it fails. */
int spawn_release(struct spawn *s) _must_check_;

/* Collects the child if it has ended; true once it has. */
bool spawn_reap(struct spawn *s);

#define SPAWN_GRACE_MS 5000

/* Ends the child if it is still there: SIGTERM, after SPAWN_GRACE_MS SIGKILL; collects it. */
void spawn_end(struct spawn *s);

#endif
