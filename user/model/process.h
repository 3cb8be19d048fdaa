/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of one process: its sites, its clock of goroutine ids, its counters, readings and
 * series.  Owned by model/model, which finds it by pid.  The population is exact: what the census
 * found, plus births, less deaths, as the kernel counted them; records of the ring only say which.
 */
#ifndef GOTIDE_MODEL_PROCESS_H
#define GOTIDE_MODEL_PROCESS_H

#include "model/allocs.h"
#include "model/idclock.h"
#include "model/fact.h"
#include "model/memory.h"
#include "model/site.h"

struct process {
	pid_t pid; /* key */
	char *comm, *exe, *go_version, *module;
	char *container, *container_name, *pod, *pod_namespace, *pod_uid; /* NULL: not known */
	bool is_stripped, is_park_watched, has_exited, is_oom_victim,
		is_closed; /* closed: ticked after exit */
	bool is_from_start, has_census, has_state;
	int exit_code;
	uint32_t hooks_on;
	uint64_t start_ns, tick_ns, exit_ns;
	double age_s;
	struct model_resolver resolver;
	const struct fact_listener *listener; /* borrowed; NULL: nobody listens */

	struct site *sites; /* by gopc */
	struct site *last_site; /* found: records come in runs; NULL: none */
	struct site *other; /* the rest, folded; NULL: none yet */
	struct site *smallest; /* when the table is full: what a bigger newcomer may replace */
	uint32_t max_sites, counts_round; /* the latter numbers the samples of counters */
	uint64_t folded_born, folded_died, folded; /* counters of folded sites, this sample */
	bool has_swapped; /* in this sample a site came out of "other" for another */
	uint64_t sites_folded;

	struct idclock clock;
	bool is_recounting; /* a census is under way */
	int64_t census_goids; /* ids handed out when it began, -1 unknown */
	uint64_t census_goid; /* newest that it found */
	uint64_t attach_goid; /* ids up to here were handed out before the observation ... */
	uint64_t old_goid; /* ... and the newest that the first census found: newer ones came since
			    */
	bool has_tracking;
	uint64_t then_goid, then_ns; /* of the pass whose sums are site.then_sum: newest id, time */
	uint64_t census_torn, census_unread, census_ns; /* the latest */
	uint64_t census_passes, census_corrections;

	struct wire_state state;
	/* as of the last tick */
	uint64_t tick_streamed[WIRE_HOOK_BOOKED], tick_lost[WIRE_HOOK_BOOKED];
	uint64_t tick_hits[WIRE_HOOK_BOOKED];
	uint64_t rss_events; /* of state, when last taken */
	uint64_t received;
	struct fact_records pending; /* since the last tick */

	int64_t heap_live_bytes;
	uint64_t last_mark_ns, marks;
	struct account account, first_account;
	struct memory_readings readings;
	bool has_new_rollup; /* since the last tick */
	bool has_account, has_new_account; /* the latter since the last tick */
	bool has_new_alloc,
		has_new_io; /* since the rates were last told: they are of the time since */
	uint64_t account_ns; /* tick at which total_alloc was last compared */
	int64_t tick_alloc_bytes, tick_gc_cycles; /* as of the last tick, -1 unknown */
	int64_t rss_bytes[WIRE_RSS_MAX];
	struct procfs_fds fds;
	struct sockets sockets;
	bool has_fds, has_sockets;
	int64_t limit_bytes, cgroup_current_bytes, cgroup_reclaimable_bytes;
	int64_t pod_limit_bytes, pod_current_bytes;
	int64_t mem_total_bytes, mem_available_bytes;
	int64_t io_bytes, tick_io_bytes; /* since it started: now, at the last tick; -1 unknown */
	uint64_t io_ns; /* of that tick */
	uint64_t gaps, gap_ns;
	double gaps_s;
	struct snapshot_timers timers;
	bool has_timers;
	double cpu_s, first_cpu_s;
	uint32_t threads; /* 0: not known */

	struct series3 live, heap_live, heap_inuse, rss_anon, births, alloc;
	struct series3 all_fds, socket_fds, pipe_fds, file_fds, outside, held, charged, io;
	struct allocs allocs;
	char reason_name[SNAPSHOT_REASONS_MAX][48]; /* of the latest snapshot */

	UT_hash_handle hh;
};

int process_new(const struct model_process_info *info, uint32_t max_sites,
		struct process **ret) _must_check_;
void process_free(struct process *p);
/* -ENOMEM: some may have been taken. */
int process_named(struct process *p, const struct model_names *names) _must_check_;

/* The site of a go statement; when the table is full and it has none, the folded rest. */
int process_site(struct process *p, uint64_t gopc, uint64_t startpc,
		 struct site **ret) _must_check_;
/* The site that a fact is about. */
int process_site_told(struct process *p, const struct fact *f, struct site **ret) _must_check_;
/* Fills in the pid and the site (NULL: it is about none) and lets the listener hear it. */
void process_tell(const struct process *p, const struct site *s, struct fact *f);
/* All sites, the folded one last. */
struct site *process_site_first(struct process *p);
struct site *process_site_next(struct process *p, struct site *s);
#define for_each_site(p, s) \
	for (struct site *s = process_site_first(p); s; s = process_site_next(p, s))

int process_event(struct process *p, const struct event *ev) _must_check_;
/* A sample of the counters: all of them come between begin and end. */
void process_counts_begin(struct process *p);
int process_counts_end(struct process *p) _must_check_;
int process_site_counts(struct process *p, uint64_t gopc, const struct wire_site *s) _must_check_;
int process_park_counts(struct process *p, uint64_t gopc, uint32_t reason,
			const struct wire_park_count *c) _must_check_;
void process_counters(struct process *p, const struct wire_state *s);
void process_reading(struct process *p, const struct model_reading *r);
void process_oom(struct process *p);
int process_stack(struct process *p, const struct event *ev) _must_check_;
int process_allocs(struct process *p, const struct model_allocs *a) _must_check_;
void process_gap(struct process *p, uint64_t now_ns, double seconds);
void process_exited(struct process *p, uint64_t ts_ns, int exit_code);
int process_tick(struct process *p, uint64_t now_ns) _must_check_;

/* Goroutines that are there, without the runtime's own, which go to *ret_system; -1 unknown. */
int64_t process_live(struct process *p, int64_t *ret_system);
/* Hits of a probe so far, whatever became of their records. */
uint64_t process_hook_hits(const struct process *p, int hook);

#endif
