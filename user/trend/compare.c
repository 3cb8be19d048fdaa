/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The slope is sure to be less than this part of what it was: it is gone. */
#define GONE_PART 0.2
/* A slope that may be less than this part of it says nothing, unless it is found, too. */
#define SURE_PART 0.1
/* And as long as this part of it is left, nothing has changed. */
#define STILL_PART 0.5

/* The second observation takes at least so long, and such a part of what showed the leak. */
#define LONG_MIN_S  30.0
#define LONG_PART   0.5
#define TICK_S	    1.0 /* one that was asked for takes so much less, at most */
#define OF_AGE_PART 0.5 /* and for what was left behind before: of the age of the process */

/* As much work: at least such a part of it. */
#define WORK_PART 0.5
/* What is less than this says nothing of the load. */
#define BORN_MIN   0.001 /* per second, at the go statement itself */
#define BIRTHS_MIN 0.1
#define BYTES_MIN  1024.0

/* So many of their go statements do two builds of one program have in common. */
#define COMMON_PART 0.5

/* Both sides of a comparison. */
struct sides {
	const struct summary *before, *after;
};

/* Rates and levels in words. */
struct figures {
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];
	char e[TEXT_HUMAN_MAX];
};

const char *compare_outcome_str(enum compare_outcome o)
{
	static const char *const names[] = {
		[COMPARE_NOTHING_TO_FIX] = "nothing to fix",
		[COMPARE_FIXED] = "fixed",
		[COMPARE_NOT_FIXED] = "not fixed",
		[COMPARE_NOT_COMPARABLE] = "not comparable",
	};

	return (unsigned int)o < ARRAY_SIZE(names) ? names[o] : "unknown";
}

const char *compare_fate_str(enum compare_fate f)
{
	static const char *const names[] = {
		[COMPARE_GONE] = "gone",
		[COMPARE_STILL_THERE] = "still there",
		[COMPARE_LESS] = "less, but not gone",
		[COMPARE_NEW] = "new",
		[COMPARE_UNKNOWN] = "not known",
	};

	return (unsigned int)f < ARRAY_SIZE(names) ? names[f] : "unknown";
}

static const char *rate(char buf[static TEXT_HUMAN_MAX], enum verdict_unit unit, double per_min)
{
	return unit == VERDICT_BYTES ? text_bytes_change(buf, per_min) : text_change(buf, per_min);
}

static const char *level(char buf[static TEXT_HUMAN_MAX], enum verdict_unit unit, double n)
{
	return unit == VERDICT_BYTES ? text_bytes(buf, (uint64_t)fmax(0, n)) : text_count(buf, n);
}

static const char *leak_name(const struct summary_leak *l, char buf[static VERDICT_LINE_MAX])
{
	if (l->function)
		snprintf(buf, VERDICT_LINE_MAX, "goroutines started in %.62s", l->function);
	else if (l->kind == VERDICT_HEAP_RETENTION)
		snprintf(buf, VERDICT_LINE_MAX, "heap live after GC");
	else if (l->kind == VERDICT_OFF_HEAP_GROWTH)
		snprintf(buf, VERDICT_LINE_MAX, "memory outside the Go runtime");
	else
		snprintf(buf, VERDICT_LINE_MAX, "open %s", l->what ? l->what : "descriptors");
	return buf;
}

/* ---- the same thing in the other observation ---- */

