/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/inlined.h"

#include <stdlib.h>

#define PLACES_MAX  8192 /* remembered; a power of two, 150 bytes each */
#define FRAMES_MAX  16 /* at one pc; more are taken for none */
#define MINOR_FIRST 15 /* of Go 1: the oldest that is supported */

struct place {
	uint64_t pc; /* 0: empty */
	uint64_t func; /* in whose code it lies; 0: no Go function's */
	uint32_t n;
	uint64_t frames[FRAMES_MAX]; /* function and line, hashed; innermost first */
};

struct inlined {
	struct inlined_source src;
	struct place places[PLACES_MAX];
};

int inlined_new(const struct inlined_source *src, struct inlined **ret)
{
	struct inlined *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->src = *src;
	*ret = in;
	return 0;
}

void inlined_free(struct inlined *in)
{
	free(in);
}

bool inlined_is_needed(const struct goversion *v)
{
	return v->major == 1 && v->minor >= MINOR_FIRST;
}

static uint64_t frame_hash(const struct goframe *f)
{
	uint64_t h = f->line + UINT64_C(0xcbf29ce484222325);

	for (const char *c = f->function; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return h;
}

static const struct place *place_at(struct inlined *in, uint64_t pc)
{
	struct place *p = &in->places[(pc ^ pc >> 13) % PLACES_MAX];
	struct goframe frames[FRAMES_MAX];
	struct gofunc f;
	int n;

	if (p->pc == pc)
		return p;
	*p = (struct place){ .pc = pc };
	/* What is named is the place before a pc. */
	if (!pc || in->src.func_at(in->src.arg, pc - 1, &f))
		return p;
	n = in->src.frames(in->src.arg, pc, frames, FRAMES_MAX);
	if (n <= 0 || n == FRAMES_MAX)
		return p;
	p->func = f.va;
	p->n = (uint32_t)n;
	for (int i = 0; i < n; i++)
		p->frames[i] = frame_hash(&frames[i]);
	return p;
}

/*
 * How many of pcs[0..n) only name callers of what is inlined at inner, which is a copy: looking
 * the others up may take its place.  They follow in order; compiler-made wrappers among them are
 * left out (elideWrapperCalling).
 */
static uint32_t callers_of(struct inlined *in, struct place inner, const uint64_t *pcs, uint32_t n)
{
	uint32_t i = 0;

	for (uint32_t k = 1; k < inner.n && i < n; k++) {
		const struct place *p = place_at(in, pcs[i]);

		i += p->n && p->func == inner.func && p->frames[0] == inner.frames[k];
	}
	return i;
}

uint32_t inlined_fold(struct inlined *in, uint64_t *pcs, uint32_t n)
{
	uint32_t kept = 0, i = 0;

	while (i < n) {
		const struct place *p = place_at(in, pcs[i]);

		pcs[kept++] = pcs[i++];
		if (p->n > 1)
			i += callers_of(in, *p, pcs + i, n - i);
	}
	return kept;
}
