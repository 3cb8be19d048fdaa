/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/vec.h"
#include "trend/judging.h"

/* Two looks so far apart confirm each other. */
#define CONFIRM_NS (4 * NSEC_PER_SEC)
/* So sure that the first look counts. */
#define CONFIRM_AT 0.9
/* Not seen again for so long: it was nothing ... */
#define FORGET_NEW_NS (30 * NSEC_PER_SEC)
/* ... or, once flagged, it pauses. */
#define PAUSE_NS (25 * NSEC_PER_SEC)
/* By so much of its growth it must have come back, or be level for so long. */
#define BACK_PART 0.5
/*
 * Goroutines and descriptors that stay are still lost; memory that has stopped rising was a cache
 * that is full, more often than not.
 */
#define LEVEL_MIN_NS	    (60 * NSEC_PER_SEC)
#define LEVEL_MIN_MEMORY_NS (20 * NSEC_PER_SEC)
#define LEVEL_PART_MEMORY   0.3
#define LEVEL_GCS	    1
#define TOP_PART	    0.03 /* of what it grew: less is no rise */
#define FORGET_BACK_NS	    (600 * NSEC_PER_SEC)

/* Beyond what was observed so far, to see a new finding again. */
#define NEEDS_ONE_LOOK_S 15
#define NEEDS_SETTLED_S	 45

/* What is remembered of one process: the worst that a verdict can hold, twice. */
#define ITEMS_MAX (2 * VERDICT_FINDINGS_MAX)

struct item {
	struct finding finding; /* as last seen; what it borrowed is not to be used */
	uint64_t gopc; /* of its site; 0: none */
	uint64_t found_ns, seen_ns, back_ns; /* first, last, and since when it is recovered */
	double peak;
	double top; /* the level, when it last rose by something worth mentioning: */
	uint64_t top_ns, top_gcs; /* gcs: seen until then */
	bool has_fallen; /* it recovered by that, and not by being level */
	enum finding_state state;
};

struct memory {
	struct memory_key {
		uint64_t pid, start_ns;
	} key;
	VEC(struct item) items; /* mostly none */
	uint32_t round; /* the look that it was last in */
	UT_hash_handle hh;
};

struct judge {
	struct memory *memories;
	uint32_t rounds;
};

uint64_t judge_interval_ns(const struct snapshot *snap)
{
	uint64_t sites = 0;

	for (size_t i = 0; i < snap->n; i++)
		sites += snap->processes[i].n_sites;
	return JUDGE_INTERVAL_NS * MAX(sites, (uint64_t)JUDGE_SITES) / JUDGE_SITES;
}

