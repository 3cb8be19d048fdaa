/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/group.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256 /* a power of two */

struct key {
	uint64_t words[4];
};

/* Groups by key while they are made: open addressing, number + 1 of a group, 0: empty. */
struct index {
	enum group_by by;
	struct groups *groups;
	size_t max;
	uint32_t *slots;
	size_t n_slots; /* a power of two, at least twice the groups */
};

static struct key key_of(enum group_by by, const struct census_goroutine *g)
{
	uint64_t state = (uint64_t)g->g.status << 8;

	/* Of one that does not wait the reason is that of its last wait. */
	if (g->g.status == WALK_WAITING || g->g.status == WALK_LEAKED)
		state |= g->g.wait_reason;
	switch (by) {
	case GROUP_SITE:
		return (struct key){ { g->g.gopc } };
	case GROUP_WAIT:
		return (struct key){ { g->waits_on, state } };
	default:
		/* Those without a stack differ in why, and in what they began with. */
		return (struct key){ { (uint64_t)g->stack_state << 32 | g->stack, g->g.gopc, state,
				       g->stack == STACKS_NONE ? g->g.startpc : 0 } };
	}
}

static size_t hash_of(const struct key *k)
{
	uint64_t h = 0;

	for (size_t i = 0; i < ARRAY_SIZE(k->words); i++) {
		h = (h ^ k->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)(h ^ h >> 32);
}

static bool is_same(enum group_by by, const struct key *k, const struct group *g)
{
	struct key other = key_of(by, g->first);

	return !memcmp(k, &other, sizeof(other));
}

static int index_grow(struct index *x)
{
	size_t n = x->n_slots ? x->n_slots * 2 : SLOTS_FIRST;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t g = 0; g < x->groups->groups.n; g++) {
		struct key k = key_of(x->by, x->groups->groups.items[g].first);
		size_t i = hash_of(&k) & (n - 1);

		while (slots[i])
			i = (i + 1) & (n - 1);
		slots[i] = (uint32_t)g + 1;
	}
	free(x->slots);
	x->slots = slots;
	x->n_slots = n;
	return 0;
}

/* The group of g, made if it is the first; NULL if there are too many.  -ENOMEM. */
static int group_of(struct index *x, const struct census_goroutine *g, struct group **ret)
{
	struct key k = key_of(x->by, g);
	struct groups *all = x->groups;
	size_t i;

	*ret = NULL;
	if (all->groups.n * 2 >= x->n_slots && index_grow(x))
		return -ENOMEM;
	for (i = hash_of(&k) & (x->n_slots - 1); x->slots[i]; i = (i + 1) & (x->n_slots - 1)) {
		struct group *found = &all->groups.items[x->slots[i] - 1];

		if (is_same(x->by, &k, found)) {
			*ret = found;
			return 0;
		}
	}
	if (all->groups.n == x->max)
		return 0;
	if (vec_push(&all->groups, ((struct group){ .first = g, .goid_min = UINT64_MAX })))
		return -ENOMEM;
	x->slots[i] = (uint32_t)all->groups.n;
	*ret = &all->groups.items[all->groups.n - 1];
	return 0;
}

static void group_add(struct group *group, const struct census_goroutine *g)
{
	int64_t since = g->g.waits_since_ns;

	group->count++;
	if (g->g.goid < group->goid_min) {
		group->goid_min = g->g.goid;
		group->first = g;
	}
	group->goid_max = MAX(group->goid_max, g->g.goid);
	if (g->g.status < GROUP_STATUS_MAX)
		group->by_status[g->g.status]++;
	if (g->stack_state < CENSUS_STACK_MAX)
		group->by_stack[g->stack_state]++;
	if (since <= 0)
		return;
	if (!group->with_waitsince++ || since < group->waitsince_min_ns)
		group->waitsince_min_ns = since;
	group->waitsince_max_ns = MAX(group->waitsince_max_ns, since);
}

static bool is_waiting(const struct walk_goroutine *g)
{
	return g->status == WALK_WAITING || g->status == WALK_SYSCALL || g->status == WALK_LEAKED;
}

static bool passes(const struct group_filter *f, const struct walk_goroutine *g, struct groups *all)
{
	if (g->is_system && !f->with_system) {
		all->left_out++;
		return false;
	}
	if (!f->waiting_since_ns && !f->is_old)
		return true;
	if (f->is_old && f->is_old(g->goid, f->arg))
		return true;
	if (f->waiting_since_ns && is_waiting(g) && g->waits_since_ns > 0 &&
	    g->waits_since_ns <= f->waiting_since_ns)
		return true;
	all->left_out++;
	all->age_unknown += !f->is_old && is_waiting(g) && g->waits_since_ns <= 0;
	return false;
}

bool group_passes(const struct group_filter *f, const struct walk_goroutine *g)
{
	struct groups ignored = { 0 };

	return passes(f, g, &ignored);
}

static int by_count(const void *pa, const void *pb)
{
	const struct group *a = pa, *b = pb;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->goid_min < b->goid_min ? -1 : a->goid_min > b->goid_min;
}

static int collect(struct index *x, const struct census *c, const struct group_filter *f)
{
	for (size_t i = 0; i < census_count(c); i++) {
		const struct census_goroutine *g = census_at(c, i);
		struct group *group;
		int err;

		if (!passes(f, &g->g, x->groups))
			continue;
		err = group_of(x, g, &group);
		if (err)
			return err;
		if (group)
			group_add(group, g);
		else
			x->groups->ungrouped++;
	}
	return 0;
}

int groups_make(const struct census *c, enum group_by by, const struct group_filter *f,
		struct groups *ret)
{
	struct groups all = { 0 };
	struct index x = {
		.by = by,
		.groups = &all,
		.max = f->max_groups ? f->max_groups : GROUPS_MAX,
	};
	int err = collect(&x, c, f);

	free(x.slots);
	if (err) {
		groups_release(&all);
		return err;
	}
	if (all.groups.n)
		qsort(all.groups.items, all.groups.n, sizeof(*all.groups.items), by_count);
	*ret = all;
	return 0;
}

void groups_release(struct groups *g)
{
	vec_release(&g->groups);
}

/* runtime/traceback.go, gStatusStrings. */
const char *group_state_name(const struct gobin *bin, const struct walk_goroutine *g)
{
	switch (g->status) {
	case WALK_IDLE:
		return "idle";
	case WALK_RUNNABLE:
		return "runnable";
	case WALK_RUNNING:
		return "running";
	case WALK_SYSCALL:
		return "syscall";
	case WALK_WAITING:
	case WALK_LEAKED:
		break;
	case WALK_COPYSTACK:
		return "copystack";
	case WALK_PREEMPTED:
		return "preempted";
	default:
		return "dead";
	}
	/* goroutineheader(): the reason, where there is one. */
	return g->wait_reason ? gobin_wait_reason(bin, g->wait_reason) : "waiting";
}
