/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/records.h"

/* A newcomer replaces the smallest site of a full table only if it is clearly bigger. */
#define REPLACE_FACTOR 2
#define REPLACE_MORE   8

/* ---- life ---- */

/* NULL leaves what is there. */
static int copy_text(char **dst, const char *src)
{
	char *copy = src ? strdup(src) : NULL;

	if (!src)
		return 0;
	if (!copy)
		return -ENOMEM;
	free(*dst);
	*dst = copy;
	return 0;
}

int process_named(struct process *p, const struct model_names *names)
{
	int err = copy_text(&p->container, names->container);

	err = err ? err : copy_text(&p->container_name, names->container_name);
	err = err ? err : copy_text(&p->pod, names->pod);
	err = err ? err : copy_text(&p->pod_namespace, names->pod_namespace);
	return err ? err : copy_text(&p->pod_uid, names->pod_uid);
}

static int copy_texts(struct process *p, const struct model_process_info *info)
{
	int err = copy_text(&p->comm, info->comm ? info->comm : "");

	err = err ? err : copy_text(&p->exe, info->exe ? info->exe : "");
	err = err ? err : copy_text(&p->go_version, info->go_version ? info->go_version : "");
	err = err ? err : copy_text(&p->module, info->module ? info->module : "");
	return err ? err : process_named(p, &info->names);
}

#define SERIES_MAX 16

/* All of them, and NULL. */
static void all_series(struct process *p, struct series3 *ret[static SERIES_MAX])
{
	struct series3 *all[] = { &p->live,	&p->heap_live,	&p->heap_inuse,
				  &p->rss_anon, &p->births,	&p->alloc,
				  &p->all_fds,	&p->socket_fds, &p->pipe_fds,
				  &p->file_fds, &p->outside,	&p->held,
				  &p->charged,	&p->io,		NULL };

	_Static_assert(ARRAY_SIZE(all) <= SERIES_MAX, "all series");
	memcpy(ret, all, sizeof(all));
}

static void process_init(struct process *p, const struct model_process_info *info)
{
	struct series3 *series[SERIES_MAX];

	p->pid = info->pid;
	p->is_stripped = info->is_stripped;
	p->is_park_watched = info->is_park_watched;
	p->is_from_start = info->is_from_start;
	p->hooks_on = info->hooks_on;
	p->start_ns = p->tick_ns = info->start_ns;
	p->age_s = info->age_s;
	p->heap_live_bytes = p->tick_alloc_bytes = p->tick_gc_cycles = -1;
	p->limit_bytes = p->cgroup_current_bytes = p->cgroup_reclaimable_bytes = -1;
	p->pod_limit_bytes = p->pod_current_bytes = -1;
	p->mem_total_bytes = p->mem_available_bytes = p->io_bytes = p->tick_io_bytes = -1;
	p->cpu_s = p->first_cpu_s = -1;
	memset(p->rss_bytes, 0xff, sizeof(p->rss_bytes));
	memset(&p->account, 0xff, sizeof(p->account));
	p->first_account = p->account;
	memory_readings_init(&p->readings);
	idclock_init(&p->clock);
	all_series(p, series);
	for (struct series3 **s = series; *s; s++)
		series3_init(*s);
}

int process_new(const struct model_process_info *info, uint32_t max_sites, struct process **ret)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	process_init(p, info);
	p->max_sites = max_sites;
	int err = copy_texts(p, info);

	if (err) {
		process_free(p);
		return err;
	}
	/* Taken over last: a process that was never made does not release it. */
	p->resolver = info->resolver;
	*ret = p;
	return 0;
}

void process_free(struct process *p)
{
	struct series3 *series[SERIES_MAX];
	struct site *s, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->sites, s, next) {
		HASH_DEL(p->sites, s);
		site_free(s);
	}
	site_free(p->other);
	idclock_release(&p->clock);
	allocs_release(&p->allocs);
	all_series(p, series);
	for (struct series3 **it = series; *it; it++)
		series3_release(*it);
	if (p->resolver.release)
		p->resolver.release(p->resolver.arg);
	free(p->comm);
	free(p->exe);
	free(p->go_version);
	free(p->module);
	free(p->container);
	free(p->container_name);
	free(p->pod);
	free(p->pod_namespace);
	free(p->pod_uid);
	free(p);
}

