/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/diff.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define COLUMNS	      80
#define LABEL_COLUMNS 44
#define VALUE_COLUMNS 13
#define SITES_SHOWN   5
#define SITES_VERBOSE 30
#define LABEL_MAX     (2 * VIEW_NAME_MAX)
#define PERCENT_MAX   999.5

#define UNKNOWN "?"

static const struct {
	const char *name, *label;
	enum verdict_unit unit;
} levels[SUMMARY_LEVELS] = {
	[SUMMARY_HEAP_LIVE] = { "heap_live", "heap live after GC", VERDICT_BYTES },
	[SUMMARY_OUTSIDE] = { "outside", "memory outside the Go runtime", VERDICT_BYTES },
	[SUMMARY_FDS] = { "fds", "open descriptors", VERDICT_FILES },
	[SUMMARY_GOROUTINES] = { "goroutines", "goroutines", VERDICT_GOROUTINES },
};

static const struct {
	const char *name, *label;
	bool is_bytes;
} works[SUMMARY_WORKS] = {
	[SUMMARY_BIRTHS] = { "births", "goroutines started", false },
	[SUMMARY_ALLOCATED] = { "allocated_bytes", "allocated", true },
	[SUMMARY_MOVED] = { "moved_bytes", "read and written", true },
};

static const char *const units[] = {
	[VERDICT_GOROUTINES] = "goroutines",
	[VERDICT_BYTES] = "bytes",
	[VERDICT_FILES] = "files",
};

/* ---- pairs of go statements ---- */

struct pair {
	const struct summary_site *before, *after; /* one may be NULL */
	bool is_leak;
	double size;
};

static double size_of(const struct summary_site *s)
{
	double growth = s ? fabs(s->live.last - s->live.first) : 0, last = s ? s->live.last : 0;

	return (isfinite(growth) ? 1000 * growth : 0) + (isfinite(last) ? last : 0);
}

static bool is_leak_of(const struct summary *s, const struct summary_site *site)
{
	for (size_t i = 0; site && i < s->n_leaks; i++)
		if (s->leaks[i].function && !strcmp(s->leaks[i].function, site->function) &&
		    !strcmp(s->leaks[i].start_function, site->start_function))
			return true;
	return false;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct pair *a = pa, *b = pb;
	const struct summary_site *x = a->before ? a->before : a->after;
	const struct summary_site *y = b->before ? b->before : b->after;

	if (a->is_leak != b->is_leak)
		return a->is_leak ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	int order = strcmp(x->function, y->function);

	return order ? order : strcmp(x->start_function, y->start_function);
}

static void add_pair(const struct diff *d, struct pair *p, const struct summary_site *before,
		     const struct summary_site *after)
{
	*p = (struct pair){
		.before = before,
		.after = after,
		.is_leak = is_leak_of(d->before, before) || is_leak_of(d->after, after),
		.size = fmax(size_of(before), size_of(after)),
	};
}

static bool is_taken(const struct pair *pairs, size_t n, const struct summary_site *after)
{
	for (size_t i = 0; i < n; i++)
		if (pairs[i].after == after)
			return true;
	return false;
}

/* All go statements of both, what leaks first, then by growth.  The caller frees; NULL: no memory.
 */
static struct pair *pairs_of(const struct diff *d, size_t *ret_n)
{
	const struct summary *a = d->before, *b = d->after;
	struct pair *ret = calloc(a->n_sites + b->n_sites + 1, sizeof(*ret));
	size_t n = 0;

	if (!ret)
		return NULL;
	for (size_t i = 0; i < a->n_sites; i++) {
		const struct summary_site *s = &a->sites[i];
		const struct summary_site *after =
			compare_site(a, b, s->function, s->start_function);

		add_pair(d, &ret[n], s, is_taken(ret, n, after) ? NULL : after);
		n++;
	}
	for (size_t i = 0; i < b->n_sites; i++)
		if (!is_taken(ret, n, &b->sites[i]))
			add_pair(d, &ret[n++], NULL, &b->sites[i]);
	qsort(ret, n, sizeof(*ret), by_weight);
	*ret_n = n;
	return ret;
}

