/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How old a site's living goroutines are, and how old the others were when they ended.  Owned by
 * model/site.  Bounded: the living are kept in at most AGES_COHORTS cohorts by time of birth,
 * whose widths grow with their age, beside those that were there before the observation.
 *
 * Two sources are joined.  The records of the ring tell which goroutine was born and which died:
 * a cohort is what was streamed of its births less what was streamed of its deaths, each standing
 * for as many as were not.  Sampling goes by goid, so a goroutine's two records are both streamed
 * or neither: those that came and went cancel out exactly, and the sample's error is that of the
 * living only.  The kernel's counters are exact and set the bounds: of those born within an age,
 * all may still live, and at least as many as have not been matched by deaths since then do.
 */
#ifndef GOTIDE_MODEL_AGES_H
#define GOTIDE_MODEL_AGES_H

#include "base/err.h"

#define AGES_COHORTS	  64
#define LIFETIMES_BUCKETS 132 /* 16 us to 38 h, four to an octave */

struct lifetimes {
	uint64_t n;
	uint32_t bucket[LIFETIMES_BUCKETS];
};

void lifetimes_add(struct lifetimes *l, double seconds);
void lifetimes_join(struct lifetimes *l, const struct lifetimes *more);
/* 0 < q < 1.  -1 if there are none. */
double lifetimes_quantile(const struct lifetimes *l, double q);
/* How many were at most so long; between two bucket edges as if spread evenly. */
double lifetimes_below(const struct lifetimes *l, double seconds);

struct cohort {
	uint64_t start_ns, end_ns; /* of birth; the newest cohort is open: end_ns is 0 */
	double left; /* alive by the records; a little below 0 where a birth time was wrong */
	float births, deaths; /* at any age, in that time; exact */
	float seen_births, seen_deaths; /* streamed since the last tick */
};

struct ages {
	uint64_t begin_ns; /* goroutines older than this are "before" */
	uint32_t n;
	struct cohort cohort[AGES_COHORTS];
	double before; /* there when the observation began */
	double before_died, before_seen;
	double noise; /* variance of the records' sum, where sampling was not by one share of goids
		       */
	double by_goid; /* of the last tick */
	struct lifetimes ended; /* of goroutines born under observation */
	struct lifetimes before_ended; /* lived at least this long under observation */
};

/*
 * What the records streamed in one tick say of a site: gathered as they come, applied when the tick
 * ends.  Small whatever their number, so that it can be kept where the records cannot.
 */
struct ages_digest {
	uint32_t births;
	uint32_t before; /* deaths of those from before the observation */
	uint32_t deaths[AGES_COHORTS]; /* the others' by cohort, counted back from the open one */
	struct lifetimes ended, before_ended;
};

/* For how many each record of a tick stands. */
struct ages_scale {
	double births, deaths; /* at least 1 */
	double by_goid; /* what both would be, had only the sample by goid left records out */
};

void ages_init(struct ages *a, uint64_t observed_ns, uint64_t now_ns, double before);

/*
 * Records that were streamed; birth_ns 0: born before the observation, which began at observed_ns.
 * a: of the site; NULL if it has none yet.
 */
void ages_note_birth(struct ages_digest *d);
void ages_note_death(struct ages_digest *d, const struct ages *a, uint64_t observed_ns,
		     uint64_t birth_ns, uint64_t ts_ns);
/* To be done before ages_tick(). */
void ages_apply(struct ages *a, const struct ages_digest *d);

/* Ends a tick.  births and deaths: its exact counts. */
void ages_tick(struct ages *a, uint64_t now_ns, uint64_t births, uint64_t deaths,
	       const struct ages_scale *scale);

/* Of live, those that are at least so old; those from before the observation always are. */
double ages_older(const struct ages *a, uint64_t now_ns, double seconds, double live);

/* Births since then, exact but for the cohort that the edge falls into. */
double ages_births_within(const struct ages *a, uint64_t now_ns, double seconds);

/*
 * Share of the deaths that came after so long a life, as if the next one streamed would: the fewer
 * were streamed, the more may have been late.  -1 if none was.
 */
double ages_ended_older(const struct ages *a, double seconds);

#endif