/* ---- sites ---- */

static struct site *site_find(struct process *p, uint64_t gopc)
{
	struct site *s = p->last_site;

	if (s && s->gopc == gopc)
		return s;
	HASH_FIND(hh, p->sites, &gopc, sizeof(gopc), s);
	if (s)
		p->last_site = s;
	return s;
}

static int site_other(struct process *p, struct site **ret)
{
	if (!p->other) {
		struct site *s = NULL;
		int err = site_new(0, 0, &s);

		if (err)
			return err;
		s->is_other = true;
		err = site_resolve(s, &p->resolver);
		if (err) {
			site_free(s);
			return err;
		}
		p->other = s;
	}
	*ret = p->other;
	return 0;
}

static int site_add(struct process *p, uint64_t gopc, uint64_t startpc, struct site **ret)
{
	struct site *s = NULL;
	int err = site_new(gopc, startpc, &s);

	if (err)
		return err;
	err = site_resolve(s, &p->resolver);
	if (err) {
		site_free(s);
		return err;
	}
	HASH_ADD(hh, p->sites, gopc, sizeof(s->gopc), s);
	*ret = s;
	return 0;
}

void process_tell(const struct process *p, const struct site *s, struct fact *f)
{
	if (!p->listener)
		return;
	f->pid = p->pid;
	if (s) {
		f->gopc = s->gopc;
		f->startpc = s->startpc;
		f->is_other = s->is_other;
	}
	p->listener->hear(p->listener->arg, f);
}

static void tell_site(const struct process *p, const struct site *s)
{
	struct fact f = { .kind = FACT_SITE };

	process_tell(p, s, &f);
}

int process_site(struct process *p, uint64_t gopc, uint64_t startpc, struct site **ret)
{
	struct site *s = site_find(p, gopc);

	if (!s && HASH_COUNT(p->sites) >= p->max_sites)
		return site_other(p, ret);
	if (!s) {
		int err = site_add(p, gopc, startpc, ret);

		if (!err)
			tell_site(p, *ret);
		return err;
	}
	*ret = s;
	if (s->startpc || !startpc)
		return 0;
	s->startpc = startpc;
	tell_site(p, s);
	return site_resolve(s, &p->resolver);
}

int process_site_told(struct process *p, const struct fact *f, struct site **ret)
{
	return f->is_other ? site_other(p, ret) : process_site(p, f->gopc, f->startpc, ret);
}

static void site_fold(struct process *p, uint64_t born, uint64_t died)
{
	p->folded_born += born;
	p->folded_died += died;
	p->folded++;
}

/*
 * Makes room for a site that has so many goroutines, if a much smaller one is there.  Not while a
 * census finds goroutines of both.
 */
static int site_replace_smallest(struct process *p, uint64_t live)
{
	struct site *s = p->smallest, *other = NULL;

	if (!s || p->is_recounting ||
	    live <= REPLACE_FACTOR * (uint64_t)site_live(s) + REPLACE_MORE)
		return -ENOSPC;
	int err = site_other(p, &other);

	if (err)
		return err;
	site_rebase(other, other->base + s->base);
	other->is_unsettled = p->has_swapped = true;
	/* Its counters of this sample were its own, if they have come: now they are the rest's. */
	if (s->round == p->counts_round)
		site_fold(p, s->born, s->died);
	p->smallest = p->last_site = NULL;
	HASH_DEL(p->sites, s);
	site_free(s);
	return 0;
}

/* A site with so many comes out of the folded rest, if there is room to be made for it. */
static int site_unfold(struct process *p, uint64_t gopc, const struct wire_site *c)
{
	struct site *s = NULL;
	int err = site_replace_smallest(p, c->births > c->deaths ? c->births - c->deaths : 0);

	err = err ? err : site_add(p, gopc, c->startpc, &s);
	if (err)
		return err;
	/* What it was born before is no birth of this second. */
	s->tick_born = c->births;
	s->tick_died = c->deaths;
	s->is_unsettled = true;
	return 0;
}

