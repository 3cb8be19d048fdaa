/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "trend/detect.h"
#include "trend/pile.h"
#include "trend/wave.h"

/* Below this nothing is judged: a start-up looks like anything. */
#define OBSERVED_MIN_S 10.0

/*
 * Survivors of a site.  Six floors in strict order come about by chance once in 720 times, the
 * least number with which p < 0.01 can be reached at all.  Ten goroutines are more than any pool
 * that fills up by accident of scheduling within a window.
 */
static const struct detect_rules survivor_rules = {
	.min_span_s = 7,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 10,
	.min_growth_part = 0.10,
	.steady_drawdown = 0.10,
	.max_drawdown = 0.5,
	.plateau_ratio = 0.3,
};

/*
 * Of the goroutines that came of age here, at most this part may have ended meanwhile.  Those of a
 * leak do not end; those that only live long end at the rate at which they were born a lifetime
 * ago, so in a steady state all of them do, and while traffic trebles a third still does.
 */
#define ENDED_LATE_MAX (1.0 / 3)

/*
 * Live heap after GC.  It depends on what is in flight when the mark ends, so it is noisier than
 * survivors: a slowing rise counts as a plateau earlier, and a fall by half of the growth as a
 * wave.
 */
static const struct detect_rules heap_rules = {
	.min_span_s = 10,
	.min_buckets = 5,
	.p_max = 0.01,
	.min_growth = 1 << 20,
	.min_growth_part = 0.05,
	.steady_drawdown = 0,
	.max_drawdown = 0.35,
	.plateau_ratio = 0.5,
};
#define HEAP_GCS_MIN 5
/* With fewer GCs than that, heap in use that rose by as much may become anything. */
#define HEAP_OPEN_PART	  0.25
#define HEAP_OPEN_MIN	  (8 << 20)
#define HEAP_FEW	  8 /* floors: with fewer, p < 0.01 cannot be asked for */
#define HEAP_FEW_P_MAX	  0.05
#define HEAP_PER_LEAK_MAX (64 << 10) /* bytes that a leaked goroutine may keep alive */

/* Work explains a rise of so much per rise of the work: in flight grows faster than the rate. */
#define WORK_RISE_MIN 1.2
#define WORK_EXPLAINS 1.5

/* Of what a leak would have added since, at least this part must have been born. */
#define YOUNG_PART  0.2
#define YOUNG_MIN   5
#define LIVE_PART   0.5
#define LIVE_SIGMAS 2

/* Growth that goes on slower than this part of the whole's has ended. */
#define STILL_RISING 0.1

/* What rises by this and comes back is a wave. */
#define WAVE_GOROUTINES 100
#define WAVE_BYTES	(8 << 20)

/* A site that grew by so many, and where hardly any ended, is not called healthy early on. */
#define OPEN_MIN   5
#define OPEN_FOR_S 120.0

static const struct {
	const char *name;
	bool is_leak;
	enum verdict_unit unit;
} kinds[VERDICT_KIND_MAX] = {
	[VERDICT_HEALTHY] = { "healthy", false, VERDICT_GOROUTINES },
	[VERDICT_WARMING_UP] = { "warming-up", false, VERDICT_GOROUTINES },
	[VERDICT_PRESSURE] = { "pressure", false, VERDICT_GOROUTINES }, /* or what rose */
	[VERDICT_RUNTIME_HELD] = { "runtime-held", false, VERDICT_BYTES },
	[VERDICT_OOM_RISK] = { "oom-risk", false, VERDICT_BYTES },
	[VERDICT_FD_LEAK] = { "fd-leak", true, VERDICT_FILES },
	[VERDICT_OFF_HEAP_GROWTH] = { "off-heap-growth", true, VERDICT_BYTES },
	[VERDICT_HEAP_RETENTION] = { "heap-retention", true, VERDICT_BYTES },
	[VERDICT_GOROUTINE_LEAK] = { "goroutine-leak", true, VERDICT_GOROUTINES },
};

const char *verdict_kind_str(enum verdict_kind k)
{
	return (unsigned int)k < VERDICT_KIND_MAX ? kinds[k].name : "unknown";
}

bool verdict_kind_is_leak(enum verdict_kind k)
{
	return (unsigned int)k < VERDICT_KIND_MAX && kinds[k].is_leak;
}

