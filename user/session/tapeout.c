/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tapeout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "session/tapeout_priv.h"

static int64_t since_tick(const struct tapeout *o, uint64_t ts_ns)
{
	return (int64_t)(ts_ns - o->last.monotonic_ns);
}

/* The numbers of their texts; in the order in which get_names() takes them. */
#define NAMES 5

static void name_ids(struct tapeout *o, const struct model_names *names, uint32_t ids[static NAMES])
{
	const char *texts[NAMES] = { names->container, names->pod, names->pod_namespace,
				     names->pod_uid, names->container_name };

	for (size_t i = 0; i < NAMES; i++)
		ids[i] = out_string(o, texts[i]);
}

static void write_named(struct tapeout *o, const struct out_process *op,
			const struct model_names *names)
{
	uint32_t ids[NAMES];

	name_ids(o, names, ids);
	struct pack *p = out_begin(o, op);

	for (size_t i = 0; i < NAMES; i++)
		pack_uvarint(p, ids[i]);
	out_end(o, TAPE_NAMED);
}

static void write_process(struct tapeout *o, const struct model_process_info *info)
{
	struct out_process *op = out_process_new(o, info);

	if (!op)
		return;
	const char *texts[] = { info->comm, info->exe, info->go_version, info->module };
	uint32_t ids[ARRAY_SIZE(texts) + NAMES];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ids[i] = out_string(o, texts[i]);
	name_ids(o, &info->names, ids + ARRAY_SIZE(texts));
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, (uint64_t)info->pid);
	pack_svarint(p, since_tick(o, info->start_ns));
	pack_uvarint(p, (info->is_stripped ? TAPE_STRIPPED : 0) |
				(info->is_park_watched ? TAPE_PARK_WATCHED : 0) |
				(info->is_from_start ? TAPE_FROM_START : 0));
	pack_uvarint(p, info->hooks_on);
	pack_svarint(p, llround(info->age_s * TAPE_AGE_PER_S));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		pack_uvarint(p, ids[i]);
	out_end(o, TAPE_PROCESS);
}

static void write_exited(struct tapeout *o, const struct out_process *op, const struct fact *f)
{
	struct pack *p = out_begin(o, op);

	pack_svarint(p, since_tick(o, f->exit.ts_ns));
	pack_svarint(p, f->exit.code);
	out_end(o, TAPE_EXITED);
}

/* ---- counters ---- */

static void count_site(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct out_site *s = out_site_of(o, op, f);

	op->counted |= TAPE_COUNTED;
	if (!s)
		return;
	s->new_births = f->site->births;
	s->new_deaths = f->site->deaths;
}

static void count_park(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct out_park_key key = { .gopc = f->gopc, .reason = f->park.reason };
	struct out_site *s = out_site_of(o, op, f);
	struct out_park *k = NULL;

	op->counted |= TAPE_COUNTED;
	if (!s)
		return;
	HASH_FIND(hh, op->parks, &key, sizeof(key), k);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k || vec_push(&op->park_order, k)) {
			free(k);
			out_note(o, -ENOMEM);
			return;
		}
		k->key = key;
		k->site = s->number;
		HASH_ADD(hh, op->parks, key, sizeof(k->key), k);
		out_reason(o, op, key.reason);
	}
	k->new_parks = f->park.count->parks;
	k->new_readies = f->park.count->readies;
}

static void count_state(struct out_process *op, const struct wire_state *s)
{
	op->counted |= TAPE_STATE_READ;
	op->new_state = *s;
	/* How many are left changes with every record, and matters to nobody. */
	op->new_state.tokens = s->tokens > 0;
}

