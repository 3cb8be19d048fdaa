/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/site.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* A stack may change so often at first, then with a pause in between. */
#define STACK_CHANGES  8
#define STACK_PAUSE_NS (10 * NSEC_PER_SEC)

int site_new(uint64_t gopc, uint64_t startpc, struct site **ret)
{
	struct site *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->gopc = s->link_gopc = gopc;
	s->startpc = startpc;
	s->channels = s->channels_of = -1;
	series3_init_small(&s->live);
	series3_init_small(&s->survivors);
	series3_init_small(&s->births);
	*ret = s;
	return 0;
}

void site_free(struct site *s)
{
	if (!s)
		return;
	stack_note_release(&s->park_stack);
	stack_note_release(&s->birth_stack);
	vec_release(&s->reasons);
	series3_release(&s->live);
	series3_release(&s->survivors);
	series3_release(&s->births);
	free(s->ages);
	free(s->pending);
	free(s->function);
	free(s->file);
	free(s->start_function);
	free(s);
}

int site_resolve(struct site *s, const struct model_resolver *r)
{
	struct model_site_name name = { 0 };

	if (s->is_other) {
		memcpy(name.function, "(other sites)", sizeof("(other sites)"));
	} else {
		name.link_gopc = s->gopc;
		r->site(r->arg, s->gopc, s->startpc, &name);
	}
	_cleanup_free_ char *function = strndup(name.function, sizeof(name.function));
	_cleanup_free_ char *file = strndup(name.file, sizeof(name.file));
	_cleanup_free_ char *start = strndup(name.start_function, sizeof(name.start_function));

	if (!function || !file || !start)
		return -ENOMEM;
	free(s->function);
	free(s->file);
	free(s->start_function);
	s->function = TAKE_PTR(function);
	s->file = TAKE_PTR(file);
	s->start_function = TAKE_PTR(start);
	s->line = name.line;
	s->link_gopc = name.link_gopc;
	s->is_system = name.is_system;
	return 0;
}

static int64_t population(int64_t base, uint64_t born, uint64_t died)
{
	int64_t live = base + (int64_t)(born - died);

	return live > 0 ? live : 0;
}

int64_t site_live(const struct site *s)
{
	return population(s->base, s->born, s->died);
}

/* ---- ages ---- */

static int ensure_ages(struct site *s, uint64_t observed_ns, uint64_t tick_ns)
{
	if (s->ages)
		return 0;
	s->ages = malloc(sizeof(*s->ages));
	if (!s->ages)
		return -ENOMEM;
	ages_init(s->ages, observed_ns, tick_ns, (double)s->base);
	return 0;
}

void site_rebase(struct site *s, int64_t base)
{
	s->base = base;
	if (s->ages)
		s->ages->before = (double)base;
}

static int ensure_pending(struct site *s)
{
	if (!s->pending)
		s->pending = calloc(1, sizeof(*s->pending));
	return s->pending ? 0 : -ENOMEM;
}

int site_birth(struct site *s)
{
	int err = ensure_pending(s);

	if (!err)
		ages_note_birth(s->pending);
	return err;
}

int site_death(struct site *s, uint64_t birth_ns, uint64_t ts_ns, uint64_t observed_ns)
{
	int err = ensure_pending(s);

	if (!err)
		ages_note_death(s->pending, s->ages, observed_ns, birth_ns, ts_ns);
	return err;
}

int site_records(struct site *s, const struct ages_digest *d, uint64_t observed_ns,
		 uint64_t tick_ns)
{
	int err = ensure_ages(s, observed_ns, tick_ns);

	if (!err)
		ages_apply(s->ages, d);
	return err;
}

/*
 * The age that makes a survivor never falls: a rise of the survivors is then never an effect of
 * the yardstick.  While the observation is short it is bounded by a part of it, or a leak could
 * not be told from a long life at all.
 */
static void update_long_lived(struct site *s, double observed_s)
{
	double part = observed_s * SITE_LONG_PART;
	double least = fmax(SITE_LONG_MIN_S, fmin(SITE_LONG_S, part));
	double p99 = s->ages ? lifetimes_quantile(&s->ages->ended, 0.99) : -1;
	double want = fmin(SITE_LONG_LIFETIMES * p99, fmax(part, least));

	s->long_lived_s = fmax(s->long_lived_s, fmax(want, least));
}

static double site_survivors(const struct site *s, uint64_t now_ns)
{
	double live = (double)site_live(s);

	return s->ages ? round(ages_older(s->ages, now_ns, s->long_lived_s, live)) : live;
}