/* What is found on the way to the verdict. */
struct judging {
	const struct snapshot_process *p;
	struct verdict *v;
	double observed_s;
	double leaked; /* goroutines, by the leaks found */
	bool is_slowing; /* something rose, and still does a little */
	bool is_undecided; /* something rises whose end is not in sight */
	const struct snapshot_site *open; /* grew, and it is too early to tell; NULL: none */
	struct detect heap;
	bool is_heap_judged;
	double inuse_first, inuse_last; /* bytes of heap in use, if too few GCs were seen */
	bool is_heap_open; /* and it has grown meanwhile */
};

/* Numbers and names for one line of text. */
struct words {
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];
};

static void _printf_(2, 3) say(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n_evidence == VERDICT_EVIDENCE_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->evidence[f->n_evidence++], VERDICT_LINE_MAX, fmt, ap);
	va_end(ap);
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_SEC;
}

/*
 * A full list keeps the worst: sites come with the largest population first, so what comes late
 * and finds no room is the least.
 */
static struct finding *finding_add(struct verdict *v, enum verdict_kind kind, double horizon_s)
{
	if (v->n_findings == VERDICT_FINDINGS_MAX)
		return NULL;
	struct finding *f = &v->findings[v->n_findings++];

	*f = (struct finding){ .kind = kind, .unit = kinds[kind].unit, .horizon_s = horizon_s };
	return f;
}

/* ---- goroutine-leak ---- */

static const struct {
	const char *reason, *advice; /* reason: how the name begins */
} advices[] = {
	{ "chan receive (nil",
	  "a nil channel never delivers: look for a channel that was not made" },
	{ "chan send (nil", "a nil channel never accepts: look for a channel that was not made" },
	{ "chan receive", "nobody sends or closes: look for the sender that returned early, "
			  "or select on ctx.Done() too" },
	{ "chan send", "nobody receives: look for the receiver that returned early; "
		       "a buffer of 1 or ctx.Done() lets it go" },
	{ "select (no cases", "select {} never returns: look for why it is started repeatedly" },
	{ "select", "none of its cases comes: look for a context that nobody cancels" },
	{ "sync.WaitGroup", "a Done() is missing: look for a path that returns without it" },
	{ "sync.Cond", "nobody signals: look for a missing Broadcast() when work ends" },
	{ "sync.Mutex",
	  "the lock is held for ever: look for a path that returns without Unlock()" },
	{ "sync.RWMutex", "the lock is held for ever: look for a path without its unlock" },
	{ "semacquire",
	  "a lock or WaitGroup is never released: look for a path that returns early" },
	{ "IO wait", "the other end is silent: look for a deadline or a Close() that is missing" },
	{ "sleep", "they sleep in a loop: look for what should tell them to stop" },
};

static void advise_leak(struct finding *f)
{
	const struct snapshot_site *s = f->site;

	for (size_t i = 0; s->wait_reason && i < ARRAY_SIZE(advices); i++) {
		if (strncmp(s->wait_reason, advices[i].reason, strlen(advices[i].reason)))
			continue;
		snprintf(f->advice, sizeof(f->advice), "%s", advices[i].advice);
		return;
	}
	snprintf(f->advice, sizeof(f->advice),
		 "look at what should end the goroutines started here, and its early returns");
}

/*
 * Part of those that came of age and ended.  Where no record tells at what age they ended, all of
 * them may have been old.
 */
static double ended_late_part(const struct snapshot_site *s, double growth)
{
	double ended = s->ended_late >= 0 ? (double)s->ended_late : (double)s->died;

	return ended / (ended + fmax(growth, 1));
}

/* Confidence falls with each of: few floors, few goroutines, late ends, falls between. */
static double leak_confidence(const struct snapshot_site *s, const struct detect *d, double late)
{
	double doubt = 0.25 * (6.0 / (double)d->n) + 0.35 * (10 / (10 + d->growth)) +
		       0.25 * late / ENDED_LATE_MAX + 0.15 * fmin(1, d->drawdown);
	double born = (double)s->born;

	/* Everything born here survives: there is no healthy use to mix it up with. */
	if (born > 0 && d->growth >= 0.9 * born)
		doubt *= 0.7;
	/* A connection whose client is still there looks the same. */
	if (s->wait_reason && !strcmp(s->wait_reason, "IO wait"))
		doubt += 0.3;
	return fmax(0.3, fmin(0.99, 1 - 0.5 * doubt));
}