static void put_sites(struct pack *p, struct out_process *op)
{
	uint32_t changed = 0, last = 0;

	vec_for_each (&op->by_number, it) {
		const struct out_site *s = *it;

		changed += s->births != s->new_births || s->deaths != s->new_deaths;
	}
	pack_uvarint(p, changed);
	vec_for_each (&op->by_number, it) {
		struct out_site *s = *it;

		if (s->births == s->new_births && s->deaths == s->new_deaths)
			continue;
		pack_uvarint(p, s->number - last);
		pack_svarint(p, (int64_t)(s->new_births - s->births));
		pack_svarint(p, (int64_t)(s->new_deaths - s->deaths));
		last = s->number;
		s->births = s->new_births;
		s->deaths = s->new_deaths;
	}
}

static bool park_is_changed(const struct out_park *k)
{
	return !k->is_written || k->parks != k->new_parks || k->readies != k->new_readies;
}

static void put_parks(struct pack *p, struct out_process *op)
{
	uint32_t changed = 0, last = 0, i = 0;

	vec_for_each (&op->park_order, it)
		changed += park_is_changed(*it);
	pack_uvarint(p, changed);
	vec_for_each (&op->park_order, it) {
		struct out_park *k = *it;

		i++;
		if (!park_is_changed(k))
			continue;
		pack_uvarint(p, i - last);
		if (!k->is_written) {
			pack_uvarint(p, k->site);
			pack_uvarint(p, k->key.reason);
		}
		pack_svarint(p, (int64_t)(k->new_parks - k->parks));
		pack_svarint(p, (int64_t)(k->new_readies - k->readies));
		last = i;
		k->is_written = true;
		k->parks = k->new_parks;
		k->readies = k->new_readies;
	}
}

/* Sites that were counted for the first time, even if they are 0, are told by their names. */
static void write_counts(struct tapeout *o, bool is_whole)
{
	uint32_t n = 0;

	if (!o->is_counting)
		return;
	o->is_counting = false;
	for (struct out_process *op = o->processes; op; op = op->hh.next)
		n += op->counted != 0;
	struct pack *p = out_begin(o, NULL);

	pack_uvarint(p, is_whole);
	pack_uvarint(p, n);
	for (struct out_process *op = o->processes; op; op = op->hh.next) {
		if (!op->counted)
			continue;
		pack_uvarint(p, op->id);
		pack_uvarint(p, op->counted);
		if (op->counted & TAPE_COUNTED) {
			put_sites(p, op);
			put_parks(p, op);
		}
		if (op->counted & TAPE_STATE_READ)
			fields_put(p, TABLE_STATE, &op->new_state, &op->state);
		op->counted = 0;
	}
	out_end(o, TAPE_COUNTS);
}

/* ---- readings ---- */

static void put_timers(struct tapeout *o, struct pack *p, const struct snapshot_timers *t)
{
	pack_uvarint(p, t->total);
	pack_uvarint(p, t->periodic);
	pack_uvarint(p, t->is_partial);
	pack_uvarint(p, t->n_top);
	for (size_t i = 0; i < t->n_top; i++) {
		pack_uvarint(p, out_string(o, t->top[i].function));
		pack_uvarint(p, t->top[i].is_periodic);
		pack_uvarint(p, t->top[i].count);
	}
}

/* Into op->timers; true if they are as they were. */
static bool same_timers(struct tapeout *o, struct out_process *op, const struct snapshot_timers *t)
{
	struct pack now = { 0 };

	put_timers(o, &now, t);
	bool is_same = op->timers.n == now.n && !memcmp(op->timers.items, now.items, now.n);

	if (!pack_ok(&now))
		out_note(o, -ENOMEM);
	pack_release(&op->timers);
	op->timers = now;
	return is_same;
}

static uint32_t reading_parts(struct tapeout *o, struct out_process *op,
			      const struct model_reading *r)
{
	uint32_t parts = (r->account ? PART_ACCOUNT : 0) | (r->memory ? PART_MEMORY : 0) |
			 (r->rollup ? PART_ROLLUP : 0) | (r->fds ? PART_FDS : 0) |
			 (r->cgroup ? PART_CGROUP : 0) | (r->cpu_s >= 0 ? PART_CPU : 0) |
			 (r->io ? PART_IO : 0) | (r->sockets ? PART_SOCKETS : 0) |
			 (r->mem_total_bytes || r->mem_available_bytes ? PART_MACHINE : 0);

	if (r->timers)
		parts |= same_timers(o, op, r->timers) ? PART_TIMERS_AGAIN : PART_TIMERS;
	return parts;
}