int judge_new(struct judge **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void forget(struct judge *j, struct memory *m)
{
	HASH_DEL(j->memories, m);
	vec_release(&m->items);
	free(m);
}

void judge_free(struct judge *j)
{
	struct memory *m, *next;

	if (!j)
		return;
	HASH_ITER (hh, j->memories, m, next)
		forget(j, m);
	free(j);
}

static struct memory *find(const struct judge *j, const struct snapshot_process *p)
{
	struct memory_key key = { .pid = (uint64_t)p->pid, .start_ns = p->start_ns };
	struct memory *m = NULL;

	HASH_FIND(hh, j->memories, &key, sizeof(key), m);
	return m;
}

static uint64_t gopc_of(const struct finding *f)
{
	return f->site ? f->site->gopc : 0;
}

static struct item *find_item(struct memory *m, enum verdict_kind kind, uint64_t gopc)
{
	for (size_t i = 0; m && i < m->items.n; i++)
		if (m->items.items[i].finding.kind == kind && m->items.items[i].gopc == gopc)
			return &m->items.items[i];
	return NULL;
}

/* What comes and goes by its nature, or says no more than the moment, is not held on to. */
static bool is_remembered(enum verdict_kind k)
{
	return verdict_kind_is_leak(k);
}

static const struct snapshot_site *site_of(const struct snapshot_process *p, uint64_t gopc)
{
	for (size_t i = 0; i < p->n_sites; i++)
		if (!p->sites[i].is_other && p->sites[i].gopc == gopc)
			return &p->sites[i];
	return NULL;
}

/* Where what grew stands now; 0 if there is nothing of it any more. */
static double level_now(const struct snapshot_process *p, const struct item *it)
{
	const struct snapshot_site *s;

	switch (it->finding.kind) {
	case VERDICT_GOROUTINE_LEAK:
		s = site_of(p, it->gopc);
		return s ? (double)s->live : 0;
	case VERDICT_HEAP_RETENTION:
		return (double)p->heap_live_bytes;
	case VERDICT_OFF_HEAP_GROWTH:
		return (double)p->off_heap_bytes;
	case VERDICT_FD_LEAK:
		return (double)p->fds;
	default:
		return it->finding.last;
	}
}

/* ---- looking ---- */

static bool is_sure_at_once(const struct finding *f)
{
	return f->is_standing || f->confidence >= CONFIRM_AT;
}

static void item_seen(struct item *it, const struct finding *f, uint64_t now_ns)
{
	bool is_confirmed =
		!f->is_early && (now_ns - it->found_ns >= CONFIRM_NS || is_sure_at_once(f));

	it->finding = *f;
	it->seen_ns = now_ns;
	it->peak = fmax(it->peak, f->last);
	if (it->state != FINDING_NEW || is_confirmed)
		it->state = FINDING_FLAGGED;
}

static bool has_come_back(const struct item *it, double level)
{
	return level <= it->finding.first + (1 - BACK_PART) * (it->peak - it->finding.first);
}

/* When it rose last: a detector needs longer to see that it has ended. */
static void follow_level(struct item *it, double level, const struct snapshot_process *p)
{
	it->peak = fmax(it->peak, level);
	double grown = it->peak - it->finding.first;

	if (it->top_ns && level <= it->top + TOP_PART * grown)
		return;
	it->top = level;
	it->top_ns = p->now_ns;
	it->top_gcs = p->gc_seen;
	/* It was over too soon: a step of a staircase. */
	if (it->state == FINDING_RECOVERED && !it->has_fallen)
		it->state = FINDING_PAUSED;
}

static void item_add(struct memory *m, const struct finding *f, uint64_t now_ns)
{
	struct item *it = find_item(m, f->kind, gopc_of(f));

	if (!it) {
		if (m->items.n == ITEMS_MAX || vec_reserve(&m->items))
			return;
		it = &m->items.items[m->items.n++];
		*it = (struct item){ .gopc = gopc_of(f), .found_ns = now_ns };
	}
	item_seen(it, f, now_ns);
}

/* Level for as long as it had grown, or a good part of that: it was filling up. */
static bool is_level(const struct item *it, const struct snapshot_process *p)
{
	double grown_ns = it->finding.horizon_s * (double)NSEC_PER_SEC;
	double unseen_ns = (double)(p->now_ns - it->top_ns);

	/* Of a heap that no GC has looked at since, nothing is known. */
	if (it->finding.kind == VERDICT_HEAP_RETENTION && p->gc_seen < it->top_gcs + LEVEL_GCS)
		return false;

	if (it->finding.unit == VERDICT_BYTES)
		return unseen_ns >= fmax(LEVEL_PART_MEMORY * grown_ns, LEVEL_MIN_MEMORY_NS);
	return unseen_ns >= fmax(grown_ns, LEVEL_MIN_NS);
}

/* One that the latest look did not show.  False: there is no more to remember. */
static bool item_unseen(struct item *it, const struct snapshot_process *p)
{
	uint64_t unseen_ns = p->now_ns - it->seen_ns;

	switch (it->state) {
	case FINDING_NEW:
		return unseen_ns < FORGET_NEW_NS;
	case FINDING_RECOVERED:
		return p->now_ns - it->back_ns < FORGET_BACK_NS;
	case FINDING_FLAGGED:
	case FINDING_PAUSED:
		break;
	}
	it->has_fallen = has_come_back(it, level_now(p, it));
	if (it->has_fallen || is_level(it, p)) {
		it->state = FINDING_RECOVERED;
		it->back_ns = p->now_ns;
	} else if (unseen_ns >= PAUSE_NS) {
		it->state = FINDING_PAUSED;
	}
	return true;
}

static bool is_cleared(const struct item *it, const struct verdict *v)
{
	for (size_t i = 0; i < v->n_cleared; i++)
		if (it->finding.kind == VERDICT_GOROUTINE_LEAK && v->cleared[i] == it->gopc)
			return true;
	return false;
}

static void look_at(struct memory *m, const struct snapshot_process *p, const struct verdict *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n_findings; i++)
		if (is_remembered(v->findings[i].kind))
			item_add(m, &v->findings[i], p->now_ns);
	for (size_t i = 0; i < m->items.n; i++) {
		struct item *it = &m->items.items[i];

		/* It was taken for a leak, and what was seen since tells that it is none. */
		if (is_cleared(it, v))
			continue;
		follow_level(it, level_now(p, it), p);
		if (it->seen_ns == p->now_ns || item_unseen(it, p))
			m->items.items[kept++] = *it;
	}
	m->items.n = kept;
}

static int remember(struct judge *j, const struct snapshot_process *p, struct memory **ret)
{
	struct memory *m = find(j, p);

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return -ENOMEM;
		m->key = (struct memory_key){ .pid = (uint64_t)p->pid, .start_ns = p->start_ns };
		HASH_ADD(hh, j->memories, key, sizeof(m->key), m);
	}
	m->round = j->rounds;
	*ret = m;
	return 0;
}

