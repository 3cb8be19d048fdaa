/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/sample.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "census/account.h"
#include "session/due.h"
#include "target/cgroup.h"

/* What counting descriptors and reading the cgroup cost is spread: every so many ticks. */
#define SAMPLE_SLOW_TICKS 5

/*
 * A process of which the kernel's counters and the runtime's account have stood still for so many
 * ticks is read every so many only, until they move.  What was dear to read is not read again as
 * long as they stand still, but for once in so many ticks.
 */
#define QUIET_AFTER 5
#define QUIET_TICKS 5
#define QUIET_AGAIN 60

/*
 * A walk over all pages of a process comes at its first reading, every so many ticks, and at the
 * end.  It costs 9.4 ms of CPU per GiB, and while it lasts the process cannot map memory: measured
 * 40 ms per GiB with five to run on each CPU.  Its page faults go on (0.5 ms at most; on Linux 6.4
 * and later, which lock them by mapping).  So it is put off until it takes no more than a
 * thousandth of the time, and large processes are left alone.  What is outside of Go's heap is
 * known at these times only, so that of small processes they are close.
 */
#define SAMPLE_ROLLUP_TICKS 5
#define SAMPLE_ROLLUP_PART  1000
/* A walk over its timers, up to a 200th of the time: some 50 ms for 100,000 of them. */
#define SAMPLE_TIMERS_TICKS 5
/*
 * The tables of sockets, likewise: 11 ms for a process of 1,000 among 1,000 others of its
 * network namespace, 25 ms among 10,000.  A process that has few leaks none.
 */
#define SAMPLE_SOCKETS_TICKS 30
#define SAMPLE_SOCKETS_MIN   16
#define SAMPLE_WALK_PART     200
/*
 * All walks together, in one sample and in the last: the others come next time.  And in the long
 * run a 500th of the time: of a hundred processes each has its walk over pages every 12 seconds.
 */
#define SAMPLE_WALKS_NS	     (50 * NSEC_PER_MSEC)
#define SAMPLE_WALKS_LAST_NS (2 * NSEC_PER_SEC)
#define SAMPLE_WALKS_PART    500

/* Lifecycle records that one process may stream per second; beyond, goroutines are sampled. */
#define SAMPLE_RECORDS_PER_S 20000
#define RECORDS_PER_BIRTH    2 /* the other is that of its end */
#define SHARE_ROUNDS	     8

/* What starting up took, and what is free since, goes back to the kernel. */
#define SAMPLE_TRIM_TICKS 60

/* A tick that comes late must not starve the stream. */
#define SAMPLE_BURST 2

/* What a reading may read. */
#define SAMPLE_READ_BYTES (1ULL << 20)

/* ---- the kernel's counters ---- */

static uint64_t hits_of(const struct wire_state *s, enum wire_hook h)
{
	return s->streamed[h] + s->sampled_out[h] + s->lost[h] + s->bad[h];
}

/* Those that change the counters of its sites. */
static uint64_t site_hits(const struct wire_state *s)
{
	return hits_of(s, WIRE_HOOK_BIRTH) + hits_of(s, WIRE_HOOK_DEATH) +
	       hits_of(s, WIRE_HOOK_PARK) + hits_of(s, WIRE_HOOK_READY);
}

static void feed_site(pid_t pid, uint64_t gopc, const struct wire_site *s, void *arg)
{
	model_site_counts(arg, pid, gopc, s);
}

static void feed_park(pid_t pid, uint64_t gopc, uint32_t reason, const struct wire_park_count *c,
		      void *arg)
{
	model_park_counts(arg, pid, gopc, reason, c);
}

int sample_counters(struct watch *w)
{
	/* Before the sites: a hit is counted there first. */
	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		const struct wire_state *s = probe_state(w->probe, p->pid);

		p->counted_hits = s ? site_hits(s) : 0;
	}
	model_counts_begin(w->model);
	int err = probe_sites(w->probe, feed_site, w->model);

	if (!err && w->watch_parks)
		err = probe_parks(w->probe, feed_park, w->model);
	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		const struct wire_state *s = probe_state(w->probe, p->pid);

		if (s)
			model_counters(w->model, p->pid, s);
	}
	if (!err)
		model_counts_end(w->model);
	return err;
}

/* There is no reading those of one process alone; but if it was not hit since, there is no need. */
int sample_counters_of(struct watch *w, const struct watched *p)
{
	const struct wire_state *s = probe_state(w->probe, p->pid);

	return s && site_hits(s) == p->counted_hits ? 0 : sample_counters(w);
}