/* ---- text ---- */

static const char *rate(char buf[static TEXT_HUMAN_MAX], enum verdict_unit unit, double per_min)
{
	if (!isfinite(per_min))
		return UNKNOWN;
	/* what rounds to nothing has no sign */
	if (unit != VERDICT_BYTES)
		return text_change(buf, fabs(per_min) < 0.005 ? 0 : per_min);
	return text_bytes_change(buf, per_min);
}

/* Of goroutines, with its unit. */
static const char *per_minute(char buf[static TEXT_HUMAN_MAX], double per_min)
{
	char n[TEXT_HUMAN_MAX];

	if (!isfinite(per_min))
		return UNKNOWN;
	snprintf(buf, TEXT_HUMAN_MAX, "%.18s/min", rate(n, VERDICT_GOROUTINES, per_min));
	return buf;
}

static const char *amount(char buf[static TEXT_HUMAN_MAX], bool is_bytes, double n)
{
	if (!isfinite(n))
		return UNKNOWN;
	return is_bytes ? text_bytes(buf, (uint64_t)fmax(0, n)) : text_count(buf, n);
}

/* "-98%", "x12"; "" where a part of it means nothing. */
static const char *change(char buf[static TEXT_HUMAN_MAX], double before, double after)
{
	double percent = 100 * (after / before - 1);

	*buf = '\0';
	if (!(before > 0) || !isfinite(percent))
		return buf;
	if (percent > PERCENT_MAX)
		snprintf(buf, TEXT_HUMAN_MAX, "x%s",
			 text_count((char[TEXT_HUMAN_MAX]){ 0 }, after / before));
	else if (fabs(percent) < 0.5)
		snprintf(buf, TEXT_HUMAN_MAX, "0%%");
	else
		snprintf(buf, TEXT_HUMAN_MAX, "%+.0f%%", fmax(percent, -PERCENT_MAX));
	return buf;
}

/* "function:line", of which the line is never cut. */
static void place(char label[static LABEL_MAX], const char *function, uint32_t number)
{
	char name[VIEW_NAME_MAX], cut[4 * LABEL_COLUMNS + 1], suffix[16];

	snprintf(suffix, sizeof(suffix), ":%" PRIu32, number);
	function = view_short_function(view_name(name, function));
	unsigned int room = LABEL_COLUMNS - 5 - (unsigned int)strlen(suffix);

	if (view_columns(function) > room) {
		view_fit(cut, sizeof(cut), function, room, false);
		function = cut;
	}
	snprintf(label, LABEL_MAX, "    %s%s", function, suffix);
}

static void line(struct view_out *o, enum view_style style, const char *label, const char *before,
		 const char *after, const char *of_it)
{
	char name[4 * LABEL_COLUMNS + 1];

	view_fit(name, sizeof(name), label, LABEL_COLUMNS, false);
	if (*of_it)
		view_printf(o, style, "%s%*s%*s%9s\n", name, VALUE_COLUMNS, before, VALUE_COLUMNS,
			    after, of_it);
	else
		view_printf(o, style, "%s%*s%*s\n", name, VALUE_COLUMNS, before, VALUE_COLUMNS,
			    after);
}

static void heading(struct view_out *o, const char *label)
{
	fputc('\n', o->f);
	line(o, VIEW_BOLD, label, "BEFORE", "AFTER", "CHANGE");
}

