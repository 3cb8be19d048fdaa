/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/memory.h"

#include <string.h>

/*
 * Of the structures that the runtime has mapped, the most that it touches: at start-up no more
 * than 448 KiB (Go 1.19 to 1.27, of 2 to 8 MiB mapped), and then with the heap.  An mspan of 160
 * bytes per 8 KiB span, its mark bits and summaries come to 2.4 % of a heap of small objects (Go
 * 1.22 to 1.27); up to Go 1.21 a pointer bitmap of a 32nd comes on top (runtime/mheap.go,
 * heapArenaBitmapBytes), together 5.4 %.
 */
#define OWN_START    (512 << 10)
#define OWN_PART     40
#define OWN_PART_OLD 18

static int64_t own_touched(const struct account *a, const struct procfs_rollup *r)
{
	bool has_bitmap = a->go_minor < 22;

	return OWN_START + r->heap_size_bytes / (has_bitmap ? OWN_PART_OLD : OWN_PART);
}

/* Spans of Go's heap that are not given back, by what is in them; -1 unknown. */
struct spans {
	int64_t inuse, idle_held, stacks, work;
};

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return MAX(low, MIN(v, high));
}

static int64_t difference(int64_t a, int64_t b)
{
	return a < 0 || b < 0 ? -1 : MAX(a - b, 0);
}

static struct spans spans_of(const struct account *a)
{
	return (struct spans){
		.inuse = a->heap_inuse_bytes,
		.idle_held = difference(a->heap_idle_bytes, a->heap_released_bytes),
		.stacks = a->stacks_inuse_bytes,
		/* Go before 1.19 counts them with the structures. */
		.work = MAX(a->gc_spans_bytes, 0),
	};
}

static int64_t spans_total(const struct account *a)
{
	struct spans s = spans_of(a);

	if (s.inuse < 0 || s.idle_held < 0 || s.stacks < 0)
		return -1;
	return s.inuse + s.idle_held + s.stacks + s.work;
}

/* Before the first mark heapMarked is made up (runtime/mgcpacer.go, init). */
static bool has_marked(const struct account *a)
{
	return a->gc_cycles > 0 && a->heap_marked_bytes >= 0;
}

static void split_inuse(const struct account *a, struct memory_parts *ret)
{
	int64_t inuse = a->heap_inuse_bytes;

	if (inuse < 0 || a->heap_live_bytes < 0)
		return;
	if (has_marked(a))
		ret->live_bytes = clamp(a->heap_marked_bytes, 0, inuse);
	int64_t live = MAX(ret->live_bytes, 0);

	ret->garbage_bytes = clamp(a->heap_live_bytes, live, inuse) - live;
	ret->slack_bytes = inuse - live - ret->garbage_bytes;
}

/* The heap that was looked at is all of it: nothing that is accounted for lies elsewhere. */
static bool knows_heap(const struct account *a, const struct procfs_rollup *r)
{
	return r && r->heap_anon_bytes >= 0 && r->unnamed_anon_bytes >= 0 &&
	       r->heap_size_bytes >= spans_total(a);
}

/* Sum of what is counted as it is; the rest is shared out between the last three. */
static int64_t counted(const struct memory_parts *p)
{
	return MAX(p->live_bytes, 0) + p->garbage_bytes + p->slack_bytes + p->free_held_bytes +
	       MAX(p->lazyfree_bytes, 0) + p->stacks_bytes;
}

/*
 * The heap's own residue is exact.  Outside of it, the runtime's structures are in mappings that
 * have no name.
 */
static void close_by_heap(const struct account *a, const struct procfs_rollup *r,
			  struct memory_parts *ret)
{
	int64_t work = spans_of(a).work, elsewhere = MAX(ret->anon_bytes - r->heap_anon_bytes, 0);
	int64_t own = MIN(a->other_sys_bytes - work, own_touched(a, r));