/* Growth per minute, and its interval. */
static void set_rate(struct finding *f, const struct stats_slope *slope, double stretch)
{
	f->per_min = slope->slope * stretch * 60;
	f->per_min_low = slope->low * stretch * 60;
	f->per_min_high = slope->high * stretch * 60;
}

/*
 * Of the whole population where its rise is steady, else of the survivors.  The age at which one
 * counts as survivor grows while the observation is short: what came of age meanwhile was born in
 * less time than it was watched.
 */
static void leak_rate(const struct judging *j, const struct detect *d, struct finding *f)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	struct detect live;
	size_t n = detect_points(detect_horizon(f->site->live_series), 0, t, v);

	detect_floor(t, v, n, &survivor_rules, &live);
	if (live.state == DETECT_GROWING &&
	    live.slope.high - live.slope.low <= 0.5 * live.slope.slope) {
		set_rate(f, &live.slope, 1);
		return;
	}
	double age_first = fmax(2, fmin(5, (d->t[0] - seconds(j->p->start_ns)) / 4));
	double born_for = d->span_s - fmax(0, f->site->long_lived_s - age_first);

	set_rate(f, &d->slope, born_for > d->span_s / 2 ? d->span_s / born_for : 1);
}

static void leak_evidence(const struct judging *j, struct finding *f)
{
	const struct snapshot_site *s = f->site;
	double now = seconds(j->p->now_ns), first, last;
	struct words w;

	say(f, "%.0f -> %.0f goroutines in %s (%s/min)%s", f->first, f->last,
	    text_duration(w.a, f->horizon_s), text_change(w.b, f->per_min),
	    f->died ? "" : ", all still there");
	say(f, "%s have outlived %s; meanwhile %s were born here and %s ended",
	    text_count(w.a, (double)s->survivors), text_duration(w.b, s->long_lived_s),
	    text_count(w.c, (double)f->born), text_count(w.d, (double)f->died));
	if (s->lifetime_p99_s >= 0)
		say(f, "of those that ended, half lived at most %s and 99%% at most %s",
		    text_duration(w.a, s->lifetime_p50_s), text_duration(w.b, s->lifetime_p99_s));
	if (s->wait_reason && s->wait_count >= 0)
		say(f, "%" PRId64 " of %" PRId64 " are waiting: %s", s->wait_count, s->live,
		    s->wait_reason);
	else if (s->wait_reason)
		say(f, "most are waiting: %s", s->wait_reason);
	if (detect_rate(detect_horizon(s->birth_series), now - f->horizon_s, now, &first, &last))
		say(f, "started here: %s/s at the beginning, %s/s at the end",
		    text_count(w.a, first), text_count(w.b, last));
}

static void leak_found(struct judging *j, const struct snapshot_site *s, const struct detect *d)
{
	const struct series *live = detect_horizon(s->live_series);
	double begun = series_count(live) ? seconds(series_at(live, 0).ts_ns) : d->t[0];
	struct finding *f =
		finding_add(j->v, VERDICT_GOROUTINE_LEAK, seconds(j->p->now_ns) - begun);

	j->leaked += d->growth;
	if (!f)
		return;
	f->site = s;
	f->first = series_count(live) ? series_at(live, 0).min : 0;
	f->last = (double)s->live;
	f->born = s->born;
	f->died = s->died;
	f->survivors = s->survivors;
	f->confidence = leak_confidence(s, d, ended_late_part(s, d->growth));
	leak_rate(j, d, f);
	leak_evidence(j, f);
	advise_leak(f);
}

/*
 * Whether it still goes on.  Survivors are an age behind; who was born since tells what they can
 * become.  Where too few are to be expected to tell, it is assumed.
 */
static bool is_going_on(const struct snapshot_site *s, const struct detect *d)
{
	double want = d->slope.slope * s->long_lived_s;

	return want < YOUNG_MIN || (double)s->born_lately >= YOUNG_PART * want;
}

/*
 * The population itself must have risen too, less what those in flight vary by: their number is
 * Poisson's, so by a few times its root.
 */
static bool has_population_risen(const struct snapshot_site *s, const struct detect *d)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	struct detect live;
	size_t n = detect_points(detect_horizon(s->live_series), 0, t, v);

	detect_floor(t, v, n, &survivor_rules, &live);
	double in_flight = fmax(0, (double)(s->live - s->survivors));

	return live.state != DETECT_TOO_EARLY &&
	       live.growth + LIVE_SIGMAS * sqrt(2 * in_flight) >= LIVE_PART * d->growth;
}