static void write_reading(struct tapeout *o, struct out_process *op, const struct model_reading *r)
{
	uint32_t parts = reading_parts(o, op, r);
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, parts);
	if (parts & PART_ACCOUNT)
		fields_put(p, TABLE_ACCOUNT, r->account, &op->account);
	if (parts & PART_MEMORY)
		fields_put(p, TABLE_MEMORY, r->memory, &op->memory);
	if (parts & PART_ROLLUP)
		fields_put(p, TABLE_ROLLUP, r->rollup, &op->rollup);
	if (parts & PART_FDS)
		fields_put(p, TABLE_FDS, r->fds, &op->fds);
	if (parts & PART_CGROUP)
		fields_put(p, TABLE_CGROUP, r->cgroup, &op->cgroup);
	if (parts & PART_TIMERS)
		pack_bytes(p, op->timers.items, op->timers.n);
	if (parts & PART_CPU) {
		int64_t cpu = llround(r->cpu_s * TAPE_CPU_PER_S);

		pack_svarint(p, cpu - op->cpu);
		op->cpu = cpu;
	}
	if (parts & PART_IO)
		fields_put(p, TABLE_IO, r->io, &op->io);
	if (parts & PART_SOCKETS) {
		fields_put(p, TABLE_SOCKETS, r->sockets, &op->sockets);
		pack_uvarint(p, r->sockets->is_partial);
	}
	if (parts & PART_MACHINE)
		fields_put(p, TABLE_MACHINE, r, &op->machine);
	out_end(o, TAPE_READING);
}

/* ---- the heap by allocation site ---- */

static struct out_alloc *alloc_of(struct tapeout *o, struct out_process *op, uint64_t pc)
{
	struct out_alloc *a = NULL;

	HASH_FIND(hh, op->allocs, &pc, sizeof(pc), a);
	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a) {
		out_note(o, -ENOMEM);
		return NULL;
	}
	a->pc = pc;
	a->number = HASH_COUNT(op->allocs) + 1;
	HASH_ADD(hh, op->allocs, pc, sizeof(a->pc), a);
	return a;
}

/* Its number, its address if that is new, what has changed of it, and its stack if that has. */
static void put_alloc(struct pack *p, struct out_alloc *a, bool is_new,
		      const struct model_alloc_site *now)
{
	struct pack stack = { 0 };

	pcs_put(&stack, now->stack, now->depth);
	bool is_same = a->stack.n == stack.n && !memcmp(a->stack.items, stack.items, stack.n);

	pack_uvarint(p, (uint64_t)a->number << 1 | !is_same);
	if (is_new)
		pack_uvarint(p, a->pc);
	fields_put(p, TABLE_ALLOC, now, &a->last);
	if (!is_same)
		pack_bytes(p, stack.items, stack.n);
	p->failed |= !pack_ok(&stack);
	pack_release(&a->stack);
	a->stack = stack;
}

static void write_allocs(struct tapeout *o, struct out_process *op, const struct model_allocs *all)
{
	struct pack p = { 0 };

	pack_uvarint(&p, op->id);
	pack_svarint(&p, since_tick(o, all->ts_ns));
	pack_svarint(&p, all->rate);
	pack_uvarint(&p, all->n);
	for (size_t i = 0; i < all->n; i++) {
		struct model_alloc_site now = all->sites[i];
		uint32_t known = HASH_COUNT(op->allocs);
		struct out_alloc *a = alloc_of(o, op, now.pc);

		if (!a)
			break;
		now.depth = MIN(now.depth, (uint32_t)WIRE_STACK_DEPTH); /* no more is kept */
		out_frames(o, op, now.stack, now.depth);
		put_alloc(&p, a, HASH_COUNT(op->allocs) > known, &now);
	}
	out_put(o, TAPE_ALLOCS, &p);
	pack_release(&p);
}