int process_site_counts(struct process *p, uint64_t gopc, const struct wire_site *c)
{
	struct site *s = site_find(p, gopc);

	if (!s && HASH_COUNT(p->sites) >= p->max_sites && site_unfold(p, gopc, c)) {
		site_fold(p, c->births, c->deaths);
		return site_other(p, &s);
	}
	int err = process_site(p, gopc, c->startpc, &s);

	if (err)
		return err;
	s->born = MAX(s->born, (uint64_t)c->births);
	s->died = MAX(s->died, (uint64_t)c->deaths);
	s->round = p->counts_round;
	return 0;
}

void process_counts_begin(struct process *p)
{
	p->folded_born = p->folded_died = p->folded = 0;
	p->counts_round++;
}

/* The counters of the rest only grow, unless a site came out of it and another went in. */
int process_counts_end(struct process *p)
{
	uint64_t born = p->folded_born + p->state.births_other;
	uint64_t died = p->folded_died + p->state.deaths_other;
	struct site *other = NULL;

	p->sites_folded = MAX(p->sites_folded, p->folded);
	if (!born && !died && !p->other)
		return 0;
	int err = site_other(p, &other);

	if (err)
		return err;
	if (p->has_swapped) {
		other->born = other->tick_born = born;
		other->died = other->tick_died = died;
		p->has_swapped = false;
	}
	other->born = MAX(other->born, born);
	other->died = MAX(other->died, died);
	return 0;
}

int process_park_counts(struct process *p, uint64_t gopc, uint32_t reason,
			const struct wire_park_count *c)
{
	struct site *s = NULL;
	int err = process_site(p, gopc, 0, &s);

	if (err || s->is_other)
		return err;
	struct site_reason *r = site_reason(s, reason);

	if (!r)
		return -ENOMEM;
	r->parks = MAX(r->parks, (uint64_t)c->parks);
	r->readies = MAX(r->readies, (uint64_t)c->readies);
	return 0;
}

struct site *process_site_first(struct process *p)
{
	return p->sites ? p->sites : p->other;
}

struct site *process_site_next(struct process *p, struct site *s)
{
	if (s == p->other)
		return NULL;
	return s->hh.next ? s->hh.next : p->other;
}

/* ---- events ---- */

int process_stack(struct process *p, const struct event *ev)
{
	struct fact f = { .kind = FACT_STACK, .event = ev };
	struct site *s = NULL;
	int err = process_site(p, ev->stack.gopc, 0, &s);

	if (err || s->is_other)
		return err;
	int ret = site_stack_seen(s, ev, &p->resolver);

	if (ret > 0)
		process_tell(p, s, &f);
	return MIN(ret, 0);
}

void process_oom(struct process *p)
{
	struct fact f = { .kind = FACT_OOM };

	p->is_oom_victim = true;
	process_tell(p, NULL, &f);
}

int process_event(struct process *p, const struct event *ev)
{
	switch (ev->kind) {
	case WIRE_BIRTH:
		p->pending.received++;
		return records_birth(p, ev);
	case WIRE_DEATH:
		p->pending.received++;
		return records_death(p, ev);
	case WIRE_PARK:
	case WIRE_READY:
		p->pending.received++;
		return 0;
	case WIRE_STACK:
		return process_stack(p, ev);
	case WIRE_MARK_END:
		p->pending.marks++;
		records_mark_end(p, ev->ts_ns, (int64_t)ev->gc.heap_live_bytes);
		return 0;
	case WIRE_RSS:
		for (int i = 0; i < WIRE_RSS_MAX; i++)
			if (ev->rss.bytes[i] >= 0)
				p->rss_bytes[i] = ev->rss.bytes[i];
		return 0;
	case WIRE_OOM:
		process_oom(p);
		return 0;
	case WIRE_EXIT:
		process_exited(p, ev->ts_ns, ev->task.exit_code);
		return 0;
	default:
		return 0;
	}
}