	own = clamp(MIN(own, r->unnamed_anon_bytes), 0, elsewhere);
	ret->runtime_bytes = work + own;
	ret->outside_bytes = elsewhere - own;
	ret->residue_bytes =
		ret->anon_bytes - counted(ret) - ret->runtime_bytes - ret->outside_bytes;
}

static void close_by_sum(const struct account *a, struct memory_parts *ret)
{
	int64_t rest = ret->anon_bytes - counted(ret) - a->other_sys_bytes;

	ret->runtime_bytes = a->other_sys_bytes;
	ret->outside_bytes = MAX(rest, 0);
	ret->residue_bytes = MIN(rest, 0);
}

static int64_t anon_of(const struct procfs_memory *m, const struct procfs_rollup *r)
{
	/* The rollup counts pages; status has sums that Linux 6.2 to 6.15 keep per processor. */
	if (r && r->anon_bytes >= 0)
		return r->anon_bytes;
	return m ? m->anon_bytes : -1;
}

void memory_split(const struct account *a, const struct procfs_memory *memory,
		  const struct procfs_rollup *rollup, struct memory_parts *ret)
{
	memset(ret, 0xff, sizeof(*ret)); /* -1 */
	ret->residue_bytes = 0;
	ret->anon_bytes = anon_of(memory, rollup);
	if (rollup)
		ret->lazyfree_bytes = rollup->heap_lazyfree_bytes >= 0 ? rollup->heap_lazyfree_bytes
								       : rollup->lazyfree_bytes;
	if (!a)
		return;
	split_inuse(a, ret);
	ret->free_held_bytes = spans_of(a).idle_held;
	ret->stacks_bytes = a->stacks_inuse_bytes;
	ret->runtime_bytes = a->other_sys_bytes;
	if (ret->anon_bytes < 0 || ret->garbage_bytes < 0 || ret->free_held_bytes < 0 ||
	    ret->stacks_bytes < 0 || ret->runtime_bytes < 0)
		return;
	if (knows_heap(a, rollup))
		close_by_heap(a, rollup, ret);
	else
		close_by_sum(a, ret);
}

void memory_carry(const struct account *then, const struct procfs_memory *memory_then,
		  const struct account *now, const struct procfs_memory *memory_now,
		  struct procfs_rollup *r)
{
	int64_t heap_then = spans_total(then), heap_now = spans_total(now);
	int64_t anon_then = memory_then->anon_bytes, anon_now = memory_now->anon_bytes;

	if (r->anon_bytes >= 0 && anon_then >= 0 && anon_now >= 0)
		r->anon_bytes = MAX(r->anon_bytes + anon_now - anon_then, 0);
	if (r->heap_anon_bytes >= 0 && heap_then >= 0 && heap_now >= 0)
		r->heap_anon_bytes =
			clamp(r->heap_anon_bytes + heap_now - heap_then, 0, r->anon_bytes);
	/* It grows by whole arenas: the next rollup tells. */
	r->heap_size_bytes = r->heap_size_bytes >= 0 ? MAX(r->heap_size_bytes, heap_now) : -1;
}

void memory_readings_init(struct memory_readings *r)
{
	memset(r, 0xff, sizeof(*r)); /* -1 */
	r->has_rollup = false;
}

void memory_readings_take(struct memory_readings *r, const struct account *account,
			  const struct procfs_memory *memory, const struct procfs_rollup *rollup)
{
	if (account)
		r->account = *account;
	if (memory)
		r->memory = *memory;
	/* Without the others of the same moment it tells nothing. */
	if (!rollup || !account || !memory)
		return;
	r->account_then = *account;
	r->memory_then = *memory;
	r->rollup = *rollup;
	r->has_rollup = true;
}

void memory_readings_split(const struct memory_readings *r, struct memory_parts *ret)
{
	struct procfs_rollup now = r->rollup;

	if (r->has_rollup)
		memory_carry(&r->account_then, &r->memory_then, &r->account, &r->memory, &now);
	memory_split(&r->account, &r->memory, r->has_rollup ? &now : NULL, ret);
}
