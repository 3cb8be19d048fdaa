/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/recount.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* What is told of ids covers a part of the life before if it holds this much of its fair share. */
#define FAIR_SHARE 0.25

/* Parts without which, at either end, it is not all of the life before. */
#define END_PARTS 3

/*
 * Goroutines of a site from which on its stacks are worth reading, for the channels they wait on;
 * or if it grows and no probe has seen where they wait.
 */
#define EXAMPLE_MIN	    100
#define EXAMPLE_GROWING_MIN 10

/* Whether goroutines have run is told of passes so far apart: a second idle is no idleness. */
#define RAN_NS (10 * NSEC_PER_SEC)

#define RAN_PARTS_MIN 8 /* of fewer nothing is said */

/* A thread that lost its CPU gets it back within this time. */
#define MOVING_NS (2 * NSEC_PER_SEC)

/* Where GOMAXPROCS could not be read. */
#define PROCS_UNKNOWN 64

/* What counts populations, if both are there. */
#define LIFE_HOOKS (1u << WIRE_HOOK_BIRTH | 1u << WIRE_HOOK_DEATH)

/* ---- one pass ---- */

void recount_begin(struct process *p, int64_t goids)
{
	p->is_recounting = true;
	p->census_goid = 0;
	p->census_goids = goids;
	if (!p->has_census && !p->is_from_start)
		p->attach_goid = goids > 0 ? (uint64_t)goids : 0;
	for_each_site(p, s)
	{
		s->finding = (struct site_census){ .born = s->born, .died = s->died };
		memset(s->finding_sum, 0, sizeof(s->finding_sum));
		memset(s->all_sum, 0, sizeof(s->all_sum));
		memset(s->seen_sum, 0, sizeof(s->seen_sum));
		vec_for_each (&s->reasons, r)
			r->finding = 0;
	}
}

/*
 * One that was there before the observation: its id says so, but for the few that idle Ps still
 * hold (fifteen each at the most).
 */
static void add_old(const struct process *p, struct site *s, const struct model_goroutine *g)
{
	struct site_census *f = &s->finding;
	uint64_t hash = wire_goid_hash(g->goid << 8 | g->tracking_seq);
	uint64_t part = g->goid * SITE_PARTS / (p->attach_goid + 1);

	f->old++;
	s->finding_sum[wire_goid_hash(g->goid) % SITE_STILL_PARTS] += (uint32_t)(hash >> 32);
	f->ids[part]++;
	if (!g->is_waiting || g->waits_since_ns <= 0)
		return;
	f->with_since++;
	f->since_min_ns =
		f->since_min_ns ? MIN(f->since_min_ns, g->waits_since_ns) : g->waits_since_ns;
	f->since_max_ns = MAX(f->since_max_ns, g->waits_since_ns);
}

/* Whether it has run since an earlier pass, its trackingSeq tells. */
static void add_run(const struct process *p, struct site *s, const struct model_goroutine *g)
{
	uint32_t hash = (uint32_t)(wire_goid_hash(g->goid << 8 | g->tracking_seq) >> 32);
	uint64_t part = wire_goid_hash(g->goid) % SITE_STILL_PARTS;

	s->all_sum[part] += hash;
	if (g->goid <= p->then_goid)
		s->seen_sum[part] += hash;
}

int recount_goroutine(struct process *p, const struct model_goroutine *g)
{
	struct site *s = NULL;
	int err = process_site(p, g->gopc, g->startpc, &s);

	if (err)
		return err;
	s->finding.found++;
	/* An id that was not handed out yet is newer than the pass, or torn. */
	if (p->census_goids < 0 || g->goid <= (uint64_t)p->census_goids)
		p->census_goid = MAX(p->census_goid, g->goid);
	if (s->is_other)
		return 0;
	if (g->is_system)
		s->is_system = true;
	add_run(p, s, g);
	if (g->goid <= (p->has_census ? p->old_goid : p->attach_goid))
		add_old(p, s, g);
	struct site_reason *r = g->is_waiting ? site_reason(s, g->wait_reason) : NULL;

	if (r)
		r->finding++;
	return 0;
}

