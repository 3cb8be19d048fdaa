/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/model.h"

#include <stdlib.h>

#include "base/log.h"
#include "model/picture.h"
#include "model/recount.h"
#include "model/records.h"

#define SITES_DEFAULT 1024

struct model {
	struct process *processes; /* by pid */
	struct process *last; /* found: records come in runs; NULL: none */
	uint32_t max_sites;
	const struct fact_listener *listener; /* borrowed */
	uint64_t refused; /* facts dropped for want of memory */
	struct snapshot_gone gone;
};

int model_new(const struct model_opts *opts, struct model **ret)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->max_sites = opts && opts->max_sites ? opts->max_sites : SITES_DEFAULT;
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	struct process *p, *next;

	if (!m)
		return;
	HASH_ITER (hh, m->processes, p, next) {
		HASH_DEL(m->processes, p);
		process_free(p);
	}
	free(m);
}

static struct process *process_find(struct model *m, pid_t pid)
{
	struct process *p = m->last;

	if (p && p->pid == pid)
		return p;
	HASH_FIND(hh, m->processes, &pid, sizeof(pid), p);
	if (p)
		m->last = p;
	return p;
}

static void tell(const struct model *m, const struct fact *f)
{
	if (m->listener)
		m->listener->hear(m->listener->arg, f);
}

/* A fact that finds no memory costs that fact. */
static void model_note(struct model *m, int err)
{
	if (err && !m->refused++)
		log_debug("model: no memory for all that is observed");
}

int model_process_add(struct model *m, const struct model_process_info *info)
{
	struct process *p = NULL;

	if (process_find(m, info->pid))
		return -EEXIST;
	int err = process_new(info, m->max_sites, &p);

	if (err)
		return err;
	HASH_ADD(hh, m->processes, pid, sizeof(p->pid), p);
	p->listener = m->listener;
	tell(m, &(struct fact){ .kind = FACT_PROCESS, .pid = info->pid, .info = info });
	return 0;
}

void model_process_named(struct model *m, pid_t pid, const struct model_names *names)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_NAMED, .pid = pid, .names = names });
	model_note(m, process_named(p, names));
}

void model_process_exited(struct model *m, pid_t pid, uint64_t ts_ns, int exit_code)
{
	struct process *p = process_find(m, pid);

	if (p)
		process_exited(p, ts_ns, exit_code);
}

static void add_gone(struct snapshot_gone *gone, const struct process *p)
{
	struct snapshot_process last = { 0 };

	picture_cost(p, &last);
	gone->processes++;
	gone->received += last.received;
	gone->sampled_out += last.sampled_out;
	gone->lost += last.lost;
	gone->bad += last.bad;
	gone->hits += last.hits;
}

void model_process_remove(struct model *m, pid_t pid)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_REMOVED, .pid = pid });
	add_gone(&m->gone, p);
	HASH_DEL(m->processes, p);
	m->last = NULL;
	process_free(p);
}

void model_census_begin(struct model *m, pid_t pid, int64_t goids)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_CENSUS_BEGIN, .pid = pid, .goids = goids });
	recount_begin(p, goids);
}

void model_census_goroutine(struct model *m, pid_t pid, const struct model_goroutine *g)
{
	struct process *p = process_find(m, pid);

	if (p)
		model_note(m, recount_goroutine(p, g));
}

void model_census_end(struct model *m, pid_t pid, const struct model_census *c,
		      struct model_census_outcome *ret)
{
	struct process *p = process_find(m, pid);

	*ret = (struct model_census_outcome){ 0 };
	if (p)
		recount_end(p, c, ret);
}

void model_census_drop(struct model *m, pid_t pid)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_CENSUS_DROP, .pid = pid });
	recount_drop(p);
}

void model_census_example(struct model *m, pid_t pid, const struct model_example *ex)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m,
	     &(struct fact){ .kind = FACT_EXAMPLE, .pid = pid, .gopc = ex->gopc, .example = ex });
	model_note(m, recount_example(p, ex));
}

void model_event(struct model *m, const struct event *ev)
{
	struct process *p = process_find(m, ev->pid);

	if (p)
		model_note(m, process_event(p, ev));
}

void model_counts_begin(struct model *m)
{
	tell(m, &(struct fact){ .kind = FACT_COUNTS_BEGIN });
	for (struct process *p = m->processes; p; p = p->hh.next)
		process_counts_begin(p);
}

void model_counts_end(struct model *m)
{
	tell(m, &(struct fact){ .kind = FACT_COUNTS_END });
	for (struct process *p = m->processes; p; p = p->hh.next)
		model_note(m, process_counts_end(p));
}

void model_site_counts(struct model *m, pid_t pid, uint64_t gopc, const struct wire_site *s)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_SITE_COUNTS,
				.pid = pid,
				.gopc = gopc,
				.startpc = s->startpc,
				.site = s });
	model_note(m, process_site_counts(p, gopc, s));
}

