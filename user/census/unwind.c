/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/unwind.h"

#include <string.h>

#define WORD 8

struct chain {
	const struct unwind_code *code;
	const struct unwind_bytes *stack;
	uint64_t base; /* address of the first byte */
	uint64_t *pcs;
	uint32_t n;
	bool was_injected; /* the next pc is no return address */
};

/* The n words at addr.  UNWIND_WHOLE: they are there. */
static enum unwind_end words_at(const struct chain *c, uint64_t addr, uint64_t *words, size_t n)
{
	uint64_t offset = addr - c->base;
	size_t size = n * WORD;

	if (addr < c->base || addr % WORD || addr >= c->stack->hi || c->stack->hi - addr < size)
		return UNWIND_BROKEN;
	if (offset > c->stack->size || c->stack->size - offset < size)
		return c->stack->is_all ? UNWIND_DEEP : UNWIND_MORE;
	memcpy(words, c->stack->data + offset, size);
	return UNWIND_WHOLE;
}

/* UNWIND_WHOLE: pc was the top.  UNWIND_MORE: it was taken, and has a caller. */
static enum unwind_end take(struct chain *c, uint64_t pc, struct unwind_pc *ret)
{
	if (c->code->lookup(pc, c->code->arg, ret))
		return UNWIND_BROKEN;
	if (ret->kind == UNWIND_TOP)
		return c->n ? UNWIND_WHOLE : UNWIND_BROKEN;
	if (c->n == STACKS_DEPTH_MAX)
		return UNWIND_DEEP;
	c->pcs[c->n++] = c->was_injected || ret->kind == UNWIND_ENTRY ? pc + 1 : pc;
	c->was_injected = ret->kind == UNWIND_INJECTED;
	return UNWIND_MORE;
}

static enum unwind_end by_table(struct chain *c, const struct unwind_start *at)
{
	uint64_t pc = at->pc, sp = at->sp;

	/* Each step moves sp up or ends; take() counts. */
	for (;;) {
		struct unwind_pc place;
		enum unwind_end end = take(c, pc, &place);

		if (end != UNWIND_MORE)
			return end;
		if (place.sp_delta < 0)
			return UNWIND_BROKEN;
		sp += (uint64_t)place.sp_delta;
		end = words_at(c, sp, &pc, 1);
		if (end != UNWIND_WHOLE)
			return end;
		sp += WORD;
	}
}

/* A frame pointer points to the caller's, and the return address lies above it. */
static enum unwind_end by_frame_pointers(struct chain *c, const struct unwind_start *at)
{
	uint64_t pc = at->pc, bp = at->bp;

	for (;;) {
		uint64_t frame[2];
		struct unwind_pc place;
		enum unwind_end end = take(c, pc, &place);

		if (end != UNWIND_MORE)
			return end;
		end = words_at(c, bp, frame, 2);
		if (end != UNWIND_WHOLE)
			return end;
		/* The outermost has 0 above it, and its return address is the top. */
		if (frame[0] && frame[0] <= bp)
			return UNWIND_BROKEN;
		bp = frame[0];
		pc = frame[1];
	}
}

enum unwind_end unwind(const struct unwind_code *code, const struct unwind_start *at,
		       const struct unwind_bytes *stack, uint64_t *pcs, uint32_t *ret_n)
{
	const struct chain empty = { .code = code, .stack = stack, .base = at->sp, .pcs = pcs };
	struct chain c = empty;
	enum unwind_end end = by_table(&c, at);

	if (end == UNWIND_BROKEN && at->bp) {
		c = empty;
		end = by_frame_pointers(&c, at);
		/* Only a whole chain speaks for itself. */
		if (end == UNWIND_DEEP)
			end = UNWIND_BROKEN;
	}
	*ret_n = c.n;
	return end;
}
