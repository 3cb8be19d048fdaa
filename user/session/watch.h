/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes under observation and the links that observe them: one link per executable where
 * every process is wanted, one per process where only some are.  Keeps targets, probe and model in
 * step: a process is in all three or in none.  Used by session alone.
 */
#ifndef GOTIDE_SESSION_WATCH_H
#define GOTIDE_SESSION_WATCH_H

#include <uthash.h>

#include "census/sched.h"
#include "census/walk.h"
#include "model/model.h"
#include "probe/probe.h"
#include "target/cgroup.h"
#include "target/pods.h"
#include "target/target.h"
#include "view/account.h"

/* Why a Go process, or one that may be, is not watched: stable names, for counting. */
enum watch_refusal {
	WATCH_DENIED = 0, /* it may not be looked into, so that nobody knows whether it is Go */
	WATCH_UNREADABLE, /* its executable, or its memory */
	WATCH_TOO_OLD,
	WATCH_MACHINE,
	WATCH_FUNCTION_TABLE,
	WATCH_LAYOUT, /* of the runtime's structs, or its data */
	WATCH_SITES, /* nowhere to probe */
	WATCH_ATTACH, /* the kernel refuses */
	WATCH_TOO_MANY, /* processes */
	WATCH_OTHER,
	WATCH_REFUSALS,
};

struct watch_exe {
	uint64_t key[2]; /* device, inode */
	struct probe_link *link;
	uint32_t hooks;
	uint32_t users;
	UT_hash_handle hh;
};

struct heapread;

#define WATCHED_CLOSED 2 /* closing: there is nothing more to do */

struct watched {
	pid_t pid;
	struct target target;
	struct cgroup_identity cgroup;
	bool is_named; /* nothing is missing of the names that its cgroup has */
	struct probe_link *own_link; /* where the link is this process's alone */
	struct watch_exe *exe; /* where it is shared */
	struct mem mem;
	struct model *model; /* borrowed */
	/* the censuses, see session/tally.h */
	struct mem census_mem;
	struct sched census_sched; /* when it began */
	struct walk *walk; /* one under way */
	uint64_t census_begun_ns, census_cost_ns; /* CPU time */
	uint64_t census_due_ns; /* 0: never */
	uint32_t closing; /* how far the last one has come */
	struct heapread *heapread; /* of its heap profile; NULL at first */
	uint64_t last_births; /* at the previous tick, for the budget */
	unsigned int sample_shift;
	uint32_t ticks; /* seconds */
	uint32_t slow_at; /* the tick for which the next reading of what is dear is due */
	uint32_t rollup_at; /* the tick for which the next walk over its pages is due */
	uint32_t timers_at; /* and the next over its timers */
	uint32_t sockets_at; /* and over the tables of sockets */
	uint32_t sockets; /* descriptors of sockets, as last counted */
	bool has_many_sockets; /* so many that their states have been read */
	bool is_gone; /* exited; kept for its final figures */
	uint32_t gone_ticks; /* for so long */
	UT_hash_handle hh;
};

struct watch {
	struct probe *probe; /* borrowed */
	struct model *model; /* borrowed */
	struct gobin_cache *cache; /* owned */
	const char *proc_root;
	struct cgroups cgroups;
	struct pods *pods; /* owned */
	uint32_t hook_mask;
	bool is_shared; /* every process of an executable is wanted: one link for all */
	bool watch_parks;
	bool is_stopped; /* watch_stop_all(): what is read now is the last */
	uint64_t census_interval_ns; /* 0: no census but the first */
	uint64_t machine_ns; /* when its memory was read: */
	uint64_t mem_total_bytes, mem_available_bytes; /* 0: not known */
	uint32_t tick_s; /* whole seconds since the last tick, if they are further apart */
	uint64_t walks_until_ns; /* of this sample: walks over pages or timers begin no later */
	struct watched *by_pid;
	struct watch_exe *by_exe;
	struct watch_exe *prepared; /* attached ahead of the exec that needs it ... */
	pid_t prepared_pid; /* ... of this process */
	uint64_t refused; /* Go processes that could not be watched */
	struct agent_count refusals[WATCH_REFUSALS]; /* them, and those of WATCH_DENIED */
};

struct watch_opts {
	struct probe *probe;
	struct model *model;
	const char *proc_root;
	bool is_shared, watch_parks;
	double census_interval_s; /* 0: no census but the first */
};

int watch_init(struct watch *w, const struct watch_opts *opts) _must_check_;
void watch_release(struct watch *w);

/* What became of a process, for people: what watch_add() failed on. */
struct watch_error {
	char text[384];
	bool is_go; /* it is a Go program, or may be one: worth telling even when all are watched */
	enum watch_refusal why;
};

/*
 * Puts a process under observation: attaches, counts, takes the census.  0, -EEXIST, or a negative
 * errno with *ret_error in words.
 */
int watch_add(struct watch *w, pid_t pid, struct watch_error *ret_error) _must_check_;

/*
 * Attaches to the executable at path before pid, which does not run it yet, becomes it; watch_add()
 * completes this.  Nothing happens if path is not a Go program: it may start one.
 */
int watch_prepare(struct watch *w, const char *path, pid_t pid,
		  struct watch_error *ret_error) _must_check_;

struct watched *watch_find(const struct watch *w, pid_t pid);

/*
 * The process has exited, or its image was replaced: counting stops, its last figures stay.
 * exit_code as wait(2) gives it; -1: unknown, or replaced.
 */
void watch_gone(struct watch *w, struct watched *p, uint64_t ts_ns, int exit_code);

/*
 * Stops the counting in every target at one instant, so that the counters come to rest and the
 * ring can be drained to its end.  What was counted stays; the probes are still to be taken out.
 */
void watch_stop_all(struct watch *w);

/* Forgets it altogether. */
void watch_remove(struct watch *w, struct watched *p);

size_t watch_alive(const struct watch *w);

/*
 * The Kubernetes namespace of a process that need not be watched; NULL: none, or not known yet.
 * Good until watch_names().
 */
const char *watch_namespace(const struct watch *w, pid_t pid);
/* Readable when watch_names() has something to do: names of pods and containers have come. */
int watch_names_fd(const struct watch *w);
/* Tells the model the names that have become known; whether there are any. */
bool watch_names(struct watch *w);

#endif
