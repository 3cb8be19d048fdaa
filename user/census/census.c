/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/census.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "census/gather.h"
#include "census/greader.h"
#include "census/pcs.h"

#define CHUNK WALK_BATCH_MAX
/* By which part the arrays grow, and at least. */
#define GROW_PART  8
#define GROW_FIRST 1024

/* By what a goroutine is known again in the next pass. */
struct key {
	uint64_t print; /* of the g, as fingerprint(); 0: its stack was not read */
	uint32_t index; /* in allgs */
	uint8_t kept; /* passes since its stack was read */
	bool moved; /* it was the same goroutine the pass before, and elsewhere */
};

/* In order of allgs. */
struct population {
	struct census_goroutine *goroutines;
	struct key *keys;
	size_t n, cap;
};
_Static_assert((sizeof(struct census_goroutine) + sizeof(struct key)) * (GROW_PART + 1) /
			       GROW_PART <=
		       CENSUS_BYTES_PER_G,
	       "memory");

struct census {
	struct walk_bin at; /* of a census_new() */
	struct pcs *pcs; /* of a census_new() */
	struct walk_source src;
	struct unwind_code code;
	struct mem mem;
	struct greader *reader;
	struct gather *gather; /* NULL: stacks are not unwound */
	struct gathered *gathered; /* CHUNK of them */
	struct population now;
	struct stacks *stacks;
};

struct pass {
	struct census *c;
	struct mem mem;
	bool want_stacks;
	uint64_t deadline_ns;
	struct population next;
	struct stacks *stacks;
	size_t seen; /* of c->now */
	struct census_result result;
	size_t places[CHUNK]; /* in next, of what is gathered */
};

static void population_release(struct population *p)
{
	free(p->goroutines);
	free(p->keys);
	*p = (struct population){ 0 };
}

