/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK	       WALK_BATCH_MAX
#define FIRST_BYTES    2048 /* of a stack: enough for most that are parked */
#define BUF_BYTES      ((size_t)CHUNK * FIRST_BYTES)
#define STACK_SIZE_MAX (UINT64_C(1) << 31) /* runtime.maxstackceiling is 2,000,000,000 */
#define TRIES	       2

/* What of a stack is read, if the chain leads so far. */
static const size_t rounds[] = { FIRST_BYTES, 16384, GATHER_BYTES_MAX };

/* What became of a stack, before it is known whether it held still. */
struct attempt {
	struct gathered *item;
	struct greader_regs regs; /* as they were before */
	struct walk_goroutine g;
	enum unwind_end end;
};

struct gather {
	struct unwind_code code;
	struct greader *reader;
	uint32_t sudog_g, sudog_c; /* offsets */
	uint32_t sudog_first;
	struct cluster *sudogs; /* NULL: their offsets are not known */
	struct attempt attempts[CHUNK];
	struct attempt *todo[CHUNK];
	struct greader_slot again[CHUNK];
	struct greader_slot *again_at[CHUNK];
	uint64_t addrs[CHUNK];
	struct mem_range ranges[CHUNK];
	uint8_t buf[BUF_BYTES];
};

int gather_new(const struct unwind_code *code, const struct offsets *o, struct greader *reader,
	       struct gather **ret)
{
	struct gather *g = calloc(1, sizeof(*g));
	uint32_t end;
	int err;

	if (!g)
		return -ENOMEM;
	g->code = *code;
	g->reader = reader;
	if (o->sudog_g != OFFSET_NONE && o->sudog_c != OFFSET_NONE) {
		g->sudog_g = o->sudog_g;
		g->sudog_c = o->sudog_c;
		g->sudog_first = MIN(o->sudog_g, o->sudog_c);
		end = MAX(o->sudog_g, o->sudog_c) + 8;
		err = cluster_new(g->sudog_first, end - g->sudog_first, &g->sudogs);
		if (err == -ENOMEM) {
			gather_free(g);
			return err;
		}
	}
	*ret = g;
	return 0;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	cluster_free(g->sudogs);
	free(g);
}

enum census_stack gather_state(enum walk_status status)
{
	switch (status) {
	case WALK_RUNNING:
		return CENSUS_STACK_RUNNING;
	case WALK_COPYSTACK:
		return CENSUS_STACK_MOVING;
	case WALK_RUNNABLE:
	case WALK_SYSCALL:
	case WALK_WAITING:
	case WALK_PREEMPTED:
	case WALK_LEAKED:
		return CENSUS_STACK_WHOLE;
	default:
		return CENSUS_STACK_NONE;
	}
}

/* ---- one reading ---- */

static bool regs_are_plausible(const struct greader_regs *r)
{
	return mem_is_pointer(r->sp) && r->stack_lo <= r->sp && r->sp < r->stack_hi &&
	       r->stack_hi - r->stack_lo <= STACK_SIZE_MAX;
}

static void unwind_attempt(struct gather *g, struct attempt *a, const struct mem_range *r,
			   bool is_last)
{
	const struct unwind_start at = { .sp = a->regs.sp, .pc = a->regs.pc, .bp = a->regs.bp };
	const struct unwind_bytes stack = {
		.data = r->buf,
		.size = r->size,
		.hi = a->regs.stack_hi,
		.is_all = is_last,
	};

	a->end = UNWIND_BROKEN;
	if (r->ok)
		a->end = unwind(&g->code, &at, &stack, a->item->pcs, &a->item->n);
}

/* At most BUF_BYTES at a time.  Those whose chain goes on stay in todo[0..*ret_n). */
static int read_round(struct gather *g, struct mem *m, size_t n, size_t size, size_t *ret_n)
{
	size_t max = BUF_BYTES / size, left = 0;

	for (size_t i = 0; i < n; i += max) {
		size_t part = MIN(n - i, max);
		int err;

		for (size_t k = 0; k < part; k++) {
			const struct greader_regs *regs = &g->todo[i + k]->regs;

			g->ranges[k] = (struct mem_range){
				.addr = regs->sp,
				.size = MIN(regs->stack_hi - regs->sp, (uint64_t)size),
				.buf = g->buf + k * size,
			};
		}
		err = mem_read_many(m, g->ranges, part);
		if (err)
			return err;
		for (size_t k = 0; k < part; k++) {
			struct attempt *a = g->todo[i + k];

			unwind_attempt(g, a, &g->ranges[k], size == GATHER_BYTES_MAX);
			if (a->end == UNWIND_MORE)
				g->todo[left++] = a;
		}
	}
	*ret_n = left;
	return 0;
}