int judge_look(struct judge *j, const struct snapshot *snap)
{
	_cleanup_free_ struct verdict *v = malloc(sizeof(*v));
	struct memory *m, *next;
	int ret = 0;

	if (!v)
		return -ENOMEM;
	j->rounds++;
	for (size_t i = 0; i < snap->n; i++) {
		int err = remember(j, &snap->processes[i], &m);

		ret = ret ? ret : err;
		if (err)
			continue;
		verdict_of(&snap->processes[i], v);
		look_at(m, &snap->processes[i], v);
	}
	HASH_ITER (hh, j->memories, m, next)
		if (m->round != j->rounds)
			forget(j, m);
	return ret;
}

/* ---- the verdict ---- */

static const struct finding *in_verdict(const struct verdict *v, const struct item *it)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].kind == it->finding.kind && gopc_of(&v->findings[i]) == it->gopc)
			return &v->findings[i];
	return NULL;
}

static void mark_findings(struct memory *m, const struct snapshot_process *p, struct verdict *v)
{
	for (size_t i = 0; i < v->n_findings; i++) {
		struct finding *f = &v->findings[i];
		const struct item *it = find_item(m, f->kind, gopc_of(f));
		bool is_old = it && p->now_ns - it->found_ns >= CONFIRM_NS;
		bool is_sure = is_old || is_sure_at_once(f);

		f->since_s = it ? seconds_between(it->found_ns, p->now_ns) : 0;
		if (!is_remembered(f->kind) || (is_sure && !f->is_early))
			f->state = FINDING_FLAGGED;
	}
}

static void say_state(struct finding *f, const struct snapshot_process *p, const struct item *it)
{
	struct words w;

	if (f->n_evidence == VERDICT_EVIDENCE_MAX)
		f->n_evidence--;
	if (it->state == FINDING_RECOVERED && has_come_back(it, f->last))
		finding_say(f, "it has come back down since");
	else if (it->state == FINDING_RECOVERED)
		finding_say(f, "it has levelled off: no growth for %s",
			    text_duration(w.a, seconds_between(it->top_ns, p->now_ns)));
	else
		finding_say(f, "no growth for %s, but it has not come back down either",
			    text_duration(w.a, seconds_between(it->top_ns, p->now_ns)));
}

/* What was found before and is not seen now. */
static void add_old(struct verdict *v, const struct snapshot_process *p, const struct item *it)
{
	const struct snapshot_site *site = it->gopc ? site_of(p, it->gopc) : NULL;
	double unseen_s = seconds_between(it->seen_ns, p->now_ns);
	struct finding *f;

	if (it->state == FINDING_NEW || v->n_findings == VERDICT_FINDINGS_MAX ||
	    (it->gopc && !site))
		return;
	f = &v->findings[v->n_findings++];
	*f = it->finding;
	f->site = site;
	f->allocs = f->kind == VERDICT_HEAP_RETENTION ? p->allocs : NULL;
	f->n_allocs = f->kind == VERDICT_HEAP_RETENTION ? p->n_allocs : 0;
	f->state = it->state == FINDING_RECOVERED ? FINDING_RECOVERED : FINDING_PAUSED;
	f->since_s = seconds_between(it->found_ns, p->now_ns);
	f->last = level_now(p, it);
	f->confidence *= fmax(0.5, 1 - unseen_s / (2 * fmax(f->horizon_s, 60)));
	say_state(f, p, it);
}

/* The worst that stands: neither recovered nor waiting for a second look. */
static const struct finding *worst(const struct verdict *v)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].state == FINDING_FLAGGED ||
		    v->findings[i].state == FINDING_PAUSED)
			return &v->findings[i];
	return NULL;
}

static void conclude(struct verdict *v, double observed_s)
{
	const struct finding *first = &v->findings[0], *f = worst(v);

	verdict_summarise(v, f ? f : first);
	if (f) {
		v->kind = f->kind;
		v->needs_s = 0;
	} else if (first->state == FINDING_NEW) {
		v->kind = VERDICT_WARMING_UP;
		v->needs_s = observed_s + NEEDS_ONE_LOOK_S;
		if (first->is_early)
			v->needs_s = fmax(v->needs_s, NEEDS_SETTLED_S);
	} else {
		v->kind = VERDICT_HEALTHY;
		v->needs_s = 0;
		snprintf(v->summary, sizeof(v->summary), "%s, which was found, is over: %.120s",
			 verdict_kind_str(first->kind), first->evidence[first->n_evidence - 1]);
	}
}

void judge_verdict(const struct judge *j, const struct snapshot_process *p, struct verdict *ret)
{
	struct memory *m = find(j, p);

	verdict_of(p, ret);
	mark_findings(m, p, ret);
	for (size_t i = 0; m && i < m->items.n; i++)
		if (!in_verdict(ret, &m->items.items[i]))
			add_old(ret, p, &m->items.items[i]);
	verdict_sort(ret);
	if (ret->n_findings)
		conclude(ret, seconds_between(p->start_ns, p->now_ns));
}
