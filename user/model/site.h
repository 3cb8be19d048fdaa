/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One creation site (a go statement) of one process: its population, the ages of its goroutines,
 * what they wait for and a stack.  Owned by model/process, which says when things happen.  What
 * only a site with births or deaths needs is allocated at the first of them.
 */
#ifndef GOTIDE_MODEL_SITE_H
#define GOTIDE_MODEL_SITE_H

#include <uthash.h>

#include "base/vec.h"
#include "model/ages.h"
#include "model/model.h"
#include "model/stack.h"

/* What counts as long-lived: three times the p99 lifetime, within these bounds. */
#define SITE_LONG_MIN_S	    2.0 /* in the shortest observation */
#define SITE_LONG_S	    5.0 /* from 20 s on */
#define SITE_LONG_PART	    0.25 /* of the observation, at most */
#define SITE_LONG_LIFETIMES 3.0

struct site_reason {
	uint32_t reason;
	uint32_t finding; /* waiting for it, by the census under way */
	uint32_t census; /* by the latest */
	int64_t base; /* what makes the counts agree with it */
	uint64_t parks, readies;
};

/* Parts into which goroutines are dealt by id: from old to new, and at random. */
#define SITE_PARTS	 16
#define SITE_STILL_PARTS 64

/* One census of a site. */
struct site_census {
	uint32_t found;
	uint64_t born, died; /* counters when it began */
	/* of those found, the ones that were there before the observation */
	uint32_t old, with_since;
	uint32_t ids[SITE_PARTS]; /* by part of the ids handed out before */
	int64_t since_min_ns, since_max_ns; /* of waitsince; 0: none has one */
	/* parts, dealt at random, of which one has gone or run since the pass before, a bit each */
	uint64_t moved;
	/*
	 * Of all its goroutines, dealt the same way: parts that had some at a pass of a while ago,
	 * and of these the ones in which one has gone or run since.
	 */
	uint32_t known_parts, ran_parts;
};

struct site {
	uint64_t gopc; /* key, as in memory */
	uint64_t startpc;
	uint64_t link_gopc;
	char *function, *file, *start_function;
	uint32_t line;
	bool is_system, is_other;

	int64_t base; /* live when observation began; less than 0 while counters lag */
	int64_t base_lo, base_hi; /* between which it lies, by the censuses so far */
	int8_t doubt; /* the latest census said more (1) or less (-1) than that; 0: it agreed */
	bool is_unsettled; /* base is yet to come, with the next census */
	bool is_corrected; /* the census moved the population since the last tick */
	struct site_census finding, census; /* under way, latest */
	/* of hashes of id and trackingSeq by part: of the pass under way, and of the latest */
	uint32_t finding_sum[SITE_STILL_PARTS], sum[SITE_STILL_PARTS];
	/* The same of all, old or not: found by this pass, those of them that the pass of a while
	 * ago can have seen, and what that one saw. */
	uint32_t all_sum[SITE_STILL_PARTS], seen_sum[SITE_STILL_PARTS], then_sum[SITE_STILL_PARTS];
	uint64_t still; /* parts unchanged since the first census, a bit each */
	bool is_asked; /* an example of it has been asked for */
	int64_t channels, channels_of; /* different ones waited on, and by how many; -1 unknown */
	uint64_t born, died; /* absolute counters, latest */
	uint64_t tick_born, tick_died; /* as of the last tick */
	uint64_t moved_ns; /* the last tick that saw a birth or death */
	uint32_t round; /* the sample of counters that it was last in */

	struct ages *ages; /* NULL: no birth or death yet */
	struct ages_digest *pending; /* the records of this tick; NULL: none */
	double long_lived_s;
	struct series3 live, survivors, births;

	VEC(struct site_reason) reasons; /* by number */
	struct stack_note park_stack, birth_stack;
	bool birth_stacks_differ; /* it was reached in more than one way */

	UT_hash_handle hh;
};

int site_new(uint64_t gopc, uint64_t startpc, struct site **ret) _must_check_;
void site_free(struct site *s);

/* Names it, and says whether it is the runtime's own. */
int site_resolve(struct site *s, const struct model_resolver *r) _must_check_;

int64_t site_live(const struct site *s);

/* A record that was streamed, kept in s->pending.  observed_ns: start of the observation. */
int site_birth(struct site *s) _must_check_;
int site_death(struct site *s, uint64_t birth_ns, uint64_t ts_ns,
	       uint64_t observed_ns) _must_check_;
/* What the records of a tick say, before it ends.  tick_ns: the last one. */
int site_records(struct site *s, const struct ages_digest *d, uint64_t observed_ns,
		 uint64_t tick_ns) _must_check_;
/* What a census found to have been there when the observation began. */
void site_rebase(struct site *s, int64_t base);
/* Ends a sample that began at tick_ns. */
int site_tick(struct site *s, uint64_t observed_ns, uint64_t tick_ns, uint64_t now_ns,
	      const struct ages_scale *scale) _must_check_;

/* Finds or makes the count of a reason; NULL: no memory, or more reasons than there are. */
struct site_reason *site_reason(struct site *s, uint32_t reason);
/* Parked now for this reason: by the counts if they are complete, else by the latest census. */
int64_t site_waiting(const struct site *s, const struct site_reason *r, bool is_counted);
/* Whether wake-ups from this reason pass through runtime.ready, and so are counted. */
bool site_reason_is_counted(const char *name);
/*
 * The reason that most wait for: index into s->reasons, or -1.  *ret_count: how many, -1 if it
 * cannot be told.
 */
int site_main_reason(const struct site *s, const struct model_resolver *r, bool is_park_watched,
		     int64_t *ret_count);

/*
 * 1: it was taken, or tells that there are several; 0: it is no news.  A stack that changes all the
 * time is followed only now and then.
 */
int site_stack_seen(struct site *s, const struct event *ev,
		    const struct model_resolver *r) _must_check_;
/* The stack that a census found; kept if no probe has seen one. */
int site_stack_found(struct site *s, const struct model_example *ex) _must_check_;
/* Names the frames of both stacks, once. */
int site_frames(struct site *s, const struct model_resolver *r) _must_check_;

/* Fills what a snapshot says of it. */
void site_snapshot(struct site *s, const struct model_resolver *r, bool is_park_watched,
		   uint64_t now_ns, struct snapshot_site *ret);

#endif