/* ---- censuses and stacks ---- */

static void write_census_site(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct out_site *s = out_site_of(o, op, f);
	struct pack reasons = { 0 };

	if (!s)
		return;
	pack_uvarint(&reasons, f->census.n_reasons);
	for (size_t i = 0; i < f->census.n_reasons; i++) {
		out_reason(o, op, f->census.reasons[i].reason);
		pack_uvarint(&reasons, f->census.reasons[i].reason);
		pack_uvarint(&reasons, f->census.reasons[i].found);
	}
	bool is_same =
		s->reasons.n == reasons.n && !memcmp(s->reasons.items, reasons.items, reasons.n);
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, s->number);
	pack_uvarint(p, (uint64_t)f->census.is_system | (uint64_t)!is_same << 1);
	fields_put(p, TABLE_CENSUS, f->census.found, &s->census);
	if (!is_same)
		pack_bytes(p, reasons.items, reasons.n);
	out_end(o, TAPE_CENSUS_SITE);
	out_note(o, pack_ok(&reasons) ? 0 : -ENOMEM);
	pack_release(&s->reasons);
	s->reasons = reasons;
}

static void write_census_end(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct pack *p = out_begin(o, op);

	pack_svarint(p, since_tick(o, f->census_end.c->ts_ns));
	pack_uvarint(p, f->census_end.c->has_tracking);
	pack_uvarint(p, f->census_end.newest);
	fields_put(p, TABLE_CENSUS_END, f->census_end.c, &op->census_end);
	out_end(o, TAPE_CENSUS_END);
}

static void write_example(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	const struct model_example *ex = f->example;
	uint32_t depth = MIN(ex->depth, (uint32_t)WIRE_STACK_DEPTH);
	struct out_site *s = out_site_of(o, op, f);

	if (!s)
		return;
	out_reason(o, op, ex->reason);
	out_frames(o, op, ex->pc, depth);
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, s->number);
	pack_uvarint(p, ex->reason);
	pack_svarint(p, ex->channels);
	pack_svarint(p, ex->channels_of);
	pcs_put(p, ex->pc, depth);
	out_end(o, TAPE_EXAMPLE);
}

static void write_stack(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	const struct event *ev = f->event;
	uint32_t depth = MIN(ev->stack.depth, (uint32_t)WIRE_STACK_DEPTH);
	struct out_site *s = out_site_of(o, op, f);
	uint64_t pc[WIRE_STACK_DEPTH];

	if (!s)
		return;
	for (uint32_t i = 0; i < depth; i++)
		pc[i] = ev->stack.pc[i];
	out_reason(o, op, ev->stack.reason);
	out_frames(o, op, pc, depth);
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, s->number);
	pack_svarint(p, since_tick(o, ev->ts_ns));
	pack_uvarint(p, ev->stack.hook);
	pack_uvarint(p, ev->stack.reason);
	pcs_put(p, pc, depth);
	out_end(o, TAPE_STACK);
}

/* ---- ticks ---- */

static void write_ages(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct out_site *s = out_site_of(o, op, f);
	const struct ages_digest *d = f->ages;

	if (!s)
		return;
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, s->number);
	pack_uvarint(p, d->births);
	pack_uvarint(p, d->before);
	sparse_put(p, d->deaths, AGES_COHORTS);
	sparse_put(p, d->ended.bucket, LIFETIMES_BUCKETS);
	sparse_put(p, d->before_ended.bucket, LIFETIMES_BUCKETS);
	out_end(o, TAPE_AGES);
}

