/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up Go process that feeds the model as an observation would: goroutines born at sites with
 * given lifetimes, records sampled by goid, exact counters, a census at the start, one tick a
 * second, GC marks.  Deterministic: the same seed gives the same feed.
 */
#ifndef GOTIDE_TESTS_SIMULATE_H
#define GOTIDE_TESTS_SIMULATE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/model.h"

#define SIM_PID	  4711
#define SIM_SITES 16
#define SIM_PS	  4 /* of the scheduler: each hands out goids from a batch of its own */
#define SIM_STEP  0.01
#define SIM_EVER  1e18 /* a lifetime */

struct sim_goroutine {
	double dies;
	uint64_t goid;
	unsigned int site;
};

struct sim {
	struct model *m;
	uint64_t random;
	double now, attached; /* seconds */
	bool is_attached;
	uint64_t next_goid, goid[SIM_PS];
	struct wire_site sites[SIM_SITES];
	struct wire_state state;
	uint64_t mask; /* of goids: 0 streams all */
	int64_t tokens, tokens_per_s; /* records that may be streamed; 0: no limit */
	double lost; /* part of the records that the ring has no room for */
	struct sim_goroutine *heap; /* by time of death */
	size_t n, cap;
	double heap_live, total_alloc;
	double heap_inuse; /* 0: not known */
};

static inline double sim_random(struct sim *s) /* in (0, 1) */
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return ((double)(s->random >> 11) + 0.5) / 9007199254740992.0;
}

static inline double sim_exponential(struct sim *s, double mean)
{
	return -mean * log(sim_random(s));
}

/* How many events come in one step at this rate per second. */
static inline int sim_poisson(struct sim *s, double rate)
{
	double want = rate * SIM_STEP, sum = sim_exponential(s, 1);
	int n = 0;

	while (sum < want) {
		n++;
		sum += sim_exponential(s, 1);
	}
	return n;
}

static inline uint64_t sim_ns(double t)
{
	return (uint64_t)(t * 1e9);
}

static inline uint64_t sim_gopc(unsigned int site)
{
	return 0x400000 + 0x100 * (uint64_t)site;
}

/* Site 15 is the runtime's own. */
static inline void sim_site_name(void *arg, uint64_t gopc, uint64_t startpc,
				 struct model_site_name *ret)
{
	unsigned int site = (unsigned int)((gopc - 0x400000) / 0x100);

	(void)arg;
	(void)startpc;
	ret->link_gopc = gopc;
	snprintf(ret->function, sizeof(ret->function), "main.site%u", site);
	snprintf(ret->start_function, sizeof(ret->start_function), "main.site%u.func1", site);
	snprintf(ret->file, sizeof(ret->file), "/src/main.go");
	ret->line = site;
	ret->is_system = site == SIM_SITES - 1;
}

#define SIM_GOEXIT  0xe0 /* where every goroutine returns to */
#define SIM_NEWPROC 0xf0 /* what a go statement calls */

static inline size_t sim_frames(void *arg, uint64_t pc, struct model_frame *ret, size_t max)
{
	(void)arg;
	if (!max)
		return 0;
	ret[0] = (struct model_frame){ .file = "f.go", .line = (uint32_t)pc };
	if (pc == SIM_GOEXIT)
		snprintf(ret[0].function, MODEL_NAME_MAX, "runtime.goexit");
	else if (pc == SIM_NEWPROC)
		snprintf(ret[0].function, MODEL_NAME_MAX, "runtime.newproc");
	else
		snprintf(ret[0].function, MODEL_NAME_MAX, "f%llx", (unsigned long long)pc);
	return 1;
}

static inline const char *sim_reason(void *arg, uint32_t reason)
{
	static const char *const names[] = { "",      "IO wait", "chan receive",
					     "sleep", "select",	 "GC worker (idle)" };

	(void)arg;
	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

static inline void sim_init(struct sim *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	s->now = 1000;
	s->next_goid = 16;
	s->heap_live = 8 << 20;
	s->total_alloc = 1 << 20;
	for (int i = 0; i < 10; i++)
		sim_random(s);
	if (model_new(NULL, &s->m))
		abort();
}

static inline void sim_release(struct sim *s)
{
	model_free(s->m);
	free(s->heap);
}

static inline uint64_t sim_goid(struct sim *s)
{
	int p = (int)(sim_random(s) * SIM_PS);

	if (s->goid[p] % 16 == 0) {
		s->goid[p] = s->next_goid;
		s->next_goid += 16;
	}
	return s->goid[p]++;
}

static inline bool sim_is_streamed(const struct sim *s, uint64_t goid)
{
	return (wire_goid_hash(goid) & s->mask) == 0;
}

static inline void sim_record(struct sim *s, enum wire_kind kind, const struct sim_goroutine *g,
			      double t)
{
	struct event ev = { .kind = kind, .pid = SIM_PID, .ts_ns = sim_ns(t) };
	int hook = kind == WIRE_BIRTH ? WIRE_HOOK_BIRTH : WIRE_HOOK_DEATH;

	if (!s->is_attached)
		return;
	if (kind == WIRE_BIRTH)
		s->sites[g->site].births++;
	else
		s->sites[g->site].deaths++;
	if (!sim_is_streamed(s, g->goid) || (s->tokens_per_s && s->tokens <= 0)) {
		s->state.sampled_out[hook]++;
		return;
	}
	if (s->lost > 0 && sim_random(s) < s->lost) {
		s->state.lost[hook]++;
		return;
	}
	s->tokens--;
	s->state.streamed[hook]++;
	ev.go.goid = g->goid;
	ev.go.gopc = sim_gopc(g->site);
	model_event(s->m, &ev);
}

static inline void sim_swap(struct sim *s, size_t a, size_t b)
{
	struct sim_goroutine g = s->heap[a];

	s->heap[a] = s->heap[b];
	s->heap[b] = g;
}

static inline struct sim_goroutine sim_pop(struct sim *s)
{
	struct sim_goroutine top = s->heap[0];
	size_t i = 0;

	s->heap[0] = s->heap[--s->n];
	for (;;) {
		size_t l = 2 * i + 1, best = i;

		if (l < s->n && s->heap[l].dies < s->heap[best].dies)
			best = l;
		if (l + 1 < s->n && s->heap[l + 1].dies < s->heap[best].dies)
			best = l + 1;
		if (best == i)
			return top;
		sim_swap(s, i, best);
		i = best;
	}
}

/* Deaths until t, in order. */
static inline void sim_deaths(struct sim *s, double t)
{
	while (s->n && s->heap[0].dies <= t) {
		struct sim_goroutine g = sim_pop(s);

		sim_record(s, WIRE_DEATH, &g, g.dies);
	}
}

/* A go statement at time t >= all earlier ones. */
static inline void sim_go_at(struct sim *s, unsigned int site, double t, double lifetime)
{
	struct sim_goroutine g = { .dies = t + lifetime, .site = site };
	size_t i = s->n;

	sim_deaths(s, t);
	g.goid = sim_goid(s);
	sim_record(s, WIRE_BIRTH, &g, t);
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->heap = reallocarray(s->heap, s->cap, sizeof(*s->heap));
		if (!s->heap)
			abort();
	}
	i = s->n++;
	s->heap[i] = g;
	for (; i && s->heap[(i - 1) / 2].dies > s->heap[i].dies; i = (i - 1) / 2)
		sim_swap(s, i, (i - 1) / 2);
}

