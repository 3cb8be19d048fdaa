/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model is told, as a list: every change of it is one of these facts, and a model that
 * takes the same facts in the same order comes to the same state.  A listener hears them as they
 * happen, and keeps them for another time.
 *
 * Single records of births, deaths and marks, and the single goroutines of a census, are no facts:
 * what the model makes of them in a tick or a pass is, and that is little whatever their number.
 */
#ifndef GOTIDE_MODEL_FACT_H
#define GOTIDE_MODEL_FACT_H

#include "model/ages.h"
#include "model/model.h"
#include "model/site.h"

enum fact_kind {
	FACT_PROCESS = 0, /* came under observation */
	FACT_EXITED,
	FACT_REMOVED,
	FACT_SITE, /* a go statement was met, or what it starts became known */
	FACT_COUNTS_BEGIN, /* of all processes, as FACT_COUNTS_END and FACT_TICK */
	FACT_SITE_COUNTS,
	FACT_PARK_COUNTS,
	FACT_COUNTERS,
	FACT_COUNTS_END,
	FACT_READING,
	FACT_CENSUS_BEGIN,
	FACT_CENSUS_SITE, /* all sites of which it found goroutines, just before FACT_CENSUS_END */
	FACT_CENSUS_END,
	FACT_CENSUS_DROP,
	FACT_EXAMPLE,
	FACT_STACK,
	FACT_OOM,
	FACT_AGES, /* with FACT_RECORDS, just before FACT_TICK */
	FACT_RECORDS,
	FACT_TICK,
	FACT_ALLOCS,
	FACT_GAP, /* before the FACT_TICK that ends it; of all */
	FACT_NAMED,
	FACT_KINDS,
};

/* The records of a tick that belong to no site. */
struct fact_records {
	uint64_t received; /* lifecycle records */
	uint64_t marks; /* ends of marking; what they found live, and when the last one was: */
	int64_t mark_min_bytes, mark_max_bytes, mark_last_bytes;
	uint64_t mark_last_ns;
};

struct fact_reason {
	uint32_t reason, found;
};

/* What a pass found of one site. */
struct fact_census {
	const struct site_census *found; /* without born and died */
	const struct fact_reason *reasons;
	size_t n_reasons;
	bool is_system;
};

struct fact {
	enum fact_kind kind;
	pid_t pid; /* 0: all */
	uint64_t gopc, startpc; /* of the site it is about; startpc 0: not known */
	bool is_other; /* ... which is the rest, folded */
	union { /* pointers are borrowed for the duration of the call */
		const struct model_process_info *info;
		const struct model_names *names;
		struct {
			uint64_t ts_ns;
			int code;
		} exit;
		const struct wire_site *site;
		struct {
			uint32_t reason;
			const struct wire_park_count *count;
		} park;
		const struct wire_state *state;
		const struct model_reading *reading;
		int64_t goids; /* FACT_CENSUS_BEGIN */
		struct fact_census census;
		struct {
			const struct model_census *c;
			uint64_t newest; /* goroutine id that it found */
		} census_end;
		const struct model_example *example;
		const struct event *event; /* FACT_STACK */
		const struct ages_digest *ages;
		const struct fact_records *records;
		uint64_t now_ns; /* FACT_TICK */
		const struct model_allocs *allocs;
		struct {
			uint64_t now_ns;
			double seconds;
		} gap;
	};
};

struct fact_listener {
	void (*hear)(void *arg, const struct fact *f);
	void *arg;
};

/* l is borrowed; NULL: nobody listens. */
void model_listen(struct model *m, const struct fact_listener *l);

/*
 * Does what the fact says.  Facts of unknown pids are ignored; -EEXIST as model_process_add(), the
 * resolver of which the model then did not take over; -EINVAL: no such kind.
 */
int model_take(struct model *m, const struct fact *f) _must_check_;

#endif
