/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A const picture of the model at one instant: what trend judges and view shows.  Owned by the
 * caller of model_snapshot(); series and strings in it are borrowed from the model and stand until
 * the model is next changed.  Sizes in bytes, times in ns of CLOCK_MONOTONIC; -1 (or NULL) where a
 * figure is not known.
 */
#ifndef GOTIDE_MODEL_SNAPSHOT_H
#define GOTIDE_MODEL_SNAPSHOT_H

#include <linux/types.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/memory.h"
#include "model/series.h"
#include "target/sockets.h"
#include "wire.h"

#define SNAPSHOT_STACK_MAX   32
#define SNAPSHOT_REASONS_MAX 64

struct snapshot_frame {
	const char *function;
	const char *file; /* base name, "" if unknown */
	uint32_t line;
};

/* What the censuses say of a site's goroutines that were there before the observation. */
struct snapshot_before {
	int64_t live; /* still there at the latest census; -1: there was none */
	/*
	 * Part of them that is the same as at the first census, and has not run in between if
	 * knows_runs (else only: has not ended); a lower bound; -1 unknown.
	 */
	double still_part;
	double still_s; /* in that time */
	bool knows_runs;
	/*
	 * The collector notes since when a goroutine waits, so this is at least; -1 if it noted
	 * none.  Spread: from the first to the last that began to wait.
	 */
	double waits_s, waits_spread_s;
	int64_t with_since; /* of how many it did */
	uint32_t id_parts; /* sixteenths of the ids of the process's life that they come from */
	bool has_id_ends; /* the three oldest and the three newest are among them */
	double id_share; /* of the ids in these parts, theirs; -1 unknown */
	int64_t channels; /* different ones that they wait on; -1 unknown */
	int64_t channels_of; /* goroutines of which it is known */
};

/* A creation site: one go statement. */
struct snapshot_site {
	uint64_t gopc; /* link-time address after the go statement's call */
	const char *function; /* that contains the go statement ("created by") */
	const char *file;
	uint32_t line;
	const char *start_function; /* what the goroutine runs, "" if unknown */
	bool is_system; /* the runtime's own goroutines */
	bool is_other; /* sites folded together since there were too many */

	int64_t live; /* population now */
	int64_t at_attach; /* of them there when observation began (or since died) */
	uint64_t born, died; /* since observation began, exact */
	uint64_t born_lately; /* of born: within the last long_lived_s */

	/* Live goroutines that have outlived long_lived_s; how it was found is in the verdict. */
	int64_t survivors;
	double lifetime_p50_s, lifetime_p99_s; /* of those that ended; -1 if none did */
	double long_lived_s; /* age from which one counts as survivor */
	int64_t ended_late; /* of died: those that had outlived long_lived_s; -1 unknown */

	const char *wait_reason; /* that most of its goroutines wait for now; NULL unknown */
	int64_t wait_count; /* how many wait for it; -1 unknown */
	const struct snapshot_frame *stack; /* where it waits, innermost first; NULL: not seen */
	size_t stack_depth;
	const struct snapshot_frame
		*creation_stack; /* who executed the go statement; NULL as above */
	size_t creation_depth;
	bool has_creators; /* the go statement was reached in other ways, too */

	struct snapshot_before before;
	/*
	 * Of those that were there some half a minute ago, the part that has run or ended since: an
	 * upper bound; -1 unknown.
	 */
	double ran_part;

	/* From the site's first birth or death on; empty while it had none. */
	const struct series3 *live_series;
	const struct series3 *survivor_series; /* from when survivors can be told */
	const struct series3 *birth_series; /* births per second */
};

#define SNAPSHOT_TIMERS_TOP 5
#define SNAPSHOT_TIMER_NAME 256

/* The timers that are set, as last read (census/timers.h says what is not seen). */
struct snapshot_timers {
	uint64_t total, periodic;
	bool is_partial; /* there are more */
	struct snapshot_timer {
		char function[SNAPSHOT_TIMER_NAME]; /* that runs when it is due */
		bool is_periodic;
		uint64_t count;
	} top[SNAPSHOT_TIMERS_TOP]; /* most first */
	size_t n_top;
};

#define SNAPSHOT_ALLOCS_MAX 8

/* An allocation site whose memory in use grew, by the program's own heap profile. */
struct snapshot_alloc {
	int64_t first_bytes, bytes; /* in use at the first and at the latest reading */
	int64_t objects;
	const struct series *held_series; /* bytes in use */
	const struct snapshot_frame *stack; /* innermost first: the call that allocates */
	size_t stack_depth;
};

struct snapshot_reason {
	const char *name;
	uint64_t parks;
	int64_t waiting; /* parked now by the counts; -1 if it cannot be told (see model/process.c)
			  */
	int64_t waiting_system; /* of these the runtime's own; 0 if it cannot be told */
	bool is_system; /* nobody but these has waited for it */
};

/* What the observer itself left out or could not use, over all processes. */
struct snapshot_observer {
	uint64_t refused; /* Go processes that could not be watched */
	uint64_t malformed; /* records that made no sense */
	uint64_t tasks_lost; /* records of exec, exit and OOM kills: the ring was full */
};