/* ---- goroutine-leak, of before ---- */

/* Of several channels only the first, by address, is known. */
static bool is_select(const struct snapshot_site *s)
{
	return s->wait_reason && !strncmp(s->wait_reason, "select", 6);
}

static void pile_evidence(struct finding *f, const struct pile *pile)
{
	const struct snapshot_before *b = &f->site->before;
	struct words w;

	say(f, "%" PRId64 " goroutines were there before the observation; none %s in %s", b->live,
	    b->knows_runs ? "has run or ended" : "has ended", text_duration(w.a, b->still_s));
	say(f, "%" PRId64 " of %" PRId64 " are waiting: %s", f->site->wait_count, f->site->live,
	    f->site->wait_reason);
	if (pile->has_own_channels)
		say(f, "each waits on a %s of its own: %" PRId64 " for %" PRId64 " goroutines",
		    is_select(f->site) ? "first channel (of its select)" : "channel", b->channels,
		    b->channels_of);
	if (pile->is_spread)
		say(f, "their ids are spread among those of others over the whole life of the "
		       "process: they did not come at once");
	if (b->waits_s >= 0)
		say(f, "the collector saw the first of them waiting %s ago",
		    text_duration(w.a, b->waits_s));
	if (pile->is_growing)
		say(f, "%s more were started here meanwhile, and none of them ended",
		    text_count(w.a, (double)f->born));
}

static void judge_pile(struct judging *j, const struct snapshot_site *s)
{
	struct finding *f;
	struct pile pile;

	if (!pile_judge(j->p, s, &pile))
		return;
	f = finding_add(j->v, VERDICT_GOROUTINE_LEAK, j->observed_s);
	if (!f)
		return;
	f->site = s;
	f->first = (double)s->at_attach;
	f->last = (double)s->live;
	f->born = s->born;
	f->died = s->died;
	f->survivors = s->survivors;
	f->confidence = pile.confidence;
	if (pile.is_growing)
		f->per_min = (f->last - f->first) / j->observed_s * 60;
	f->per_min_low = f->per_min_high = f->per_min;
	pile_evidence(f, &pile);
	advise_leak(f);
}

/* ---- every site ---- */

/* Whether a finding came of it. */
static bool judge_growth(struct judging *j, const struct snapshot_site *s)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	struct detect d;

	size_t n = detect_points(detect_horizon(s->survivor_series), 0, t, v);

	detect_floor(t, v, n, &survivor_rules, &d);
	if (d.state == DETECT_PLATEAUING && d.last_ratio > STILL_RISING)
		j->is_slowing = true;
	if (d.state != DETECT_GROWING || !has_population_risen(s, &d))
		return false;
	if (!is_going_on(s, &d)) {
		j->is_slowing = true;
		return false;
	}
	if (ended_late_part(s, d.growth) > ENDED_LATE_MAX) {
		j->is_undecided = true;
		return false;
	}
	leak_found(j, s, &d);
	return true;
}

/* It may fill up like a pool or go on like a leak: nobody can know yet. */
static bool is_open(const struct judging *j, const struct snapshot_site *s)
{
	return j->observed_s < OPEN_FOR_S && s->born_lately > 0 &&
	       s->live - s->at_attach >= OPEN_MIN &&
	       (double)s->died <= ENDED_LATE_MAX * (double)s->born;
}

static void judge_site(struct judging *j, const struct snapshot_site *s)
{
	size_t before = j->v->n_findings;

	if (s->is_system || judge_growth(j, s))
		return;
	judge_pile(j, s);
	if (j->v->n_findings == before && !j->open && is_open(j, s))
		j->open = s;
}

/* ---- heap-retention ---- */

/* Allocations where they are known, else births: the work that was done meanwhile. */
static bool work_done(const struct judging *j, double from_s, double to_s, double *ret_first,
		      double *ret_last)
{
	const struct series3 *rates[] = { j->p->alloc_series, j->p->birth_series };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		if (detect_rate(detect_horizon(rates[i]), from_s, to_s, ret_first, ret_last))
			return true;
	return false;
}

