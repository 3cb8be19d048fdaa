/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/account.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

#define ADDRESS_END  (INT64_C(1) << 47)
#define OS_PAGE	     4096
#define GO_PAGE	     8192 /* runtime/malloc.go, _PageSize */
#define HSD_DELTAS   3 /* runtime/mstats.go, consistentHeapStats.stats */
#define HSD_SIZE_MAX 4096 /* 1168 in Go 1.27 */
#define CLASSES_MAX  256 /* of allocation size; 68 so far */
#define PAUSES	     256 /* runtime/mstats.go, len(memstats.pause_ns) */
#define READ_TRIES   3 /* a sum over deltas can be caught half-way */

/* runtime.heapStatsDelta summed over its three generations. */
struct heap_stats {
	bool is_known;
	uint64_t committed, in_stacks, objects;
};

struct wanted {
	uint64_t base;
	uint32_t offset;
	uint8_t size; /* 4 or 8 */
	int64_t *ret;
};

/* What is read but not handed on as it is. */
struct parts {
	int64_t heap_free, mst_idle, stacks_sys, mspan, mcache, buckhash, gcmisc, other;
	int64_t total_free, percent_goal, sweep_trigger, triggered;
	int64_t goidgen;
};

void account_clear(struct account *a)
{
	memset(a, 0xff, sizeof(*a));
}

/* What one reading wants: all in one call. */
struct request {
	struct mem_range ranges[MEM_NEAR_MAX];
	size_t n;
	struct {
		struct wanted wanted;
		uint64_t value;
	} numbers[MEM_NEAR_MAX]; /* the first ranges */
	size_t n_numbers;
	bool has_deltas, has_pauses;
	uint8_t deltas[HSD_DELTAS * HSD_SIZE_MAX];
	uint8_t pauses[PAUSES * 8];
	const struct mem_range *allgs; /* NULL: not asked for */
	uint64_t array;
};

static const struct mem_range *request_add(struct request *r, uint64_t addr, size_t size, void *buf)
{
	struct mem_range *range = &r->ranges[r->n++];

	assert(r->n <= MEM_NEAR_MAX);
	*range = (struct mem_range){ .addr = addr, .size = size, .buf = buf };
	return range;
}

/* Those of the numbers whose place is known; the others stay as they are. */
static void request_numbers(struct request *r, const struct wanted *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!want[i].base || want[i].offset == OFFSET_NONE)
			continue;
		size_t at = r->n_numbers++;

		r->numbers[at].wanted = want[i];
		r->numbers[at].value = 0;
		(void)request_add(r, want[i].base + want[i].offset, want[i].size,
				  &r->numbers[at].value);
	}
}

/* Where the goroutines' array is may stay unknown, all else not. */
static int request_read(struct mem *m, struct request *r)
{
	int err = mem_read_near(m, r->ranges, r->n);

	for (size_t i = 0; !err && i < r->n; i++)
		if (!r->ranges[i].ok && &r->ranges[i] != r->allgs)
			err = -EFAULT;
	for (size_t i = 0; !err && i < r->n_numbers; i++) {
		const struct wanted *w = &r->numbers[i].wanted;
		uint64_t value = r->numbers[i].value;

		*w->ret = w->size == 4 ? (int64_t)(uint32_t)value : (int64_t)value;
	}
	return err;
}