int recount_site(struct process *p, const struct fact *f)
{
	struct site *s = NULL;
	int err = process_site_told(p, f, &s);

	if (err)
		return err;
	struct site_census found = *f->census.found;

	found.born = s->finding.born;
	found.died = s->finding.died;
	s->finding = found;
	s->is_system |= f->census.is_system;
	for (size_t i = 0; i < f->census.n_reasons; i++) {
		struct site_reason *r = site_reason(s, f->census.reasons[i].reason);

		if (r)
			r->finding = f->census.reasons[i].found;
	}
	return 0;
}

void recount_drop(struct process *p)
{
	p->is_recounting = false;
}

/* ---- against the counters ---- */

struct interval {
	int64_t lo, hi;
};

/* Whether a birth or death was counted in the time before the pass, or during it. */
static bool is_moving(const struct site *s, uint64_t now_ns)
{
	return s->born != s->tick_born || s->died != s->tick_died || s->born != s->finding.born ||
	       s->died != s->finding.died || (s->moved_ns && now_ns < s->moved_ns + MOVING_NS);
}

/* Where the population at the start must have been. */
static struct interval base_interval(const struct site *s, const struct model_census *c)
{
	const struct site_census *f = &s->finding;
	int64_t least = (int64_t)(f->born - s->died), most = (int64_t)(s->born - f->died);
	int64_t lost = (int64_t)(c->torn + c->unread), slack = 0;

	if (is_moving(s, c->ts_ns))
		slack = c->procs >= 0 ? c->procs : PROCS_UNKNOWN;
	return (struct interval){ (int64_t)f->found - most - slack,
				  (int64_t)f->found + lost - least + slack };
}

/* The likeliest: as if half of what came and went in between had been found. */
static int64_t base_middle(const struct site *s, struct interval in)
{
	const struct site_census *f = &s->finding;
	int64_t twice = (int64_t)(f->born + s->born) - (int64_t)(f->died + s->died);
	int64_t middle = (int64_t)f->found - twice / 2;

	return MAX(in.lo, MIN(in.hi, middle));
}

static void settle(struct site *s, struct interval in)
{
	s->base_lo = in.lo;
	s->base_hi = in.hi;
	s->doubt = 0;
	s->is_unsettled = false;
	site_rebase(s, base_middle(s, in));
}

/*
 * At first: what was there when the observation began; fewer than none cannot have been.  Nor can
 * any in a process observed from its start: one that is found and not counted is being born.
 */
static void settle_first(const struct process *p, struct site *s, struct interval in)
{
	if (p->is_from_start && s->gopc && !s->is_other) {
		in = (struct interval){ 0, 0 };
	} else if (!s->is_other) {
		in.lo = MAX(in.lo, 0);
		in.hi = MAX(in.hi, in.lo);
	}
	settle(s, in);
}

static void narrow(struct site *s, struct interval in)
{
	s->base_lo = MAX(s->base_lo, in.lo);
	s->base_hi = MIN(s->base_hi, in.hi);
	s->doubt = 0;
	int64_t base = MAX(s->base_lo, MIN(s->base_hi, s->base));

	if (base != s->base)
		site_rebase(s, base);
}

/* A disagreement; true if the pass before said the same, and the population is now corrected. */
static bool correct(const struct process *p, struct site *s, struct interval in)
{
	int8_t side = in.lo > s->base_hi ? 1 : -1;
	int64_t was = s->base;

	if (s->doubt != side) {
		s->doubt = side;
		return false;
	}
	settle(s, in);
	s->is_corrected = true;
	log_debug("pid %d: %s: %" PRId64 " goroutines, %+" PRId64 " to what was counted", p->pid,
		  s->function, site_live(s), s->base - was);
	return true;
}

