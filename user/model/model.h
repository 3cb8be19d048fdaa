/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only mutable store: what is known of each watched process.  Fed with events and samples by
 * session, read through snapshots.  Knows no file, no clock and no probe: time comes with what it
 * is told, and names come from a resolver, so that a tape or a test can stand in for a live
 * target.
 */
#ifndef GOTIDE_MODEL_MODEL_H
#define GOTIDE_MODEL_MODEL_H

#include "census/account.h"
#include "event/event.h"
#include "model/snapshot.h"
#include "target/cgroup.h"
#include "target/procfs.h"
#include "target/sockets.h"

#define MODEL_NAME_MAX 256

/* Names for addresses of one process, asked once per address; addresses are as in its memory. */
struct model_site_name {
	uint64_t link_gopc;
	char function[MODEL_NAME_MAX], file[MODEL_NAME_MAX], start_function[MODEL_NAME_MAX];
	uint32_t line;
	bool is_system;
};

/* One function of a stack. */
struct model_frame {
	char function[MODEL_NAME_MAX];
	char file[MODEL_NAME_MAX]; /* base name: the function's package tells the rest; or "" */
	uint32_t line;
};

struct model_resolver {
	/* gopc is a return address; startpc may be 0.  Always fills *ret ("0x..." if unknown). */
	void (*site)(void *arg, uint64_t gopc, uint64_t startpc, struct model_site_name *ret);
	/* Functions at a return address, innermost first, wrappers left out; returns how many. */
	size_t (*frames)(void *arg, uint64_t pc, struct model_frame *frames, size_t max);
	/* Name of a wait reason, or NULL. */
	const char *(*reason)(void *arg, uint32_t reason);
	void (*release)(void *arg); /* called once when the process is forgotten; may be NULL */
	void *arg;
};

/* Where a process runs, copied; NULL: none, or not known. */
struct model_names {
	const char *container; /* id */
	const char *container_name, *pod, *pod_namespace, *pod_uid; /* Kubernetes' */
};

struct model_process_info {
	pid_t pid;
	const char *comm, *exe, *go_version, *module; /* copied; NULL: none */
	struct model_names names;
	bool is_stripped, is_park_watched;
	bool is_from_start; /* counted from its first instruction on: no goroutine is older */
	uint32_t hooks_on;
	uint64_t start_ns;
	double age_s; /* of the process then; -1 unknown */
	struct model_resolver resolver;
};

struct model;

struct model_opts {
	uint32_t max_sites; /* per process before the rest are folded; 0: 1024 */
};

int model_new(const struct model_opts *opts, struct model **ret) _must_check_;
void model_free(struct model *m);

/* -EEXIST: the pid is there already (remove it first). */
int model_process_add(struct model *m, const struct model_process_info *info) _must_check_;
/* Names have become known; those that are NULL stay as they are. */
void model_process_named(struct model *m, pid_t pid, const struct model_names *names);
void model_process_exited(struct model *m, pid_t pid, uint64_t ts_ns, int exit_code);
void model_process_remove(struct model *m, pid_t pid);

/* What a census says of one goroutine. */
struct model_goroutine {
	uint64_t goid, gopc, startpc; /* addresses as in memory */
	int64_t waits_since_ns; /* since then or longer, CLOCK_MONOTONIC; 0: not known */
	uint32_t wait_reason;
	uint8_t tracking_seq; /* changes whenever it runs */
	bool is_system, is_waiting;
};

struct model_census {
	uint64_t ts_ns; /* when it was done */
	uint64_t torn, unread;
	int64_t procs; /* GOMAXPROCS; -1 unknown */
	bool has_tracking; /* this Go has a tracking_seq */
};

struct model_census_outcome {
	uint32_t corrected; /* sites whose population was not what had been counted */
	bool is_doubtful; /* another pass soon would tell whether some more are wrong */
	bool wants_examples; /* there are sites of note of which no stack was read yet */
};

/* What a census that reads stacks says of the goroutines of one site that wait. */
struct model_example {
	uint64_t gopc;
	uint32_t reason; /* of the oldest, and its stack, innermost first */
	const uint64_t *pc;
	uint32_t depth;
	int64_t channels; /* different ones that they wait on */
	int64_t channels_of; /* goroutines that wait on one */
};

/*
 * A census: begin, one call per goroutine, end (or drop, if it came to nothing).  Feed the
 * counters just before begin and just before end; ticks and events may come in between.  goids:
 * the ids handed out when it begins, -1 unknown.  A pid that is not known is no error.
 */
void model_census_begin(struct model *m, pid_t pid, int64_t goids);
void model_census_goroutine(struct model *m, pid_t pid, const struct model_goroutine *g);
void model_census_end(struct model *m, pid_t pid, const struct model_census *c,
		      struct model_census_outcome *ret);
void model_census_drop(struct model *m, pid_t pid);
void model_census_example(struct model *m, pid_t pid, const struct model_example *ex);

/* One event off the ring.  Events of unknown pids are ignored. */
void model_event(struct model *m, const struct event *ev);

/* Exact counters, as they stand at a sample; all that there are, between begin and end. */
void model_counts_begin(struct model *m);
void model_counts_end(struct model *m);
void model_site_counts(struct model *m, pid_t pid, uint64_t gopc, const struct wire_site *s);
void model_park_counts(struct model *m, pid_t pid, uint64_t gopc, uint32_t reason,
		       const struct wire_park_count *c);
void model_counters(struct model *m, pid_t pid, const struct wire_state *s);

/* Readings; a NULL part was not read this time, and what it said last still stands. */
struct model_reading {
	const struct account *account;
	const struct procfs_memory *memory;
	const struct procfs_rollup *rollup; /* with the account and memory of the same moment */
	const struct procfs_fds *fds;
	const struct cgroup_memory *cgroup;
	const struct snapshot_timers *timers;
	const struct procfs_io *io;
	const struct sockets *sockets;
	int64_t mem_total_bytes, mem_available_bytes; /* of the machine; 0: not read */
	double cpu_s; /* of the process, since it started; -1 */
	uint32_t threads; /* that it has; 0: not read */
};
void model_reading(struct model *m, pid_t pid, const struct model_reading *r);

/*
 * The heap profile by allocation site, of a program that keeps one: each site once, by the address
 * of the call that is not the runtime's, with what is in use there now, scaled to what the samples
 * stand for, and the stack that holds most of it, innermost first and beginning at that call.
 */
struct model_alloc_site {
	uint64_t pc;
	int64_t bytes, objects;
	const uint64_t *stack;
	uint32_t depth;
};
struct model_allocs {
	uint64_t ts_ns; /* when it was read */
	int64_t rate; /* one sample per so many bytes; -1 unknown */
	const struct model_alloc_site *sites; /* in any order */
	size_t n;
};
void model_allocs(struct model *m, pid_t pid, const struct model_allocs *a);

/* Between two ticks so many seconds were not observed: gotide did not run, or nothing did. */
void model_gap(struct model *m, uint64_t now_ns, double seconds);

/* Ends a sample: appends to all series.  Call about once a second, after feeding the counters. */
void model_tick(struct model *m, uint64_t now_ns);

/* *ret is for snapshot_free(). */
int model_snapshot(struct model *m, uint64_t now_ns, struct snapshot **ret) _must_check_;
void snapshot_free(struct snapshot *s);

#endif
