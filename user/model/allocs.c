/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/allocs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define HELD_POINTS	 16
#define SAMPLES_MIN	 2 /* of the profile: one may be chance */
#define HELD_INTERVAL_NS (10 * NSEC_PER_SEC)

static void alloc_site_free(struct alloc_site *s)
{
	stack_note_release(&s->stack);
	series_release(&s->held);
	free(s);
}

void allocs_release(struct allocs *a)
{
	struct alloc_site *s, *next;

	HASH_ITER (hh, a->sites, s, next) {
		HASH_DEL(a->sites, s);
		alloc_site_free(s);
	}
}

static struct alloc_site *smallest(const struct allocs *a)
{
	struct alloc_site *least = a->sites;

	for (struct alloc_site *s = a->sites; s; s = s->hh.next)
		if (s->bytes < least->bytes)
			least = s;
	return least;
}

/* Room for one that holds so much; false if all that are there hold more. */
static bool make_room(struct allocs *a, int64_t bytes)
{
	struct alloc_site *least;

	if (HASH_COUNT(a->sites) < ALLOCS_MAX)
		return true;
	least = smallest(a);
	if (least->bytes >= bytes)
		return false;
	HASH_DEL(a->sites, least);
	alloc_site_free(least);
	return true;
}

static int site_get(struct allocs *a, const struct model_alloc_site *from, struct alloc_site **ret)
{
	struct alloc_site *s = NULL;

	*ret = NULL;
	HASH_FIND(hh, a->sites, &from->pc, sizeof(from->pc), s);
	if (!s && !make_room(a, from->bytes))
		return 0;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->pc = from->pc;
		s->first_bytes = a->rounds ? 0 : from->bytes;
		series_init(&s->held, HELD_INTERVAL_NS, HELD_POINTS, true);
		HASH_ADD(hh, a->sites, pc, sizeof(s->pc), s);
	}
	*ret = s;
	return 0;
}

static int take_site(struct allocs *a, uint64_t ts_ns, const struct model_alloc_site *from)
{
	struct alloc_site *s = NULL;
	__u64 pc[WIRE_STACK_DEPTH];
	uint32_t depth = MIN(from->depth, (uint32_t)WIRE_STACK_DEPTH);
	int err = site_get(a, from, &s);

	if (err || !s)
		return err;
	s->bytes = from->bytes;
	s->objects = from->objects;
	s->round = a->rounds;
	for (uint32_t i = 0; i < depth; i++)
		pc[i] = from->stack[i];
	if (depth)
		err = stack_note_keep(&s->stack, 0, pc, depth);
	return err ? err : series_add(&s->held, ts_ns, (double)from->bytes);
}

int allocs_take(struct allocs *a, const struct model_allocs *reading)
{
	int ret = 0;

	for (size_t i = 0; i < reading->n; i++) {
		int err = take_site(a, reading->ts_ns, &reading->sites[i]);

		ret = ret ? ret : err;
	}
	for (struct alloc_site *s = a->sites; s; s = s->hh.next) {
		if (s->round == a->rounds)
			continue;
		s->bytes = s->objects = 0;
		int err = series_add(&s->held, reading->ts_ns, 0);

		ret = ret ? ret : err;
	}
	a->first_ns = a->rounds ? a->first_ns : reading->ts_ns;
	a->last_ns = reading->ts_ns;
	a->rate = reading->rate;
	a->rounds++;
	return ret;
}

/* ---- the picture ---- */

static int64_t growth(const struct alloc_site *s)
{
	return s->bytes - s->first_bytes;
}

static int by_growth(const void *pa, const void *pb)
{
	const struct alloc_site *const *a = pa, *const *b = pb;

	if (growth(*a) != growth(*b))
		return growth(*a) < growth(*b) ? 1 : -1;
	return ((*a)->pc > (*b)->pc) - ((*a)->pc < (*b)->pc);
}

static int show(struct alloc_site *s, const struct model_resolver *r, struct snapshot_alloc *ret)
{
	int err = stack_note_name(&s->stack, false, r);

	*ret = (struct snapshot_alloc){
		.first_bytes = s->first_bytes,
		.bytes = s->bytes,
		.objects = s->objects,
		.held_series = &s->held,
		.stack = s->stack.frames,
		.stack_depth = s->stack.n_frames,
	};
	return err;
}

int allocs_snapshot(struct allocs *a, const struct model_resolver *r,
		    struct snapshot_alloc ret[static SNAPSHOT_ALLOCS_MAX], size_t *ret_n)
{
	struct alloc_site *order[ALLOCS_MAX];
	size_t n = 0, shown = 0;

	for (struct alloc_site *s = a->sites; s; s = s->hh.next)
		order[n++] = s;
	if (n)
		qsort(order, n, sizeof(order[0]), by_growth);
	*ret_n = 0;
	int64_t least = a->rate > 0 ? SAMPLES_MIN * a->rate : 1;

	for (size_t i = 0; i < n && shown < SNAPSHOT_ALLOCS_MAX && growth(order[i]) >= least; i++) {
		int err = show(order[i], r, &ret[shown]);

		if (err)
			return err;
		/* One whose place has no name is of no use to anybody. */
		shown += ret[shown].stack_depth > 0;
	}
	*ret_n = shown;
	return 0;
}
