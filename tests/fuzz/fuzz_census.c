/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Censuses with stacks over a hostile memory: the input is all the memory there is, at two
 * addresses, it may be different at each read, and some reads fail.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "census/census.h"
#include "census/group.h"
#include "census/unwind.h"
#include "hostile.h"

#define BUDGET (8u << 20)
#define PASSES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any small pc is a place; its low bits say which kind and how large the frame is. */
static int lookup(uint64_t pc, void *arg, struct unwind_pc *ret)
{
	(void)arg;
	if (!pc || pc >> 48)
		return -ENOENT;
	ret->kind = pc % 61 == 1 ? UNWIND_TOP : (enum unwind_kind)(pc % 3);
	ret->sp_delta = pc % 7 == 6 ? -1 : pc % 31 == 30 ? INT32_MAX : (int32_t)(pc % 8) * 8;
	return 0;
}

static void check_goroutine(const struct census *c, const struct census_goroutine *g)
{
	const struct stacks *s = census_stacks(c);
	bool has = g->stack_state == CENSUS_STACK_WHOLE || g->stack_state == CENSUS_STACK_CUT;

	if (!g->g.goid || g->stack_state >= CENSUS_STACK_MAX || has != (g->stack != STACKS_NONE))
		abort();
	if (has) {
		struct stack stack = stacks_get(s, g->stack);

		if (!stack.n || stack.n > STACKS_DEPTH_MAX ||
		    stack.is_cut != (g->stack_state == CENSUS_STACK_CUT))
			abort();
	}
}

static void check_groups(const struct census *c)
{
	for (enum group_by by = GROUP_STACK; by <= GROUP_WAIT; by++) {
		const struct group_filter f = { .waiting_since_ns = by == GROUP_SITE ? 99 : 0 };
		struct groups g;
		uint64_t n;

		if (groups_make(c, by, &f, &g))
			abort();
		n = g.left_out;
		for (size_t i = 0; i < g.groups.n; i++)
			n += g.groups.items[i].count;
		if (n != census_count(c) || g.age_unknown > g.left_out)
			abort();
		groups_release(&g);
	}
}

static void try_census(struct hostile *h, const struct offsets *o)
{
	const struct walk_source src = { LOW, o, hostile_is_odd, NULL, LOW + 24, LOW + 32 };
	const struct unwind_code code = { lookup, NULL };
	const struct mem m = { .read_many = hostile_read, .arg = h };
	const struct census_opts opts = { .want_stacks = true, .budget_bytes = BUDGET };
	struct census_result r;
	struct census *c;

	if (census_new_source(&src, &code, &m, &c))
		return;
	for (int i = 0; i < PASSES; i++) {
		uint64_t sum = 0;

		h->read = 0;
		if (census_run(c, &opts, &r))
			continue;
		if (r.walk.live != census_count(c) || h->read > BUDGET || r.read_bytes > BUDGET)
			abort();
		for (size_t s = 0; s < CENSUS_STACK_MAX; s++)
			sum += r.stack_states[s];
		if (sum != r.walk.live || r.unchanged > sum)
			abort();
		for (size_t g = 0; g < census_count(c); g++)
			check_goroutine(c, census_at(c, g));
		check_groups(c);
	}
	census_free(c);
}

/*
 * Byte 0: bit 0 memory changes, bit 1 the offsets come from the input too.  Bytes 1 to 4: seed.
 * Then the memory, which begins with the header of allgs and sched.goidgen.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	uint8_t how = bytes_u8(&b);
	struct hostile h = { .seed = bytes_u32(&b), .is_restless = how & 1 };
	struct offsets o;

	if (!bytes_ok(&b))
		return 0;
	memset(&o, 0xff, sizeof(o));
	o.g_atomicstatus = 0;
	o.g_goid = 8;
	o.g_gopc = o.g_startpc = 16;
	o.g_waitreason = 4;
	o.g_trackingseq = 5;
	o.g_stack_lo = 24;
	o.g_stack_hi = 32;
	o.g_sched_sp = o.g_syscallsp = 40;
	o.g_sched_pc = o.g_syscallpc = 48;
	o.g_sched_bp = 56;
	o.g_waiting = 64;
	o.sudog_g = 0;
	o.sudog_c = 8;
	if (how & 2) {
		size_t n = bytes_left(&b) < sizeof(o) ? bytes_left(&b) : sizeof(o);

		memcpy(&o, bytes_take(&b, n), n);
	}
	h.size = bytes_left(&b);
	if (!h.size)
		return 0;
	h.bytes = malloc(h.size);
	if (!h.bytes)
		return 0;
	memcpy(h.bytes, data + b.pos, h.size);
	try_census(&h, &o);
	free(h.bytes);
	return 0;
}
