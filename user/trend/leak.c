/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goroutine-leak: sites whose survivors rise, and those whose goroutines were left behind before.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "trend/judging.h"
#include "trend/pile.h"
#include "trend/work.h"

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

/* Of what a leak would have added since, at least this part must have been born. */
#define YOUNG_PART  0.2
#define YOUNG_MIN   5
#define LIVE_PART   0.5
#define LIVE_SIGMAS 2

/* A site that grew by so many, and where hardly any ended, is not called healthy early on. */
#define OPEN_MIN   5
#define OPEN_FOR_S 120.0

/*
 * Where the first goroutines came during the observation, not long ago, they may all be about to
 * end: requests that wait for half a minute look so.  It is told, and to be confirmed.
 */
#define SETTLED_S     40.0
#define SETTLED_MIN   3
#define SETTLED_LIVES 2.0 /* the same of those that live for half of the observation */

/* So many of a site have run lately, hardly any ended, and they have no timers of their own. */
#define AT_WORK_PART 0.7
#define AT_WORK_DIED 0.1
#define OWN_TIMERS   0.5
#define AT_WORK_S    120.0 /* a pool has found its size by then */
#define AT_WORK_SURE 0.75

/* So much of the growth of goroutines in IO wait is that of the sockets: they are connections. */
#define CONNECTIONS_PART 0.7
#define STUCK_PART	 0.8 /* of a server's goroutines in the same handler's wait: they hang */
#define TWIN_PART	 0.2

/* With so many waiting for the same it is all of them. */
#define ALL_WAIT 0.95

/* ---- words ---- */

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
		finding_advise(f, "%s", advices[i].advice);
		return;
	}
	finding_advise(
		f, "look at what should end the goroutines started here, and its early returns");
}

static void say_growth(const struct judging *j, struct finding *f)
{
	const struct snapshot_site *s = f->site;
	struct words w;

	finding_say(f, "%.0f -> %.0f goroutines in %s (%s/min)%s", f->first, f->last,
		    text_duration(w.a, f->horizon_s), text_change(w.b, f->per_min),
		    f->died ? "" : ", all still there");
	finding_say(f, "%s have outlived %s; %s%s were born here and %s ended",
		    text_count(w.a, (double)s->survivors), text_duration(w.b, s->long_lived_s),
		    f->horizon_s < 0.9 * j->observed_s ? "in all " : "meanwhile ",
		    text_count(w.c, (double)f->born), text_count(w.d, (double)f->died));
	if (s->lifetime_p99_s >= 0)
		finding_say(f, "of those that ended, half lived at most %s and 99%% at most %s",
			    text_duration(w.a, s->lifetime_p50_s),
			    text_duration(w.b, s->lifetime_p99_s));
	/* The latest census may be half a minute old: of those that came since it is not known. */
	bool is_old = (double)s->wait_count < ALL_WAIT * (double)s->live;

	if (s->wait_reason && s->wait_count >= 0)
		finding_say(f, "%s%" PRId64 " of %" PRId64 " are waiting: %s",
			    is_old ? "at least " : "", s->wait_count, s->live, s->wait_reason);
	else if (s->wait_reason)
		finding_say(f, "most are waiting: %s", s->wait_reason);
}

/* Whether more are started, or they live longer. */
static void say_work(const struct judging *j, struct finding *f)
{
	const struct snapshot_site *s = f->site;
	double now = judging_s(j->p->now_ns), from = now - f->horizon_s, first, last;
	struct work_split split;
	struct words w;

	if (detect_rate(detect_horizon(s->birth_series), from, now, &first, &last))
		finding_say(f, "started here: %s/s at the beginning, %s/s at the end",
			    text_count(w.a, first), text_count(w.b, last));
	if (work_split(s->live_series, s->birth_series, from, now, &split) && split.lifetime > 1)
		finding_say(f,
			    "there are %.1f times as many, while %.1f times as many are started: "
			    "each stays %.1f times as long",
			    split.live, split.rate, split.lifetime);
}

