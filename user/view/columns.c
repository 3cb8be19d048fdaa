/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/columns.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "view/view.h"

#define GROWTH_WINDOW_NS (60 * NSEC_PER_SEC)
#define RATE_MIN_S	 5 /* a rate over less than this says nothing */

/* Change per minute of a series over its last minute; NAN from less than RATE_MIN_S. */
static double growth_per_min(const struct series3 *s3)
{
	const struct series *s = s3 ? &s3->h[SERIES_NEAR] : NULL;
	uint32_t n = s ? series_count(s) : 0;

	if (n < 2)
		return NAN;
	const struct series_point last = series_at(s, n - 1);
	struct series_point first = last;

	for_each_point(s, p)
	{
		first = p;
		if (last.ts_ns - p.ts_ns <= GROWTH_WINDOW_NS)
			break;
	}
	double seconds = (double)(last.ts_ns - first.ts_ns) / 1e9;

	return seconds >= RATE_MIN_S ? (last.last - first.last) / seconds * 60 : NAN;
}

static double gc_per_min(const struct snapshot_process *p, double seconds)
{
	bool is_probed = p->hooks_on & 1U << WIRE_HOOK_GC_END;

	return is_probed && seconds >= RATE_MIN_S ? (double)p->gc_seen / seconds * 60 : NAN;
}

/* Anonymous memory is known first and is most of it; the other kinds follow when they change. */
static int64_t rss_total(const struct snapshot_process *p)
{
	int64_t sum = p->rss_bytes[WIRE_RSS_ANON];

	if (sum < 0)
		return -1;
	return sum + MAX(p->rss_bytes[WIRE_RSS_FILE], 0) + MAX(p->rss_bytes[WIRE_RSS_SHMEM], 0);
}

/*
 * The line is what people need most, so it comes first; then who starts the goroutine, and what it
 * runs, for which there may be no room.
 */
static void place_of(const struct snapshot_site *s, char *buf, size_t size)
{
	char function[VIEW_NAME_MAX], file[VIEW_NAME_MAX], start[VIEW_NAME_MAX];
	char place[3 * VIEW_NAME_MAX];

	snprintf(place, sizeof(place), "%s:%" PRIu32 " %s%s%s",
		 text_base_name(view_name(file, s->file)), s->line,
		 view_name(function, s->function), *view_runs(start, s) ? " -> " : "", start);
	text_scrub(buf, size, place, strlen(place));
}

static void where_of(const struct verdict *v, char *buf, size_t size)
{
	buf[0] = '\0';
	if (v->n_findings && v->findings[0].site)
		place_of(v->findings[0].site, buf, size);
	else if (v->n_findings)
		text_scrub(buf, size, v->summary, strlen(v->summary));
}

/*
 * The kernel cuts a name after 15 bytes (TASK_COMM_LEN); if it is how the executable's begins, that
 * one is meant.
 */
static void name_of(const struct snapshot_process *p, char *buf, size_t size)
{
	const char *comm = p->comm ? p->comm : "", *exe = text_base_name(p->exe ? p->exe : "");
	bool is_cut = strlen(comm) == 15 && !strncmp(comm, exe, 15);

	text_scrub(buf, size, is_cut ? exe : comm, strlen(is_cut ? exe : comm));
}

void row_of(const struct snapshot_process *p, const struct verdict *v, struct row *ret)
{
	double seconds = (double)(p->now_ns - p->start_ns) / 1e9;

	*ret = (struct row){
		.pid = p->pid,
		.kind = v->kind,
		.has_exited = p->has_exited,
		.confidence = v->n_findings ? v->findings[0].confidence : 0,
		.live = p->live,
		.per_min = growth_per_min(p->live_series),
		.heap_live_bytes = p->heap_live_bytes,
		.rss_bytes = rss_total(p),
		.gc_per_min = gc_per_min(p, seconds),
	};
	name_of(p, ret->name, sizeof(ret->name));
	where_of(v, ret->where, sizeof(ret->where));
}

/* ---- formatters and comparisons ---- */

static void format_pid(const struct row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d", (int)r->pid);
}

static void format_name(const struct row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s", r->name);
}

static void format_verdict(const struct row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s", verdict_kind_str(r->kind));
}

static void format_goroutines(const struct row *r, char *buf, size_t size)
{
	if (r->live < 0)
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, "%" PRId64, r->live);
}

static void format_growth(const struct row *r, char *buf, size_t size)
{
	char text[TEXT_HUMAN_MAX];

	if (isnan(r->per_min))
		snprintf(buf, size, "-");
	else if (fabs(r->per_min) < 0.5)
		snprintf(buf, size, "0");
	else
		snprintf(buf, size, "%s%s", r->per_min > 0 ? "+" : "",
			 text_count(text, r->per_min));
}

static void format_bytes(int64_t bytes, char *buf, size_t size)
{
	char text[TEXT_HUMAN_MAX];

	snprintf(buf, size, "%s", bytes < 0 ? "?" : text_bytes(text, (uint64_t)bytes));
}

static void format_heap(const struct row *r, char *buf, size_t size)
{
	format_bytes(r->heap_live_bytes, buf, size);
}

static void format_rss(const struct row *r, char *buf, size_t size)
{
	format_bytes(r->rss_bytes, buf, size);
}

static void format_gc(const struct row *r, char *buf, size_t size)
{
	char text[TEXT_HUMAN_MAX];

	snprintf(buf, size, "%s", isnan(r->gc_per_min) ? "-" : text_count(text, r->gc_per_min));
}

