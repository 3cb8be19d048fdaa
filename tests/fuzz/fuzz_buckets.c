/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap profile and the timers over a hostile memory: the input is all the memory there is, at
 * two addresses, it may be different at each read, and some reads fail.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "census/buckets.h"
#include "census/timers.h"
#include "hostile.h"

#define BUDGET (8u << 20)
#define PAGE   4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct heap_profile *p, const struct heap_record *r)
{
	int64_t count, bytes;
	struct stack s;

	if (r->allocs < r->frees || r->frees < 0 || r->alloc_bytes < 0 || r->free_bytes < 0)
		abort();
	if (r->stack != STACKS_NONE) {
		s = stacks_get(p->stacks, r->stack);
		if (!s.n || s.n > STACKS_DEPTH_MAX)
			abort();
	}
	heap_scale(r->allocs, r->alloc_bytes, p->rate, &count, &bytes);
	if (count < 0 || bytes < 0)
		abort();
}

static void try_heap(struct hostile *h, const struct offsets *o)
{
	struct mem m = { .read_many = hostile_read, .arg = h, .budget_bytes = BUDGET };
	struct heap_profile_source src = { LOW, LOW + 8, o, NULL };
	struct heap_profile p;

	if (!heap_profile_source_read(&m, &src, &p)) {
		if (p.records.n > BUCKETS_MAX || p.rate < -1)
			abort();
		vec_for_each (&p.records, r)
			check_record(&p, r);
		heap_profile_release(&p);
	}
	if (m.read_bytes > BUDGET)
		abort();
}

static void try_timers(struct hostile *h, const struct offsets *o)
{
	struct mem m = { .read_many = hostile_read, .arg = h, .budget_bytes = BUDGET };
	struct timers_source src = { LOW + 16, o, hostile_is_odd, NULL };
	struct timers t;
	uint64_t total = 0;

	if (!timers_source_read(&m, &src, &t)) {
		vec_for_each (&t.groups, g) {
			if (!g->count || (g->is_periodic && g->period_min_ns <= 0) ||
			    g->period_min_ns > g->period_max_ns)
				abort();
			total += g->count;
		}
		if (total > t.total || (total < t.total && !t.is_partial) || t.periodic > t.total)
			abort();
		timers_release(&t);
	}
	if (m.read_bytes > BUDGET)
		abort();
}

static void offsets_fill(struct offsets *o, bool is_old)
{
	memset(o, 0xff, sizeof(*o));
	o->bkt_size = 48;
	o->bkt_allnext = 8;
	o->bkt_typ = 16;
	o->bkt_objsize = 32;
	o->bkt_nstk = 40;
	o->mrec_size = is_old ? 128 : 64;
	o->mrec_allocs = 0;
	o->mrec_frees = 8;
	o->mrec_alloc_bytes = is_old ? 16 : OFFSET_NONE;
	o->mrec_free_bytes = is_old ? 24 : OFFSET_NONE;
	o->mrec_future = is_old ? 32 : 16;
	o->p_id = 0;
	o->p_timers = 8;
	o->timers_heap = is_old ? OFFSET_NONE : 8;
	o->twhen_size = is_old ? OFFSET_NONE : 16;
	o->twhen_timer = is_old ? OFFSET_NONE : 0;
	o->timer_size = 72;
	o->timer_ts = 0;
	o->timer_when = 8;
	o->timer_period = 16;
	o->timer_f = 24;
	o->timer_arg = 32;
	o->timer_nextwhen = is_old ? 56 : OFFSET_NONE;
	o->timer_state = 64;
}

/*
 * Byte 0: bit 0 memory changes, bit 1 the offsets come from the input too, bit 2 the layout of Go
 * 1.22.  Bytes 1 to 4: seed.  Then the memory: mbuckets, the rate, allp.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	uint8_t how = bytes_u8(&b);
	struct hostile h = { .seed = bytes_u32(&b), .is_restless = how & 1 };
	struct offsets o;

	if (!bytes_ok(&b))
		return 0;
	offsets_fill(&o, how & 4);
	if (how & 2) {
		size_t n = bytes_left(&b) < sizeof(o) ? bytes_left(&b) : sizeof(o);

		memcpy(&o, bytes_take(&b, n), n);
	}
	/* Whole pages can be read: what is behind the input is zero. */
	h.size = (bytes_left(&b) / PAGE + 1) * PAGE;
	h.bytes = calloc(1, h.size);
	if (!h.bytes)
		return 0;
	memcpy(h.bytes, data + b.pos, bytes_left(&b));
	try_heap(&h, &o);
	try_timers(&h, &o);
	free(h.bytes);
	return 0;
}
