/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes under observation and the links that observe them: one link per executable where
 * every process is wanted, one per process where only some are.  Keeps targets, probe and model in
 * step: a process is in all three or in none.  Used by session alone.
 */
#ifndef GOTIDE_SESSION_WATCH_H
#define GOTIDE_SESSION_WATCH_H

#include <uthash.h>

#include "base/vec.h"
#include "census/account.h"
#include "census/sched.h"
#include "census/walk.h"
#include "model/model.h"
#include "probe/probe.h"
#include "session/exes.h"
#include "target/cgroup.h"
#include "target/pods.h"
#include "target/procfs.h"
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

struct heapread;

/* When something was last read. */
struct reading_at {
	uint32_t tick;
	bool has;
};

#define WATCHED_CLOSED 2 /* closing: there is nothing more to do */

struct watched {
	pid_t pid;
	struct target target;
	struct cgroup_identity cgroup;
	unsigned int named; /* of pod and container: how many have been told */
	struct probe_link *own_link; /* where the link is this process's alone */
	struct exe *exe; /* where it is shared */
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
	uint64_t births_per_s; /* then */
	unsigned int sample_shift;
	uint64_t counted_hits; /* of births and deaths, when its sites were last read */
	uint32_t ticks; /* seconds */
	uint32_t phase; /* at its first reading: spreads what is read now and then */
	uint32_t due_at; /* the tick for which the next reading is due, if nothing moves before */
	/* by which it shows whether the process did anything since it was last read */
	uint64_t seen_hits, seen_rss; /* hits of all hooks, and rss_events */
	uint32_t moved_at; /* the last tick that saw it do something */
	struct account account;
	struct procfs_memory memory;
	uint64_t memory_rss; /* rss_events when that was read */
	struct procfs_rollup rollup;
	bool has_account, has_memory;
	struct reading_at rollup_read, timers_read, fds_read;
	uint32_t slow_at; /* the tick for which the next reading of what is dear is due */
	uint32_t rollup_at; /* the tick for which the next walk over its pages is due */
	uint32_t timers_at; /* and the next over its timers */
	uint32_t sockets_at; /* and over the tables of sockets */
	uint32_t sockets; /* descriptors of sockets, as last counted */
	bool has_many_sockets; /* so many that their states have been read */
	bool is_gone; /* exited; kept for its final figures */
	bool is_buried; /* ... which have been taken */
	uint32_t gone_ticks; /* for so long */
	UT_hash_handle hh;
};

/* A process that has come by exec, and its executable is not known yet. */
struct newcomer {
	pid_t pid;
	uint64_t due_ns; /* when it is looked at */
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
	int64_t walks_credit_ns; /* CPU time that walks may still take */
	pid_t walks_from; /* whose turn it is to walk first; 0: anybody's */
	uint32_t records_per_s; /* of all processes together; 0: no limit but each one's own */
	uint32_t share_per_s; /* of them, what one process may stream now */
	uint32_t samples; /* so far */
	struct watched *by_pid;
	struct exes exes; /* where links are shared */
	struct exe *prepared; /* attached ahead of the exec that needs it ... */
	pid_t prepared_pid; /* ... of this process */
	VEC(struct newcomer) newcomers; /* in order of due_ns */
	bool is_scan; /* processes are not told of, but looked for ... */
	bool is_rescan; /* ... and not for the first time: who was refused is no news */
	uint64_t refused; /* Go processes that could not be watched */
	struct agent_count refusals[WATCH_REFUSALS]; /* them, and those of WATCH_DENIED */
	struct agent_traffic traffic;
};

struct watch_opts {
	struct probe *probe;
	struct model *model;
	const char *proc_root;
	bool is_shared, watch_parks;
	double census_interval_s; /* 0: no census but the first */
	uint32_t records_per_s; /* streamed by all processes together; 0: 20,000 by each */
};

int watch_init(struct watch *w, const struct watch_opts *opts) _must_check_;
void watch_release(struct watch *w);

/* What became of a process, for people: what watch_add() failed on. */
struct watch_error {
	char text[384];
	bool is_go; /* it is a Go program, or may be one: worth telling even when all are watched */
	enum watch_refusal why;
	bool is_gone; /* it ended, or became another program, meanwhile */
};

/*
 * Puts a process under observation: attaches, counts, takes the census.  0, -EEXIST, or a negative
 * errno with *ret_error in words.
 */
int watch_add(struct watch *w, pid_t pid, struct watch_error *ret_error) _must_check_;

/*
 * Of a process that has come by exec while all are watched: whether to look at it later, when
 * watch_newcomer() returns it, or never (it is no Go program).  Most processes live shortly; only
 * what runs an executable that is known is worth a look at once.
 */
bool watch_put_off(struct watch *w, pid_t pid);
/* One that is due now, for watch_add(); 0: none. */
pid_t watch_newcomer(struct watch *w, uint64_t now_ns);

/*
 * Attaches to the executable at path before pid, which does not run it yet, becomes it; watch_add()
 * completes this.  Nothing happens if path is not a Go program: it may start one.
 */
int watch_prepare(struct watch *w, const char *path, pid_t pid,
		  struct watch_error *ret_error) _must_check_;

struct watched *watch_find(const struct watch *w, pid_t pid);

/*
 * The process has exited, or its image was replaced: counting stops, its last figures stay.  Its
 * last counters come with the next sample.
 * exit_code as wait(2) gives it; -1: unknown, or replaced.
 */
void watch_gone(struct watch *w, struct watched *p, uint64_t ts_ns, int exit_code);
/* The counters of all have been read: those that are gone have no more to come. */
void watch_bury(struct watch *w);

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
/* Its cgroups, as cgroup_from_root() has them; "" if they cannot be read. */
void watch_cgroups(const struct watch *w, pid_t pid, char *buf, size_t size);
/* Readable when watch_names() has something to do: names of pods and containers have come. */
int watch_names_fd(const struct watch *w);
/* Tells the model the names that have become known; whether there are any. */
bool watch_names(struct watch *w);

#endif