struct snapshot_process {
	pid_t pid;
	const char *comm, *exe, *go_version;
	const char *module; /* "" if unknown */
	const char *container; /* id; NULL if none */
	/* Kubernetes'; NULL if none, or not known. */
	const char *container_name, *pod, *pod_namespace, *pod_uid;
	bool is_stripped, has_exited;
	int exit_code; /* as wait(2) gives it, -1 unknown; valid if has_exited */
	bool is_oom_victim; /* the kernel, out of memory, chose to kill it */
	uint64_t start_ns, now_ns; /* observation */
	double age_s; /* of the process when the observation began; -1 unknown */

	int64_t live, at_attach; /* goroutines without the runtime's own, as NumGoroutine(); -1 */
	int64_t live_system;
	uint64_t born, died; /* without the runtime's own */
	bool is_park_watched;
	uint64_t census_torn, census_unread; /* by the latest */
	uint64_t census_passes;
	uint64_t census_corrections; /* populations of sites that were not what had been counted */
	uint64_t census_ns; /* when the latest was done; 0: none was */

	/* heap and runtime, latest */
	int64_t heap_live_bytes; /* after the last mark */
	int64_t heap_inuse_bytes, heap_idle_bytes, heap_released_bytes, heap_objects;
	int64_t heap_goal_bytes, total_alloc_bytes;
	/*
	 * In the heap now, dead or alive: MemStats.HeapAlloc, and up to a MiB more on two
	 * processors, since open spans count whole.
	 */
	int64_t heap_alloc_bytes;
	int64_t sys_bytes; /* MemStats.Sys */
	int64_t stacks_bytes;
	int64_t gc_cycles; /* since the process started */
	int64_t gc_pause_total_ns; /* in all of these cycles */
	int64_t gc_pause_last_ns, gc_pause_max_ns; /* max: of the latest 256 cycles */
	int64_t gc_last_unix_ns; /* when the latest ended; not on tapes */
	uint64_t gc_seen, gc_seen_forced; /* since observation began */
	int64_t memory_limit_bytes, gc_percent;

	int64_t rss_bytes[WIRE_RSS_MAX];
	struct memory_parts memory; /* to whom anonymous RSS belongs */
	int64_t off_heap_bytes; /* of these: outside of the Go runtime */
	int64_t fds; /* open descriptors; of these: */
	int64_t sockets, pipes, files;
	const struct sockets *socket_states; /* NULL: not known */
	const struct snapshot_timers *timers; /* NULL: not known */
	int64_t limit_bytes; /* cgroup's, -1 none */
	int64_t cgroup_current_bytes;
	int64_t cgroup_reclaimable_bytes; /* of it, page cache; -1 */
	int64_t pod_limit_bytes; /* of the pod's cgroup, -1 none */
	int64_t pod_current_bytes; /* -1 not in a pod, or unknown */
	int64_t mem_total_bytes, mem_available_bytes; /* the machine's; -1 */
	uint64_t gaps; /* times that were not observed ... */
	double gaps_s; /* ... and how long they were together */
	uint64_t gap_ns; /* when the latest ended; 0: none was */

	/* series, three horizons */
	const struct series3 *live_series;
	const struct series3 *heap_live_series; /* one point per GC mark: the floor */
	const struct series3 *heap_inuse_series;
	const struct series3 *rss_anon_series;
	const struct series3 *birth_series; /* births per second */
	const struct series3 *alloc_series; /* bytes allocated per second */
	const struct series3 *fds_series, *sockets_series, *pipes_series, *files_series;
	const struct series3 *outside_series; /* anonymous memory outside the Go runtime */
	const struct series3 *held_series; /* free spans that the runtime has not given back */
	const struct series3 *charged_series; /* cgroup's memory without reclaimable page cache */
	const struct series3 *io_series; /* bytes read and written per second */

	/* Allocation sites by growth, most first; none: no profile, or nothing grew. */
	struct snapshot_alloc allocs[SNAPSHOT_ALLOCS_MAX];
	size_t n_allocs;
	bool has_profile;
	double allocs_s; /* between its first and its latest reading */

	const struct snapshot_site *sites; /* largest population first */
	size_t n_sites;
	uint64_t sites_folded; /* sites that went into "other" */

	const struct snapshot_reason *reasons; /* most waiting first */
	size_t n_reasons;

	/* the observer's own account, over birth, death, park and ready records */
	uint64_t received, sampled_out, lost, bad;
	uint64_t stacks_lost; /* stacks that were due: the ring was full */
	struct snapshot_observer observer; /* filled in by session */
	uint64_t hits; /* probe hits, all hooks */
	uint64_t hook_hits[WIRE_HOOK_BOOKED];
	uint32_t hooks_on; /* 1 << enum wire_hook */
	double cpu_s; /* CPU time of the process since it started; -1 */
	int64_t threads; /* not on tapes */
	double target_cpu_s; /* CPU time the process used since observation began; -1 */
	double cost_s; /* hits x cost per hit: estimate; -1 if not calibrated */
};

/* The observer's account over the processes that were removed. */
struct snapshot_gone {
	uint64_t processes;
	uint64_t received, sampled_out, lost, bad, hits;
};

struct snapshot {
	uint64_t now_ns;
	struct snapshot_gone gone;
	struct snapshot_process *processes;
	size_t n;
};

#endif
