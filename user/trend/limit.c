/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom-risk: at this slope the memory limit is reached, and when: the control group's limit against
 * what it is charged for and cannot get back, or the machine's memory against what is available.
 */
#include <math.h>

#include "trend/judging.h"

static const struct detect_rules limit_rules = {
	.min_span_s = 20,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 1 << 20,
	.min_growth_part = 0.02,
	.steady_drawdown = 0.10,
	.max_drawdown = 0.35,
	.plateau_ratio = 0.5,
};

/* Later than this nobody asks; and no further ahead than so many times what was observed. */
#define LEFT_MAX_S  (24 * 3600.0)
#define LEFT_FACTOR 30.0

/* What would be reached, and what rises towards it. */
struct limit {
	const struct series3 *level;
	double bytes, room; /* room: left until then */
	const char *name;
};

/* A limit above what the machine has is none. */
static bool limit_of(const struct judging *j, struct limit *ret)
{
	const struct snapshot_process *p = j->p;
	double charged = (double)(p->cgroup_current_bytes - MAX(p->cgroup_reclaimable_bytes, 0));
	bool is_limited = p->limit_bytes > 0 && p->cgroup_current_bytes >= 0 &&
			  (p->mem_total_bytes <= 0 || p->limit_bytes < p->mem_total_bytes);

	if (is_limited) {
		*ret = (struct limit){
			.level = p->charged_series,
			.bytes = (double)p->limit_bytes,
			.room = (double)p->limit_bytes - charged,
			.name = "the control group's memory limit",
		};
		return true;
	}
	*ret = (struct limit){
		.level = p->rss_anon_series,
		.bytes = (double)p->mem_total_bytes,
		.room = (double)p->mem_available_bytes,
		.name = "the machine's memory",
	};
	return p->mem_total_bytes > 0 && p->mem_available_bytes >= 0;
}

static double left(double room, double slope)
{
	return slope > 0 ? fmax(0, room) / slope : INFINITY;
}

static const char *left_text(char buf[static TEXT_HUMAN_MAX], double seconds)
{
	return isinf(seconds) ? "never" : text_duration(buf, seconds);
}

static void limit_found(struct judging *j, const struct limit *l, const struct window_shown *shown)
{
	const struct stats_slope *slope = &shown->d.slope;
	struct finding *f = judging_add(j, VERDICT_OOM_RISK, shown->d.span_s);
	struct words w;

	if (!f)
		return;
	finding_growth(f, shown);
	f->limit_bytes = l->bytes;
	f->left_s = left(l->room, slope->slope);
	f->left_low_s = left(l->room, slope->high);
	f->left_high_s = left(l->room, slope->low);
	f->confidence = fmin(0.9, 0.95 - 0.5 * judging_doubt(&shown->d, &limit_rules));
	finding_say(f, "%s, %s, is reached in %s at this slope (90%% sure: %s to %s)", l->name,
		    words_bytes(w.a, l->bytes), text_duration(w.b, f->left_s),
		    text_duration(w.c, f->left_low_s), left_text(w.d, f->left_high_s));
	finding_say(f, "%s are left; +%s/min", words_bytes(w.a, l->room),
		    words_bytes(w.b, f->per_min));
	finding_advise(f,
		       "what grows is named by the other findings; until it is mended, a restart "
		       "before then is better than the kernel's");
}

void judge_limit(struct judging *j)
{
	struct window_query query = {
		.rules = &limit_rules,
		.min_part = limit_rules.min_growth_part,
	};
	struct window_shown shown;
	struct limit l;

	if (!limit_of(j, &l))
		return;
	query.level = l.level;
	if (!window_detect(&query, &shown) || shown.d.is_bending)
		return;
	if (left(l.room, shown.d.slope.slope) <= fmin(LEFT_MAX_S, LEFT_FACTOR * shown.d.span_s))
		limit_found(j, &l, &shown);
}
