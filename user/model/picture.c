/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/recount.h"

static int site_order(const void *pa, const void *pb)
{
	const struct snapshot_site *a = pa, *b = pb;

	if (a->live != b->live)
		return a->live < b->live ? 1 : -1;
	if (a->born != b->born)
		return a->born < b->born ? 1 : -1;
	return a->gopc < b->gopc ? -1 : a->gopc > b->gopc;
}

static int snapshot_sites(struct process *p, uint64_t now_ns, struct snapshot_process *ret)
{
	size_t max = HASH_COUNT(p->sites) + 1, n = 0;
	struct snapshot_site *sites = calloc(max, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	ret->sites = sites;
	for_each_site(p, s)
	{
		int err = site_frames(s, &p->resolver);

		if (err)
			return err;
		site_snapshot(s, &p->resolver, p->is_park_watched, now_ns, &sites[n]);
		sites[n].ran_part = recount_ran(p, s);
		recount_snapshot(p, s, &sites[n++].before);
		if (s->is_system)
			continue;
		ret->at_attach += s->base > 0 ? s->base : 0;
		ret->born += s->born;
		ret->died += s->died;
	}
	ret->n_sites = n;
	qsort(sites, n, sizeof(*sites), site_order);
	return 0;
}

static int reason_order(const void *pa, const void *pb)
{
	const struct snapshot_reason *a = pa, *b = pb;

	if (a->waiting != b->waiting)
		return a->waiting < b->waiting ? 1 : -1;
	if (a->parks != b->parks)
		return a->parks < b->parks ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* Whether its parks and wake-ups are all counted, so that the counts say who waits now. */
static bool is_counted(const struct process *p, const char *reason)
{
	return p->is_park_watched && site_reason_is_counted(reason);
}

/* Adds one site's count of a reason; by_reason holds the index of each known number. */
static void add_reason(struct process *p, const struct site *s, const struct site_reason *r,
		       uint32_t *numbers, struct snapshot_reason *rows, size_t *n)
{
	size_t i = 0;

	/* A wake-up alone: it was parked before the observation, and no more is known. */
	if (!r->parks && !r->census)
		return;
	while (i < *n && numbers[i] != r->reason)
		i++;
	if (i == SNAPSHOT_REASONS_MAX)
		return;
	const char *name = p->resolver.reason(p->resolver.arg, r->reason);

	if (i == *n) {
		numbers[i] = r->reason;
		if (name)
			snprintf(p->reason_name[i], sizeof(p->reason_name[i]), "%s", name);
		else
			snprintf(p->reason_name[i], sizeof(p->reason_name[i]), "reason %u",
				 r->reason);
		rows[i].name = p->reason_name[i];
		rows[i].waiting = p->has_census || is_counted(p, name) ? 0 : -1;
		rows[i].is_system = true;
		(*n)++;
	}
	rows[i].parks += r->parks;
	rows[i].is_system = rows[i].is_system && s->is_system;
	if (rows[i].waiting >= 0) {
		int64_t waiting = site_waiting(s, r, is_counted(p, name));

		rows[i].waiting += waiting;
		rows[i].waiting_system += s->is_system ? waiting : 0;
	}
}

static int snapshot_reasons(struct process *p, struct snapshot_process *ret)
{
	uint32_t numbers[SNAPSHOT_REASONS_MAX];
	struct snapshot_reason *rows = calloc(SNAPSHOT_REASONS_MAX, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	ret->reasons = rows;
	for_each_site(p, s) vec_for_each (&s->reasons, r) add_reason(p, s, r, numbers, rows, &n);
	ret->n_reasons = n;
	qsort(rows, n, sizeof(*rows), reason_order);
	return 0;
}

void picture_cost(const struct process *p, struct snapshot_process *ret)
{
	ret->received = p->received;
	ret->hooks_on = p->hooks_on;
	ret->stacks_lost = p->state.stacks_lost;
	ret->cost_s = -1;
	ret->cpu_s = p->cpu_s;
	ret->threads = p->threads ? (int64_t)p->threads : -1;
	ret->target_cpu_s = p->cpu_s >= 0 ? p->cpu_s - p->first_cpu_s : -1;
	for (int i = 0; i < WIRE_HOOK_BOOKED; i++) {
		ret->hook_hits[i] = process_hook_hits(p, i);
		ret->hits += ret->hook_hits[i];
		if (i > WIRE_HOOK_READY)
			continue;
		ret->sampled_out += p->state.sampled_out[i];
		ret->lost += p->state.lost[i];
		ret->bad += p->state.bad[i];
	}
}

static uint64_t rise(int64_t from, int64_t to)
{
	return from >= 0 && to > from ? (uint64_t)(to - from) : 0;
}

static void snapshot_memory(const struct process *p, struct snapshot_process *ret)
{
	const struct account *a = &p->account;

	ret->heap_live_bytes = p->heap_live_bytes;
	ret->heap_inuse_bytes = a->heap_inuse_bytes;
	ret->heap_idle_bytes = a->heap_idle_bytes;
	ret->heap_released_bytes = a->heap_released_bytes;
	ret->heap_objects = a->heap_objects;
	ret->heap_goal_bytes = a->heap_goal_bytes;
	ret->total_alloc_bytes = a->total_alloc_bytes;
	ret->heap_alloc_bytes = a->heap_live_bytes;
	ret->sys_bytes = a->mapped_ready_bytes >= 0 && a->heap_released_bytes >= 0
				 ? a->mapped_ready_bytes + a->heap_released_bytes
				 : -1;
	ret->stacks_bytes = a->stacks_inuse_bytes;
	ret->gc_cycles = a->gc_cycles;
	ret->gc_pause_last_ns = a->gc_pause_last_ns;
	ret->gc_pause_max_ns = a->gc_pause_max_ns;
	ret->gc_pause_total_ns = a->gc_pause_total_ns;
	ret->gc_last_unix_ns = a->last_gc_unix_ns;
	ret->memory_limit_bytes = a->memory_limit_bytes;
	ret->gc_percent = a->gc_percent;
	ret->gc_seen = MAX(p->marks, process_hook_hits(p, WIRE_HOOK_MARK_END));
	if (!ret->gc_seen)
		ret->gc_seen = rise(p->first_account.gc_cycles, a->gc_cycles);
	ret->gc_seen_forced = rise(p->first_account.forced_gc_cycles, a->forced_gc_cycles);
	memcpy(ret->rss_bytes, p->rss_bytes, sizeof(ret->rss_bytes));
	memory_readings_split(&p->readings, &ret->memory);
	ret->off_heap_bytes = ret->memory.outside_bytes;
	ret->fds = p->has_fds ? (int64_t)p->fds.total : -1;
	ret->sockets = p->has_fds ? (int64_t)p->fds.sockets : -1;
	ret->pipes = p->has_fds ? (int64_t)p->fds.pipes : -1;
	ret->files = p->has_fds ? (int64_t)p->fds.files : -1;
	ret->socket_states = p->has_sockets ? &p->sockets : NULL;
	ret->timers = p->has_timers ? &p->timers : NULL;
	ret->limit_bytes = p->limit_bytes;
	ret->cgroup_current_bytes = p->cgroup_current_bytes;
	ret->cgroup_reclaimable_bytes = p->cgroup_reclaimable_bytes;
	ret->pod_limit_bytes = p->pod_limit_bytes;
	ret->pod_current_bytes = p->pod_current_bytes;
	ret->mem_total_bytes = p->mem_total_bytes;
	ret->mem_available_bytes = p->mem_available_bytes;
}

static void snapshot_series(const struct process *p, struct snapshot_process *ret)
{
	ret->live_series = &p->live;
	ret->heap_live_series = &p->heap_live;
	ret->heap_inuse_series = &p->heap_inuse;
	ret->rss_anon_series = &p->rss_anon;
	ret->birth_series = &p->births;
	ret->alloc_series = &p->alloc;
	ret->fds_series = &p->all_fds;
	ret->sockets_series = &p->socket_fds;
	ret->pipes_series = &p->pipe_fds;
	ret->files_series = &p->file_fds;
	ret->outside_series = &p->outside;
	ret->held_series = &p->held;
	ret->charged_series = &p->charged;
	ret->io_series = &p->io;
}

int picture_take(struct process *p, uint64_t now_ns, struct snapshot_process *ret)
{
	*ret = (struct snapshot_process){
		.pid = p->pid,
		.comm = p->comm,
		.exe = p->exe,
		.go_version = p->go_version,
		.module = p->module,
		.container = p->container,
		.container_name = p->container_name,
		.pod = p->pod,
		.pod_namespace = p->pod_namespace,
		.pod_uid = p->pod_uid,
		.is_stripped = p->is_stripped,
		.has_exited = p->has_exited,
		.exit_code = p->exit_code,
		.is_oom_victim = p->is_oom_victim,
		.start_ns = p->start_ns,
		.age_s = p->age_s,
		/* A tape may end between the coming of a process and the next tick. */
		.now_ns = MAX(p->start_ns, p->has_exited ? MIN(p->exit_ns, now_ns) : now_ns),
		.is_park_watched = p->is_park_watched,
		.census_torn = p->census_torn,
		.census_unread = p->census_unread,
		.census_passes = p->census_passes,
		.census_corrections = p->census_corrections,
		.census_ns = p->census_ns,
		.sites_folded = p->sites_folded,
		.gaps = p->gaps,
		.gaps_s = p->gaps_s,
		.gap_ns = p->gap_ns,
		.has_profile = p->allocs.rounds > 0,
		.allocs_s = seconds_between(p->allocs.first_ns, p->allocs.last_ns),
	};
	ret->live = process_live(p, &ret->live_system);
	int err = snapshot_sites(p, ret->now_ns, ret);

	if (!err)
		err = allocs_snapshot(&p->allocs, &p->resolver, ret->allocs, &ret->n_allocs);
	if (err)
		return err;
	if (!p->has_census)
		ret->at_attach = -1;
	snapshot_memory(p, ret);
	picture_cost(p, ret);
	snapshot_series(p, ret);
	return snapshot_reasons(p, ret);
}
