/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/heapsum.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/vec.h"
#include "view/symbols.h"

#define PLACES_MIN 256 /* addresses remembered; a power of two, as is: */
#define PLACES_MAX 8192
#define FRAMES_MAX 16 /* at one pc: what is inlined into it */
#define PC_BITS	   57

/* What is at an address, by all the frames there. */
enum part {
	PART_UNKNOWN = 0, /* no Go function */
	PART_ALLOCATOR, /* of the runtime, and only hands out memory */
	PART_RUNTIME,
	PART_OWN, /* a frame that is not the runtime's */
};

/* No more of them than addresses are looked up or remembered. */
struct node {
	struct model_alloc_site site;
	int64_t most; /* bytes that the stack's record holds */
	UT_hash_handle hh;
};

struct heapsum {
	struct heapsum_source src;
	uint64_t *places; /* owned: pc, and its part above it; 0: empty */
	size_t max_places, n_places;
	struct model_alloc_site *sites; /* owned: of the last profile */
	size_t lookups, left_out;
};

int heapsum_new(const struct heapsum_source *src, struct heapsum **ret)
{
	struct heapsum *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->src = *src;
	s->max_places = PLACES_MIN;
	s->places = calloc(s->max_places, sizeof(*s->places));
	if (!s->places) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void heapsum_forget(struct heapsum *s)
{
	free(s->sites);
	s->sites = NULL;
}

void heapsum_free(struct heapsum *s)
{
	if (!s)
		return;
	heapsum_forget(s);
	free(s->places);
	free(s);
}

size_t heapsum_left_out(const struct heapsum *s)
{
	return s->left_out;
}

/* ---- whose an address is ---- */

static enum part look_up(const struct heapsum *s, uint64_t pc)
{
	struct goframe frames[FRAMES_MAX];
	int n = s->src.frames(s->src.arg, pc, frames, FRAMES_MAX);
	enum part part = n > 0 ? PART_ALLOCATOR : PART_UNKNOWN;

	for (int i = 0; i < n; i++) {
		if (!symbols_is_runtime(frames[i].function)) {
			if (!frames[i].is_wrapper)
				return PART_OWN;
		} else if (!symbols_is_allocator(frames[i].function)) {
			part = PART_RUNTIME;
		}
	}
	return part;
}

static uint64_t pc_of(uint64_t place)
{
	return place & ((UINT64_C(1) << PC_BITS) - 1);
}

/* Where it is remembered, in place of another if need be. */
static uint64_t *place_of(const struct heapsum *s, uint64_t pc)
{
	return &s->places[(pc ^ pc >> 13) % s->max_places];
}

/* Twice as many, when half of them are taken; if there is no memory for it they do. */
static void places_grow(struct heapsum *s)
{
	struct heapsum grown = *s;

	if (s->n_places < s->max_places / 2 || s->max_places >= PLACES_MAX)
		return;
	grown.max_places *= 2;
	grown.n_places = 0;
	grown.places = calloc(grown.max_places, sizeof(*grown.places));
	if (!grown.places)
		return;
	for (size_t i = 0; i < s->max_places; i++) {
		uint64_t *to = place_of(&grown, pc_of(s->places[i]));

		grown.n_places += s->places[i] && !*to;
		*to = s->places[i] ? s->places[i] : *to;
	}
	free(s->places);
	*s = grown;
}

/* False: too many have been looked up. */
static bool part_at(struct heapsum *s, uint64_t pc, enum part *ret)
{
	uint64_t *place = place_of(s, pc);

	if (pc >> PC_BITS) {
		*ret = PART_UNKNOWN;
		return true;
	}
	if (!*place || pc_of(*place) != pc) {
		if (s->lookups++ >= HEAPSUM_LOOKUPS_MAX)
			return false;
		places_grow(s);
		place = place_of(s, pc);
		s->n_places += !*place;
		*place = pc | (uint64_t)look_up(s, pc) << PC_BITS;
	}
	*ret = (enum part)(*place >> PC_BITS);
	return true;
}

/* The number of the frame that is the site; false: too many have been looked up. */
static bool site_in(struct heapsum *s, const struct stack *st, uint32_t *ret)
{
	uint32_t of_runtime = 0;
	bool has_runtime = false;

	for (uint32_t i = 0; i < st->n; i++) {
		enum part part;

		if (!part_at(s, st->pcs[i], &part))
			return false;
		if (part == PART_OWN) {
			*ret = i;
			return true;
		}
		if (part == PART_RUNTIME && !has_runtime) {
			has_runtime = true;
			of_runtime = i;
		}
	}
	*ret = of_runtime;
	return true;
}

/* ---- adding up ---- */

static void add_to(int64_t *sum, int64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = n < 0 ? INT64_MIN : INT64_MAX;
}

static struct node *node_get(struct node **nodes, uint64_t pc)
{
	struct node *n;

	HASH_FIND(hh, *nodes, &pc, sizeof(pc), n);
	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->site.pc = pc;
	HASH_ADD(hh, *nodes, site.pc, sizeof(pc), n);
	return n;
}

static int add_record(struct heapsum *s, const struct heap_profile *p, const struct heap_record *r,
		      struct node **nodes)
{
	int64_t objects, bytes;
	struct node *n;
	struct stack st;
	uint32_t at;

	if (r->stack == STACKS_NONE || r->allocs <= r->frees || r->alloc_bytes <= r->free_bytes)
		return 0;
	st = stacks_get(p->stacks, r->stack);
	if (!st.n)
		return 0;
	if (!site_in(s, &st, &at)) {
		s->left_out++;
		return 0;
	}
	n = node_get(nodes, st.pcs[at]);
	if (!n)
		return -ENOMEM;
	heap_scale(r->allocs - r->frees, r->alloc_bytes - r->free_bytes, p->rate, &objects, &bytes);
	add_to(&n->site.objects, objects);
	add_to(&n->site.bytes, bytes);
	if (!n->site.stack || bytes > n->most) {
		n->most = bytes;
		n->site.stack = st.pcs + at;
		n->site.depth = st.n - at;
	}
	return 0;
}

/* Most first; equal ones by address, so that the same ones are kept each time. */
static int by_bytes(const struct node *a, const struct node *b)
{
	if (a->site.bytes != b->site.bytes)
		return a->site.bytes < b->site.bytes ? 1 : -1;
	return (a->site.pc > b->site.pc) - (a->site.pc < b->site.pc);
}

/* Keeps the largest, and frees them all. */
static size_t finish(struct heapsum *s, struct node *nodes)
{
	size_t kept = 0, max = MIN(HASH_COUNT(nodes), (unsigned int)HEAPSUM_SITES_MAX);
	struct node *n, *next;

	heapsum_forget(s);
	s->sites = calloc(max + 1, sizeof(*s->sites));
	if (HASH_COUNT(nodes) > HEAPSUM_SITES_MAX)
		HASH_SORT(nodes, by_bytes);
	HASH_ITER (hh, nodes, n, next) {
		if (s->sites && kept < max)
			s->sites[kept++] = n->site;
		HASH_DEL(nodes, n);
		free(n);
	}
	return kept;
}

int heapsum_make(struct heapsum *s, const struct heap_profile *p, struct model_allocs *ret)
{
	struct node *nodes = NULL;
	int err = 0;
	size_t n;

	s->lookups = s->left_out = 0;
	for (size_t i = 0; !err && i < p->records.n; i++)
		err = add_record(s, p, &p->records.items[i], &nodes);
	n = finish(s, nodes);
	if (!err && !s->sites)
		err = -ENOMEM;
	if (err)
		return err;
	*ret = (struct model_allocs){ .rate = p->rate, .sites = s->sites, .n = n };
	return 0;
}
