/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "status_parts.h"
#include "view/columns.h"
#include "view/html.h"
#include "view/panel.h"
#include "view/view.h"
#include "view/words.h"

struct entry {
	struct row row; /* first: it is sorted by */
	const struct snapshot_process *p;
	const struct verdict *v;
};

static const struct entry *entry_of(const struct row *r)
{
	return (const struct entry *)r;
}

const char *status_policy(void)
{
	static const char policy[] =
		"default-src 'none'; script-src 'sha256-" STATUS_SCRIPT_SHA256
		"'; style-src 'sha256-" STATUS_STYLE_SHA256
		"'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'";

	return policy;
}

/* ---- the table ---- */

/* Digits of a container's id, as container runtimes show it. */
#define CONTAINER_DIGITS 12

/* A cell of figures: what it is sorted by, then its text; v NAN: not known, which sorts last. */
static void begin_figure(FILE *f, const char *class, double v)
{
	fprintf(f, "<td class=\"n%s\"", class);
	if (isfinite(v))
		fprintf(f, " data-v=\"%.9g\"", v);
	fputc('>', f);
}

static double known(int64_t v)
{
	return v < 0 ? NAN : (double)v;
}

/* As the screen has it. */
static void write_column(FILE *f, const struct row *r, enum column_id id)
{
	char text[ROW_WHERE_MAX];

	column_get(id)->format(r, text, sizeof(text));
	html_escape(f, text);
}

static void write_figure(FILE *f, const struct row *r, enum column_id id, const char *class,
			 double v)
{
	begin_figure(f, class, v);
	write_column(f, r, id);
	fputs("</td>", f);
}

/* The same with the line of the last minutes before it. */
static void write_charted(FILE *f, const struct panel *l, const struct row *r, enum column_id id,
			  enum panel_chart c, const char *class, double v)
{
	begin_figure(f, class, v);
	panel_spark(f, l, c);
	write_column(f, r, id);
	fputs("</td>", f);
}

/* "shop/web-0 nginx": its pod and which of its containers, or the container alone. */
static void write_where(FILE *f, const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX], pod[WORDS_MAX];

	if (!*view_name(name, p->container_name) &&
	    strlen(view_name(name, p->container)) > CONTAINER_DIGITS)
		name[CONTAINER_DIGITS] = '\0';
	words_line(pod, p, WORDS_POD);
	fputs("<td class=\"w where\" title=\"", f);
	html_escape(f, pod);
	fputs("\">", f);
	html_escape(f, pod);
	fputs(*pod && *name ? " <small>" : "<small>", f);
	html_escape(f, name);
	fputs("</small></td>", f);
}

static const char *verdict_class(enum verdict_kind k)
{
	static const char *const classes[VIEW_STYLE_MAX] = {
		[VIEW_BAD] = " class=\"bad\"",
		[VIEW_WARN] = " class=\"warn\"",
		[VIEW_GOOD] = " class=\"good\"",
	};
	const char *class = classes[view_kind_style(k)];

	return class ? class : "";
}

/* Of its own control group or, where that has none, of its pod's. */
static void write_limit(FILE *f, const struct snapshot_process *p)
{
	bool is_pods = p->limit_bytes < 0;
	int64_t limit = is_pods ? p->pod_limit_bytes : p->limit_bytes;
	int64_t used = is_pods ? p->pod_current_bytes : p->cgroup_current_bytes;
	double part = limit > 0 && used >= 0 ? (double)used / (double)limit : NAN;
	char text[TEXT_HUMAN_MAX];

	begin_figure(f, " m", part);
	if (isfinite(part))
		fprintf(f, "%.0f %% of ", 100 * part);
	fprintf(f, "%s</td>", limit < 0 ? "-" : text_bytes(text, (uint64_t)limit));
}