void process_exited(struct process *p, uint64_t ts_ns, int exit_code)
{
	struct fact f = { .kind = FACT_EXITED, .exit = { ts_ns, exit_code } };

	if (p->has_exited)
		return;
	process_tell(p, NULL, &f);
	p->has_exited = true;
	p->exit_ns = ts_ns;
	p->exit_code = exit_code;
}

/* ---- counters and readings ---- */

void process_counters(struct process *p, const struct wire_state *s)
{
	p->state = *s;
	p->has_state = true;
	if (s->rss_events == p->rss_events)
		return;
	p->rss_events = s->rss_events;
	for (int i = 0; i < WIRE_RSS_MAX; i++)
		if (s->rss_bytes[i] >= 0)
			p->rss_bytes[i] = s->rss_bytes[i];
}

uint64_t process_hook_hits(const struct process *p, int hook)
{
	return p->state.streamed[hook] + p->state.sampled_out[hook] + p->state.lost[hook] +
	       p->state.bad[hook];
}

static void account_taken(struct process *p, const struct account *a)
{
	if (!p->has_account)
		p->first_account = *a;
	p->has_account = p->has_new_account = p->has_new_alloc = true;
	p->account = *a;
}

/* UINT64_MAX is "no limit"; nothing real comes near it. */
static int64_t known_size(uint64_t bytes)
{
	return bytes >= INT64_MAX ? -1 : (int64_t)bytes;
}

void process_reading(struct process *p, const struct model_reading *r)
{
	memory_readings_take(&p->readings, r->account, r->memory, r->rollup);
	p->has_new_rollup |= r->rollup != NULL;
	if (r->account)
		account_taken(p, r->account);
	if (r->memory) {
		p->rss_bytes[WIRE_RSS_ANON] = r->memory->anon_bytes;
		p->rss_bytes[WIRE_RSS_FILE] = r->memory->file_bytes;
		p->rss_bytes[WIRE_RSS_SHMEM] = r->memory->shmem_bytes;
		p->rss_bytes[WIRE_RSS_SWAP] = r->memory->swap_bytes;
	}
	if (r->fds) {
		p->fds = *r->fds;
		p->has_fds = true;
	}
	if (r->cgroup) {
		p->limit_bytes = known_size(r->cgroup->limit_bytes);
		p->cgroup_current_bytes = known_size(r->cgroup->current_bytes);
		p->cgroup_reclaimable_bytes = known_size(r->cgroup->reclaimable_bytes);
		p->pod_limit_bytes = known_size(r->cgroup->pod_limit_bytes);
		p->pod_current_bytes = known_size(r->cgroup->pod_current_bytes);
	}
	if (r->sockets) {
		p->sockets = *r->sockets;
		p->has_sockets = true;
	}
	if (r->io) {
		p->io_bytes = r->io->read_bytes + r->io->written_bytes;
		p->has_new_io = true;
	}
	if (r->mem_total_bytes > 0) {
		p->mem_total_bytes = r->mem_total_bytes;
		p->mem_available_bytes = r->mem_available_bytes;
	}
	if (r->timers) {
		p->timers = *r->timers;
		p->has_timers = true;
	}
	if (r->threads)
		p->threads = r->threads;
	if (r->cpu_s >= 0) {
		p->cpu_s = r->cpu_s;
		if (p->first_cpu_s < 0)
			p->first_cpu_s = r->cpu_s;
	}
}

/* ---- tick ---- */

static bool is_smaller(const struct site *a, const struct site *b)
{
	int64_t la = site_live(a), lb = site_live(b);

	return la != lb ? la < lb : a->born < b->born;
}

/*
 * For how many each record of this sample stands.  While there was budget left the sample by goid
 * is the only choice that was made, and must be taken at its nominal value: a goroutine's birth
 * and death would else weigh differently, and no longer cancel out.
 */