static void print_levels(struct view_out *o, const struct diff *d)
{
	const struct summary_trend *a = d->before->levels, *b = d->after->levels;
	char x[TEXT_HUMAN_MAX], y[TEXT_HUMAN_MAX], z[TEXT_HUMAN_MAX], label[LABEL_MAX];

	heading(o, "  Growth per minute");
	for (int i = 0; i < SUMMARY_LEVELS; i++) {
		snprintf(label, sizeof(label), "    %s", levels[i].label);
		line(o, VIEW_PLAIN, label, rate(x, levels[i].unit, a[i].per_min),
		     rate(y, levels[i].unit, b[i].per_min), change(z, a[i].per_min, b[i].per_min));
	}
	heading(o, "  Floor at the end");
	for (int i = 0; i < SUMMARY_LEVELS; i++) {
		bool is_bytes = levels[i].unit == VERDICT_BYTES;

		snprintf(label, sizeof(label), "    %s", levels[i].label);
		line(o, VIEW_PLAIN, label, amount(x, is_bytes, a[i].last),
		     amount(y, is_bytes, b[i].last), change(z, a[i].last, b[i].last));
	}
}

static void print_site(struct view_out *o, const struct diff *d, const struct pair *p)
{
	/* One that is not there has no goroutines, unless there were too many to keep. */
	const struct summary_trend none_before = { .last = d->before->is_cut ? NAN : 0,
						   .per_min = d->before->is_cut ? NAN : 0 };
	const struct summary_trend none_after = { .last = d->after->is_cut ? NAN : 0,
						  .per_min = d->after->is_cut ? NAN : 0 };
	const struct summary_site *s = p->before ? p->before : p->after;
	const struct summary_trend *a = p->before ? &p->before->live : &none_before;
	const struct summary_trend *b = p->after ? &p->after->live : &none_after;
	char x[TEXT_HUMAN_MAX], y[TEXT_HUMAN_MAX], z[TEXT_HUMAN_MAX], label[LABEL_MAX];
	char name[VIEW_NAME_MAX];

	place(label, s->function, s->line);
	line(o, p->is_leak ? VIEW_BOLD : VIEW_PLAIN, label, amount(x, false, a->last),
	     amount(y, false, b->last), change(z, a->last, b->last));
	view_name(name, *s->start_function ? s->start_function : "(growth)");
	snprintf(label, sizeof(label), "      %s", view_short_function(name));
	line(o, VIEW_DIM, label, per_minute(x, a->per_min), per_minute(y, b->per_min),
	     change(z, a->per_min, b->per_min));
}

static void print_sites(struct view_out *o, const struct diff *d, bool is_verbose)
{
	size_t n = 0, max = is_verbose ? SITES_VERBOSE : SITES_SHOWN;
	_cleanup_free_ struct pair *pairs = pairs_of(d, &n);

	if (!pairs || !n)
		return;
	heading(o, "  Goroutines by go statement");
	for (size_t i = 0; i < MIN(n, max); i++)
		print_site(o, d, &pairs[i]);
	if (n > max)
		fprintf(o->f, "    and %zu more%s\n", n - max, is_verbose ? "" : " (-v, or -j)");
}

static double alloc_rate(const struct summary *s, const struct summary_alloc *a)
{
	if (!s->has_profile)
		return NAN;
	return a && s->allocs_s > 0 ? (double)(a->last_bytes - a->first_bytes) / s->allocs_s * 60
				    : 0;
}

static void print_alloc(struct view_out *o, const struct diff *d, const struct summary_alloc *alloc)
{
	double a = alloc_rate(d->before, summary_alloc(d->before, alloc->function));
	double b = alloc_rate(d->after, summary_alloc(d->after, alloc->function));
	char x[TEXT_HUMAN_MAX], y[TEXT_HUMAN_MAX], z[TEXT_HUMAN_MAX], label[LABEL_MAX];

	place(label, alloc->function, alloc->line);
	line(o, VIEW_PLAIN, label, rate(x, VERDICT_BYTES, a), rate(y, VERDICT_BYTES, b),
	     change(z, a, b));
}

static void print_allocs(struct view_out *o, const struct diff *d)
{
	const struct summary *a = d->before, *b = d->after;

	if (!a->n_allocs && !b->n_allocs)
		return;
	heading(o, "  Heap by allocation site, growth per minute");
	for (size_t i = 0; i < a->n_allocs; i++)
		print_alloc(o, d, &a->allocs[i]);
	for (size_t i = 0; i < b->n_allocs; i++)
		if (!summary_alloc(a, b->allocs[i].function))
			print_alloc(o, d, &b->allocs[i]);
}