/* As a share of a CPU or, where that is not known, as the rate of what costs. */
static void write_cost(FILE *f, const struct snapshot_process *p)
{
	double seconds = seconds_between(p->start_ns, p->now_ns);
	char digits[WORDS_DIGITS], hits[TEXT_HUMAN_MAX];

	begin_figure(f, " w", seconds > 0 ? (double)p->hits / seconds : NAN);
	if (!(seconds > 0))
		fputs("-</td>", f);
	else if (p->cost_s >= 0)
		fprintf(f, "%s %%</td>", words_digits(digits, 100 * p->cost_s / seconds));
	else
		fprintf(f, "%s/s</td>", text_count(hits, round((double)p->hits / seconds)));
}

static void write_row(FILE *f, const struct entry *e, const struct panel *l)
{
	const struct row *r = &e->row;

	fputs("<tr class=\"r\"><th scope=\"row\">", f);
	html_escape(f, r->name);
	fputs(r->has_exited ? " <small>exited</small></th>" : "</th>", f);
	write_figure(f, r, COLUMN_PID, " m", r->pid);
	write_where(f, e->p);
	fputs("<td class=\"w\">", f);
	html_name(f, e->p->go_version);
	fprintf(f, "</td><td class=\"v\" data-v=\"%d\"><span%s>%s</span></td>\n", (int)r->kind,
		verdict_class(r->kind), verdict_kind_str(r->kind));
	write_charted(f, l, r, COLUMN_GOROUTINES, PANEL_GOROUTINES, "", known(r->live));
	write_figure(f, r, COLUMN_GROWTH, " m", r->per_min);
	write_charted(f, l, r, COLUMN_HEAP, PANEL_HEAP, " m", known(r->heap_live_bytes));
	write_charted(f, l, r, COLUMN_RSS, PANEL_RSS, "", known(r->rss_bytes));
	write_limit(f, e->p);
	write_figure(f, r, COLUMN_GC, " w", r->gc_per_min);
	write_cost(f, e->p);
	fputs("</tr>\n", f);
}

/* Of the worst finding, beside its row; one that is over is in the panel only. */
static void write_place(FILE *f, const struct entry *e)
{
	const struct finding *n = e->v->n_findings ? &e->v->findings[0] : NULL;

	if (!n || n->state == FINDING_RECOVERED)
		return;
	fputs("<p class=\"p\">", f);
	html_escape(f, e->row.where);
	if (*words_state(n->state))
		fprintf(f, " (%s)", words_state(n->state));
	fputs("</p>", f);
}

/* Two of the same pid: one has executed another program, and only one of them is there. */
static void make_key(char key[static PANEL_KEY_MAX], const struct snapshot_process *p)
{
	if (p->has_exited)
		snprintf(key, PANEL_KEY_MAX, "p%dx%" PRIx64, (int)p->pid, p->start_ns);
	else
		snprintf(key, PANEL_KEY_MAX, "p%d", (int)p->pid);
}

#define COLUMNS 12

static void write_process(FILE *f, const struct agent_account *a, const struct entry *e)
{
	char key[PANEL_KEY_MAX];
	const struct panel panel = {
		.p = e->p, .v = e->v, .key = key, .has_profiles = a->has_profiles
	};

	make_key(key, e->p);
	fprintf(f, "<tbody id=\"%s\"%s>", key, e->row.has_exited ? " class=\"gone\"" : "");
	write_row(f, e, &panel);
	fprintf(f, "<tr class=\"d\"><td colspan=\"%d\">", COLUMNS);
	write_place(f, e);
	fputs("<details><summary><span>Details of ", f);
	html_escape(f, e->row.name);
	fprintf(f, ", pid %d</span></summary>\n<div>", (int)e->p->pid);
	panel_write(f, &panel);
	fputs("</div></details></td></tr></tbody>\n", f);
}