/* ---- the budget of records ---- */

/*
 * How much of what all may stream together goes to each: who needs less leaves the rest to the
 * others.
 */
static void share_records(struct watch *w)
{
	uint64_t all = HASH_COUNT(w->by_pid), total = w->records_per_s, share = total;

	w->share_per_s = SAMPLE_RECORDS_PER_S;
	for (unsigned int i = 0; total && all && i < SHARE_ROUNDS; i++) {
		uint64_t few = 0, few_need = 0;

		for (const struct watched *p = w->by_pid; p; p = p->hh.next) {
			uint64_t need = RECORDS_PER_BIRTH * p->births_per_s;
			bool is_small = need <= (i ? share : total / all);

			few += is_small;
			few_need += is_small ? need : 0;
		}
		share = few < all ? (total - MIN(few_need, total)) / (all - few) : total;
		w->share_per_s =
			(uint32_t)MIN(MAX(share, UINT64_C(1)), (uint64_t)SAMPLE_RECORDS_PER_S);
	}
}

/*
 * Keeps the stream within its budget by watching fewer goroutines, but those from birth to death:
 * one in 2^shift, where shift follows the rate of births.
 */
void sample_budget(struct watch *w, struct watched *p)
{
	const struct wire_state *s = probe_state(w->probe, p->pid);
	uint32_t records = w->share_per_s ? w->share_per_s : SAMPLE_RECORDS_PER_S;
	unsigned int shift = 0;

	if (!s)
		return;
	uint64_t births = hits_of(s, WIRE_HOOK_BIRTH);
	uint64_t per_s = (births - p->last_births) / (w->tick_s + 1);

	while (shift < 30 && per_s >> shift > records / 4)
		shift++;
	p->last_births = births;
	p->births_per_s = per_s;
	/* Step down slowly: a load that comes and goes should not change the sample each time. */
	p->sample_shift = shift >= p->sample_shift ? shift : p->sample_shift - 1;
	probe_set_budget(w->probe, p->pid, records * SAMPLE_BURST, p->sample_shift);
}

void sample_refill(struct watch *w)
{
	uint32_t records = w->share_per_s ? w->share_per_s : SAMPLE_RECORDS_PER_S;

	w->tick_s++;
	for (struct watched *p = w->by_pid; p; p = p->hh.next)
		if (!p->is_gone)
			probe_set_budget(w->probe, p->pid, records * SAMPLE_BURST, p->sample_shift);
}

/* ---- what is read of one process ---- */

static int read_cgroup(const struct watch *w, pid_t pid, struct cgroup_memory *ret)
{
	char text[CGROUP_TEXT_MAX];
	int err = procfs_cgroup(w->proc_root, pid, text, sizeof(text));

	return err ? err : cgroup_memory(&w->cgroups, text, ret);
}

/*
 * An exit whose event was lost still shows: the pid is gone, a zombie, or somebody else's.  Only a
 * zombie tells its status.
 */
static bool still_there(struct watch *w, struct watched *p, struct model_reading *r,
			int *ret_exit_code)
{
	struct procfs_stat st;

	*ret_exit_code = -1;
	if (procfs_stat(w->proc_root, p->pid, &st) || st.start_ticks != p->target.start_ticks)
		return false;
	*ret_exit_code = st.exit_code;
	if (st.state == 'Z' || st.state == 'X')
		return false;
	r->cpu_s = (double)(st.utime_ticks + st.stime_ticks) / (double)sysconf(_SC_CLK_TCK);
	r->threads = st.threads;
	return true;
}

/*
 * Whether it did anything since the last look, by the kernel's counters, which cost nothing to
 * look at: goroutines, collections, memory.
 */
static bool has_moved(const struct watch *w, struct watched *p)
{
	const struct wire_state *s = probe_state(w->probe, p->pid);
	uint64_t hits = 0;
	bool is_same;

	if (!s || !probe_features(w->probe)->rss_stat)
		return true;
	for (int h = 0; h < WIRE_HOOK_BOOKED; h++)
		hits += hits_of(s, h);
	is_same = hits == p->seen_hits && s->rss_events == p->seen_rss;
	p->seen_hits = hits;
	p->seen_rss = s->rss_events;
	return !is_same;
}

/* What was read then need not be read again. */
static bool is_fresh(const struct watched *p, const struct reading_at *then)
{
	return then->has && p->moved_at <= then->tick && p->ticks < then->tick + QUIET_AGAIN;
}

static void take_note(const struct watched *p, struct reading_at *then)
{
	*then = (struct reading_at){ .tick = p->ticks, .has = true };
}