/* Medians of the first and the last third of the floors, as detect_rate() takes them of a rate. */
static void floor_thirds(const struct detect *d, double *ret_first, double *ret_last)
{
	double first[DETECT_BUCKETS_MAX], last[DETECT_BUCKETS_MAX];
	size_t third = d->n / 3 ? d->n / 3 : 1;

	memcpy(first, d->floor, third * sizeof(*first));
	memcpy(last, d->floor + d->n - third, third * sizeof(*last));
	*ret_first = stats_median(first, third);
	*ret_last = stats_median(last, third);
}

static bool is_explained_by_work(const struct judging *j, const struct detect *d)
{
	double before, after, first, last;

	floor_thirds(d, &before, &after);
	if (!work_done(j, d->t[0], d->t[0] + d->span_s, &first, &last) || first <= 0 || before <= 0)
		return false;
	double work = last / first, heap = after / before;

	return work >= WORK_RISE_MIN && heap - 1 <= WORK_EXPLAINS * (work - 1);
}

static void heap_evidence(const struct judging *j, struct finding *f)
{
	const struct detect *d = &j->heap;
	double first, last;
	struct words w;
	char per_min[TEXT_HUMAN_MAX], low[TEXT_HUMAN_MAX], high[TEXT_HUMAN_MAX];

	say(f, "heap live after GC, at its lowest: %s -> %s in %s (+%s/min; 90%% sure: %s to %s)",
	    text_bytes(w.a, (uint64_t)d->first), text_bytes(w.b, (uint64_t)d->last),
	    text_duration(w.c, d->span_s), text_bytes(per_min, (uint64_t)fmax(0, f->per_min)),
	    text_bytes(low, (uint64_t)fmax(0, f->per_min_low)),
	    text_bytes(high, (uint64_t)fmax(0, f->per_min_high)));
	say(f,
	    "none of the %" PRIu64 " GCs seen (%" PRIu64 " by runtime.GC()) brought it back down",
	    f->gcs, j->p->gc_seen_forced);
	if (detect_rate(detect_horizon(j->p->alloc_series), d->t[0], d->t[0] + d->span_s, &first,
			&last))
		say(f,
		    "allocated: %s/s at the beginning, %s/s at the end; more work does not explain it",
		    text_bytes(w.a, (uint64_t)first), text_bytes(w.b, (uint64_t)last));
	if (j->leaked > 0)
		say(f, "the %s leaked goroutines do not explain it: that would be %s for each",
		    text_count(w.a, j->leaked), text_bytes(w.b, (uint64_t)(d->growth / j->leaked)));
}

static void heap_found(struct judging *j)
{
	const struct detect *d = &j->heap;
	struct finding *f = finding_add(j->v, VERDICT_HEAP_RETENTION, d->span_s);

	if (!f)
		return;
	f->first = d->first;
	f->last = d->last;
	f->gcs = j->p->gc_seen;
	set_rate(f, &d->slope, 1);
	/* Memory can be held on purpose for longer than any observation: less sure than a leak of
	 * goroutines ever is. */
	double doubt = 0.4 * (5.0 / (double)d->n) + 0.3 * fmin(1, d->kendall.p / 0.01) +
		       0.3 * fmin(1, d->drawdown / heap_rules.max_drawdown);

	f->confidence = fmax(0.3, 0.95 - 0.5 * doubt);
	heap_evidence(j, f);
	snprintf(f->advice, sizeof(f->advice),
		 "compare two heap profiles: look for maps, caches and slices that only grow");
}

/* The leaked goroutines hold it: it belongs to their finding. */
static void heap_of_leak(struct judging *j)
{
	const struct detect *d = &j->heap;
	struct words w;

	say(&j->v->findings[0], "heap live after GC rose with them: %s -> %s, that is %s for each",
	    text_bytes(w.a, (uint64_t)d->first), text_bytes(w.b, (uint64_t)d->last),
	    text_bytes(w.c, (uint64_t)(d->growth / j->leaked)));
}

static void advise_pressure(struct finding *f, bool is_back)
{
	say(f, is_back ? "it came back down when the load fell" : "it has not come back down yet");
	snprintf(f->advice, sizeof(f->advice), "%s",
		 is_back ? "nothing leaks here; size the limits for the peak"
			 : "observe until after the load has fallen, or under a steady load");
}