static void write_heading(FILE *f)
{
	static const struct {
		const char *class, *name, *title;
	} columns[COLUMNS] = {
		{ "", "Process", "" },
		{ "n m", "PID", "" },
		{ "w", "Runs in", "pod or container" },
		{ "w", "Go", "version that built it" },
		{ "v", "Verdict", "worst first" },
		{ "n", "Goroutines", "without the runtime's own" },
		{ "n m", "+/min", "growth of goroutines over the last minute" },
		{ "n m", "Heap live", "after the last garbage collection" },
		{ "n", "RSS", "anonymous, file and shared" },
		{ "n m", "Limit",
		  "of its control group's memory or its pod's, and how much is used" },
		{ "n w", "GC/min", "garbage collections, since observation began" },
		{ "n w", "Cost", "of watching it: part of one CPU, or probe hits per second" },
	};

	fputs("<table id=\"procs\" aria-label=\"Go processes\">\n<thead><tr>", f);
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(f, "<th scope=\"col\" class=\"%s\" title=\"%s\">%s</th>", columns[i].class,
			columns[i].title, columns[i].name);
	fputs("</tr></thead>\n", f);
}

static void write_table(FILE *f, const struct agent_account *a, struct row **order, size_t n)
{
	write_heading(f);
	for (size_t i = 0; i < MIN(n, (size_t)STATUS_PROCESSES_MAX); i++)
		write_process(f, a, entry_of(order[i]));
	fputs("</table>\n<p id=\"rest\">", f);
	if (!n)
		fputs("No Go process is being watched yet: new ones appear as they start.", f);
	if (n > STATUS_PROCESSES_MAX)
		fprintf(f, "And %zu more, which come after these by verdict and goroutines.",
			n - STATUS_PROCESSES_MAX);
	fputs("</p>\n", f);
}

/* ---- what stands around it ---- */

static size_t count_kind(struct row **order, size_t n, enum verdict_kind k)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += order[i]->kind == k;
	return found;
}

static size_t count_leaks(struct row **order, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += verdict_kind_is_leak(order[i]->kind);
	return found;
}

static uint64_t count_all(const struct agent_count *counts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counts[i].n;
	return sum;
}

static void write_time(FILE *f, double seconds)
{
	time_t t = (time_t)seconds;
	char text[64] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fputs(text, f);
}

/* How many there are, and of which verdict; it changes with each refresh, as all in here. */
static void write_sum(FILE *f, const struct agent_account *a, struct row **order, size_t n)
{
	uint64_t refused = count_all(a->refused, a->n_refused);

	fprintf(f, "<p id=\"sum\"><span>%zu Go process%s</span>", n, n == 1 ? "" : "es");
	for (int k = VERDICT_KIND_MAX - 1; k >= 0; k--) {
		size_t found = count_kind(order, n, (enum verdict_kind)k);

		if (found)
			fprintf(f, " <span%s>%zu %s</span>", verdict_class((enum verdict_kind)k),
				found, verdict_kind_str((enum verdict_kind)k));
	}
	if (refused)
		fprintf(f, " <span>%" PRIu64 " not watched</span>", refused);
	fputs(" <small>", f);
	write_time(f, a->start_time_s + a->uptime_s);
	fputs("</small></p>\n", f);
}

static void write_head(FILE *f, const struct agent_account *a, struct row **order, size_t n)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      f);
	fprintf(f, "%zu of %zu leak - ", count_leaks(order, n), n);
	html_name(f, a->hostname);
	fputs(" - gotide</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>", f);
	fputs(status_style, f);
	fputs("</style>\n</head>\n<body>\n<header><h1>gotide <span>", f);
	html_name(f, a->hostname);
	fputs("</span></h1>\n", f);
	write_sum(f, a, order, n);
	fputs("<p id=\"tools\"><a href=\"./\">refresh</a></p></header>\n", f);
}

/* "200 41, 404 3": what there was none of is left out. */
static void write_counts(FILE *f, const char *label, const struct agent_count *counts, size_t n)
{
	const char *gap = "";

	fprintf(f, "<dt>%s</dt><dd>", label);
	for (size_t i = 0; i < n; i++) {
		if (!counts[i].n)
			continue;
		fputs(gap, f);
		html_name(f, counts[i].name);
		fprintf(f, " %" PRIu64, counts[i].n);
		gap = ", ";
	}
	fprintf(f, "%s</dd>\n", *gap ? "" : "none");
}

