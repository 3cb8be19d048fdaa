/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tally.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/examples.h"
#include "session/sample.h"

/* Entries of allgs in one slice: some ten milliseconds. */
#define SLICE 32768
/* In the first of all slices: nearly every process is known at once, and one that forges ten
 * million must not keep the ring waiting for seconds. */
#define SLICE_FIRST (1u << 20)

/* What a census may read: one of sixteen million goroutines fits. */
#define READ_BYTES (UINT64_C(8) << 30)

/* The first census of a process that has come a moment ago. */
#define LATER_NS (250 * NSEC_PER_MSEC)

/* A doubt is settled by a second pass as soon as this; the runtime's own steps take far less. */
#define AGAIN_NS NSEC_PER_SEC

static void feed_goroutine(const struct walk_goroutine *g, void *arg)
{
	const struct watched *p = arg;
	const struct model_goroutine to = {
		.goid = g->goid,
		.gopc = g->gopc,
		.startpc = g->startpc,
		.waits_since_ns = g->waits_since_ns,
		.wait_reason = g->wait_reason,
		.tracking_seq = g->tracking_seq,
		.is_system = g->is_system,
		.is_waiting = g->status == WALK_WAITING,
	};

	model_census_goroutine(p->model, p->pid, &to);
}

void tally_cancel(struct watch *w, struct watched *p)
{
	if (!p->walk)
		return;
	walk_free(p->walk);
	p->walk = NULL;
	model_census_drop(w->model, p->pid);
}

/* ---- one census ---- */

static int begin(struct watch *w, struct watched *p)
{
	int err = sample_counters_of(w, p);

	if (err)
		return err;
	mem_of_process(&p->census_mem, p->pid, READ_BYTES);
	p->census_cost_ns = 0;
	p->census_begun_ns = clock_now_ns();
	sched_read(&p->census_mem, p->target.bin, p->target.bias, &p->census_sched);
	model_census_begin(w->model, p->pid, p->census_sched.goids);
	err = walk_new(&p->census_mem, p->target.bin, p->target.bias, &p->walk);
	if (err)
		model_census_drop(w->model, p->pid);
	return err;
}

static void schedule(const struct watch *w, struct watched *p, bool is_doubtful)
{
	uint64_t wait_ns = is_doubtful ? AGAIN_NS : w->census_interval_ns;

	if (w->census_interval_ns)
		p->census_due_ns =
			clock_now_ns() + MAX(wait_ns, TALLY_COST_FACTOR * p->census_cost_ns);
}

/* The walk is over: the counters once more, then the model compares. */
static int complete(struct watch *w, struct watched *p, struct model_census_outcome *ret)
{
	const struct walk_result *res = walk_so_far(p->walk);
	struct model_census c = {
		.torn = res->torn,
		.unread = res->unread,
		.procs = p->census_sched.procs,
		.has_tracking = gobin_offsets(p->target.bin, NULL)->g_trackingseq != OFFSET_NONE,
	};
	int err = sample_counters_of(w, p);

	if (!err && res->is_partial)
		err = -E2BIG;
	if (err)
		return err;
	c.ts_ns = clock_now_ns();
	model_census_end(w->model, p->pid, &c, ret);
	log_debug("pid %d: census of %" PRIu64 " goroutines in %.1f ms", p->pid, res->live,
		  (double)(c.ts_ns - p->census_begun_ns) / NSEC_PER_MSEC);
	if (ret->corrected)
		log_verbose("pid %d (%s): the census corrects the population of %u go statement%s",
			    p->pid, p->target.comm, ret->corrected, ret->corrected == 1 ? "" : "s");
	if (ret->wants_examples && (err = examples_take(w->model, p)))
		log_debug("pid %d: stacks: %s", p->pid, strerror(-err));
	return 0;
}

/* One slice.  0: the census is done; -EAGAIN: it is not; else it came to nothing. */
static int step(struct watch *w, struct watched *p, size_t entries,
		struct model_census_outcome *ret)
{
	uint64_t cpu_ns = clock_cpu_ns();
	int err = p->walk ? 0 : begin(w, p);

	err = err ? err : walk_step(p->walk, entries, feed_goroutine, p);
	err = err ? err : complete(w, p, ret);
	p->census_cost_ns += clock_cpu_ns() - cpu_ns;
	if (err == -EAGAIN)
		return err;
	if (err)
		tally_cancel(w, p);
	walk_free(p->walk);
	p->walk = NULL;
	schedule(w, p, !err && ret->is_doubtful);
	return err;
}

void tally_first(struct watch *w, struct watched *p)
{
	struct model_census_outcome o = { 0 };
	int err = step(w, p, SLICE_FIRST, &o);

	if (err && err != -EAGAIN)
		log_verbose(
			"pid %d (%s): its goroutines could not be read: %s; those that are there "
			"already are not known",
			p->pid, p->target.comm, strerror(-err));
}

void tally_later(struct watched *p)
{
	p->census_due_ns = clock_now_ns() + LATER_NS;
}

/* ---- now and then ---- */

static struct watched *next_of(struct watch *w, uint64_t now_ns)
{
	struct watched *due = NULL;

	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		if (p->walk)
			return p;
		if (!p->is_gone && p->census_due_ns && p->census_due_ns <= now_ns &&
		    (!due || p->census_due_ns < due->census_due_ns))
			due = p;
	}
	return due;
}

static int turn(struct watch *w, struct watched *p, struct model_census_outcome *ret)
{
	int err = step(w, p, SLICE, ret);

	if (err && err != -EAGAIN)
		log_debug("pid %d: census: %s", p->pid, strerror(-err));
	return err;
}

void tally_turn(struct watch *w, uint64_t now_ns)
{
	struct watched *p = next_of(w, now_ns);
	struct model_census_outcome o;

	if (p)
		(void)turn(w, p, &o);
}

/* A first one for each, and a second one for whom it left in doubt. */
static bool close_one(struct watch *w, struct watched *p)
{
	struct model_census_outcome o = { 0 };
	int err = turn(w, p, &o);

	if (err == -EAGAIN)
		return true;
	p->closing = !err && o.is_doubtful && p->closing < WATCHED_CLOSED - 1 ? p->closing + 1
									      : WATCHED_CLOSED;
	return true;
}

bool tally_close(struct watch *w)
{
	if (!w->census_interval_ns)
		return false;
	for (struct watched *p = w->by_pid; p; p = p->hh.next)
		if (!p->is_gone && p->closing < WATCHED_CLOSED)
			return close_one(w, p);
	return false;
}