static double hits_per_record(const struct process *p, int hook, double by_goid)
{
	double hits = (double)(process_hook_hits(p, hook) - p->tick_hits[hook]);
	double streamed = (double)(p->state.streamed[hook] - p->tick_streamed[hook]);
	double chosen = streamed + (double)(p->state.lost[hook] - p->tick_lost[hook]);

	if (streamed <= 0 || chosen > hits)
		return by_goid;
	return (p->state.tokens > 0 ? by_goid : hits / chosen) * chosen / streamed;
}

static void tick_scale(struct process *p, struct ages_scale *ret)
{
	ret->by_goid = (double)p->state.sample_mask + 1;
	ret->births = hits_per_record(p, WIRE_HOOK_BIRTH, ret->by_goid);
	ret->deaths = hits_per_record(p, WIRE_HOOK_DEATH, ret->by_goid);
	for (int i = 0; i < WIRE_HOOK_BOOKED; i++) {
		p->tick_streamed[i] = p->state.streamed[i];
		p->tick_lost[i] = p->state.lost[i];
		p->tick_hits[i] = process_hook_hits(p, i);
	}
}

static int tick_sites(struct process *p, uint64_t now_ns, double *ret_births)
{
	bool is_full = HASH_COUNT(p->sites) >= p->max_sites;
	struct ages_scale scale;
	int ret = 0;

	tick_scale(p, &scale);
	p->smallest = NULL;
	for_each_site(p, s)
	{
		if (!s->is_system)
			*ret_births += (double)(s->born - s->tick_born);
		int err = site_tick(s, p->start_ns, p->tick_ns, now_ns, &scale);

		ret = ret ? ret : err;
		if (is_full && !s->is_other && (!p->smallest || is_smaller(s, p->smallest)))
			p->smallest = s;
	}
	return ret;
}

int64_t process_live(struct process *p, int64_t *ret_system)
{
	int64_t live = 0, system = 0;

	for_each_site(p, s) * (s->is_system ? &system : &live) += site_live(s);
	*ret_system = system;
	return p->has_census ? live : -1;
}

static int mark_end(struct process *p, uint64_t ts_ns, int64_t bytes)
{
	const struct fact_records r = {
		.mark_min_bytes = bytes,
		.mark_max_bytes = bytes,
		.mark_last_bytes = bytes,
		.mark_last_ns = ts_ns,
	};

	return records_take(p, &r);
}

/*
 * Marks that the ring lost; and where no probe tells of them, what the runtime's own account says
 * was marked, dated when it was read.
 */
static int tick_marks(struct process *p, uint64_t now_ns)
{
	int64_t cycles = p->account.gc_cycles, marked = p->account.heap_marked_bytes;
	bool is_new = p->tick_gc_cycles >= 0 && cycles > p->tick_gc_cycles;

	p->tick_gc_cycles = cycles;
	if (p->has_state && p->state.mark_end_ns > p->last_mark_ns)
		return mark_end(p, p->state.mark_end_ns, (int64_t)p->state.heap_live);
	if (p->marks || process_hook_hits(p, WIRE_HOOK_MARK_END) || marked < 0 || cycles <= 0)
		return 0;
	p->heap_live_bytes = marked;
	return is_new ? mark_end(p, now_ns, marked) : 0;
}

static int add_known(struct series3 *s, uint64_t now_ns, int64_t value)
{
	return value < 0 ? 0 : series3_add(s, now_ns, (double)value);
}

/* What would be there still if the kernel took back all the page cache that it can. */
static int64_t charged(const struct process *p)
{
	int64_t bytes = p->cgroup_current_bytes - MAX(p->cgroup_reclaimable_bytes, 0);

	return p->cgroup_current_bytes < 0 ? -1 : MAX(bytes, 0);
}

/*
 * What is outside of Go's heap, where it was looked at.  In between it is carried on by the
 * account, which does not see huge pages come and go; only a process that cannot be looked at has
 * no better figure.
 */
