/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/slots.h"

#include <stdlib.h>

#include <uthash.h>

#include "base/cleanup.h"

enum slot_state {
	SLOT_FREE = 0,
	SLOT_LIVE,
	SLOT_STALE,
};

struct slot {
	enum slot_state state;
	pid_t pid;
	uint64_t dropped_ns;
	UT_hash_handle hh; /* while live */
};

struct slots {
	uint32_t n;
	uint32_t next; /* where the search for a free one starts: the longest unused first */
	size_t stale;
	struct slot *by_pid;
	struct slot items[];
};

int slots_new(uint32_t n, struct slots **ret)
{
	struct slots *s = calloc(1, sizeof(*s) + n * sizeof(s->items[0]));

	if (!s)
		return -ENOMEM;
	s->n = n;
	*ret = s;
	return 0;
}

void slots_free(struct slots *s)
{
	if (!s)
		return;
	HASH_CLEAR(hh, s->by_pid);
	free(s);
}

static struct slot *slot_of_pid(const struct slots *s, pid_t pid)
{
	struct slot *it;

	HASH_FIND_INT(s->by_pid, &pid, it);
	return it;
}

int slots_take(struct slots *s, pid_t pid, uint32_t *ret)
{
	if (slot_of_pid(s, pid))
		return -EEXIST;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t slot = (s->next + i) % s->n;
		struct slot *it = &s->items[slot];

		if (it->state != SLOT_FREE)
			continue;
		it->state = SLOT_LIVE;
		it->pid = pid;
		HASH_ADD_INT(s->by_pid, pid, it);
		s->next = (slot + 1) % s->n;
		*ret = slot;
		return 0;
	}
	return -ENOSPC;
}

int slots_find(const struct slots *s, pid_t pid, uint32_t *ret)
{
	const struct slot *it = slot_of_pid(s, pid);

	if (!it)
		return -ENOENT;
	*ret = (uint32_t)(it - s->items);
	return 0;
}

pid_t slots_owner(const struct slots *s, uint32_t slot)
{
	return slot < s->n && s->items[slot].state == SLOT_LIVE ? s->items[slot].pid : 0;
}

void slots_drop(struct slots *s, pid_t pid, uint64_t now_ns)
{
	struct slot *it = slot_of_pid(s, pid);

	if (!it)
		return;
	HASH_DEL(s->by_pid, it);
	it->state = SLOT_STALE;
	it->dropped_ns = now_ns;
	s->stale++;
}

size_t slots_stale(const struct slots *s)
{
	return s->stale;
}

bool slots_is_stale(const struct slots *s, uint32_t slot, uint64_t before_ns)
{
	return slot < s->n && s->items[slot].state == SLOT_STALE &&
	       s->items[slot].dropped_ns <= before_ns;
}

void slots_reuse(struct slots *s, uint64_t before_ns)
{
	for (uint32_t i = 0; i < s->n && s->stale; i++) {
		if (!slots_is_stale(s, i, before_ns))
			continue;
		s->items[i].state = SLOT_FREE;
		s->stale--;
	}
}