static int population_reserve(struct population *p, size_t n)
{
	size_t cap = MAX(p->n + n, p->cap + p->cap / GROW_PART + GROW_FIRST);
	struct census_goroutine *goroutines;
	struct key *keys;

	if (p->n + n <= p->cap)
		return 0;
	goroutines = reallocarray(p->goroutines, cap, sizeof(*goroutines));
	if (!goroutines)
		return -ENOMEM;
	p->goroutines = goroutines;
	keys = reallocarray(p->keys, cap, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	p->keys = keys;
	p->cap = cap;
	return 0;
}

/* ---- what was known ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* Of everything that changes when a goroutine moves.  Never 0. */
static uint64_t fingerprint(const struct greader_slot *s)
{
	const struct greader_regs *r = &s->regs;
	uint64_t h = mix(s->g.goid, s->g.status);

	h = mix(mix(mix(h, r->sp), r->pc), r->bp);
	h = mix(mix(mix(h, r->stack_lo), r->stack_hi), r->waiting);
	h = mix(h, r->seq);
	return h ? h : 1;
}

/* Where in c->now the goroutine at that index of allgs is; its length if it was not. */
static size_t known_at(struct pass *p, uint64_t index)
{
	const struct population *now = &p->c->now;

	while (p->seen < now->n && now->keys[p->seen].index < index)
		p->seen++;
	return p->seen < now->n && now->keys[p->seen].index == index ? p->seen : now->n;
}

/*
 * Takes over the stack of the pass before, if the goroutine has not moved since.  waitsince, which
 * a collection sets, is cleared when the goroutine runs.
 */
static bool keep(struct pass *p, const struct greader_slot *s, struct census_goroutine *ret,
		 struct key *key)
{
	const struct population *now = &p->c->now;
	size_t i = known_at(p, s->index);
	const struct census_goroutine *old;
	const struct key *old_key;

	if (i == now->n)
		return false;
	old = &now->goroutines[i];
	old_key = &now->keys[i];
	if (old->g.goid != s->g.goid)
		return false;
	key->kept = 0;
	key->moved = old_key->print != key->print ||
		     (old->g.waitsince_ns && old->g.waitsince_ns != s->g.waitsince_ns);
	if (key->moved || old_key->moved || old_key->kept + 1 >= CENSUS_KEPT_PASSES)
		return false;
	if (p->stacks != p->c->stacks || !greader_has_seq(p->c->reader))
		return false;
	key->kept = old_key->kept + 1;
	ret->stack = old->stack;
	ret->stack_state = old->stack_state;
	ret->waits_on = old->waits_on;
	return true;
}

/* ---- a batch ---- */

/* Adds the goroutine.  Whether its stack is to be read. */
static bool add(struct pass *p, const struct greader_slot *s)
{
	size_t i = p->next.n++;
	struct census_goroutine *g = &p->next.goroutines[i];
	struct key *key = &p->next.keys[i];

	*g = (struct census_goroutine){ .g = s->g, .stack = STACKS_NONE };
	/* What is read in one pass is not all read anew in one pass. */
	*key = (struct key){ .index = (uint32_t)s->index, .kept = s->index % CENSUS_KEPT_PASSES };
	if (!p->want_stacks)
		return false;
	g->stack_state = gather_state(s->g.status);
	if (g->stack_state != CENSUS_STACK_WHOLE)
		return false;
	key->print = fingerprint(s);
	if (keep(p, s, g, key)) {
		p->result.unchanged++;
		return false;
	}
	/* Should the budget end the pass before it is read. */
	g->stack_state = CENSUS_STACK_NONE;
	return true;
}

static void take_stack(struct pass *p, const struct gathered *from, size_t i)
{
	struct census_goroutine *g = &p->next.goroutines[i];
	struct key *key = &p->next.keys[i];
	uint64_t print = 0;

	g->g = from->slot->g;
	g->stack_state = from->state;
	g->waits_on = from->waits_on;
	if (from->n) {
		g->stack = stacks_intern(p->stacks, from->pcs, from->n,
					 from->state == CENSUS_STACK_CUT);
		if (g->stack == STACKS_NONE)
			p->result.is_partial = true;
		else
			print = fingerprint(from->slot);
	}
	key->moved |= print != key->print;
	key->print = print;
}

static int gather_stacks(struct pass *p, size_t n)
{
	struct census *c = p->c;
	int err = gather_run(c->gather, &p->mem, c->gathered, n, &p->result.retried);

	for (size_t i = 0; i < n; i++) {
		if (err)
			p->next.keys[p->places[i]].print = 0;
		else
			take_stack(p, &c->gathered[i], p->places[i]);
	}
	return err;
}

static int take_batch(struct greader_slot *const *slots, size_t n, void *arg)
{
	struct pass *p = arg;
	size_t todo = 0;
	int err;

	if (clock_now_ns() >= p->deadline_ns)
		return -ENOBUFS; /* ends the walk as partial */
	err = population_reserve(&p->next, n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (add(p, slots[i])) {
			p->places[todo] = p->next.n - 1;
			p->c->gathered[todo++].slot = slots[i];
		}
	}
	return todo ? gather_stacks(p, todo) : 0;
}

/* ---- the pass ---- */

static int pass_run(struct pass *p, const struct census_opts *opts)
{
	struct census *c = p->c;
	uint64_t budget_ns = opts->budget_ns ? opts->budget_ns : CENSUS_BUDGET_NS;
	int err = 0;

	p->want_stacks = opts->want_stacks && c->gather;
	p->mem = c->mem;
	p->mem.budget_bytes = opts->budget_bytes ? opts->budget_bytes : CENSUS_BUDGET_BYTES;
	p->stacks = c->stacks;
	if (stacks_is_crowded(c->stacks))
		err = stacks_new(&p->stacks);
	if (err)
		return err;
	p->result.start_ns = clock_now_ns();
	p->deadline_ns = p->result.start_ns + MIN(budget_ns, (uint64_t)INT64_MAX);
	return walk_source_batches(&p->mem, &c->src, c->reader, take_batch, p, &p->result.walk);
}

/* The sums are of what is there now, after retries. */
static void sum_up(struct pass *p)
{
	struct census_result *r = &p->result;

	r->walk.live = p->next.n;
	r->walk.system = 0;
	for (size_t i = 0; i < p->next.n; i++) {
		const struct census_goroutine *g = &p->next.goroutines[i];

		r->walk.system += g->g.is_system;
		r->stack_states[g->stack_state]++;
		r->newest_goid = MAX(r->newest_goid, g->g.goid);
	}
	r->is_partial |= r->walk.is_partial;
	r->read_bytes = p->mem.read_bytes;
	r->calls = p->mem.calls;
	r->end_ns = clock_now_ns();
}

int census_run(struct census *c, const struct census_opts *opts, struct census_result *ret)
{
	struct pass *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->c = c;
	err = pass_run(p, opts);
	if (err) {
		if (p->stacks != c->stacks)
			stacks_free(p->stacks);
		population_release(&p->next);
	} else {
		sum_up(p);
		*ret = p->result;
		population_release(&c->now);
		c->now = p->next;
		if (p->stacks != c->stacks)
			stacks_free(c->stacks);
		c->stacks = p->stacks;
	}
	free(p);
	return err;
}

/* ---- making one ---- */

static int init(struct census *c)
{
	const struct offsets *o = c->src.offsets;
	int err = stacks_new(&c->stacks);

	if (err)
		return err;
	err = c->code.lookup ? greader_new(o, true, &c->reader) : -ENOENT;
	/* Without the registers there are still the goroutines. */
	if (err == -ENOENT)
		return greader_new(o, false, &c->reader);
	if (err)
		return err;
	c->gathered = calloc(CHUNK, sizeof(*c->gathered));
	if (!c->gathered)
		return -ENOMEM;
	return gather_new(&c->code, o, c->reader, &c->gather);
}

int census_new_source(const struct walk_source *src, const struct unwind_code *code,
		      const struct mem *mem, struct census **ret)
{
	struct census *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->src = *src;
	c->code = *code;
	c->mem = *mem;
	err = init(c);
	if (err) {
		census_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

static int init_of_bin(struct census *c, struct gobin *bin, uint64_t bias, pid_t pid)
{
	int err;

	c->at = (struct walk_bin){ bin, bias };
	err = walk_source_of(&c->at, &c->src);
	if (!err)
		err = pcs_new(bin, bias, &c->pcs);
	if (err)
		return err;
	c->code = pcs_code(c->pcs);
	mem_of_process(&c->mem, pid, 0);
	return init(c);
}

int census_new(struct gobin *bin, uint64_t bias, pid_t pid, struct census **ret)
{
	struct census *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = init_of_bin(c, bin, bias, pid);
	if (err) {
		census_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void census_free(struct census *c)
{
	if (!c)
		return;
	gather_free(c->gather);
	greader_free(c->reader);
	free(c->gathered);
	pcs_free(c->pcs);
	population_release(&c->now);
	stacks_free(c->stacks);
	free(c);
}

size_t census_count(const struct census *c)
{
	return c->now.n;
}

const struct census_goroutine *census_at(const struct census *c, size_t i)
{
	assert(i < c->now.n);
	return &c->now.goroutines[i];
}

const struct stacks *census_stacks(const struct census *c)
{
	return c->stacks;
}
