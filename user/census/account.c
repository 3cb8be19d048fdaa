/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/account.h"

#include "base/bytes.h"

#define ADDRESS_END  (INT64_C(1) << 47)
#define OS_PAGE	     4096
#define GO_PAGE	     8192 /* runtime/malloc.go, _PageSize */
#define HSD_DELTAS   3 /* runtime/mstats.go, consistentHeapStats.stats */
#define HSD_SIZE_MAX 4096 /* 1168 in Go 1.27 */
#define CLASSES_MAX  256 /* of allocation size; 68 so far */
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
	int64_t goidgen;
};

void account_clear(struct account *a)
{
	*a = (struct account){
		.heap_live_bytes = -1,
		.heap_marked_bytes = -1,
		.heap_inuse_bytes = -1,
		.heap_idle_bytes = -1,
		.heap_released_bytes = -1,
		.heap_objects = -1,
		.heap_goal_bytes = -1,
		.total_alloc_bytes = -1,
		.memory_limit_bytes = -1,
		.gc_percent = -1,
		.stacks_inuse_bytes = -1,
		.other_sys_bytes = -1,
		.gc_cycles = -1,
		.forced_gc_cycles = -1,
		.gc_pause_total_ns = -1,
		.last_gc_unix_ns = -1,
		.goids = -1,
	};
}

/*
 * Reads those of the wanted numbers whose place is known, in one call; the others stay as they are.
 */
static int read_wanted(struct mem *m, const struct wanted *want, size_t n)
{
	struct mem_range ranges[32];
	uint64_t values[ARRAY_SIZE(ranges)] = { 0 };
	size_t which[ARRAY_SIZE(ranges)], n_ranges = 0;
	int err;

	for (size_t i = 0; i < n && n_ranges < ARRAY_SIZE(ranges); i++) {
		if (!want[i].base || want[i].offset == OFFSET_NONE)
			continue;
		which[n_ranges] = i;
		ranges[n_ranges] = (struct mem_range){
			.addr = want[i].base + want[i].offset,
			.size = want[i].size,
			.buf = &values[n_ranges],
		};
		n_ranges++;
	}
	err = mem_read_many(m, ranges, n_ranges);
	for (size_t i = 0; !err && i < n_ranges; i++) {
		const struct wanted *w = &want[which[i]];

		if (!ranges[i].ok)
			return -EFAULT;
		*w->ret = w->size == 4 ? (int64_t)(uint32_t)values[i] : (int64_t)values[i];
	}
	return err;
}

/* gcController of Go 1.19 on; before, memstats has the same. */
static int read_numbers(struct mem *m, const struct account_source *src, struct account *a,
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
		{ gcc, o->gcc_heapgoal, 8, &a->heap_goal_bytes },
		{ gcc, o->gcc_totalalloc, 8, &a->total_alloc_bytes },
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

	return read_wanted(m, want, ARRAY_SIZE(want));
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

static int read_heap_stats(struct mem *m, const struct account_source *src, struct heap_stats *hs)
{
	const struct offsets *o = src->offsets;
	uint8_t deltas[HSD_DELTAS * HSD_SIZE_MAX];
	int err;

	if (!src->memstats || !hsd_is_usable(o))
		return 0;
	err = mem_read(m, src->memstats + o->mst_heapstats, deltas,
		       (size_t)HSD_DELTAS * o->hsd_size);
	if (err)
		return err;
	for (size_t i = 0; i < HSD_DELTAS; i++)
		add_delta(hs, o, deltas + i * o->hsd_size);
	hs->is_known = true;
	return 0;
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
	    !is_size(a->other_sys_bytes) || a->heap_objects < -1)
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

/* What the runtime holds besides heap and stacks. */
static int64_t other_sys(const struct account *a, const struct parts *p,
			 const struct heap_stats *hs)
{
	const int64_t known[] = { p->stacks_sys, p->mspan,  p->mcache,
				  p->buckhash,	 p->gcmisc, p->other };
	int64_t sum = sum_known(known, ARRAY_SIZE(known)), spans;

	if (sum < 0 || !hs->is_known || p->heap_free < 0 || a->heap_inuse_bytes < 0)
		return sum;
	/* Spans of neither: the collector's work buffers and pointer masks, which GCSys has too. */
	spans = (int64_t)(hs->committed - hs->in_stacks - (uint64_t)a->heap_inuse_bytes -
			  (uint64_t)p->heap_free);
	return spans > 0 && spans < ADDRESS_END ? sum_known((int64_t[]){ sum, spans }, 2) : sum;
}

static void put_together(struct account *a, const struct parts *p, const struct heap_stats *hs)
{
	const int64_t idle[] = { p->heap_free, a->heap_released_bytes };

	a->heap_idle_bytes = p->mst_idle >= 0 ? p->mst_idle : sum_known(idle, ARRAY_SIZE(idle));
	if (hs->is_known) {
		a->stacks_inuse_bytes = (int64_t)hs->in_stacks;
		a->heap_objects = (int64_t)hs->objects;
	}
	a->other_sys_bytes = other_sys(a, p, hs);
	a->goids = p->goidgen;
	/* An int32: off is -1. */
	if (a->gc_percent > INT32_MAX)
		a->gc_percent -= INT64_C(1) << 32;
}

static int read_once(struct mem *m, const struct account_source *src, struct account *a)
{
	struct parts p = {
		.heap_free = -1,
		.mst_idle = -1,
		.stacks_sys = -1,
		.mspan = -1,
		.mcache = -1,
		.buckhash = -1,
		.gcmisc = -1,
		.other = -1,
		.goidgen = -1,
	};
	struct heap_stats hs = { 0 };
	int err;

	account_clear(a);
	err = read_numbers(m, src, a, &p);
	if (!err)
		err = read_heap_stats(m, src, &hs);
	if (!err)
		put_together(a, &p, &hs);
	return err;
}

int account_source_read(struct mem *m, const struct account_source *src, struct account *ret)
{
	if (!src->gccontroller && !src->memstats)
		return -ENOENT;
	for (unsigned int i = 0; i < READ_TRIES; i++) {
		struct account a;
		int err = read_once(m, src, &a);

		if (err)
			return err;
		if (is_plausible(&a)) {
			*ret = a;
			return 0;
		}
	}
	return -EBADMSG;
}

int account_read(struct mem *m, const struct gobin *bin, uint64_t bias, struct account *ret)
{
	const struct globals *g = gobin_globals(bin);
	struct account_source src = { .offsets = gobin_offsets(bin, NULL) };
	const struct {
		enum global global;
		uint64_t *va;
	} places[] = {
		{ GLOBAL_GCCONTROLLER, &src.gccontroller },
		{ GLOBAL_MEMSTATS, &src.memstats },
		{ GLOBAL_SCHED, &src.sched },
	};

	if (!src.offsets || !g)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (g->global[places[i].global].va)
			*places[i].va = g->global[places[i].global].va + bias;
	return account_source_read(m, &src, ret);
}