static void write_records(struct tapeout *o, const struct out_process *op,
			  const struct fact_records *r)
{
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, r->received);
	pack_uvarint(p, r->marks);
	pack_uvarint(p, r->mark_last_ns != 0);
	if (r->mark_last_ns) {
		pack_svarint(p, since_tick(o, r->mark_last_ns));
		pack_uvarint(p, (uint64_t)r->mark_last_bytes);
		pack_uvarint(p, (uint64_t)(r->mark_last_bytes - r->mark_min_bytes));
		pack_uvarint(p, (uint64_t)(r->mark_max_bytes - r->mark_last_bytes));
	}
	out_end(o, TAPE_RECORDS);
}

static int64_t ahead_ms(int64_t clock_ns, const struct tape_clocks *c)
{
	return (clock_ns - (int64_t)c->monotonic_ns) / (int64_t)NSEC_PER_MSEC;
}

/* now's own monotonic clock is a little later than the tick's. */
static void write_tick(struct tapeout *o, uint64_t now_ns, const struct tape_clocks *now)
{
	uint64_t dt = now_ns - o->last.monotonic_ns;
	int64_t wall_ms = now ? ahead_ms(now->wall_ns, now) : o->wall_ms;
	int64_t boot_ms = now ? ahead_ms(now->boot_ns, now) : o->boot_ms;
	struct pack *p = out_begin(o, NULL);

	pack_svarint(p, (int64_t)(dt - o->last_dt));
	pack_svarint(p, wall_ms - o->wall_ms);
	pack_svarint(p, boot_ms - o->boot_ms);
	out_end(o, TAPE_TICK);
	o->last.monotonic_ns = now_ns;
	o->last_dt = dt;
	o->wall_ms = wall_ms;
	o->boot_ms = boot_ms;
}

static void write_gap(struct tapeout *o, const struct fact *f)
{
	struct pack *p = out_begin(o, NULL);

	pack_svarint(p, since_tick(o, f->gap.now_ns));
	pack_double(p, f->gap.seconds);
	out_end(o, TAPE_GAP);
}

/* ---- facts ---- */

/*
 * What these have is written above field by field.  One that has come to them belongs there, and at
 * the end of its record.  Threads are left out: they are shown, and nothing is judged by them.
 */
_Static_assert(sizeof(struct model_process_info) == 144, "model_process_info");
_Static_assert(sizeof(struct model_names) == NAMES * sizeof(char *), "model_names");
_Static_assert(sizeof(struct model_reading) == 96, "model_reading");
_Static_assert(sizeof(struct model_census) == 40, "model_census");
_Static_assert(sizeof(struct model_example) == 48, "model_example");
_Static_assert(sizeof(struct model_alloc_site) == 40, "model_alloc_site");
_Static_assert(sizeof(struct model_allocs) == 32, "model_allocs");
_Static_assert(sizeof(struct snapshot_observer) == 24, "snapshot_observer");

static void write_of_all(struct tapeout *o, const struct fact *f, const struct tape_clocks *now)
{
	switch (f->kind) {
	case FACT_PROCESS:
		write_process(o, f->info);
		return;
	case FACT_COUNTS_BEGIN:
		write_counts(o, false);
		o->is_counting = true;
		return;
	case FACT_COUNTS_END:
		write_counts(o, true);
		return;
	case FACT_TICK:
		write_counts(o, false);
		write_tick(o, f->now_ns, now);
		return;
	case FACT_GAP:
		write_gap(o, f);
		return;
	default:
		return;
	}
}

static void write_plain(struct tapeout *o, const struct out_process *op, enum tape_kind kind)
{
	(void)out_begin(o, op);
	out_end(o, kind);
}

static void write_site(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	const struct out_site *s = out_site_of(o, op, f);

	if (!s)
		return;
	pack_uvarint(out_begin(o, op), s->number);
	out_end(o, TAPE_SITE);
}