/* Nothing is counted: there is nothing to correct, the census is all that is known. */
static void follow(struct site *s, struct interval in)
{
	int64_t was = s->base;

	settle(s, in);
	s->is_corrected |= s->base != was;
}

static bool judge(const struct process *p, struct site *s, const struct model_census *c)
{
	struct interval in = base_interval(s, c);

	if ((p->hooks_on & LIFE_HOOKS) != LIFE_HOOKS) {
		follow(s, in);
	} else if (!p->has_census) {
		settle_first(p, s, in);
	} else if (s->is_unsettled || (!s->gopc && !s->is_other)) {
		/* Those without a go statement are extra Ms' in calls from C: no probe sees them.
		 */
		settle(s, in);
	} else if (in.lo <= s->base_hi && in.hi >= s->base_lo) {
		narrow(s, in);
	} else {
		return correct(p, s, in);
	}
	return false;
}

static void take_reasons(struct site *s)
{
	vec_for_each (&s->reasons, r) {
		r->census = r->finding;
		r->base = (int64_t)r->finding - (int64_t)(r->parks - r->readies);
	}
}

/* Parts of the old ones, by id, of which none has gone or run since the first pass. */
static void take_findings(struct site *s, bool is_first)
{
	s->still = is_first ? UINT64_MAX : s->still & ~s->finding.moved;
	s->census = s->finding;
}

/* Asked for once: what could not be read within the budget will not be the next time either. */
static bool wants_example(struct site *s)
{
	int64_t found = s->finding.found;
	bool is_new = found >= s->base + EXAMPLE_GROWING_MIN && !s->park_stack.depth;

	if (s->is_asked || s->is_system || s->is_other || (found < EXAMPLE_MIN && !is_new))
		return false;
	s->is_asked = true;
	return true;
}

static void tell_site(const struct process *p, const struct site *s)
{
	struct fact_reason reasons[SNAPSHOT_REASONS_MAX];
	struct fact f = {
		.kind = FACT_CENSUS_SITE,
		.census = { .found = &s->finding, .reasons = reasons, .is_system = s->is_system },
	};

	for (size_t i = 0; i < s->reasons.n; i++) {
		const struct site_reason *r = &s->reasons.items[i];

		if (r->finding)
			reasons[f.census.n_reasons++] =
				(struct fact_reason){ r->reason, r->finding };
	}
	if (s->finding.found || s->finding.moved)
		process_tell(p, s, &f);
}

static void close_runs(struct site *s, bool is_due)
{
	s->finding.known_parts = s->census.known_parts;
	s->finding.ran_parts = s->census.ran_parts;
	if (!is_due)
		return;
	s->finding.known_parts = s->finding.ran_parts = 0;
	for (unsigned int i = 0; i < SITE_STILL_PARTS; i++) {
		s->finding.known_parts += s->then_sum[i] != 0;
		s->finding.ran_parts += s->then_sum[i] && s->then_sum[i] != s->seen_sum[i];
	}
	memcpy(s->then_sum, s->all_sum, sizeof(s->then_sum));
}

/* The single goroutines have all been seen: what they come to. */
static void close_site(const struct process *p, struct site *s)
{
	for (unsigned int i = 0; p->has_census && i < SITE_STILL_PARTS; i++)
		if (s->finding_sum[i] != s->sum[i])
			s->finding.moved |= UINT64_C(1) << i;
	memcpy(s->sum, s->finding_sum, sizeof(s->sum));
	tell_site(p, s);
}

void recount_end(struct process *p, const struct model_census *c, struct model_census_outcome *ret)
{
	struct fact f = { .kind = FACT_CENSUS_END, .census_end = { c, p->census_goid } };

	bool is_due = !p->then_ns || c->ts_ns >= p->then_ns + RAN_NS;

	for_each_site(p, s)
	{
		close_runs(s, is_due);
		close_site(p, s);
	}
	if (is_due) {
		p->then_ns = c->ts_ns;
		p->then_goid = p->census_goid;
	}
	process_tell(p, NULL, &f);
	recount_finish(p, c, p->census_goid, ret);
}

