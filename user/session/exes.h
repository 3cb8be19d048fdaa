/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The executables that are probed, where every process of one is watched: one link for all of its
 * processes.  Attaching takes 10 ms and taking out tens, so the link outlives the last process for
 * a while: of what is started again and again only the first process costs it.  Owned by watch.
 */
#ifndef GOTIDE_SESSION_EXES_H
#define GOTIDE_SESSION_EXES_H

#include <uthash.h>

#include "probe/probe.h"

/* So long, and so many of them. */
#define EXES_LINGER_NS	(UINT64_C(60) * 1000000000)
#define EXES_LINGER_MAX 32

struct exe {
	uint64_t key[2]; /* device, inode; the link holds on to the inode, so it is not used anew */
	struct probe_link *link;
	uint32_t hooks;
	uint32_t users;
	uint64_t idle_ns; /* without users: since then */
	UT_hash_handle hh; /* those without users in the order in which they became so */
};

struct exes {
	struct probe *probe; /* borrowed */
	uint32_t hook_mask;
	struct exe *by_key;
	size_t idle; /* without users */
};

void exes_init(struct exes *e, struct probe *probe, uint32_t hook_mask);
/* Takes all probes out, in the background. */
void exes_release(struct exes *e);

/* The link of an executable; attached for the first process.  path: as probe_attach() has it. */
int exes_get(struct exes *e, const struct gobin *bin, const char *path, struct exe **ret,
	     struct probe_error *ret_error) _must_check_;
/* Its process has ended.  NULL is fine. */
void exes_put(struct exes *e, struct exe *x, uint64_t now_ns);
/* The same, but its process goes on, unwatched: no probe may stay for it.  NULL is fine. */
void exes_drop(struct exes *e, struct exe *x);

/* Takes out what nobody has used for long, or is too much. */
void exes_trim(struct exes *e, uint64_t now_ns);

#endif