/* More work explains it: what is in flight is held. */
static void heap_of_work(struct judging *j)
{
	const struct detect *d = &j->heap;
	struct finding *f = finding_add(j->v, VERDICT_PRESSURE, d->span_s);

	if (!f)
		return;
	f->unit = VERDICT_BYTES;
	f->first = d->first;
	f->last = d->last;
	f->gcs = j->p->gc_seen;
	set_rate(f, &d->slope, 1);
	f->confidence = 0.6;
	say(f, "heap live after GC rose no more than the allocation rate did");
	advise_pressure(f, false);
}

/* What no GC has looked at yet: it is not known whether the growth is garbage. */
static void judge_unseen_heap(struct judging *j)
{
	const struct series *s = detect_horizon(j->p->heap_inuse_series);
	uint32_t n = series_count(s);

	if (n < 2)
		return;
	j->inuse_first = series_at(s, 0).min;
	j->inuse_last = series_at(s, n - 1).last;
	double growth = j->inuse_last - j->inuse_first;

	j->is_heap_open = growth >= HEAP_OPEN_MIN && growth >= HEAP_OPEN_PART * j->inuse_first;
}

static void judge_heap(struct judging *j)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	struct detect_rules rules = heap_rules;
	struct detect *d = &j->heap;
	size_t n = detect_points(detect_horizon(j->p->heap_live_series), 0, t, v);

	if (j->p->gc_seen < HEAP_GCS_MIN || !n)
		return;
	if (n / 2 < HEAP_FEW)
		rules.p_max = HEAP_FEW_P_MAX;
	rules.min_growth = fmax(rules.min_growth, rules.min_growth_part * v[0]);
	detect_floor(t, v, n, &rules, d);
	j->is_heap_judged = d->state != DETECT_TOO_EARLY;
	if (d->state == DETECT_PLATEAUING && d->last_ratio > STILL_RISING)
		j->is_slowing = true;
	if (d->state != DETECT_GROWING)
		return;
	if (j->leaked > 0 && d->growth / j->leaked <= HEAP_PER_LEAK_MAX)
		heap_of_leak(j);
	else if (is_explained_by_work(j, d))
		heap_of_work(j);
	else
		heap_found(j);
}

/* ---- pressure ---- */

static void wave_found(struct judging *j, enum verdict_unit unit, const char *rate_name,
		       const struct wave *w)
{
	const char *what =
		unit == VERDICT_BYTES ? "heap live after GC" : "the number of goroutines";
	struct finding *f = finding_add(j->v, VERDICT_PRESSURE, w->span_s);
	struct words x;

	if (!f)
		return;
	f->unit = unit;
	f->first = w->first;
	f->last = w->last;
	f->per_min = (w->last - w->first) / w->span_s * 60;
	f->per_min_low = f->per_min_high = f->per_min;
	f->confidence = fmin(0.9, 0.4 + 0.5 * fabs(w->correlation));
	say(f, "%s follows %s (correlation %.2f)", what, rate_name, w->correlation);
	if (unit == VERDICT_BYTES)
		say(f, "it went from %s up to %s", text_bytes(x.a, (uint64_t)w->low),
		    text_bytes(x.b, (uint64_t)w->peak));
	else
		say(f, "it went from %.0f up to %.0f", w->low, w->peak);
	advise_pressure(f, w->is_back);
}

static void judge_waves(struct judging *j)
{
	struct wave w;

	if (wave_find(j->p->live_series, j->p->birth_series, WAVE_GOROUTINES, &w))
		wave_found(j, VERDICT_GOROUTINES, "the rate at which they start", &w);
	if (wave_find(j->p->heap_live_series, j->p->alloc_series, WAVE_BYTES, &w))
		wave_found(j, VERDICT_BYTES, "the allocation rate", &w);
}

/* ---- all together ---- */

static int finding_order(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;

	if (a->kind != b->kind)
		return a->kind < b->kind ? 1 : -1;
	if (a->confidence != b->confidence)
		return a->confidence < b->confidence ? 1 : -1;
	if (a->per_min != b->per_min)
		return a->per_min < b->per_min ? 1 : -1;
	return a->site && b->site
		       ? (a->site->gopc > b->site->gopc) - (a->site->gopc < b->site->gopc)
		       : 0;
}