void recount_finish(struct process *p, const struct model_census *c, uint64_t newest,
		    struct model_census_outcome *ret)
{
	*ret = (struct model_census_outcome){ 0 };
	p->census_goid = newest;
	if (!p->has_census && !p->is_from_start) {
		p->old_goid = p->census_goid;
		p->attach_goid = p->attach_goid ? p->attach_goid : p->census_goid;
	}
	for_each_site(p, s)
	{
		ret->corrected += judge(p, s, c);
		ret->is_doubtful |= s->doubt != 0;
		ret->wants_examples |= wants_example(s);
		take_reasons(s);
		take_findings(s, !p->has_census);
	}
	if (p->census_goid && idclock_newest(&p->clock, c->ts_ns, p->census_goid))
		ret->is_doubtful = true; /* no memory for the clock: the next pass tries again */
	p->has_tracking = c->has_tracking;
	p->census_torn = c->torn;
	p->census_unread = c->unread;
	p->census_corrections += ret->corrected;
	p->census_passes++;
	p->census_ns = c->ts_ns;
	p->has_census = true;
	p->is_recounting = false;
}

int recount_example(struct process *p, const struct model_example *ex)
{
	struct site *s = NULL;

	HASH_FIND(hh, p->sites, &ex->gopc, sizeof(ex->gopc), s);
	if (!s)
		return 0;
	s->channels = ex->channels;
	s->channels_of = ex->channels_of;
	return site_stack_found(s, ex);
}

/* ---- the picture ---- */

/* How the ids of those that were there before lie among all that were handed out before. */
static void spread_of_ids(const struct process *p, const struct site_census *c,
			  struct snapshot_before *ret)
{
	double fair = (double)c->old / SITE_PARTS, part = (double)p->attach_goid / SITE_PARTS;
	unsigned int ends = 0;
	uint64_t ids = 0;

	for (unsigned int i = 0; i < SITE_PARTS; i++) {
		if (!c->ids[i] || c->ids[i] < FAIR_SHARE * fair)
			continue;
		ret->id_parts++;
		ids += c->ids[i];
		ends += i < END_PARTS || i >= SITE_PARTS - END_PARTS;
	}
	ret->has_id_ends = ends == 2 * END_PARTS;
	if (ret->id_parts && part > 0)
		ret->id_share = (double)ids / (ret->id_parts * part);
}

double recount_ran(const struct process *p, const struct site *s)
{
	const struct site_census *c = &s->census;

	if (!p->has_tracking || c->known_parts < RAN_PARTS_MIN)
		return -1;
	return (double)c->ran_parts / c->known_parts;
}

void recount_snapshot(const struct process *p, const struct site *s, struct snapshot_before *ret)
{
	const struct site_census *c = &s->census;

	*ret = (struct snapshot_before){
		.live = -1,
		.still_part = -1,
		.id_share = -1,
		.waits_s = -1,
		.waits_spread_s = -1,
		.channels = -1,
		.channels_of = -1,
	};
	if (!p->has_census || s->is_other)
		return;
	ret->live = c->old;
	spread_of_ids(p, c, ret);
	if (p->census_passes > 1) {
		ret->still_part = (double)__builtin_popcountll(s->still) / SITE_STILL_PARTS;
		ret->still_s = seconds_between(p->start_ns, p->census_ns);
		ret->knows_runs = p->has_tracking;
	}
	ret->with_since = c->with_since;
	if (c->since_min_ns > 0 && (uint64_t)c->since_min_ns < p->census_ns) {
		ret->waits_s = seconds_between((uint64_t)c->since_min_ns, p->census_ns);
		ret->waits_spread_s =
			seconds_between((uint64_t)c->since_min_ns, (uint64_t)c->since_max_ns);
	}
	ret->channels = s->channels;
	ret->channels_of = s->channels_of;
}