static bool is_same(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

static const struct summary_leak *exact_leak(const struct summary *s, const struct summary_leak *l)
{
	for (size_t i = 0; i < s->n_leaks; i++)
		if (s->leaks[i].kind == l->kind && is_same(s->leaks[i].function, l->function) &&
		    is_same(s->leaks[i].start_function, l->start_function))
			return &s->leaks[i];
	return NULL;
}

/*
 * Of l, which is in own.  A fix renames closures, so a leak of the same function that own does not
 * have is taken for it: better one too many than a leak that is gone since it has a new name.
 */
static const struct summary_leak *same_leak(const struct summary *s, const struct summary *own,
					    const struct summary_leak *l)
{
	const struct summary_leak *ret = exact_leak(s, l);

	for (size_t i = 0; !ret && i < s->n_leaks; i++) {
		const struct summary_leak *o = &s->leaks[i];

		if (o->kind == l->kind && is_same(o->function, l->function) && !exact_leak(own, o))
			ret = o;
	}
	return ret;
}

const struct summary_site *compare_site(const struct summary *before, const struct summary *after,
					const char *function, const char *start_function)
{
	const struct summary_site *ret = summary_site(after, function, start_function);

	for (size_t i = 0; !ret && i < after->n_sites; i++) {
		const struct summary_site *s = &after->sites[i];

		if (!strcmp(s->function, function) &&
		    !summary_site(before, s->function, s->start_function))
			ret = s;
	}
	return ret;
}

static const struct summary_site *same_site(const struct sides *s, const struct summary_leak *l)
{
	return compare_site(s->before, s->after, l->function, l->start_function);
}

/*
 * The population, and its growth or that of the survivors, whichever is less: a leak raises both,
 * and more traffic the population only.
 */
static struct summary_trend growth_of(const struct summary_site *site)
{
	const struct summary_trend *s = &site->survivors;
	struct summary_trend ret = site->live;

	if (!s->is_known || (ret.is_known && s->per_min_high >= ret.per_min_high))
		return ret;
	ret.is_known = true;
	ret.per_min = s->per_min;
	ret.per_min_low = s->per_min_low;
	ret.per_min_high = s->per_min_high;
	return ret;
}

static struct summary_trend now_of(const struct sides *s, const struct summary_leak *l)
{
	if (l->kind != VERDICT_GOROUTINE_LEAK)
		return s->after->levels[summary_level_of(l->kind)];
	const struct summary_site *site = same_site(s, l);

	/* No goroutine of it was there, nor came: unless there was no room to say so. */
	return site ? growth_of(site) : (struct summary_trend){ .is_known = !s->after->is_cut };
}

/* ---- work ---- */

static double ratio(double before, double after, double least)
{
	return before >= least && isfinite(after) ? after / before : NAN;
}

static double work_ratio(const struct sides *s, enum summary_work w)
{
	return ratio(s->before->work[w], s->after->work[w],
		     w == SUMMARY_BIRTHS ? BIRTHS_MIN : BYTES_MIN);
}

/* The first measure that says that there was enough, else the first that is known. */
static void work_by(struct compare_leak *c, double r, const char *of)
{
	if (isfinite(r) && (!c->work_of || (c->work < WORK_PART && r >= WORK_PART))) {
		c->work = r;
		c->work_of = of;
	}
}

/*
 * A fix may be that the goroutine is not started any more.  Then all else has to tell: what is
 * started elsewhere and what is allocated, the lesser of them.
 */
static void work_of_goroutines(const struct sides *s, struct compare_leak *c)
{
	const struct summary_leak *l = c->before;
	const struct summary_site *was = summary_site(s->before, l->function, l->start_function);
	const struct summary_site *is = same_site(s, l);
	double was_born = was ? was->born_per_s : 0, is_born = is ? is->born_per_s : 0;
	double elsewhere = ratio(s->before->work[SUMMARY_BIRTHS] - was_born,
				 s->after->work[SUMMARY_BIRTHS] - is_born, BIRTHS_MIN);
	double allocated = work_ratio(s, SUMMARY_ALLOCATED);

	double there = ratio(was_born, is_born, BORN_MIN);

	c->is_unreached = there < WORK_PART;
	work_by(c, there, "goroutines started there");
	if (isfinite(allocated) && !(elsewhere <= allocated))
		work_by(c, allocated, "bytes allocated");
	else
		work_by(c, elsewhere, "goroutines started elsewhere");
	work_by(c, work_ratio(s, SUMMARY_MOVED), "bytes read and written");
}

static void work_of_leak(const struct sides *s, struct compare_leak *c)
{
	c->work = NAN;
	if (c->before->kind == VERDICT_GOROUTINE_LEAK) {
		work_of_goroutines(s, c);
		return;
	}
	work_by(c, work_ratio(s, SUMMARY_ALLOCATED), "bytes allocated");
	work_by(c, work_ratio(s, SUMMARY_MOVED), "bytes read and written");
}

/* ---- one leak ---- */

static void say(struct compare_leak *c, enum compare_fate fate, const char *fmt, ...)
	_printf_(3, 4);
static void say(struct compare_leak *c, enum compare_fate fate, const char *fmt, ...)
{
	va_list ap;

	c->fate = fate;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

/* Slopes are compared per work; but that there was more of it excuses nothing. */
static double per_work(const struct compare_leak *c, double per_min)
{
	return c->work < 1 && c->work > 0 ? per_min / c->work : per_min;
}

/* Whether the second observation could have shown the leak; says why not. */
static bool could_show(const struct sides *s, struct compare_leak *c)
{
	double want = fmax(LONG_MIN_S, LONG_PART * c->before->horizon_s);
	struct figures f;

	if (s->after->observed_s + TICK_S < want)
		say(c, COMPARE_UNKNOWN,
		    "the second observation took %s only: one of %s or more could tell",
		    text_duration(f.a, s->after->observed_s), text_duration(f.b, want));
	else if (c->work < WORK_PART)
		say(c, COMPARE_UNKNOWN,
		    "much less work was done in the second observation: %.0f%% by %s",
		    100 * c->work, c->work_of);
	else if (!c->now.is_known && c->before->kind == VERDICT_HEAP_RETENTION)
		say(c, COMPARE_UNKNOWN,
		    "too few garbage collections were seen in the second observation: %" PRIu64,
		    s->after->gc_seen);
	else if (!c->now.is_known)
		say(c, COMPARE_UNKNOWN, "too little was seen of it in the second observation");
	else
		return true;
	return false;
}

/* What was left behind before the observation has a population and no slope. */
static void judge_pile(const struct sides *s, struct compare_leak *c)
{
	double want = OF_AGE_PART * s->before->age_s;
	struct figures f;

	level(f.a, c->before->unit, c->before->last);
	level(f.b, c->before->unit, c->now.last);
	if (c->now.last > GONE_PART * c->before->last)
		say(c,
		    c->now.last > STILL_PART * c->before->last ? COMPARE_STILL_THERE : COMPARE_LESS,
		    "left behind before: %s in the first, %s in the second", f.a, f.b);
	else if (s->before->age_s > s->before->observed_s && s->after->age_s < want)
		say(c, COMPARE_UNKNOWN,
		    "%s were left behind before the first observation; the process of the second "
		    "is too young to have as many: %s, not %s",
		    f.a, text_duration(f.c, s->after->age_s), text_duration(f.d, want));
	else
		say(c, COMPARE_GONE, "left behind before: %s in the first, %s in the second", f.a,
		    f.b);
}

static void judge_slope(const struct sides *s, struct compare_leak *c)
{
	const struct summary_trend *now = &c->now;
	enum verdict_unit unit = c->before->unit;
	double was = c->before->per_min;
	struct figures f;

	rate(f.a, unit, was);
	rate(f.b, unit, now->per_min);
	rate(f.c, unit, now->per_min_low);
	rate(f.d, unit, now->per_min_high);
	if (per_work(c, now->per_min_high) <= GONE_PART * was)
		say(c, COMPARE_GONE, "%s/min before, %s/min after (90%% sure: at most %s)", f.a,
		    f.b, f.d);
	else if (s->after->kind == VERDICT_WARMING_UP)
		say(c, COMPARE_UNKNOWN,
		    "%s/min before, %s/min after (90%% sure: %s to %s), and the second is "
		    "warming up still: observe for %s",
		    f.a, f.b, f.c, f.d, text_duration(f.e, s->after->needs_s));
	else if (per_work(c, now->per_min_low) < SURE_PART * was)
		say(c, COMPARE_UNKNOWN,
		    "%s/min before, %s/min after, which is not sure (90%% sure: %s to %s): "
		    "observe for longer",
		    f.a, f.b, f.c, f.d);
	else
		say(c,
		    per_work(c, now->per_min) >= STILL_PART * was ? COMPARE_STILL_THERE
								  : COMPARE_LESS,
		    "%s/min before, %s/min after (90%% sure: %s to %s)", f.a, f.b, f.c, f.d);
}

/* A finding says that it leaks, whatever else is true; how much, the figures do. */
static void judge_found(struct compare_leak *c)
{
	enum verdict_unit unit = c->before->unit;
	double was = c->before->per_min, is = c->after->per_min;
	struct figures f;

	if (was > 0)
		say(c, per_work(c, is) >= STILL_PART * was ? COMPARE_STILL_THERE : COMPARE_LESS,
		    "%s/min before, %s/min after, and found again (confidence %.2f)",
		    rate(f.a, unit, was), rate(f.b, unit, is), c->after->confidence);
	else
		say(c, COMPARE_STILL_THERE,
		    "%s left behind before, %s after, and found again (confidence %.2f)",
		    level(f.a, unit, c->before->last), level(f.b, unit, c->after->last),
		    c->after->confidence);
}

static void judge_leak(const struct sides *s, struct compare_leak *c)
{
	c->after = same_leak(s->after, s->before, c->before);
	c->now = now_of(s, c->before);
	work_of_leak(s, c);
	if (c->after)
		judge_found(c);
	else if (!could_show(s, c))
		return;
	else if (c->before->per_min > 0)
		judge_slope(s, c);
	else
		judge_pile(s, c);
}

static void new_leak(struct compare_leak *c, const struct summary_leak *l)
{
	struct figures f;

	*c = (struct compare_leak){ .after = l, .work = NAN };
	c->now = (struct summary_trend){ false, NAN, NAN, NAN, NAN, NAN };
	say(c, COMPARE_NEW, "not found before, %s/min after (confidence %.2f)",
	    rate(f.a, l->unit, l->per_min), l->confidence);
}

/* ---- all of them ---- */

/* How much it matters: what denies a fix first, then what leaves it open. */
static int weight(enum compare_fate f)
{
	static const int weights[] = {
		[COMPARE_GONE] = 0, [COMPARE_UNKNOWN] = 1,     [COMPARE_LESS] = 2,
		[COMPARE_NEW] = 3,  [COMPARE_STILL_THERE] = 4,
	};

	return weights[f];
}

/* Stable: within a fate the worst finding stays first. */
static void sort(struct compare *c)
{
	for (size_t i = 1; i < c->n_leaks; i++) {
		struct compare_leak l = c->leaks[i];
		size_t at = i;

		for (; at && weight(c->leaks[at - 1].fate) < weight(l.fate); at--)
			c->leaks[at] = c->leaks[at - 1];
		c->leaks[at] = l;
	}
}

static const char *program(const struct summary *s)
{
	return text_base_name(*s->exe ? s->exe : s->comm);
}

/* Whether most of the go statements that either was seen to have are those of both. */
static bool have_much_in_common(const struct summary *a, const struct summary *b)
{
	size_t common = 0;

	for (size_t i = 0; i < a->n_sites; i++)
		common += summary_site(b, a->sites[i].function, a->sites[i].start_function) != NULL;
	return common && COMMON_PART * (double)(a->n_sites + b->n_sites - common) <= (double)common;
}

/*
 * A rename alone, or another module path alone, does not make another program.  What was not built
 * as a module is known by what it does.
 */
static bool is_other_program(const struct summary *a, const struct summary *b)
{
	if (!strcmp(program(a), program(b)))
		return false;
	if (*a->module && *b->module)
		return strcmp(a->module, b->module) != 0;
	return !have_much_in_common(a, b);
}

static void conclude_without(const struct sides *s, struct compare *ret)
{
	if (s->before->kind == VERDICT_WARMING_UP || s->after->kind == VERDICT_WARMING_UP) {
		bool is_before = s->before->kind == VERDICT_WARMING_UP;

		ret->outcome = COMPARE_NOT_COMPARABLE;
		snprintf(ret->summary, sizeof(ret->summary),
			 "the %s observation is too short: %.160s", is_before ? "first" : "second",
			 is_before ? s->before->verdict : s->after->verdict);
		return;
	}
	ret->outcome = COMPARE_NOTHING_TO_FIX;
	snprintf(ret->summary, sizeof(ret->summary), "no leak was found before, and none after");
}

static void conclude(const struct sides *s, struct compare *ret)
{
	const struct compare_leak *l = &ret->leaks[0];
	char name[VERDICT_LINE_MAX];

	if (!ret->n_leaks) {
		conclude_without(s, ret);
		return;
	}
	ret->outcome = l->fate == COMPARE_GONE	    ? COMPARE_FIXED
		       : l->fate == COMPARE_UNKNOWN ? COMPARE_NOT_COMPARABLE
						    : COMPARE_NOT_FIXED;
	leak_name(l->before ? l->before : l->after, name);
	if (l->fate == COMPARE_UNKNOWN)
		snprintf(ret->summary, sizeof(ret->summary), "%.190s", l->why);
	else
		snprintf(ret->summary, sizeof(ret->summary), "%.84s: %s%s%.90s", name,
			 l->fate == COMPARE_GONE ? "" : compare_fate_str(l->fate),
			 l->fate == COMPARE_GONE ? "" : ", ", l->why);
}

/* One that waits for a second look counts if the other observation has it, too. */
static bool stands(const struct summary_leak *l)
{
	return l && l->state != FINDING_NEW;
}

void compare(const struct summary *before, const struct summary *after, struct compare *ret)
{
	const struct sides s = { before, after };

	*ret = (struct compare){ 0 };
	if (is_other_program(before, after)) {
		ret->outcome = COMPARE_NOT_COMPARABLE;
		snprintf(ret->summary, sizeof(ret->summary),
			 "these are different programs: %.30s (module %.30s) and %.30s (module "
			 "%.30s)",
			 program(before), *before->module ? before->module : "unknown",
			 program(after), *after->module ? after->module : "unknown");
		return;
	}
	for (size_t i = 0; i < before->n_leaks; i++) {
		if (!stands(&before->leaks[i]) &&
		    !stands(same_leak(after, before, &before->leaks[i])))
			continue;
		struct compare_leak *c = &ret->leaks[ret->n_leaks++];

		c->before = &before->leaks[i];
		judge_leak(&s, c);
	}
	for (size_t i = 0; i < after->n_leaks; i++)
		if (stands(&after->leaks[i]) && !same_leak(before, after, &after->leaks[i]))
			new_leak(&ret->leaks[ret->n_leaks++], &after->leaks[i]);
	sort(ret);
	conclude(&s, ret);
}

/* ---- which process ---- */

static bool is_worse(const struct summary *a, const struct summary *b)
{
	const struct summary_leak *x = summary_worst_leak(a), *y = summary_worst_leak(b);

	if (!x || !y)
		return x && !y;
	if (x->kind != y->kind)
		return x->kind > y->kind;
	return x->confidence > y->confidence;
}

static bool is_named_as(const struct summary *a, const struct summary *b)
{
	return !strcmp(program(a), program(b)) || !strcmp(a->comm, b->comm) ||
	       (*a->module && !strcmp(a->module, b->module));
}

/* The worst of those with the name of other, which may be NULL: any.  NULL: none. */
static const struct summary *worst(const struct summary *s, size_t n, const struct summary *other)
{
	const struct summary *ret = NULL;

	for (size_t i = 0; i < n; i++)
		if ((!other || is_named_as(&s[i], other)) && (!ret || is_worse(&s[i], ret)))
			ret = &s[i];
	return ret;
}

bool compare_choose(const struct summary *before, size_t n_before, const struct summary *after,
		    size_t n_after, const struct summary **ret_before,
		    const struct summary **ret_after)
{
	const struct summary *a = worst(before, n_before, NULL), *b = worst(after, n_after, NULL);

	if (!a || !b)
		return false;
	if (summary_worst_leak(a) || !summary_worst_leak(b)) {
		/* A name may change with the fix; two that are alone belong together. */
		const struct summary *same = worst(after, n_after, a);

		b = same || n_before > 1 || n_after > 1 ? same : b;
	} else {
		const struct summary *same = worst(before, n_before, b);

		a = same || n_before > 1 || n_after > 1 ? same : a;
	}
	*ret_before = a;
	*ret_after = b;
	return a && b;
}
