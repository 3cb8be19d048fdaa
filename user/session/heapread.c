/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/heapread.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/heapsum.h"

/* Records in one slice: some ten milliseconds. */
#define SLICE 2048

/* What a reading may read: half a million records fit. */
#define READ_BYTES (UINT64_C(256) << 20)

struct heapread {
	struct gobin *bin; /* borrowed from the target ... */
	uint64_t bias;
	struct mem mem;
	struct heap_walk *walk; /* under way */
	uint64_t begun_ns, cost_ns; /* CPU time */
	uint64_t due_ns;
	struct heapsum *sum; /* NULL until there has been a profile */
	bool is_closed;
};

static int frames(void *arg, uint64_t pc, struct goframe *ret, size_t max)
{
	const struct heapread *r = arg;

	return gobin_frames(r->bin, pc - r->bias, true, ret, max);
}

static int heapread_new(const struct target *t, struct heapread **ret)
{
	struct heapread *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->bin = t->bin;
	r->bias = t->bias;
	*ret = r;
	return 0;
}

static void drop_walk(struct heapread *r)
{
	heap_walk_free(r->walk);
	r->walk = NULL;
}

void heapread_cancel(struct watched *p)
{
	if (p->heapread)
		drop_walk(p->heapread);
}

void heapread_free(struct heapread *r)
{
	if (!r)
		return;
	drop_walk(r);
	heapsum_free(r->sum);
	free(r);
}

/* ---- one reading ---- */

static int begin(const struct watched *p, struct heapread *r)
{
	mem_of_process(&r->mem, p->pid, READ_BYTES);
	r->cost_ns = 0;
	r->begun_ns = clock_now_ns();
	return heap_walk_new(&r->mem, r->bin, r->bias, &r->walk);
}

static int tell(struct watch *w, const struct watched *p, struct heapread *r,
		const struct heap_profile *profile)
{
	const struct heapsum_source src = { frames, r };
	struct model_allocs found;
	int err = 0;

	/* The oldest records come last: sites would vanish that are still there. */
	if (profile->is_partial)
		return -E2BIG;
	if (!r->sum)
		err = heapsum_new(&src, &r->sum);
	err = err ? err : heapsum_make(r->sum, profile, &found);
	if (err)
		return err;
	found.ts_ns = r->begun_ns;
	model_allocs(w->model, p->pid, &found);
	heapsum_forget(r->sum);
	log_debug("pid %d: heap profile of %zu records at %zu sites, %zu left out, in %.1f ms",
		  p->pid, profile->records.n, found.n, heapsum_left_out(r->sum),
		  seconds_between(r->begun_ns, clock_now_ns()) * 1e3);
	return 0;
}

static int complete(struct watch *w, const struct watched *p, struct heapread *r)
{
	struct heap_profile profile;
	int err;

	heap_walk_take(r->walk, &profile);
	drop_walk(r);
	err = tell(w, p, r, &profile);
	heap_profile_release(&profile);
	return err;
}

static void schedule(struct heapread *r, int err)
{
	bool is_none = err == -ENODATA || err == -ENOENT || err == -E2BIG;
	uint64_t wait_s = is_none ? HEAPREAD_NONE_INTERVAL_S : HEAPREAD_INTERVAL_S;

	r->due_ns = clock_now_ns() + MAX(wait_s * NSEC_PER_SEC, HEAPREAD_COST_FACTOR * r->cost_ns);
}

/* One slice.  0: the reading is done; -EAGAIN: it is not; else it came to nothing. */
static int step(struct watch *w, const struct watched *p, struct heapread *r)
{
	uint64_t cpu_ns = clock_cpu_ns();
	int err = r->walk ? 0 : begin(p, r);

	err = err ? err : heap_walk_step(r->walk, SLICE);
	err = err ? err : complete(w, p, r);
	r->cost_ns += clock_cpu_ns() - cpu_ns;
	if (err == -EAGAIN)
		return err;
	drop_walk(r);
	schedule(r, err);
	if (err)
		log_debug("pid %d: heap profile: %s", p->pid, strerror(-err));
	return err;
}

/* ---- now and then ---- */

static uint64_t due_ns(const struct watched *p)
{
	return p->heapread ? p->heapread->due_ns : 0;
}

static struct watched *next_of(struct watch *w, uint64_t now_ns)
{
	struct watched *due = NULL;

	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		if (p->heapread && p->heapread->walk)
			return p;
		if (!p->is_gone && due_ns(p) <= now_ns && (!due || due_ns(p) < due_ns(due)))
			due = p;
	}
	return due;
}

void heapread_turn(struct watch *w, uint64_t now_ns)
{
	struct watched *p = next_of(w, now_ns);

	if (p && (p->heapread || !heapread_new(&p->target, &p->heapread)))
		(void)step(w, p, p->heapread); /* what came of it has been said */
}

static bool is_open(const struct watched *p)
{
	const struct heapread *r = p->heapread;

	return !p->is_gone && r && !r->is_closed && (r->sum || r->walk);
}

bool heapread_close(struct watch *w)
{
	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		if (!is_open(p))
			continue;
		p->heapread->is_closed = step(w, p, p->heapread) != -EAGAIN;
		return true;
	}
	return false;
}