/* gcController of Go 1.19 on; before, memstats has the same. */
static void want_numbers(struct request *r, const struct account_source *src, struct account *a,
			 struct parts *p)
{
	const struct offsets *o = src->offsets;
	uint64_t gcc = src->gccontroller, mst = src->memstats;
	const struct wanted want[] = {
		{ gcc, o->gcc_heaplive, 8, &a->heap_live_bytes },
		{ mst, o->mst_heap_live, 8, &a->heap_live_bytes },
		{ gcc, o->gcc_heapmarked, 8, &a->heap_marked_bytes },
		{ mst, o->mst_heap_marked, 8, &a->heap_marked_bytes },
		{ gcc, o->gcc_heapinuse, 8, &a->heap_inuse_bytes },
		{ mst, o->mst_heap_inuse, 8, &a->heap_inuse_bytes },
		{ gcc, o->gcc_heapreleased, 8, &a->heap_released_bytes },
		{ mst, o->mst_heap_released, 8, &a->heap_released_bytes },
		{ gcc, o->gcc_heapfree, 8, &p->heap_free },
		{ mst, o->mst_heap_idle, 8, &p->mst_idle },
		{ gcc, o->gcc_heapgoal, 8, &p->percent_goal },
		{ gcc, o->gcc_sweepmin, 8, &p->sweep_trigger },
		{ gcc, o->gcc_triggered, 8, &p->triggered },
		{ gcc, o->gcc_totalalloc, 8, &a->total_alloc_bytes },
		{ gcc, o->gcc_totalfree, 8, &p->total_free },
		{ gcc, o->gcc_mappedready, 8, &a->mapped_ready_bytes },
		{ gcc, o->gcc_memorylimit, 8, &a->memory_limit_bytes },
		{ gcc, o->gcc_gcpercent, 4, &a->gc_percent },
		{ mst, o->mst_stacks_inuse, 8, &a->stacks_inuse_bytes },
		{ mst, o->mst_stacks_sys, 8, &p->stacks_sys },
		{ mst, o->mst_mspan_sys, 8, &p->mspan },
		{ mst, o->mst_mcache_sys, 8, &p->mcache },
		{ mst, o->mst_buckhash_sys, 8, &p->buckhash },
		{ mst, o->mst_gcmiscsys, 8, &p->gcmisc },
		{ mst, o->mst_other_sys, 8, &p->other },
		{ mst, o->mst_numgc, 4, &a->gc_cycles },
		{ mst, o->mst_numforcedgc, 4, &a->forced_gc_cycles },
		{ mst, o->mst_pause_total_ns, 8, &a->gc_pause_total_ns },
		{ mst, o->mst_last_gc_unix, 8, &a->last_gc_unix_ns },
		{ src->sched, o->sched_goidgen, 8, &p->goidgen },
	};

	request_numbers(r, want, ARRAY_SIZE(want));
}

/* The sum of n counters from offset on, in one delta. */
static uint64_t sum_counters(const uint8_t *delta, size_t size, uint32_t offset, size_t n)
{
	struct bytes b = bytes_of(delta, size);
	uint64_t sum = 0;

	if (offset == OFFSET_NONE)
		return 0;
	bytes_seek(&b, offset);
	while (n--)
		sum += bytes_u64(&b);
	return sum;
}

/* One delta wraps around freely; only the sum of all means something (runtime/mstats.go). */
static void add_delta(struct heap_stats *hs, const struct offsets *o, const uint8_t *delta)
{
	size_t size = o->hsd_size, classes = (size - o->hsd_smallfreecount) / 8;
	uint64_t objects = sum_counters(delta, size, o->hsd_smallalloccount, classes) -
			   sum_counters(delta, size, o->hsd_smallfreecount, classes) +
			   sum_counters(delta, size, o->hsd_largealloccount, 1) -
			   sum_counters(delta, size, o->hsd_largefreecount, 1);

	hs->objects += objects;
	hs->committed += sum_counters(delta, size, o->hsd_committed, 1);
	hs->in_stacks += sum_counters(delta, size, o->hsd_instacks, 1);
}

static bool hsd_is_usable(const struct offsets *o)
{
	uint32_t size = o->hsd_size, frees = o->hsd_smallfreecount, allocs = o->hsd_smallalloccount;

	if (o->mst_heapstats == OFFSET_NONE || size > HSD_SIZE_MAX || frees >= size)
		return false;
	/* smallFreeCount is the last field, smallAllocCount an array of the same length. */
	return (size - frees) / 8 <= CLASSES_MAX && allocs < size && size - allocs >= size - frees;
}

static void take_heap_stats(const struct request *r, const struct offsets *o, struct heap_stats *hs)
{
	if (!r->has_deltas)
		return;
	for (size_t i = 0; i < HSD_DELTAS; i++)
		add_delta(hs, o, r->deltas + i * o->hsd_size);
	hs->is_known = true;
}

/* The ring of the last pauses; the one of cycle n, counted from 1, is at (n + 255) % 256. */
static void take_pauses(const struct request *r, struct account *a)
{
	struct bytes b = bytes_of(r->pauses, sizeof(r->pauses));

	if (!r->has_pauses || a->gc_cycles < 1)
		return;
	for (unsigned int i = 0; i < PAUSES; i++) {
		int64_t ns = (int64_t)bytes_u64(&b);

		a->gc_pause_max_ns = MAX(a->gc_pause_max_ns, ns);
		if (i == (uint64_t)(a->gc_cycles - 1) % PAUSES)
			a->gc_pause_last_ns = MAX(ns, -1);
	}
}

/* -1 (not known) or whole pages of what an address space can hold. */
static bool is_pages(int64_t bytes, int64_t page)
{
	return bytes == -1 || (bytes >= 0 && bytes < ADDRESS_END && bytes % page == 0);
}

static bool is_size(int64_t bytes)
{
	return bytes >= -1 && bytes < ADDRESS_END;
}