static void write_usage(FILE *f, const struct agent_account *a)
{
	char a_text[TEXT_HUMAN_MAX], b_text[TEXT_HUMAN_MAX], percent[WORDS_DIGITS];

	fputs("<dt>running</dt><dd>since ", f);
	write_time(f, a->start_time_s);
	fprintf(f, ", for %s</dd>\n<dt>CPU</dt><dd>", text_duration(a_text, a->uptime_s));
	if (a->cpu_s < 0)
		fputs("?", f);
	else
		fprintf(f, "%s", text_duration(a_text, a->cpu_s));
	if (a->cpu_s >= 0 && a->uptime_s > 0)
		fprintf(f, ", %s %% of one CPU",
			words_digits(percent, 100 * a->cpu_s / a->uptime_s));
	fprintf(f, "</dd>\n<dt>memory</dt><dd>%s resident</dd>\n<dt>descriptors</dt><dd>",
		words_size(b_text, a->rss_bytes));
	if (a->fds < 0)
		fputs("?</dd>\n", f);
	else
		fprintf(f, "%" PRId64 " open</dd>\n", a->fds);
}

static void write_events(FILE *f, const struct agent_account *a)
{
	char hits[TEXT_HUMAN_MAX];

	fprintf(f,
		"<dt>events</dt><dd>%" PRIu64 " received, %" PRIu64 " sampled out, %" PRIu64
		" lost, %" PRIu64 " unreadable; %s probe hits</dd>\n",
		a->events.received, a->events.sampled, a->events.lost, a->events.bad,
		text_count(hits, (double)a->events.hits));
	if (a->malformed)
		fprintf(f, "<dt>malformed</dt><dd>%" PRIu64 " records that made no sense</dd>\n",
			a->malformed);
	if (a->tasks_lost)
		fprintf(f,
			"<dt>lost</dt><dd>%" PRIu64 " starts or ends of processes that the ring "
			"buffer had no room for</dd>\n",
			a->tasks_lost);
}

static void write_self(FILE *f, const struct agent_account *a)
{
	fputs("<section id=\"self\">\n<h2>This agent</h2>\n<dl>\n<dt>version</dt><dd>", f);
	html_name(f, a->version);
	fputs(", on Linux ", f);
	html_name(f, a->kernel);
	fputs("</dd>\n", f);
	write_usage(f, a);
	write_events(f, a);
	write_counts(f, "not watched", a->refused, a->n_refused);
	write_counts(f, "answers", a->requests, a->n_requests);
	fputs("</dl>\n<p><a href=\"metrics\">metrics</a> <a href=\"api/v1/processes\">reports as "
	      "JSON</a></p>\n</section>\n",
	      f);
}

int status_write(FILE *f, const struct agent_account *a, const struct metrics_process *list,
		 size_t n)
{
	_cleanup_free_ struct entry *entries = calloc(n + 1, sizeof(*entries));
	_cleanup_free_ struct row **order = calloc(n + 1, sizeof(struct row *));

	if (!entries || !order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		entries[i] = (struct entry){ .p = list[i].p, .v = list[i].v };
		row_of(list[i].p, list[i].v, &entries[i].row);
		order[i] = &entries[i].row;
	}
	rows_sort(order, n, COLUMN_VERDICT, true);
	errno = 0;
	write_head(f, a, order, n);
	fputs("<main>\n", f);
	write_table(f, a, order, n);
	write_self(f, a);
	fputs("</main>\n<script id=\"script\">", f);
	fputs(status_script, f);
	fputs("</script>\n</body>\n</html>\n", f);
	if (!ferror(f))
		return 0;
	return errno ? -errno : -EIO;
}
