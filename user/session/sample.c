/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/sample.h"

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
/* All processes' together, in one sample and in the last: the others come next time. */
#define SAMPLE_WALKS_NS	     (50 * NSEC_PER_MSEC)
#define SAMPLE_WALKS_LAST_NS (2 * NSEC_PER_SEC)

/* Lifecycle records that one process may stream per second; beyond, goroutines are sampled. */
#define SAMPLE_RECORDS_PER_S 20000

/* A tick that comes late must not starve the stream. */
#define SAMPLE_BURST 2

/* What a reading may read. */
#define SAMPLE_READ_BYTES (1ULL << 20)

#define CGROUP_TEXT_MAX 4096

/* ---- the kernel's counters ---- */

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

static uint64_t hits_of(const struct wire_state *s, enum wire_hook h)
{
	return s->streamed[h] + s->sampled_out[h] + s->lost[h] + s->bad[h];
}

/*
 * Keeps the stream within its budget by watching fewer goroutines, but those from birth to death:
 * one in 2^shift, where shift follows the rate of births.
 */
void sample_budget(struct watch *w, struct watched *p)
{
	const struct wire_state *s = probe_state(w->probe, p->pid);
	unsigned int shift = 0;

	if (!s)
		return;
	uint64_t births = hits_of(s, WIRE_HOOK_BIRTH);
	uint64_t per_s = (births - p->last_births) / (w->tick_s + 1);

	while (shift < 30 && per_s >> shift > SAMPLE_RECORDS_PER_S / 4)
		shift++;
	p->last_births = births;
	/* Step down slowly: a load that comes and goes should not change the sample each time. */
	p->sample_shift = shift >= p->sample_shift ? shift : p->sample_shift - 1;
	probe_set_budget(w->probe, p->pid, SAMPLE_RECORDS_PER_S * SAMPLE_BURST, p->sample_shift);
}

void sample_refill(struct watch *w)
{
	w->tick_s++;
	for (struct watched *p = w->by_pid; p; p = p->hh.next)
		if (!p->is_gone)
			probe_set_budget(w->probe, p->pid, SAMPLE_RECORDS_PER_S * SAMPLE_BURST,
					 p->sample_shift);
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

/* The tick at which what began at start_ns may be done again. */
static uint32_t next_walk(const struct watched *p, uint64_t start_ns, uint32_t ticks, uint32_t part)
{
	uint64_t pause_s = (clock_now_ns() - start_ns) * part / NSEC_PER_SEC;

	return p->ticks + (uint32_t)MAX(pause_s, (uint64_t)ticks);
}

/* False if it is not due, or cannot be read. */
static bool read_rollup(struct watch *w, struct watched *p, const struct procfs_memory *memory,
			const struct account *account, struct procfs_rollup *ret)
{
	uint64_t start_ns = clock_now_ns();

	if ((p->ticks < p->rollup_at && !w->is_stopped) || start_ns > w->walks_until_ns ||
	    !procfs_rollup_is_short(memory))
		return false;
	int err = procfs_rollup(w->proc_root, p->pid, (uint64_t)MAX(account->heap_addr, 0), ret);

	p->rollup_at = next_walk(p, start_ns, SAMPLE_ROLLUP_TICKS, SAMPLE_ROLLUP_PART);
	return !err;
}

/* The same of timers; at the end they are read anew. */
static bool read_timers(const struct watch *w, struct watched *p, struct snapshot_timers *ret)
{
	uint64_t start_ns = clock_now_ns();

	if ((p->ticks < p->timers_at && !w->is_stopped) || start_ns > w->walks_until_ns)
		return false;
	int err = due_read(p, ret);

	p->timers_at = next_walk(p, start_ns, SAMPLE_TIMERS_TICKS, SAMPLE_WALK_PART);
	return !err;
}

/* Once more when there are few again, so that what was said of many does not stand for ever. */
static bool read_sockets(const struct watch *w, struct watched *p, struct sockets *ret)
{
	uint64_t start_ns = clock_now_ns();
	bool is_many = p->sockets >= SAMPLE_SOCKETS_MIN;

	if ((!is_many && !p->has_many_sockets) || (p->ticks < p->sockets_at && !w->is_stopped) ||
	    start_ns > w->walks_until_ns)
		return false;
	int err = sockets_read(w->proc_root, p->pid, ret);

	p->sockets_at = next_walk(p, start_ns, SAMPLE_SOCKETS_TICKS, SAMPLE_WALK_PART);
	p->has_many_sockets = is_many;
	return !err;
}

/* What changes slowly, or costs more than the rest. */
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
	if (procfs_fds(w->proc_root, p->pid, &buf->fds) == 0) {
		r->fds = &buf->fds;
		p->sockets = buf->fds.sockets;
	}
	if (read_cgroup(w, p->pid, &buf->cgroup) == 0)
		r->cgroup = &buf->cgroup;
	read_machine(w);
	r->mem_total_bytes = (int64_t)w->mem_total_bytes;
	r->mem_available_bytes = (int64_t)w->mem_available_bytes;
	gobin_trim(p->target.bin);
}

void sample_readings(struct watch *w, struct watched *p)
{
	struct model_reading r = { .cpu_s = -1 };
	struct procfs_memory memory;
	struct procfs_io io;
	struct procfs_rollup rollup;
	struct account account;
	struct snapshot_timers timers;
	struct sockets sockets;
	struct slow slow;
	int exit_code;

	if (p->is_gone)
		return;
	if (!still_there(w, p, &r, &exit_code)) {
		watch_gone(w, p, clock_now_ns(), exit_code);
		return;
	}
	if (procfs_memory(w->proc_root, p->pid, &memory) == 0)
		r.memory = &memory;
	if (procfs_io(w->proc_root, p->pid, &io) == 0)
		r.io = &io;
	p->mem.budget_bytes = SAMPLE_READ_BYTES;
	if (account_read(&p->mem, p->target.bin, p->target.bias, &account) == 0)
		r.account = &account;
	if (r.account && r.memory && read_rollup(w, p, &memory, &account, &rollup))
		r.rollup = &rollup;
	if (read_timers(w, p, &timers))
		r.timers = &timers;
	if (p->ticks >= p->slow_at) {
		p->slow_at = p->ticks + SAMPLE_SLOW_TICKS;
		read_slow(w, p, &slow, &r);
	}
	if (read_sockets(w, p, &sockets))
		r.sockets = &sockets;
	model_reading(w->model, p->pid, &r);
	sample_budget(w, p);
	p->ticks += w->tick_s + 1;
}

int sample_all(struct watch *w, uint64_t now_ns)
{
	struct watched *p, *next;
	int err = sample_counters(w);

	w->walks_until_ns =
		clock_now_ns() + (w->is_stopped ? SAMPLE_WALKS_LAST_NS : SAMPLE_WALKS_NS);
	HASH_ITER (hh, w->by_pid, p, next)
		sample_readings(w, p);
	model_tick(w->model, now_ns);
	w->tick_s = 0;
	return err;
}