static void print_work(struct view_out *o, const struct diff *d)
{
	const double *a = d->before->work, *b = d->after->work;
	char x[TEXT_HUMAN_MAX], y[TEXT_HUMAN_MAX], z[TEXT_HUMAN_MAX], label[LABEL_MAX];

	heading(o, "  Work done per second");
	for (int i = 0; i < SUMMARY_WORKS; i++) {
		snprintf(label, sizeof(label), "    %s", works[i].label);
		line(o, VIEW_PLAIN, label, amount(x, works[i].is_bytes, a[i]),
		     amount(y, works[i].is_bytes, b[i]), change(z, a[i], b[i]));
	}
}

static void print_place(struct view_out *o, const struct summary_leak *l)
{
	char function[VIEW_NAME_MAX], start[VIEW_NAME_MAX], text[2 * LABEL_MAX];

	view_name(function, l->function);
	view_name(start, l->start_function);
	snprintf(text, sizeof(text), "%s:%" PRIu32 "%s%s", function, l->line,
		 *start ? ", which starts " : "", start);
	view_wrap(o, VIEW_PLAIN, "    ", text);
}

static void print_leak(struct view_out *o, const struct compare_leak *c)
{
	const struct summary_leak *l = c->before ? c->before : c->after;
	bool is_bad = c->fate != COMPARE_GONE && c->fate != COMPARE_UNKNOWN;
	char text[VERDICT_LINE_MAX];

	view_printf(o,
		    is_bad			 ? VIEW_BAD
		    : c->fate == COMPARE_UNKNOWN ? VIEW_WARN
						 : VIEW_GOOD,
		    "\n  %s: %s\n", verdict_kind_str(l->kind), compare_fate_str(c->fate));
	if (l->function)
		print_place(o, l);
	view_wrap(o, VIEW_PLAIN, "    ", c->why);
	if (c->work_of) {
		snprintf(text, sizeof(text), "work done after: %.0f%% of that before, by %s",
			 100 * c->work, c->work_of);
		view_wrap(o, VIEW_PLAIN, "    ", text);
	}
	if (c->fate == COMPARE_GONE && c->is_unreached)
		view_wrap(o, VIEW_PLAIN, "    ",
			  "less than half as many goroutines are started there: if the fix does "
			  "not explain that, the load did not reach it");
}

static void print_side(struct view_out *o, const char *lead, const char *tape,
		       const struct summary *s)
{
	char name[VIEW_NAME_MAX], file[VIEW_NAME_MAX], go[VIEW_NAME_MAX], text[4 * VIEW_NAME_MAX];
	char observed[TEXT_HUMAN_MAX];

	snprintf(text, sizeof(text), "%s: %s (pid %d%s%s), observed for %s%s: %s",
		 view_name(file, tape), view_name(name, s->comm), (int)s->pid,
		 *s->go_version ? ", " : "", view_name(go, s->go_version),
		 text_duration(observed, s->observed_s), s->gaps ? ", with gaps" : "",
		 verdict_kind_str(s->kind));
	view_wrap(o, VIEW_BOLD, lead, text);
}

void diff_text(const struct view_out *to, const struct diff *d, bool is_verbose)
{
	static const enum view_style styles[] = {
		[COMPARE_NOTHING_TO_FIX] = VIEW_GOOD,
		[COMPARE_FIXED] = VIEW_GOOD,
		[COMPARE_NOT_FIXED] = VIEW_BAD,
		[COMPARE_NOT_COMPARABLE] = VIEW_WARN,
	};
	struct view_out o = *to;
	char lead[VIEW_TITLE_MAX], summary[VIEW_NAME_MAX];

	o.width = MIN(o.width, (unsigned int)COLUMNS);
	snprintf(lead, sizeof(lead), "%s: ", compare_outcome_str(d->compare->outcome));
	view_wrap(&o, styles[d->compare->outcome], lead, view_name(summary, d->compare->summary));
	print_side(&o, "  before  ", d->before_tape, d->before);
	print_side(&o, "  after   ", d->after_tape, d->after);
	for (size_t i = 0; i < d->compare->n_leaks; i++)
		print_leak(&o, &d->compare->leaks[i]);
	print_levels(&o, d);
	print_sites(&o, d, is_verbose);
	print_allocs(&o, d);
	print_work(&o, d);
}