static int read_stacks(struct gather *g, struct mem *m, size_t n)
{
	size_t left = 0;
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		struct attempt *a = &g->attempts[i];

		a->end = UNWIND_BROKEN;
		if (regs_are_plausible(&a->regs))
			g->todo[left++] = a;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rounds) && left && !err; i++)
		err = read_round(g, m, left, rounds[i], &left);
	return err;
}

static uint64_t sudog_word(const struct gather *g, const uint8_t *sudog, uint32_t offset)
{
	uint64_t v;

	memcpy(&v, sudog + (offset - g->sudog_first), sizeof(v));
	return v;
}

/* The channel of each one's first sudog; a sudog that is not the g's own says nothing. */
static int read_sudogs(struct gather *g, struct mem *m, size_t n)
{
	size_t left = 0;
	int err;

	for (size_t i = 0; i < n && g->sudogs; i++) {
		struct attempt *a = &g->attempts[i];

		if (a->g.status == WALK_WAITING && mem_is_pointer(a->regs.waiting)) {
			g->addrs[left] = a->regs.waiting;
			g->todo[left++] = a;
		}
	}
	if (!left)
		return 0;
	err = cluster_read(g->sudogs, m, g->addrs, left, true);
	for (size_t i = 0; i < left && !err; i++) {
		const uint8_t *sudog = cluster_at(g->sudogs, i);
		struct gathered *item = g->todo[i]->item;

		if (sudog && sudog_word(g, sudog, g->sudog_g) == item->slot->addr)
			item->waits_on = sudog_word(g, sudog, g->sudog_c);
	}
	return err;
}

static int read_gs_again(struct gather *g, struct mem *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		g->again[i].addr = g->attempts[i].item->slot->addr;
		g->again_at[i] = &g->again[i];
	}
	return greader_read(g->reader, m, g->again_at, n);
}

/* ---- was it true? ---- */

static bool held_still(const struct attempt *a, const struct greader_slot *now)
{
	return now->verdict == GREADER_LIVE && now->g.goid == a->g.goid &&
	       now->g.status == a->g.status && !memcmp(&now->regs, &a->regs, sizeof(a->regs));
}

static enum census_stack state_of(const struct attempt *a)
{
	switch (a->end) {
	case UNWIND_WHOLE:
		return CENSUS_STACK_WHOLE;
	case UNWIND_DEEP:
		return CENSUS_STACK_CUT;
	default:
		return CENSUS_STACK_BROKEN;
	}
}

static void give_up(struct gathered *item, enum census_stack state)
{
	item->state = state;
	item->n = 0;
	item->waits_on = 0;
}

/* Whether it is worth another try, for which the slot has then the new reading. */
static bool settle(struct attempt *a, const struct greader_slot *now)
{
	struct gathered *item = a->item;
	bool is_system = item->slot->g.is_system;

	if (held_still(a, now)) {
		item->state = state_of(a);
		if (item->state == CENSUS_STACK_BROKEN)
			item->n = 0;
		return false;
	}
	give_up(item, CENSUS_STACK_TORN);
	/* It has ended: what was read of it was true then. */
	if (now->verdict != GREADER_LIVE || now->g.goid != a->g.goid)
		return false;
	item->slot->g = now->g;
	item->slot->g.is_system = is_system;
	item->slot->regs = now->regs;
	if (gather_state(now->g.status) == CENSUS_STACK_WHOLE)
		return true;
	item->state = gather_state(now->g.status);
	return false;
}

/* Tries attempts[0..n).  *ret_n: how many, at the front, moved meanwhile. */
static int try_all(struct gather *g, struct mem *m, size_t n, size_t *ret_n)
{
	size_t left = 0;
	int err;

	for (size_t i = 0; i < n; i++) {
		struct attempt *a = &g->attempts[i];

		a->g = a->item->slot->g;
		a->regs = a->item->slot->regs;
		a->item->waits_on = 0;
		a->item->n = 0;
	}
	err = read_stacks(g, m, n);
	if (!err)
		err = read_sudogs(g, m, n);
	if (!err)
		err = read_gs_again(g, m, n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct gathered *item = g->attempts[i].item;

		if (settle(&g->attempts[i], &g->again[i]))
			g->attempts[left++].item = item;
	}
	*ret_n = left;
	return 0;
}

int gather_run(struct gather *g, struct mem *m, struct gathered *items, size_t n, uint64_t *retried)
{
	size_t left = 0;
	int err = 0;

	assert(n <= CHUNK);
	for (size_t i = 0; i < n; i++) {
		enum census_stack state = gather_state(items[i].slot->g.status);

		give_up(&items[i], state);
		if (state == CENSUS_STACK_WHOLE)
			g->attempts[left++].item = &items[i];
	}
	for (unsigned int tries = 0; tries < TRIES && left && !err; tries++) {
		if (tries)
			*retried += left;
		err = try_all(g, m, left, &left);
	}
	return err;
}