/* ---- growth ---- */

/* Points of the window. */
static size_t points_of(const struct series3 *s3, const struct window *w, const struct series3 *of,
			double *t, double *v)
{
	return detect_points(&s3->h[w->series - of->h], w->from_ns, t, v);
}

/*
 * Part of those that came of age and ended.  Where no record tells at what age they ended, all of
 * them may have been old.
 */
static double ended_late_part(const struct judging *j, const struct snapshot_site *s,
			      const struct window_shown *shown)
{
	double ended = s->ended_late >= 0 ? (double)s->ended_late : (double)s->died;

	/* Known of the whole observation only: as if they had ended evenly. */
	if (!shown->window.is_whole)
		ended *= fmin(1, shown->d.span_s / j->observed_s);
	return ended / (ended + fmax(shown->d.growth, 1));
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

/* What the population itself did in the same window. */
static void detect_live(const struct snapshot_site *s, const struct window_shown *shown,
			struct detect *ret)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = points_of(s->live_series, &shown->window, s->survivor_series, t, v);

	detect_floor(t, v, n, &survivor_rules, ret);
}

/*
 * Of the whole population where its rise is steady, else of the survivors.  The age at which one
 * counts as survivor grows while the observation is short: what came of age meanwhile was born in
 * less time than it was watched.
 */
static void leak_rate(const struct judging *j, const struct window_shown *shown,
		      const struct detect *live, struct finding *f)
{
	const struct detect *d = &shown->d;

	if (live->state == DETECT_GROWING &&
	    live->slope.high - live->slope.low <= 0.5 * live->slope.slope) {
		finding_rate(f, &live->slope, 1);
		return;
	}
	double age_first = fmax(2, fmin(5, (d->t[0] - judging_s(j->p->start_ns)) / 4));
	double born_for = d->span_s - fmax(0, f->site->long_lived_s - age_first);

	finding_rate(f, &d->slope, born_for > d->span_s / 2 ? d->span_s / born_for : 1);
}

/* Where the population stood when the window begins, and when that was. */
static double live_at_start(const struct snapshot_site *s, const struct window_shown *shown,
			    double *ret_at_s)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = points_of(s->live_series, &shown->window, s->survivor_series, t, v);

	*ret_at_s = n ? t[0] : shown->d.t[0];
	return n ? v[0] : 0;
}

/*
 * Workers of a pool that grows: they wait for work on a channel, are woken by it, and do not end.
 * Those that are woken by timers of their own are as many as there are timers.
 */
static bool is_at_work(const struct judging *j, const struct snapshot_site *s)
{
	const struct snapshot_timers *timers = j->p->timers;

	if (s->ran_part < AT_WORK_PART || !pile_waits_inside(s) ||
	    (double)s->died > AT_WORK_DIED * (double)s->born)
		return false;
	return timers && !timers->is_partial &&
	       (double)timers->total < OWN_TIMERS * (double)s->live;
}

static bool is_early(const struct judging *j, const struct snapshot_site *s)
{
	const struct series *live = detect_horizon(s->live_series);
	double known_s = series_count(live)
				 ? seconds_between(series_at(live, 0).ts_ns, j->p->now_ns)
				 : j->observed_s;

	return known_s < SETTLED_LIVES * s->lifetime_p99_s ||
	       (known_s < AT_WORK_S && is_at_work(j, s)) ||
	       (s->at_attach < SETTLED_MIN && known_s < SETTLED_S);
}