static bool is_plausible(const struct account *a)
{
	if (!is_pages(a->heap_inuse_bytes, GO_PAGE) || !is_pages(a->stacks_inuse_bytes, OS_PAGE) ||
	    !is_pages(a->heap_idle_bytes, OS_PAGE) || !is_pages(a->heap_released_bytes, OS_PAGE))
		return false;
	if (!is_size(a->heap_live_bytes) || !is_size(a->heap_marked_bytes) ||
	    !is_size(a->other_sys_bytes) || !is_size(a->mapped_ready_bytes) || a->heap_objects < -1)
		return false;
	if (a->gc_cycles != -1 && a->forced_gc_cycles > a->gc_cycles)
		return false;
	return a->total_alloc_bytes >= -1 && a->memory_limit_bytes >= -1 &&
	       a->gc_pause_total_ns >= -1 && a->last_gc_unix_ns >= -1 && a->goids >= -1 &&
	       a->gc_percent >= -1;
}

static int64_t sum_known(const int64_t *values, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (values[i] < 0 || __builtin_add_overflow(sum, values[i], &sum))
			return -1;
	return sum;
}

/* Spans of neither heap nor stacks: the collector's work buffers and pointer masks. */
static int64_t gc_spans(const struct account *a, const struct parts *p, const struct heap_stats *hs)
{
	int64_t spans;

	if (!hs->is_known || p->heap_free < 0 || a->heap_inuse_bytes < 0)
		return -1;
	spans = (int64_t)(hs->committed - hs->in_stacks - (uint64_t)a->heap_inuse_bytes -
			  (uint64_t)p->heap_free);
	return spans >= 0 && spans < ADDRESS_END ? spans : -1;
}

/* What the runtime holds besides heap and stacks; GCSys has the spans too. */
static int64_t other_sys(const struct account *a, const struct parts *p)
{
	const int64_t known[] = { p->stacks_sys,
				  p->mspan,
				  p->mcache,
				  p->buckhash,
				  p->gcmisc,
				  p->other,
				  MAX(a->gc_spans_bytes, 0) };

	return sum_known(known, ARRAY_SIZE(known));
}

/* ---- the goal, as runtime/mgcpacer.go has it ---- */

#define GOAL_NONE     UINT64_MAX
#define GOAL_HEADROOM (1 << 20) /* memoryLimitMinHeapGoalHeadroom */
#define GOAL_PERCENT  3 /* memoryLimitHeapGoalHeadroomPercent, Go 1.21 on */
#define GOAL_RUNWAY   (64 << 10) /* minRunway */

/*
 * memoryLimitHeapGoal(): what the limit leaves for the heap.  -EAGAIN: the numbers were caught
 * half-way.  -ENOENT: not known; Go 1.20 was not at hand to see what it takes off.
 */
static int limit_goal(const struct account *a, const struct parts *p, unsigned int minor,
		      uint64_t *ret)
{
	uint64_t limit = (uint64_t)a->memory_limit_bytes, ready = (uint64_t)a->mapped_ready_bytes;
	uint64_t allocated = (uint64_t)a->total_alloc_bytes - (uint64_t)p->total_free;
	uint64_t heap = (uint64_t)p->heap_free + allocated;
	uint64_t marked = (uint64_t)a->heap_marked_bytes, headroom = GOAL_HEADROOM;
	uint64_t taken = ready - heap + (ready > limit ? ready - limit : 0), goal = limit - taken;

	if (minor < 19 || minor == 20 || a->mapped_ready_bytes < 0 || p->heap_free < 0 ||
	    a->total_alloc_bytes < 0 || p->total_free < 0 || a->heap_marked_bytes < 0)
		return -ENOENT;
	if (heap > ready)
		return -EAGAIN;
	*ret = marked;
	if (taken >= limit)
		return 0;
	if (minor > 20)
		headroom = MAX(goal / 100 * GOAL_PERCENT, headroom);
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	*ret = MAX(goal, marked);
	return 0;
}

/* heapGoalInternal(); -1 if it is not known, or so far off that it is none. */
static int64_t heap_goal(const struct account *a, const struct parts *p, unsigned int minor)
{
	uint64_t goal = (uint64_t)p->percent_goal, by_limit = GOAL_NONE;
	bool has_limit = a->memory_limit_bytes >= 0 && a->memory_limit_bytes != INT64_MAX;

	/* Off is the biggest number, and not known reads the same: then a limit alone decides. */
	if (has_limit && limit_goal(a, p, minor, &by_limit))
		return -1;
	if (by_limit < goal)
		return by_limit < (uint64_t)ADDRESS_END ? (int64_t)by_limit : -1;
	if (p->sweep_trigger >= 0)
		goal = MAX(goal, (uint64_t)p->sweep_trigger);
	if (p->triggered >= 0)
		goal = MAX(goal, (uint64_t)p->triggered + GOAL_RUNWAY);
	return goal < (uint64_t)ADDRESS_END ? (int64_t)goal : -1;
}