static void summarise_leak(struct verdict *v)
{
	const struct finding *f = &v->findings[0];
	struct words w;

	if (f->kind == VERDICT_GOROUTINE_LEAK && f->per_min <= 0)
		snprintf(v->summary, sizeof(v->summary),
			 "%.0f goroutines started in %.80s (line %u) were left behind before the "
			 "observation",
			 f->last, f->site->function, f->site->line);
	else if (f->kind == VERDICT_GOROUTINE_LEAK)
		snprintf(v->summary, sizeof(v->summary),
			 "goroutines started in %.80s (line %u) pile up: %s/min", f->site->function,
			 f->site->line, text_change(w.a, f->per_min));
	else if (f->kind == VERDICT_HEAP_RETENTION)
		snprintf(v->summary, sizeof(v->summary),
			 "the heap that GC leaves behind grows by %s/min, and the work does not",
			 text_bytes(w.a, (uint64_t)fmax(0, f->per_min)));
	else
		snprintf(v->summary, sizeof(v->summary), "%s", f->evidence[0]);
}

static void summarise_quiet(const struct judging *j)
{
	struct verdict *v = j->v;
	struct words w;

	if (j->observed_s < OBSERVED_MIN_S)
		snprintf(v->summary, sizeof(v->summary),
			 "observed for %s only: nothing is judged from less than %s",
			 text_duration(w.a, j->observed_s), text_duration(w.b, OBSERVED_MIN_S));
	else if (j->is_slowing)
		snprintf(v->summary, sizeof(v->summary),
			 "growth is slowing down: observe for longer than %s",
			 text_duration(w.a, j->observed_s));
	else if (j->is_undecided)
		snprintf(v->summary, sizeof(v->summary),
			 "long-lived goroutines increase, but they do end: observe for longer");
	else if (j->open)
		snprintf(v->summary, sizeof(v->summary),
			 "%" PRId64 " more goroutines of %.80s (line %u), and hardly any ended: "
			 "observe for longer than %s",
			 j->open->live - j->open->at_attach, j->open->function, j->open->line,
			 text_duration(w.a, j->observed_s));
	else if (j->is_heap_open)
		snprintf(v->summary, sizeof(v->summary),
			 "the heap in use grew, %s -> %s, with too few GCs to judge it (%" PRIu64
			 ", %d are needed): observe for longer than %s",
			 text_bytes(w.a, (uint64_t)j->inuse_first),
			 text_bytes(w.b, (uint64_t)j->inuse_last), j->p->gc_seen, HEAP_GCS_MIN,
			 text_duration(w.c, j->observed_s));
	else if (j->is_heap_judged)
		snprintf(
			v->summary, sizeof(v->summary),
			"long-lived goroutines do not increase; heap live after GC, at its lowest: "
			"%s -> %s over %" PRIu64 " GCs",
			text_bytes(w.a, (uint64_t)j->heap.first),
			text_bytes(w.b, (uint64_t)j->heap.last), j->p->gc_seen);
	else
		snprintf(v->summary, sizeof(v->summary),
			 "long-lived goroutines do not increase; too few GCs to judge the heap "
			 "(%" PRIu64 " in %s)",
			 j->p->gc_seen, text_duration(w.a, j->observed_s));
}

void verdict_of(const struct snapshot_process *p, struct verdict *ret)
{
	struct judging j = { .p = p, .v = ret };

	memset(ret, 0, sizeof(*ret));
	j.observed_s = seconds(p->now_ns > p->start_ns ? p->now_ns - p->start_ns : 0);
	if (j.observed_s < OBSERVED_MIN_S) {
		ret->kind = VERDICT_WARMING_UP;
		summarise_quiet(&j);
		return;
	}
	for (size_t i = 0; i < p->n_sites; i++)
		judge_site(&j, &p->sites[i]);
	qsort(ret->findings, ret->n_findings, sizeof(ret->findings[0]), finding_order);
	judge_heap(&j);
	if (!j.is_heap_judged)
		judge_unseen_heap(&j);
	if (!ret->n_findings)
		judge_waves(&j);
	if (ret->n_findings) {
		qsort(ret->findings, ret->n_findings, sizeof(ret->findings[0]), finding_order);
		ret->kind = ret->findings[0].kind;
		summarise_leak(ret);
		return;
	}
	ret->kind = j.is_slowing || j.is_undecided || j.open || j.is_heap_open ? VERDICT_WARMING_UP
									       : VERDICT_HEALTHY;
	summarise_quiet(&j);
}
