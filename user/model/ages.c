/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/ages.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"

#define BUCKET_FIRST_S	   16e-6
#define BUCKETS_PER_OCTAVE 4

/* Of the records' possible error, so many standard deviations are taken off. */
#define NOISE_SIGMAS 2

/* ---- lifetimes ---- */

static double bucket_edge(int i)
{
	return i <= 0 ? 0 : BUCKET_FIRST_S * exp2((double)i / BUCKETS_PER_OCTAVE);
}

static int bucket_of(double seconds)
{
	if (!(seconds > BUCKET_FIRST_S))
		return 0;
	double i = floor(log2(seconds / BUCKET_FIRST_S) * BUCKETS_PER_OCTAVE);

	return i >= LIFETIMES_BUCKETS ? LIFETIMES_BUCKETS - 1 : (int)i;
}

void lifetimes_add(struct lifetimes *l, double seconds)
{
	uint32_t *b = &l->bucket[bucket_of(seconds)];

	if (*b == UINT32_MAX)
		return;
	(*b)++;
	l->n++;
}

void lifetimes_join(struct lifetimes *l, const struct lifetimes *more)
{
	for (int i = 0; i < LIFETIMES_BUCKETS; i++) {
		uint32_t n = MIN(more->bucket[i], UINT32_MAX - l->bucket[i]);

		l->bucket[i] += n;
		l->n += n;
	}
}

double lifetimes_quantile(const struct lifetimes *l, double q)
{
	double want = q * (double)l->n, sum = 0;

	for (int i = 0; l->n && i < LIFETIMES_BUCKETS; i++) {
		double in = l->bucket[i];

		if (in > 0 && sum + in >= want) {
			double lo = bucket_edge(i), hi = bucket_edge(i + 1);

			return lo + (hi - lo) * (want - sum) / in;
		}
		sum += in;
	}
	return -1;
}

double lifetimes_below(const struct lifetimes *l, double seconds)
{
	int at = bucket_of(seconds);
	double sum = 0, lo = bucket_edge(at), hi = bucket_edge(at + 1);

	for (int i = 0; i < at; i++)
		sum += l->bucket[i];
	double part = (seconds - lo) / (hi - lo);

	return sum + l->bucket[at] * (part < 0 ? 0 : part > 1 ? 1 : part);
}

/* ---- cohorts ---- */

static struct cohort *open_cohort(struct ages *a)
{
	return &a->cohort[a->n - 1];
}

void ages_init(struct ages *a, uint64_t observed_ns, uint64_t now_ns, double before)
{
	memset(a, 0, sizeof(*a));
	a->begin_ns = observed_ns;
	a->before = before;
	a->n = 1;
	a->cohort[0].start_ns = now_ns;
}

/* Its place, counted back from the open cohort. */
static uint32_t cohort_of_birth(const struct ages *a, uint64_t birth_ns)
{
	uint32_t back = 0;

	while (a && back + 1 < a->n && a->cohort[a->n - 1 - back].start_ns > birth_ns)
		back++;
	return back;
}

void ages_note_birth(struct ages_digest *d)
{
	d->births++;
}

void ages_note_death(struct ages_digest *d, const struct ages *a, uint64_t observed_ns,
		     uint64_t birth_ns, uint64_t ts_ns)
{
	if (!birth_ns || birth_ns < observed_ns) {
		d->before++;
		lifetimes_add(&d->before_ended, seconds_between(observed_ns, ts_ns));
		return;
	}
	d->deaths[cohort_of_birth(a, birth_ns)]++;
	lifetimes_add(&d->ended, seconds_between(birth_ns, ts_ns));
}

void ages_apply(struct ages *a, const struct ages_digest *d)
{
	open_cohort(a)->seen_births += (float)d->births;
	a->before_seen += d->before;
	/* One that is older than all is of the oldest. */
	for (uint32_t i = 0; i < AGES_COHORTS; i++)
		a->cohort[i < a->n ? a->n - 1 - i : 0].seen_deaths += (float)d->deaths[i];
	lifetimes_join(&a->ended, &d->ended);
	lifetimes_join(&a->before_ended, &d->before_ended);
}

/*
 * Merges the two neighbours that lie closest for their age: resolution is then a fixed part of
 * the age, whatever the length of the observation.
 */