static void put_together(struct account *a, const struct parts *p, const struct heap_stats *hs)
{
	const int64_t idle[] = { p->heap_free, a->heap_released_bytes };

	a->heap_idle_bytes = p->mst_idle >= 0 ? p->mst_idle : sum_known(idle, ARRAY_SIZE(idle));
	if (hs->is_known) {
		a->stacks_inuse_bytes = (int64_t)hs->in_stacks;
		a->heap_objects = (int64_t)hs->objects;
	}
	a->gc_spans_bytes = gc_spans(a, p, hs);
	a->other_sys_bytes = other_sys(a, p);
	a->stacks_sys_bytes = sum_known((int64_t[]){ p->stacks_sys, a->stacks_inuse_bytes }, 2);
	a->goids = p->goidgen;
	/* An int32: off is -1. */
	if (a->gc_percent > INT32_MAX)
		a->gc_percent -= INT64_C(1) << 32;
}

static void want_all(struct request *r, const struct account_source *src, struct account *a,
		     struct parts *p)
{
	const struct offsets *o = src->offsets;

	r->n = r->n_numbers = 0;
	want_numbers(r, src, a, p);
	r->has_deltas = src->memstats && hsd_is_usable(o);
	r->has_pauses = src->memstats && o->mst_pause_ns != OFFSET_NONE;
	r->allgs = NULL;
	if (r->has_deltas)
		(void)request_add(r, src->memstats + o->mst_heapstats,
				  (size_t)HSD_DELTAS * o->hsd_size, r->deltas);
	if (r->has_pauses)
		(void)request_add(r, src->memstats + o->mst_pause_ns, sizeof(r->pauses), r->pauses);
	if (src->allgs)
		r->allgs = request_add(r, src->allgs, sizeof(r->array), &r->array);
}

static int read_once(struct mem *m, const struct account_source *src, struct request *r,
		     struct account *a)
{
	struct heap_stats hs = { 0 };
	struct parts p;
	int err;

	memset(&p, 0xff, sizeof(p)); /* -1 */
	account_clear(a);
	want_all(r, src, a, &p);
	err = request_read(m, r);
	if (err)
		return err;
	take_heap_stats(r, src->offsets, &hs);
	put_together(a, &p, &hs);
	a->heap_goal_bytes = heap_goal(a, &p, src->go_minor);
	if (src->go_minor)
		a->go_minor = src->go_minor;
	return 0;
}

/* Every g but the threads' own is allocated in the heap (runtime/proc.go, malg). */
static void read_heap_addr(struct mem *m, const struct request *r, struct account *a)
{
	uint64_t g;

	if (!r->allgs || !r->allgs->ok || !r->array || mem_read_u64(m, r->array, &g))
		return;
	if (g && g < (uint64_t)ADDRESS_END)
		a->heap_addr = (int64_t)g;
}

int account_source_read(struct mem *m, const struct account_source *src, struct account *ret)
{
	struct request r;

	if (!src->gccontroller && !src->memstats)
		return -ENOENT;
	for (unsigned int i = 0; i < READ_TRIES; i++) {
		struct account a;
		int err = read_once(m, src, &r, &a);

		if (err)
			return err;
		if (!is_plausible(&a))
			continue;
		take_pauses(&r, &a);
		read_heap_addr(m, &r, &a);
		*ret = a;
		return 0;
	}
	return -EBADMSG;
}

int account_read(struct mem *m, const struct gobin *bin, uint64_t bias, struct account *ret)
{
	const struct globals *g = gobin_globals(bin);
	const struct goversion *version = &gobin_info(bin)->version;
	struct account_source src = {
		.offsets = gobin_offsets(bin, NULL),
		.go_minor = version->major == 1 ? version->minor : 0,
	};
	const struct {
		enum global global;
		uint64_t *va;
	} places[] = {
		{ GLOBAL_GCCONTROLLER, &src.gccontroller },
		{ GLOBAL_MEMSTATS, &src.memstats },
		{ GLOBAL_SCHED, &src.sched },
		{ GLOBAL_ALLGS, &src.allgs },
	};

	if (!src.offsets || !g)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (g->global[places[i].global].va)
			*places[i].va = g->global[places[i].global].va + bias;
	return account_source_read(m, &src, ret);
}