/* Times at which this is done are spread over the processes, which may have come all at once. */
static uint32_t next_turn(const struct watched *p, uint32_t ticks)
{
	return p->ticks + ticks - (p->ticks ? 0 : p->phase % ticks);
}

static bool read_memory(const struct watch *w, struct watched *p)
{
	bool is_known =
		probe_features(w->probe)->rss_stat && p->has_memory && p->seen_rss == p->memory_rss;

	if (!is_known)
		p->has_memory = !procfs_memory(w->proc_root, p->pid, &p->memory);
	p->memory_rss = p->seen_rss;
	return p->has_memory;
}

static bool read_account(struct watched *p)
{
	struct account a;

	p->mem.budget_bytes = SAMPLE_READ_BYTES;
	if (account_read(&p->mem, p->target.bin, p->target.bias, &a)) {
		p->has_account = false;
		p->moved_at = p->ticks;
		return false;
	}
	if (!p->has_account || memcmp(&a, &p->account, sizeof(a)) != 0)
		p->moved_at = p->ticks;
	p->account = a;
	p->has_account = true;
	return true;
}

/* ---- walks ---- */

/* Who is refused comes first in the next sample. */
static bool may_walk(struct watch *w, const struct watched *p, uint64_t now_ns)
{
	bool may = w->is_stopped || w->walks_credit_ns > 0;

	if (may && now_ns <= w->walks_until_ns)
		return true;
	if (!w->walks_from)
		w->walks_from = p->pid;
	return false;
}

/* The tick at which what began at start_ns may be done again. */
static uint32_t next_walk(struct watch *w, const struct watched *p, uint64_t start_ns,
			  uint32_t ticks, uint32_t part)
{
	uint64_t took_ns = clock_now_ns() - start_ns;
	uint64_t pause_s = took_ns * part / NSEC_PER_SEC;

	w->walks_credit_ns -= (int64_t)took_ns;
	return (uint32_t)MAX(p->ticks + pause_s, (uint64_t)next_turn(p, ticks));
}

/* False if it is not due, or cannot be read. */
static bool read_rollup(struct watch *w, struct watched *p)
{
	uint64_t start_ns = clock_now_ns(), heap = (uint64_t)MAX(p->account.heap_addr, 0);

	if ((p->ticks < p->rollup_at && !w->is_stopped) || !procfs_rollup_is_short(&p->memory))
		return false;
	if (is_fresh(p, &p->rollup_read)) {
		p->rollup_at = p->ticks + SAMPLE_ROLLUP_TICKS;
		return true;
	}
	if (!may_walk(w, p, start_ns))
		return false;
	p->rollup_read.has = false;
	if (!procfs_rollup(w->proc_root, p->pid, heap, &p->rollup))
		take_note(p, &p->rollup_read);
	p->rollup_at = next_walk(w, p, start_ns, SAMPLE_ROLLUP_TICKS, SAMPLE_ROLLUP_PART);
	return p->rollup_read.has;
}

/* The same of timers; at the end they are read anew. */
static bool read_timers(struct watch *w, struct watched *p, struct snapshot_timers *ret)
{
	uint64_t start_ns = clock_now_ns();

	if (!w->is_stopped && (p->ticks < p->timers_at || is_fresh(p, &p->timers_read)))
		return false;
	if (!may_walk(w, p, start_ns))
		return false;
	int err = due_read(p, ret);

	take_note(p, &p->timers_read);
	p->timers_at = next_walk(w, p, start_ns, SAMPLE_TIMERS_TICKS, SAMPLE_WALK_PART);
	return !err;
}

/* Once more when there are few again, so that what was said of many does not stand for ever. */
static bool read_sockets(struct watch *w, struct watched *p, struct sockets *ret)
{
	uint64_t start_ns = clock_now_ns();
	bool is_many = p->sockets >= SAMPLE_SOCKETS_MIN;

	if ((!is_many && !p->has_many_sockets) || (p->ticks < p->sockets_at && !w->is_stopped) ||
	    !may_walk(w, p, start_ns))
		return false;
	int err = sockets_read(w->proc_root, p->pid, ret);

	p->sockets_at = next_walk(w, p, start_ns, SAMPLE_SOCKETS_TICKS, SAMPLE_WALK_PART);
	p->has_many_sockets = is_many;
	return !err;
}

/* ---- what changes slowly, or costs more than the rest ---- */

struct slow {
	struct procfs_fds fds;
	struct cgroup_memory cgroup;
};