static inline void sim_go(struct sim *s, unsigned int site, double lifetime)
{
	sim_go_at(s, site, s->now, lifetime);
}

/* Counters as they stand. */
static inline void sim_counters(struct sim *s)
{
	model_counts_begin(s->m);
	for (unsigned int i = 0; i < SIM_SITES; i++)
		if (s->sites[i].births || s->sites[i].deaths)
			model_site_counts(s->m, SIM_PID, sim_gopc(i), &s->sites[i]);
	s->state.sample_mask = s->mask;
	s->state.tokens = s->tokens_per_s ? s->tokens : 1;
	model_counters(s->m, SIM_PID, &s->state);
	model_counts_end(s->m);
}

/* All goroutines, read at one instant. */
static inline void sim_census(struct sim *s, struct model_census_outcome *ret)
{
	const struct model_census c = { .ts_ns = sim_ns(s->now), .has_tracking = true };

	sim_counters(s);
	model_census_begin(s->m, SIM_PID, (int64_t)s->next_goid);
	for (size_t i = 0; i < s->n; i++) {
		const struct model_goroutine g = {
			.goid = s->heap[i].goid,
			.gopc = sim_gopc(s->heap[i].site),
			.wait_reason = 2,
			.is_system = s->heap[i].site == SIM_SITES - 1,
			.is_waiting = true,
		};

		model_census_goroutine(s->m, SIM_PID, &g);
	}
	model_census_end(s->m, SIM_PID, &c, ret);
}

/* Starts the observation, with a census if asked for. */
static inline void sim_attach(struct sim *s, bool with_census)
{
	struct model_process_info info = {
		.pid = SIM_PID,
		.comm = "sim",
		.start_ns = sim_ns(s->now),
		.age_s = 3600,
		.is_park_watched = true,
		.hooks_on = (1u << WIRE_HOOK_MAX) - 1,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};

	if (model_process_add(s->m, &info))
		abort();
	s->is_attached = true;
	s->attached = s->now;
	struct model_census_outcome o;

	if (with_census)
		sim_census(s, &o);
}

static inline void sim_mark(struct sim *s, double heap_live)
{
	struct event ev = { .kind = WIRE_MARK_END, .pid = SIM_PID, .ts_ns = sim_ns(s->now) };

	ev.gc.heap_live_bytes = (uint64_t)heap_live;
	s->state.streamed[WIRE_HOOK_MARK_END]++;
	model_event(s->m, &ev);
}

/* Counters, readings, tick: what an observation does every second. */
static inline void sim_tick(struct sim *s)
{
	struct account account;
	struct model_reading reading = { .account = &account, .cpu_s = -1 };

	memset(&account, 0xff, sizeof(account));
	account.total_alloc_bytes = (int64_t)s->total_alloc;
	if (s->heap_inuse > 0)
		account.heap_inuse_bytes = (int64_t)s->heap_inuse;
	sim_counters(s);
	model_reading(s->m, SIM_PID, &reading);
	s->tokens = s->tokens_per_s;
	model_tick(s->m, sim_ns(s->now));
}

static inline struct snapshot *sim_snapshot(struct sim *s)
{
	struct snapshot *snap = NULL;

	if (model_snapshot(s->m, sim_ns(s->now), &snap) || snap->n != 1)
		abort();
	return snap;
}

/* The site's row; NULL if it has none. */
static inline const struct snapshot_site *sim_row(const struct snapshot *snap, unsigned int site)
{
	const struct snapshot_process *p = &snap->processes[0];

	for (size_t i = 0; i < p->n_sites; i++)
		if (!p->sites[i].is_other && p->sites[i].gopc == sim_gopc(site))
			return &p->sites[i];
	return NULL;
}

#endif