static int add_points(struct site *s, uint64_t observed_ns, uint64_t tick_ns, uint64_t now_ns)
{
	double dt = seconds_between(tick_ns, now_ns);
	double rate = dt > 0 ? (double)(s->born - s->tick_born) / dt : 0;
	int err = series3_add(&s->live, now_ns, (double)site_live(s));

	if (!err && dt > 0)
		err = series3_add(&s->births, now_ns, rate);
	if (!err && seconds_between(observed_ns, now_ns) >= SITE_LONG_MIN_S)
		err = series3_add(&s->survivors, now_ns, site_survivors(s, now_ns));
	return err;
}

int site_tick(struct site *s, uint64_t observed_ns, uint64_t tick_ns, uint64_t now_ns,
	      const struct ages_scale *scale)
{
	uint64_t births = s->born - s->tick_born, deaths = s->died - s->tick_died;
	int err = 0;

	if (births || deaths)
		s->moved_ns = now_ns;
	if (births || deaths || s->is_corrected)
		err = ensure_ages(s, observed_ns, tick_ns);
	/* What it was before its first birth or death belongs to the picture. */
	if (!err && s->ages && !series_count(&s->live.h[SERIES_NEAR]))
		err = series3_add(&s->live, tick_ns,
				  (double)population(s->base, s->tick_born, s->tick_died));
	if (!err && s->ages)
		ages_tick(s->ages, now_ns, births, deaths, scale);
	update_long_lived(s, seconds_between(observed_ns, now_ns));
	if (!err && s->ages)
		err = add_points(s, observed_ns, tick_ns, now_ns);
	s->tick_born = s->born;
	s->tick_died = s->died;
	s->is_corrected = false;
	return err;
}

/* ---- wait reasons ---- */

struct site_reason *site_reason(struct site *s, uint32_t reason)
{
	struct site_reason fresh = { .reason = reason };

	size_t at = 0;

	while (at < s->reasons.n && s->reasons.items[at].reason < reason)
		at++;
	if (at < s->reasons.n && s->reasons.items[at].reason == reason)
		return &s->reasons.items[at];
	if (s->reasons.n >= SNAPSHOT_REASONS_MAX || vec_push(&s->reasons, fresh))
		return NULL;
	struct site_reason *r = &s->reasons.items[at];

	memmove(r + 1, r, (s->reasons.n - 1 - at) * sizeof(*r));
	*r = fresh;
	return r;
}

int64_t site_waiting(const struct site *s, const struct site_reason *r, bool is_counted)
{
	int64_t counted = (int64_t)(r->parks - r->readies) + r->base, live = site_live(s);
	int64_t n = is_counted ? counted : (int64_t)r->census;

	return n < 0 ? 0 : n > live ? live : n;
}

/*
 * These are woken by injectglist() or by the scheduler itself (Go 1.15-1.27, runtime/proc.go
 * findRunnable, mgcpacer.go findRunnableGCWorker, mgc.go gcWakeAllAssists), not by ready().
 */
bool site_reason_is_counted(const char *name)
{
	static const char *const uncounted[] = {
		"IO wait",	"GC ",	  "force gc",	       "finalizer wait",
		"cleanup wait", "trace ", "wait for GC cycle", "wait until GC ends",
	};

	for (size_t i = 0; name && i < ARRAY_SIZE(uncounted); i++)
		if (!strncmp(name, uncounted[i], strlen(uncounted[i])))
			return false;
	return true;
}

int site_main_reason(const struct site *s, const struct model_resolver *r, bool is_park_watched,
		     int64_t *ret_count)
{
	int64_t best_n = 0;
	uint64_t most_parked = 0;
	int best = -1, uncounted = -1;

	for (size_t i = 0; i < s->reasons.n; i++) {
		const struct site_reason *it = &s->reasons.items[i];
		bool has_readies = site_reason_is_counted(r->reason(r->arg, it->reason));
		int64_t n = site_waiting(s, it, is_park_watched && has_readies);

		if (n > best_n) {
			best_n = n;
			best = (int)i;
		} else if (!has_readies && it->parks > most_parked) {
			most_parked = it->parks;
			uncounted = (int)i;
		}
	}
	/* Of those born since the census only the parks are known where wake-ups are not counted.
	 */
	bool is_uncounted = uncounted >= 0 && best_n * 2 < site_live(s);

	*ret_count = best < 0 || is_uncounted ? -1 : best_n;
	return is_uncounted ? uncounted : best;
}