static void leak_found(struct judging *j, const struct snapshot_site *s,
		       const struct window_shown *shown, const struct detect *live)
{
	double begun, first = live_at_start(s, shown, &begun);
	struct pile pile;
	struct finding *f = judging_add(j, VERDICT_GOROUTINE_LEAK, judging_s(j->p->now_ns) - begun);

	j->leaked += shown->d.growth;
	if (!f)
		return;
	f->site = s;
	f->first = first;
	f->last = (double)s->live;
	f->born = s->born;
	f->died = s->died;
	f->survivors = s->survivors;
	f->confidence = leak_confidence(s, &shown->d, ended_late_part(j, s, shown));
	f->is_early = is_early(j, s);
	f->is_standing = pile_judge(j->p, s, &pile);
	leak_rate(j, shown, live, f);
	say_growth(j, f);
	say_work(j, f);
	advise_leak(f);
	if (is_at_work(j, s)) {
		f->confidence *= AT_WORK_SURE;
		finding_say(f,
			    "nearly all of them have run lately: subscribers that nobody removes "
			    "look so, and workers of a pool that grows with the load");
	}
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
static bool has_population_risen(const struct snapshot_site *s, const struct detect *d,
				 const struct detect *live)
{
	double in_flight = fmax(0, (double)(s->live - s->survivors));

	return live->state != DETECT_TOO_EARLY &&
	       live->growth + LIVE_SIGMAS * sqrt(2 * in_flight) >= LIVE_PART * d->growth;
}

/* Rise of a series from where a window begins to its end; 0 if it has no points there. */
static double rise_since(const struct series3 *s3, double from_s)
{
	const struct series *s = detect_horizon(s3);
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(s, (uint64_t)(from_s * 1e9), t, v);

	return n ? v[n - 1] - v[0] : 0;
}

static bool waits_for_network(const struct snapshot_site *s)
{
	return s->wait_reason && !strcmp(s->wait_reason, "IO wait");
}

/* net/http serves a connection with one goroutine, which waits for whatever the handler does. */
static bool is_server(const struct snapshot_site *s)
{
	return !strcmp(s->function, "net/http.(*Server).Serve") &&
	       (double)s->wait_count < STUCK_PART * (double)s->live;
}

/* For each of them another one reads: the two halves of a connection. */
static bool has_readers(const struct judging *j, const struct snapshot_site *s)
{
	for (size_t i = 0; i < j->p->n_sites; i++) {
		const struct snapshot_site *it = &j->p->sites[i];

		if (it != s && waits_for_network(it) &&
		    fabs((double)(it->live - s->live)) <= TWIN_PART * (double)s->live)
			return true;
	}
	return false;
}

/* Each has a socket that is open on both sides: as many clients as connections. */
static bool is_of_connections(const struct judging *j, const struct snapshot_site *s,
			      const struct detect *d)
{
	const struct sockets *states = j->p->socket_states;

	if (!waits_for_network(s) && !is_server(s) && !has_readers(j, s))
		return false;
	if (states && states->n[SOCKETS_CLOSE_WAIT] >= states->n[SOCKETS_ESTABLISHED])
		return false;
	return rise_since(j->p->sockets_series, d->t[0]) >= CONNECTIONS_PART * d->growth;
}

static void clear(struct judging *j, const struct snapshot_site *s)
{
	struct verdict *v = j->v;

	if (v->n_cleared < VERDICT_FINDINGS_MAX)
		v->cleared[v->n_cleared++] = s->gopc;
}

static void connections_found(struct judging *j, const struct snapshot_site *s,
			      const struct window_shown *shown)
{
	struct finding *f = judging_add(j, VERDICT_PRESSURE, shown->d.span_s);

	if (!f)
		return;
	finding_growth(f, shown);
	f->confidence = 0.6;
	finding_say(f,
		    "goroutines started in %.80s (line %u) wait for the network, and as many "
		    "sockets came with them",
		    s->function, s->line);
	finding_advise(f, "these are connections that clients keep open: is their number bounded, "
			  "and is there a deadline for idle ones?");
}

/* ---- left behind before ---- */

/* Of several channels only the first, by address, is known. */
static bool is_select(const struct snapshot_site *s)
{
	return s->wait_reason && !strncmp(s->wait_reason, "select", 6);
}

static void say_pile(struct finding *f, const struct pile *pile)
{
	const struct snapshot_before *b = &f->site->before;
	struct words w;

	finding_say(f, "%" PRId64 " goroutines were there before the observation; none %s in %s",
		    b->live, b->knows_runs ? "has run or ended" : "has ended",
		    text_duration(w.a, b->still_s));
	finding_say(f, "%" PRId64 " of %" PRId64 " are waiting: %s", f->site->wait_count,
		    f->site->live, f->site->wait_reason);
	if (pile->has_own_channels)
		finding_say(f,
			    "each waits on a %s of its own: %" PRId64 " for %" PRId64 " goroutines",
			    is_select(f->site) ? "first channel (of its select)" : "channel",
			    b->channels, b->channels_of);
	if (pile->is_spread)
		finding_say(f,
			    "their ids are spread among those of others over the whole life of the "
			    "process: they did not come at once");
	if (b->waits_s >= 0)
		finding_say(f, "the collector saw the first of them waiting %s ago",
			    text_duration(w.a, b->waits_s));
	if (pile->is_growing)
		finding_say(f, "%s more were started here meanwhile, and none of them ended",
			    text_count(w.a, (double)f->born));
}

static void judge_pile(struct judging *j, const struct snapshot_site *s)
{
	struct finding *f;
	struct pile pile;

	if (!pile_judge(j->p, s, &pile))
		return;
	f = judging_add(j, VERDICT_GOROUTINE_LEAK, j->observed_s);
	if (!f)
		return;
	f->site = s;
	f->first = (double)s->at_attach;
	f->last = (double)s->live;
	f->born = s->born;
	f->died = s->died;
	f->survivors = s->survivors;
	f->confidence = pile.confidence;
	f->is_standing = true;
	if (pile.is_growing)
		f->per_min = (f->last - f->first) / j->observed_s * 60;
	f->per_min_low = f->per_min_high = f->per_min;
	say_pile(f, &pile);
	advise_leak(f);
}

/* ---- every site ---- */

/* Most sites need no more than this look. */
static bool can_have_grown(const struct snapshot_site *s)
{
	const struct series *whole = detect_horizon(s->survivor_series);
	uint32_t n = series_count(whole);
	double low = INFINITY;

	for_each_point(whole, at) low = fmin(low, at.min);
	return n && series_at(whole, n - 1).last - low >= survivor_rules.min_growth;
}

/* Whether it is settled what became of the site. */
static bool judge_growth(struct judging *j, const struct snapshot_site *s)
{
	const struct window_query query = { .level = s->survivor_series, .rules = &survivor_rules };
	struct window_shown shown;
	struct detect live;

	if (!can_have_grown(s))
		return false;
	if (!window_detect(&query, &shown)) {
		if (shown.d.state == DETECT_PLATEAUING && shown.d.last_ratio > JUDGING_STILL_RISING)
			j->is_slowing = true;
		return false;
	}
	detect_live(s, &shown, &live);
	if (!has_population_risen(s, &shown.d, &live))
		return false;
	if (!is_going_on(s, &shown.d)) {
		j->is_slowing = true;
		return false;
	}
	if (ended_late_part(j, s, &shown) > ENDED_LATE_MAX) {
		j->is_undecided = true;
		return false;
	}
	if (is_of_connections(j, s, &shown.d)) {
		clear(j, s);
		connections_found(j, s, &shown);
	} else {
		leak_found(j, s, &shown, &live);
	}
	return true;
}

/* It may fill up like a pool or go on like a leak: nobody can know yet. */
static bool is_open(const struct judging *j, const struct snapshot_site *s)
{
	return j->observed_s < OPEN_FOR_S && s->born_lately > 0 &&
	       s->live - s->at_attach >= OPEN_MIN &&
	       (double)s->died <= ENDED_LATE_MAX * (double)s->born;
}

void judge_leaks(struct judging *j)
{
	for (size_t i = 0; i < j->p->n_sites; i++) {
		const struct snapshot_site *s = &j->p->sites[i];
		size_t before = j->v->n_findings;

		if (s->is_system || judge_growth(j, s))
			continue;
		judge_pile(j, s);
		if (j->v->n_findings == before && !j->open && is_open(j, s))
			j->open = s;
	}
}
