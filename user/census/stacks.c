/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/stacks.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"

#define SLOTS_FIRST 256 /* a power of two */

struct entry {
	uint32_t start; /* in pcs */
	uint32_t hash;
	uint16_t n;
	bool is_cut;
};

struct stacks {
	VEC(struct entry) entries;
	uint64_t *pcs;
	size_t n_pcs, cap_pcs;
	uint32_t *slots; /* number + 1 of an entry, 0: empty; open addressing */
	size_t n_slots; /* a power of two, at least twice the entries */
	uint64_t refused;
};

int stacks_new(struct stacks **ret)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->slots = calloc(SLOTS_FIRST, sizeof(*s->slots));
	if (!s->slots) {
		free(s);
		return -ENOMEM;
	}
	s->n_slots = SLOTS_FIRST;
	*ret = s;
	return 0;
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	vec_release(&s->entries);
	free(s->pcs);
	free(s->slots);
	free(s);
}

static uint32_t hash_of(const uint64_t *pcs, uint32_t n, bool is_cut)
{
	uint64_t h = n * 2 + is_cut;

	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ pcs[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 32 ^ h);
}

/* The slot of that stack, or the empty one where it belongs. */
static uint32_t *slot_of(const struct stacks *s, uint32_t hash, const uint64_t *pcs, uint32_t n,
			 bool is_cut)
{
	size_t i = hash & (s->n_slots - 1);

	for (; s->slots[i]; i = (i + 1) & (s->n_slots - 1)) {
		const struct entry *e = &s->entries.items[s->slots[i] - 1];

		if (e->hash == hash && e->n == n && e->is_cut == is_cut &&
		    !memcmp(s->pcs + e->start, pcs, n * sizeof(*pcs)))
			break;
	}
	return &s->slots[i];
}

static int slots_grow(struct stacks *s)
{
	size_t n = s->n_slots * 2;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t e = 0; e < s->entries.n; e++) {
		size_t i = s->entries.items[e].hash & (n - 1);

		while (slots[i])
			i = (i + 1) & (n - 1);
		slots[i] = (uint32_t)e + 1;
	}
	free(s->slots);
	s->slots = slots;
	s->n_slots = n;
	return 0;
}

static int pcs_reserve(struct stacks *s, uint32_t n)
{
	size_t cap = s->cap_pcs ? s->cap_pcs : 1024;
	uint64_t *pcs;

	if (s->n_pcs + n <= s->cap_pcs)
		return 0;
	while (cap < s->n_pcs + n)
		cap *= 2;
	pcs = reallocarray(s->pcs, cap, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	s->pcs = pcs;
	s->cap_pcs = cap;
	return 0;
}

static int add(struct stacks *s, const struct entry *e, const uint64_t *pcs)
{
	int err;

	if (s->entries.n >= STACKS_MAX || s->n_pcs + e->n > STACKS_PCS_MAX)
		return -ENOSPC;
	err = pcs_reserve(s, e->n);
	if (!err)
		err = vec_push(&s->entries, *e);
	if (err)
		return err;
	memcpy(s->pcs + s->n_pcs, pcs, e->n * sizeof(*pcs));
	s->n_pcs += e->n;
	return 0;
}

uint32_t stacks_intern(struct stacks *s, const uint64_t *pcs, uint32_t n, bool is_cut)
{
	struct entry e = { .n = (uint16_t)n, .is_cut = is_cut };
	uint32_t *slot;

	assert(n <= STACKS_DEPTH_MAX);
	if (!n)
		return STACKS_NONE;
	e.hash = hash_of(pcs, n, is_cut);
	slot = slot_of(s, e.hash, pcs, n, is_cut);
	if (*slot)
		return *slot - 1;
	if (s->entries.n * 2 >= s->n_slots) {
		if (slots_grow(s))
			goto refused;
		slot = slot_of(s, e.hash, pcs, n, is_cut);
	}
	e.start = (uint32_t)s->n_pcs;
	if (add(s, &e, pcs))
		goto refused;
	*slot = (uint32_t)s->entries.n;
	return *slot - 1;
refused:
	s->refused++;
	return STACKS_NONE;
}

struct stack stacks_get(const struct stacks *s, uint32_t id)
{
	const struct entry *e;

	assert(id < s->entries.n);
	e = &s->entries.items[id];
	return (struct stack){ .pcs = s->pcs + e->start, .n = e->n, .is_cut = e->is_cut };
}

size_t stacks_count(const struct stacks *s)
{
	return s->entries.n;
}

uint64_t stacks_refused(const struct stacks *s)
{
	return s->refused;
}

bool stacks_is_crowded(const struct stacks *s)
{
	return s->entries.n > STACKS_MAX / 2 || s->n_pcs > STACKS_PCS_MAX / 2;
}