void model_park_counts(struct model *m, pid_t pid, uint64_t gopc, uint32_t reason,
		       const struct wire_park_count *c)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m,
	     &(struct fact){
		     .kind = FACT_PARK_COUNTS, .pid = pid, .gopc = gopc, .park = { reason, c } });
	model_note(m, process_park_counts(p, gopc, reason, c));
}

void model_counters(struct model *m, pid_t pid, const struct wire_state *s)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_COUNTERS, .pid = pid, .state = s });
	process_counters(p, s);
}

void model_reading(struct model *m, pid_t pid, const struct model_reading *r)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_READING, .pid = pid, .reading = r });
	process_reading(p, r);
}

void model_allocs(struct model *m, pid_t pid, const struct model_allocs *a)
{
	struct process *p = process_find(m, pid);

	if (!p)
		return;
	tell(m, &(struct fact){ .kind = FACT_ALLOCS, .pid = pid, .allocs = a });
	model_note(m, process_allocs(p, a));
}

void model_gap(struct model *m, uint64_t now_ns, double seconds)
{
	tell(m, &(struct fact){ .kind = FACT_GAP, .gap = { now_ns, seconds } });
	for (struct process *p = m->processes; p; p = p->hh.next)
		process_gap(p, now_ns, seconds);
}

void model_tick(struct model *m, uint64_t now_ns)
{
	struct process *p, *next;

	HASH_ITER (hh, m->processes, p, next)
		model_note(m, process_tick(p, now_ns));
	tell(m, &(struct fact){ .kind = FACT_TICK, .now_ns = now_ns });
}

int model_snapshot(struct model *m, uint64_t now_ns, struct snapshot **ret)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	struct process *p, *next;

	if (!s)
		return -ENOMEM;
	s->now_ns = now_ns;
	s->gone = m->gone;
	s->processes = calloc(HASH_COUNT(m->processes) + 1, sizeof(*s->processes));
	int err = s->processes ? 0 : -ENOMEM;

	HASH_ITER (hh, m->processes, p, next) {
		err = err ? err : picture_take(p, now_ns, &s->processes[s->n++]);
	}
	if (err) {
		snapshot_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->processes && i < s->n; i++) {
		free((void *)s->processes[i].sites);
		free((void *)s->processes[i].reasons);
	}
	free(s->processes);
	free(s);
}

/* ---- facts, told by another model's listener ---- */

void model_listen(struct model *m, const struct fact_listener *l)
{
	m->listener = l;
	for (struct process *p = m->processes; p; p = p->hh.next)
		p->listener = l;
}

/* Of a process that is known. */
static int take_from_process(struct process *p, const struct fact *f)
{
	struct model_census_outcome outcome;
	struct site *s;

	switch (f->kind) {
	case FACT_SITE:
		return process_site_told(p, f, &s);
	case FACT_CENSUS_SITE:
		return recount_site(p, f);
	case FACT_CENSUS_END:
		recount_finish(p, f->census_end.c, f->census_end.newest, &outcome);
		return 0;
	case FACT_STACK:
		return process_stack(p, f->event);
	case FACT_OOM:
		process_oom(p);
		return 0;
	case FACT_AGES:
		return records_take_ages(p, f);
	case FACT_RECORDS:
		return records_take(p, f->records);
	default:
		return -EINVAL;
	}
}

int model_take(struct model *m, const struct fact *f)
{
	struct process *p = process_find(m, f->pid);

	switch (f->kind) {
	case FACT_PROCESS:
		return model_process_add(m, f->info);
	case FACT_NAMED:
		model_process_named(m, f->pid, f->names);
		return 0;
	case FACT_EXITED:
		model_process_exited(m, f->pid, f->exit.ts_ns, f->exit.code);
		return 0;
	case FACT_REMOVED:
		model_process_remove(m, f->pid);
		return 0;
	case FACT_COUNTS_BEGIN:
		model_counts_begin(m);
		return 0;
	case FACT_SITE_COUNTS:
		model_site_counts(m, f->pid, f->gopc, f->site);
		return 0;
	case FACT_PARK_COUNTS:
		model_park_counts(m, f->pid, f->gopc, f->park.reason, f->park.count);
		return 0;
	case FACT_COUNTERS:
		model_counters(m, f->pid, f->state);
		return 0;
	case FACT_COUNTS_END:
		model_counts_end(m);
		return 0;
	case FACT_READING:
		model_reading(m, f->pid, f->reading);
		return 0;
	case FACT_ALLOCS:
		model_allocs(m, f->pid, f->allocs);
		return 0;
	case FACT_GAP:
		model_gap(m, f->gap.now_ns, f->gap.seconds);
		return 0;
	case FACT_CENSUS_BEGIN:
		model_census_begin(m, f->pid, f->goids);
		return 0;
	case FACT_CENSUS_DROP:
		model_census_drop(m, f->pid);
		return 0;
	case FACT_EXAMPLE:
		model_census_example(m, f->pid, f->example);
		return 0;
	case FACT_TICK:
		model_tick(m, f->now_ns);
		return 0;
	default:
		return p ? take_from_process(p, f) : 0;
	}
}