/* Once for all processes of a sample. */
static void read_machine(struct watch *w)
{
	uint64_t now_ns = clock_now_ns();

	if (w->machine_ns && now_ns - w->machine_ns < NSEC_PER_SEC / 2)
		return;
	w->machine_ns = now_ns;
	if (procfs_mem_total(w->proc_root, &w->mem_total_bytes) ||
	    procfs_mem_available(w->proc_root, &w->mem_available_bytes))
		w->mem_total_bytes = w->mem_available_bytes = 0;
}

static void read_slow(struct watch *w, struct watched *p, struct slow *buf, struct model_reading *r)
{
	if ((w->is_stopped || !is_fresh(p, &p->fds_read)) &&
	    procfs_fds(w->proc_root, p->pid, &buf->fds) == 0) {
		take_note(p, &p->fds_read);
		r->fds = &buf->fds;
		p->sockets = buf->fds.sockets;
	}
	if (read_cgroup(w, p->pid, &buf->cgroup) == 0)
		r->cgroup = &buf->cgroup;
	read_machine(w);
	r->mem_total_bytes = (int64_t)w->mem_total_bytes;
	r->mem_available_bytes = (int64_t)w->mem_available_bytes;
}

/* ---- a reading ---- */

static bool is_due(const struct watch *w, const struct watched *p)
{
	return w->is_stopped || p->ticks < p->moved_at + QUIET_AFTER || p->ticks >= p->due_at;
}

static void read_process(struct watch *w, struct watched *p, struct model_reading *r)
{
	struct snapshot_timers timers;
	struct sockets sockets;
	struct procfs_io io;
	struct slow slow;

	if (read_memory(w, p))
		r->memory = &p->memory;
	if (procfs_io(w->proc_root, p->pid, &io) == 0)
		r->io = &io;
	if (read_account(p))
		r->account = &p->account;
	if (r->account && r->memory && read_rollup(w, p))
		r->rollup = &p->rollup;
	if (read_timers(w, p, &timers))
		r->timers = &timers;
	if (p->ticks >= p->slow_at || w->is_stopped) {
		p->slow_at = next_turn(p, SAMPLE_SLOW_TICKS);
		read_slow(w, p, &slow, r);
	}
	if (read_sockets(w, p, &sockets))
		r->sockets = &sockets;
	model_reading(w->model, p->pid, r);
}

void sample_readings(struct watch *w, struct watched *p)
{
	struct model_reading r = { .cpu_s = -1 };
	int exit_code;

	if (p->is_gone)
		return;
	if (has_moved(w, p))
		p->moved_at = p->ticks;
	if (is_due(w, p)) {
		if (!still_there(w, p, &r, &exit_code)) {
			watch_gone(w, p, clock_now_ns(), exit_code);
			return;
		}
		read_process(w, p, &r);
		p->due_at = p->ticks + QUIET_TICKS;
	}
	sample_budget(w, p);
	p->ticks += w->tick_s + 1;
}

static void allow_walks(struct watch *w)
{
	int64_t more_ns = (int64_t)((w->tick_s + 1) * (NSEC_PER_SEC / SAMPLE_WALKS_PART));
	int64_t most_ns = (int64_t)SAMPLE_WALKS_NS;

	w->walks_credit_ns = w->samples ? MIN(w->walks_credit_ns + more_ns, most_ns) : most_ns;
	w->walks_until_ns =
		clock_now_ns() + (w->is_stopped ? SAMPLE_WALKS_LAST_NS : SAMPLE_WALKS_NS);
}

/* From whose turn it is to walk, round to the one before. */
static void read_all(struct watch *w)
{
	struct watched *from = w->walks_from ? watch_find(w, w->walks_from) : NULL;

	w->walks_from = 0;
	for (struct watched *p = from; p; p = p->hh.next)
		sample_readings(w, p);
	for (struct watched *p = w->by_pid; p != from; p = p->hh.next)
		sample_readings(w, p);
}

int sample_all(struct watch *w, uint64_t now_ns)
{
	int err = sample_counters(w);

	watch_bury(w);
	share_records(w);
	allow_walks(w);
	read_all(w);
	model_tick(w->model, now_ns);
	exes_trim(&w->exes, now_ns);
	probe_reap(w->probe);
	if (w->samples % SAMPLE_SLOW_TICKS == 0)
		gobin_cache_trim(w->cache);
	if (w->samples % SAMPLE_TRIM_TICKS == 0)
		malloc_trim(0);
	w->tick_s = 0;
	w->samples++;
	return err;
}