static void format_where(const struct row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s", r->where);
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_pid(const struct row *a, const struct row *b)
{
	return COMPARE(a->pid, b->pid);
}

static int compare_name(const struct row *a, const struct row *b)
{
	return strcmp(a->name, b->name);
}

static int compare_live(const struct row *a, const struct row *b)
{
	return COMPARE(a->live, b->live);
}

static int compare_verdict(const struct row *a, const struct row *b)
{
	int leak = verdict_kind_is_leak(a->kind) - verdict_kind_is_leak(b->kind);

	if (leak || a->kind != b->kind)
		return leak ? leak : COMPARE(a->kind, b->kind);
	return compare_live(a, b);
}

/* Unknown comes before every known figure. */
static int compare_double(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(b) - isnan(a);
	return COMPARE(a, b);
}

static int compare_growth(const struct row *a, const struct row *b)
{
	return compare_double(a->per_min, b->per_min);
}

static int compare_heap(const struct row *a, const struct row *b)
{
	return COMPARE(a->heap_live_bytes, b->heap_live_bytes);
}

static int compare_rss(const struct row *a, const struct row *b)
{
	return COMPARE(a->rss_bytes, b->rss_bytes);
}

static int compare_gc(const struct row *a, const struct row *b)
{
	return compare_double(a->gc_per_min, b->gc_per_min);
}

/* Widths add up to 79 columns without WHERE. */
static const struct column columns[COLUMN_MAX] = {
	[COLUMN_PID] = { "PID", 'p', 7, 0, 0, true, false, false, format_pid, compare_pid },
	[COLUMN_NAME] = { "NAME", 'n', 12, 24, 2, false, false, false, format_name, compare_name },
	[COLUMN_VERDICT] = { "VERDICT", 'v', 15, 0, 0, false, false, true, format_verdict,
			     compare_verdict },
	[COLUMN_GOROUTINES] = { "GOROUTINES", 'g', 10, 0, 1, true, false, true, format_goroutines,
				compare_live },
	[COLUMN_GROWTH] = { "+/MIN", '+', 6, 0, 3, true, false, true, format_growth,
			    compare_growth },
	[COLUMN_HEAP] = { "HEAP", 'h', 8, 0, 4, true, false, true, format_heap, compare_heap },
	[COLUMN_RSS] = { "RSS", 'r', 8, 0, 5, true, false, true, format_rss, compare_rss },
	[COLUMN_GC] = { "GC/MIN", 'c', 6, 0, 6, true, false, true, format_gc, compare_gc },
	[COLUMN_WHERE] = { "WHERE", 0, 20, 0, 7, false, true, false, format_where, NULL },
};

const struct column *column_get(enum column_id id)
{
	return &columns[id];
}

static unsigned int set_width(uint32_t set)
{
	unsigned int width = 0;

	for (unsigned int id = 0; id < COLUMN_MAX; id++) {
		if (set & 1U << id)
			width += columns[id].width + (width > 0);
	}
	return width;
}

/* Of the room that is left, a column that can use it takes a third; the last one has the rest. */
#define SPARE_PART 3

static unsigned int column_width(uint32_t set, unsigned int width, const struct column *c)
{
	unsigned int least = set_width(set), spare = width > least ? width - least : 0;

	if (c->width_max <= c->width)
		return c->width;
	if (set & 1U << COLUMN_WHERE)
		spare /= SPARE_PART;
	return MIN(c->width + spare, (unsigned int)c->width_max);
}

uint32_t columns_fit(uint32_t want, unsigned int width)
{
	while (want && set_width(want) > width) {
		unsigned int drop = COLUMN_MAX;

		for (unsigned int id = 0; id < COLUMN_MAX; id++) {
			if (want & 1U << id &&
			    (drop == COLUMN_MAX || columns[id].priority >= columns[drop].priority))
				drop = id;
		}
		want &= ~(1U << drop);
	}
	return want;
}

void columns_line(uint32_t set, unsigned int width, const struct row *r,
		  char buf[static COLUMNS_LINE_MAX])
{
	unsigned int at = 0;
	size_t len = 0;

	for (unsigned int id = 0; id < COLUMN_MAX; id++) {
		const struct column *c = &columns[id];
		char value[ROW_WHERE_MAX], cell[4 * ROW_WHERE_MAX + 1];

		if (!(set & 1U << id) || at >= width)
			continue;
		unsigned int gap = at > 0, room = MIN(width - at - gap, ROW_WHERE_MAX - 1U);

		snprintf(value, sizeof(value), "%s", c->name);
		if (r)
			c->format(r, value, sizeof(value));
		room = c->is_flexible ? room : MIN(room, column_width(set, width, c));
		view_fit(cell, sizeof(cell), value, room, c->is_right);
		len += (size_t)snprintf(buf + len, COLUMNS_LINE_MAX - len, "%*s%s", (int)gap, "",
					cell);
		at += gap + room;
	}
	while (len > 0 && buf[len - 1] == ' ')
		len--;
	buf[len] = '\0';
}

unsigned int columns_start(uint32_t set, unsigned int width, enum column_id id)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < id; i++)
		if (set & 1U << i)
			at += column_width(set, width, &columns[i]) + 1;
	return at;
}

struct order {
	enum column_id by;
	bool is_descending;
};

static int order_compare(const void *a, const void *b, void *arg)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	const struct order *o = arg;
	int c = columns[o->by].compare ? columns[o->by].compare(x, y) : 0;

	if (c)
		return o->is_descending ? -c : c;
	return compare_pid(x, y);
}

void rows_sort(struct row **rows, size_t n, enum column_id by, bool is_descending)
{
	struct order o = { .by = by, .is_descending = is_descending };

	if (n > 1)
		qsort_r(rows, n, sizeof(*rows), order_compare, &o);
}