/* ---- stacks ---- */

/* Parked stacks of the reason that most wait for are kept, else the latest. */
static bool is_wanted(const struct site *s, const struct stack_note *st, const struct event *ev,
		      const struct model_resolver *r)
{
	bool is_calm = st->changes < STACK_CHANGES || ev->ts_ns >= st->changed_ns + STACK_PAUSE_NS;
	int64_t count;

	if (st != &s->park_stack || !st->depth || st->reason == ev->stack.reason)
		return is_calm;
	int main = site_main_reason(s, r, true, &count);
	uint32_t reason = main < 0 ? st->reason : s->reasons.items[main].reason;

	return main < 0 ? is_calm : reason == ev->stack.reason || (reason != st->reason && is_calm);
}

int site_stack_seen(struct site *s, const struct event *ev, const struct model_resolver *r)
{
	struct stack_note *st = ev->stack.hook == WIRE_HOOK_PARK ? &s->park_stack : &s->birth_stack;
	bool is_same = st->depth && stack_note_is(st, ev->stack.pc, ev->stack.depth);

	if (is_same && st->reason == ev->stack.reason)
		return 0;
	bool is_news = st == &s->birth_stack && st->depth && !s->birth_stacks_differ;

	if (!is_news && !is_wanted(s, st, ev, r))
		return 0;
	s->birth_stacks_differ |= is_news;
	st->changes++;
	st->changed_ns = ev->ts_ns;
	int err = stack_note_keep(st, ev->stack.reason, ev->stack.pc, ev->stack.depth);

	return err ? err : 1;
}

int site_stack_found(struct site *s, const struct model_example *ex)
{
	__u64 pc[WIRE_STACK_DEPTH];
	uint32_t depth = MIN(ex->depth, (uint32_t)WIRE_STACK_DEPTH);

	if (s->park_stack.depth || !depth)
		return 0;
	for (uint32_t i = 0; i < depth; i++)
		pc[i] = ex->pc[i];
	return stack_note_keep(&s->park_stack, ex->reason, pc, depth);
}

int site_frames(struct site *s, const struct model_resolver *r)
{
	int err = stack_note_name(&s->park_stack, true, r);

	return err ? err : stack_note_name(&s->birth_stack, false, r);
}

/* ---- the picture ---- */

static void snapshot_ages(const struct site *s, uint64_t now_ns, struct snapshot_site *ret)
{
	ret->long_lived_s = fmax(s->long_lived_s, SITE_LONG_MIN_S);
	ret->survivors = llround(site_survivors(s, now_ns));
	ret->lifetime_p50_s = ret->lifetime_p99_s = -1;
	ret->ended_late = s->died ? -1 : 0;
	if (!s->ages)
		return;
	ret->lifetime_p50_s = lifetimes_quantile(&s->ages->ended, 0.50);
	ret->lifetime_p99_s = lifetimes_quantile(&s->ages->ended, 0.99);
	ret->born_lately =
		(uint64_t)llround(ages_births_within(s->ages, now_ns, ret->long_lived_s));
	double late = ages_ended_older(s->ages, ret->long_lived_s);

	if (late >= 0)
		ret->ended_late = llround(late * (double)s->died);
}

void site_snapshot(struct site *s, const struct model_resolver *r, bool is_park_watched,
		   uint64_t now_ns, struct snapshot_site *ret)
{
	int64_t count = -1;
	int reason = site_main_reason(s, r, is_park_watched, &count);

	*ret = (struct snapshot_site){
		.gopc = s->link_gopc,
		.function = s->function,
		.file = s->file,
		.line = s->line,
		.start_function = s->start_function,
		.is_system = s->is_system,
		.is_other = s->is_other,
		.live = site_live(s),
		.at_attach = s->base > 0 ? s->base : 0,
		.born = s->born,
		.died = s->died,
		.wait_reason =
			reason < 0 ? NULL : r->reason(r->arg, s->reasons.items[reason].reason),
		.wait_count = count,
		.stack = s->park_stack.frames,
		.stack_depth = s->park_stack.n_frames,
		.creation_stack = s->birth_stack.frames,
		.creation_depth = s->birth_stack.n_frames,
		.has_creators = s->birth_stacks_differ,
		.live_series = &s->live,
		.survivor_series = &s->survivors,
		.birth_series = &s->births,
	};
	snapshot_ages(s, now_ns, ret);
}