static int tick_outside(struct process *p, uint64_t now_ns, const struct memory_parts *parts)
{
	bool is_due = p->has_new_rollup || !p->readings.has_rollup;

	p->has_new_rollup = false;
	return is_due ? add_known(&p->outside, now_ns, parts->outside_bytes) : 0;
}

static int tick_memory(struct process *p, uint64_t now_ns)
{
	struct memory_parts parts;

	memory_readings_split(&p->readings, &parts);
	int err = tick_outside(p, now_ns, &parts);

	err = err ? err : add_known(&p->held, now_ns, parts.free_held_bytes);
	err = err ? err : add_known(&p->charged, now_ns, charged(p));
	err = err ? err : add_known(&p->heap_inuse, now_ns, p->account.heap_inuse_bytes);
	return err ? err : add_known(&p->rss_anon, now_ns, p->rss_bytes[WIRE_RSS_ANON]);
}

static int tick_fds(struct process *p, uint64_t now_ns)
{
	if (!p->has_fds)
		return 0;
	int err = series3_add(&p->all_fds, now_ns, p->fds.total);

	err = err ? err : series3_add(&p->socket_fds, now_ns, p->fds.sockets);
	err = err ? err : series3_add(&p->pipe_fds, now_ns, p->fds.pipes);
	return err ? err : series3_add(&p->file_fds, now_ns, p->fds.files);
}

static int tick_io(struct process *p, uint64_t now_ns)
{
	double dt = seconds_between(p->io_ns, now_ns);
	int64_t before = p->tick_io_bytes;

	if (!p->has_new_io || p->io_bytes < 0 || (before >= 0 && dt <= 0))
		return 0;
	p->has_new_io = false;
	p->tick_io_bytes = p->io_bytes;
	p->io_ns = now_ns;
	if (before < 0 || p->io_bytes < before)
		return 0;
	return series3_add(&p->io, now_ns, (double)(p->io_bytes - before) / dt);
}

static int tick_alloc(struct process *p, uint64_t now_ns)
{
	int64_t now = p->account.total_alloc_bytes, before = p->tick_alloc_bytes;
	double dt = seconds_between(p->account_ns, now_ns);

	if (!p->has_new_alloc || now < 0 || (before >= 0 && dt <= 0))
		return 0;
	p->has_new_alloc = false;
	p->tick_alloc_bytes = now;
	p->account_ns = now_ns;
	if (before < 0 || now < before)
		return 0;
	return series3_add(&p->alloc, now_ns, (double)(now - before) / dt);
}

/* Ids are handed out whether or not a record tells of it. */
static int tick_clock(struct process *p, uint64_t now_ns)
{
	if (!p->has_new_account || p->account.goids <= 0)
		return 0;
	p->has_new_account = false;
	return idclock_handed(&p->clock, now_ns, (uint64_t)p->account.goids);
}

int process_tick(struct process *p, uint64_t now_ns)
{
	double births = 0, dt = seconds_between(p->tick_ns, now_ns);
	int64_t system;
	int err = records_close(p);

	if (p->is_closed)
		return err;
	p->is_closed = p->has_exited;
	err = err ? err : tick_clock(p, now_ns);
	err = err ? err : tick_sites(p, now_ns, &births);
	err = err ? err : tick_marks(p, now_ns);
	err = err ? err : add_known(&p->live, now_ns, process_live(p, &system));
	err = err ? err : tick_memory(p, now_ns);
	err = err ? err : tick_fds(p, now_ns);
	err = err ? err : tick_alloc(p, now_ns);
	err = err ? err : tick_io(p, now_ns);
	if (!err && dt > 0)
		err = series3_add(&p->births, now_ns, births / dt);
	p->tick_ns = MAX(p->tick_ns, now_ns);
	if (p->is_closed)
		idclock_release(&p->clock);
	return err;
}

int process_allocs(struct process *p, const struct model_allocs *a)
{
	return allocs_take(&p->allocs, a);
}

void process_gap(struct process *p, uint64_t now_ns, double seconds)
{
	p->gaps++;
	p->gaps_s += seconds;
	p->gap_ns = now_ns;
}