/* ---- JSON ---- */

static struct json_object *whole(double d)
{
	return isfinite(d) ? json_object_new_int64(llround(d)) : NULL;
}

static struct json_object *side_json(const char *tape, const struct summary *s)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "tape", jsonl_text(tape));
	jsonl_add(o, "pid", json_object_new_int64(s->pid));
	jsonl_add(o, "comm", jsonl_text(s->comm));
	jsonl_add(o, "exe", jsonl_name(s->exe));
	jsonl_add(o, "module", jsonl_name(s->module));
	jsonl_add(o, "go_version", jsonl_name(s->go_version));
	jsonl_add(o, "observed_s", jsonl_number(s->observed_s));
	jsonl_add(o, "age_s", s->age_s < 0 ? NULL : jsonl_number(s->age_s));
	jsonl_add(o, "gc_seen", jsonl_count(s->gc_seen));
	jsonl_add(o, "gaps", jsonl_count(s->gaps));
	jsonl_add(o, "verdict", jsonl_text(verdict_kind_str(s->kind)));
	jsonl_add(o, "summary", jsonl_text(s->verdict));
	return o;
}

static struct json_object *trend_json(const struct summary_trend *t)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "first", whole(t->first));
	jsonl_add(o, "last", whole(t->last));
	jsonl_add(o, "per_min", jsonl_number(t->per_min));
	jsonl_add(o, "per_min_low", jsonl_number(t->per_min_low));
	jsonl_add(o, "per_min_high", jsonl_number(t->per_min_high));
	return o;
}

static struct json_object *finding_json(const struct summary_leak *l)
{
	struct json_object *o;

	if (!l)
		return NULL;
	o = trend_json(&(struct summary_trend){ true, l->first, l->last, l->per_min, l->per_min_low,
						l->per_min_high });
	jsonl_add(o, "line", l->function ? json_object_new_int64(l->line) : NULL);
	jsonl_add(o, "confidence", jsonl_number(l->confidence));
	jsonl_add(o, "horizon_s", jsonl_number(l->horizon_s));
	jsonl_add(o, "state", jsonl_text(finding_state_str(l->state)));
	return o;
}

static struct json_object *leak_json(const struct compare_leak *c)
{
	const struct summary_leak *l = c->before ? c->before : c->after;
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "kind", jsonl_text(verdict_kind_str(l->kind)));
	jsonl_add(o, "fate", jsonl_text(compare_fate_str(c->fate)));
	jsonl_add(o, "why", jsonl_text(c->why));
	jsonl_add(o, "unit", jsonl_text(units[l->unit]));
	jsonl_add(o, "function", jsonl_name(l->function));
	jsonl_add(o, "start_function", jsonl_name(l->start_function));
	jsonl_add(o, "before", finding_json(c->before));
	jsonl_add(o, "after", finding_json(c->after));
	jsonl_add(o, "now", c->now.is_known ? trend_json(&c->now) : NULL);
	jsonl_add(o, "work_ratio", jsonl_number(c->work));
	jsonl_add(o, "work_by", jsonl_text(c->work_of));
	jsonl_add(o, "unreached", jsonl_flag(c->is_unreached));
	return o;
}

static struct json_object *levels_json(const struct diff *d)
{
	struct json_object *a = json_object_new_array();

	for (int i = 0; i < SUMMARY_LEVELS; i++) {
		struct json_object *o = json_object_new_object();

		jsonl_add(o, "name", jsonl_text(levels[i].name));
		jsonl_add(o, "unit", jsonl_text(units[levels[i].unit]));
		jsonl_add(o, "before", trend_json(&d->before->levels[i]));
		jsonl_add(o, "after", trend_json(&d->after->levels[i]));
		json_object_array_add(a, o);
	}
	return a;
}