static void write_of_process(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	switch (f->kind) {
	case FACT_NAMED:
		return write_named(o, op, f->names);
	case FACT_EXITED:
		return write_exited(o, op, f);
	case FACT_REMOVED:
		write_plain(o, op, TAPE_REMOVED);
		return out_process_forget(o, op);
	case FACT_SITE:
		return write_site(o, op, f);
	case FACT_SITE_COUNTS:
		return count_site(o, op, f);
	case FACT_PARK_COUNTS:
		return count_park(o, op, f);
	case FACT_COUNTERS:
		return count_state(op, f->state);
	case FACT_READING:
		return write_reading(o, op, f->reading);
	case FACT_ALLOCS:
		return write_allocs(o, op, f->allocs);
	case FACT_CENSUS_BEGIN:
		pack_svarint(out_begin(o, op), f->goids);
		return out_end(o, TAPE_CENSUS_BEGIN);
	case FACT_CENSUS_SITE:
		return write_census_site(o, op, f);
	case FACT_CENSUS_END:
		return write_census_end(o, op, f);
	case FACT_CENSUS_DROP:
		return write_plain(o, op, TAPE_CENSUS_DROP);
	case FACT_EXAMPLE:
		return write_example(o, op, f);
	case FACT_STACK:
		return write_stack(o, op, f);
	case FACT_OOM:
		return write_plain(o, op, TAPE_OOM);
	case FACT_AGES:
		return write_ages(o, op, f);
	case FACT_RECORDS:
		return write_records(o, op, f->records);
	default:
		return;
	}
}

int tapeout_fact(struct tapeout *o, const struct fact *f, const struct tape_clocks *now)
{
	struct out_process *op = out_process_of(o, f->pid);

	if (!op || f->kind == FACT_PROCESS)
		write_of_all(o, f, now);
	else
		write_of_process(o, op, f);
	return o->err;
}

int tapeout_observer(struct tapeout *o, const struct snapshot_observer *obs)
{
	if (obs->refused == o->observer.refused && obs->malformed == o->observer.malformed &&
	    obs->tasks_lost == o->observer.tasks_lost)
		return o->err;
	fields_put(out_begin(o, NULL), TABLE_OBSERVER, obs, &o->observer);
	out_end(o, TAPE_OBSERVER);
	return o->err;
}

int tapeout_end(struct tapeout *o)
{
	write_counts(o, false);
	(void)out_begin(o, NULL);
	out_end(o, TAPE_END);
	return o->err;
}

size_t tapeout_processes(const struct tapeout *o)
{
	return HASH_COUNT(o->processes);
}

/* ---- life ---- */

static void put_text(struct pack *p, const char *text)
{
	size_t n = strlen(text);

	pack_uvarint(p, n);
	pack_bytes(p, text, n);
}

static void write_header(struct tapeout *o, const struct tape_header *h)
{
	struct pack *p = out_begin(o, NULL);

	pack_uvarint(p, TABLES);
	for (int i = 0; i < TABLES; i++)
		pack_uvarint(p, fields_count((enum tape_table)i));
	pack_uvarint(p, h->begun.monotonic_ns);
	pack_svarint(p, o->wall_ms);
	pack_svarint(p, o->boot_ms);
	pack_uvarint(p, h->mem_total_bytes);
	put_text(p, h->gotide);
	put_text(p, h->kernel);
	put_text(p, h->machine);
	out_end(o, TAPE_HEADER);
}

int tapeout_new(struct tape_writer *w, const struct tape_header *h, struct tapeout **ret)
{
	struct tapeout *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->w = w;
	o->last = h->begun;
	o->wall_ms = ahead_ms(h->begun.wall_ns, &h->begun);
	o->boot_ms = ahead_ms(h->begun.boot_ns, &h->begun);
	write_header(o, h);
	if (o->err) {
		int err = o->err;

		tapeout_free(o);
		return err;
	}
	*ret = o;
	return 0;
}

void tapeout_free(struct tapeout *o)
{
	struct out_process *op, *next;

	if (!o)
		return;
	HASH_ITER (hh, o->processes, op, next)
		out_process_forget(o, op);
	out_strings_free(o);
	pack_release(&o->p);
	free(o);
}