static void merge_closest(struct ages *a, uint64_t now_ns)
{
	uint32_t best = 0;
	double best_ratio = INFINITY;

	for (uint32_t i = 0; i + 1 < a->n; i++) {
		const struct cohort *c = &a->cohort[i], *next = &a->cohort[i + 1];
		double span = seconds_between(c->start_ns, next->end_ns);
		double ratio = span / (seconds_between(next->end_ns, now_ns) + 1);

		if (ratio < best_ratio) {
			best_ratio = ratio;
			best = i;
		}
	}
	struct cohort *c = &a->cohort[best];

	c->end_ns = c[1].end_ns;
	c->left += c[1].left;
	c->births += c[1].births;
	c->deaths += c[1].deaths;
	memmove(c + 1, c + 2, (a->n - best - 2) * sizeof(*c));
	a->n--;
}

static void apply_records(struct ages *a, const struct ages_scale *scale)
{
	double extra =
		fmax(0, scale->births - scale->by_goid) + fmax(0, scale->deaths - scale->by_goid);
	double seen = a->before_seen;

	/* Those alive across a change of the sample were weighed by one share and end by another.
	 */
	for (uint32_t i = 0; i < a->n && a->by_goid && a->by_goid != scale->by_goid; i++)
		a->noise += fabs(a->cohort[i].left) * fmax(a->by_goid, scale->by_goid);
	a->by_goid = scale->by_goid;
	a->before_died += a->before_seen * scale->deaths;
	a->before_seen = 0;
	for (uint32_t i = 0; i < a->n; i++) {
		struct cohort *c = &a->cohort[i];

		c->left += c->seen_births * scale->births - c->seen_deaths * scale->deaths;
		seen += c->seen_births + c->seen_deaths;
		c->seen_births = c->seen_deaths = 0;
	}
	/* A record that stands for k others whose fate is independent: variance k - 1. */
	a->noise += seen * extra;
}

void ages_tick(struct ages *a, uint64_t now_ns, uint64_t births, uint64_t deaths,
	       const struct ages_scale *scale)
{
	struct cohort *c = open_cohort(a);

	assert(!c->end_ns);
	apply_records(a, scale);
	c->end_ns = now_ns > c->start_ns ? now_ns : c->start_ns;
	c->births = (float)births;
	c->deaths = (float)deaths;
	uint64_t end_ns = c->end_ns;

	/* Nothing happened: its time belongs to no one, and the next starts here. */
	if (!births && !deaths && fabs(c->left) < 1e-9) {
		*c = (struct cohort){ .start_ns = end_ns };
		return;
	}
	if (a->n == AGES_COHORTS)
		merge_closest(a, end_ns);
	a->cohort[a->n++] = (struct cohort){ .start_ns = end_ns };
}

/* Part of a cohort that was born before edge, as if its births were spread evenly. */
static double part_before(const struct cohort *c, uint64_t edge_ns)
{
	if (!c->end_ns || c->start_ns >= edge_ns)
		return 0;
	if (c->end_ns <= edge_ns)
		return 1;
	return seconds_between(c->start_ns, edge_ns) / seconds_between(c->start_ns, c->end_ns);
}

static uint64_t time_before(uint64_t now_ns, double seconds)
{
	uint64_t age_ns = (uint64_t)(seconds * (double)NSEC_PER_SEC);

	return now_ns > age_ns ? now_ns - age_ns : 0;
}

double ages_births_within(const struct ages *a, uint64_t now_ns, double seconds)
{
	uint64_t edge_ns = time_before(now_ns, seconds);
	double births = 0;

	for (uint32_t i = 0; i < a->n; i++)
		births += a->cohort[i].births * (1 - part_before(&a->cohort[i], edge_ns));
	return births;
}

double ages_older(const struct ages *a, uint64_t now_ns, double seconds, double live)
{
	uint64_t edge_ns = time_before(now_ns, seconds);
	double old = a->before - a->before_died;
	double born = ages_births_within(a, now_ns, seconds), died = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		double part = part_before(&a->cohort[i], edge_ns);

		old += a->cohort[i].left * part;
		died += a->cohort[i].deaths * (1 - part);
	}
	old -= NOISE_SIGMAS * sqrt(a->noise);
	return fmin(live - fmax(0, fmin(live, born - died)), fmax(old, fmax(0, live - born)));
}

double ages_ended_older(const struct ages *a, double seconds)
{
	double n = (double)a->ended.n + (double)a->before_ended.n;

	if (n <= 0)
		return -1;
	/* Who is found at a random moment has as much of its life behind as before it. */
	double older = n - lifetimes_below(&a->ended, seconds) -
		       lifetimes_below(&a->before_ended, seconds / 2);

	return fmin(1, (older + 1) / (n + 1));
}