static struct json_object *site_json(const struct summary_site *s)
{
	if (!s)
		return NULL;
	struct json_object *o = trend_json(&s->live);

	jsonl_add(o, "line", json_object_new_int64(s->line));
	jsonl_add(o, "statements", jsonl_count(s->statements));
	jsonl_add(o, "born_per_s", jsonl_number(s->born_per_s));
	return o;
}

static struct json_object *sites_json(const struct diff *d)
{
	size_t n = 0;
	_cleanup_free_ struct pair *pairs = pairs_of(d, &n);
	struct json_object *a = pairs ? json_object_new_array() : NULL;

	for (size_t i = 0; a && i < MIN(n, (size_t)JSONL_SITES_MAX); i++) {
		const struct summary_site *s = pairs[i].before ? pairs[i].before : pairs[i].after;
		struct json_object *o = json_object_new_object();

		jsonl_add(o, "function", jsonl_name(s->function));
		jsonl_add(o, "start_function", jsonl_name(s->start_function));
		jsonl_add(o, "before", site_json(pairs[i].before));
		jsonl_add(o, "after", site_json(pairs[i].after));
		json_object_array_add(a, o);
	}
	return a;
}

static struct json_object *alloc_json(const struct summary *s, const struct summary_alloc *a)
{
	if (!a)
		return NULL;
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "line", json_object_new_int64(a->line));
	jsonl_add(o, "first_bytes", json_object_new_int64(a->first_bytes));
	jsonl_add(o, "last_bytes", json_object_new_int64(a->last_bytes));
	jsonl_add(o, "per_min", jsonl_number(alloc_rate(s, a)));
	return o;
}

static void add_alloc(struct json_object *a, const struct diff *d, const char *function)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "function", jsonl_name(function));
	jsonl_add(o, "before", alloc_json(d->before, summary_alloc(d->before, function)));
	jsonl_add(o, "after", alloc_json(d->after, summary_alloc(d->after, function)));
	json_object_array_add(a, o);
}

static struct json_object *allocs_json(const struct diff *d)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < d->before->n_allocs; i++)
		add_alloc(a, d, d->before->allocs[i].function);
	for (size_t i = 0; i < d->after->n_allocs; i++)
		if (!summary_alloc(d->before, d->after->allocs[i].function))
			add_alloc(a, d, d->after->allocs[i].function);
	return a;
}

static struct json_object *work_json(const struct diff *d)
{
	struct json_object *a = json_object_new_array();

	for (int i = 0; i < SUMMARY_WORKS; i++) {
		struct json_object *o = json_object_new_object();

		jsonl_add(o, "name", jsonl_text(works[i].name));
		jsonl_add(o, "before_per_s", jsonl_number(d->before->work[i]));
		jsonl_add(o, "after_per_s", jsonl_number(d->after->work[i]));
		json_object_array_add(a, o);
	}
	return a;
}

struct json_object *diff_json(const struct diff *d)
{
	struct json_object *o = json_object_new_object(), *leaks = json_object_new_array();

	for (size_t i = 0; i < d->compare->n_leaks; i++)
		json_object_array_add(leaks, leak_json(&d->compare->leaks[i]));
	jsonl_add(o, "type", jsonl_text("diff"));
	jsonl_add(o, "outcome", jsonl_text(compare_outcome_str(d->compare->outcome)));
	jsonl_add(o, "summary", jsonl_text(d->compare->summary));
	jsonl_add(o, "before", side_json(d->before_tape, d->before));
	jsonl_add(o, "after", side_json(d->after_tape, d->after));
	jsonl_add(o, "leaks", leaks);
	jsonl_add(o, "levels", levels_json(d));
	jsonl_add(o, "sites", sites_json(d));
	jsonl_add(o, "alloc_sites", allocs_json(d));
	jsonl_add(o, "work", work_json(d));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	return o;
}
