/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/panel.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "view/html.h"
#include "view/view.h"
#include "view/words.h"

/* Columns that a file's name may take with its folders: in prose, and in lists. */
#define SOURCE_COLUMNS	      60
#define SOURCE_COLUMNS_NARROW 36

/* "main.(*Server).handle  main.go:41" */
static void write_place(FILE *f, const char *function, const char *file, uint32_t line,
			unsigned int columns)
{
	char source[VIEW_NAME_MAX];

	fputs("<code>", f);
	html_name(f, function);
	fputs("</code>", f);
	if (!*view_source(source, file, line, columns))
		return;
	fputs(" <i>", f);
	html_escape(f, source);
	fputs("</i>", f);
}

/* ---- what was found ---- */

static void write_answer(FILE *f, const struct finding *n)
{
	char line[WORDS_MAX], runs[VIEW_NAME_MAX];

	fputs("<p>", f);
	if (n->site) {
		write_place(f, n->site->function, n->site->file, n->site->line, SOURCE_COLUMNS);
		if (*view_runs(runs, n->site)) {
			fputs(" runs <code>", f);
			html_escape(f, runs);
			fputs("</code>", f);
		}
	} else {
		html_escape(f, words_subject(n->kind));
	}
	fputs("</p>\n<p><b>", f);
	html_escape(f, words_growth(line, n));
	fputs("</b></p>\n", f);
}

static void write_evidence(FILE *f, const struct finding *n)
{
	if (n->n_evidence)
		fputs("<ul>\n", f);
	for (size_t i = 0; i < n->n_evidence; i++) {
		fputs("<li>", f);
		html_name(f, n->evidence[i]);
		fputs("</li>\n", f);
	}
	if (n->n_evidence)
		fputs("</ul>\n", f);
	if (!*n->advice)
		return;
	fputs("<p>Next: ", f);
	html_name(f, n->advice);
	fputs("</p>\n", f);
}

static void write_stack(FILE *f, const struct words_stack *s)
{
	if (!s->depth)
		return;
	fprintf(f, "<p>%s, innermost first:</p>\n<ol>\n", s->head);
	for (size_t i = 0; i < s->depth; i++) {
		fputs("<li>", f);
		write_place(f, s->frames[i].function, s->frames[i].file, s->frames[i].line,
			    SOURCE_COLUMNS_NARROW);
		fputs("</li>\n", f);
	}
	fputs("</ol>\n", f);
}

/* Of memory, where what grew most is allocated. */
static struct words_stack stack_of(const struct finding *n)
{
	if (n->n_allocs)
		return (struct words_stack){ "What grew most is allocated here", n->allocs[0].stack,
					     n->allocs[0].stack_depth };
	return words_stack(n->site);
}

static const char *style_class(const struct finding *n)
{
	static const char *const classes[VIEW_STYLE_MAX] = {
		[VIEW_BAD] = " bad",
		[VIEW_WARN] = " warn",
	};
	const char *class = classes[view_kind_style(n->kind)];

	return n->state == FINDING_FLAGGED && class ? class : "";
}

static void write_finding(FILE *f, const struct finding *n)
{
	const struct words_stack stack = stack_of(n);
	char since[TEXT_HUMAN_MAX];
	const char *state = words_state(n->state);

	fprintf(f, "<section class=\"f%s\">\n<h3>%s, confidence %.2f", style_class(n),
		verdict_kind_str(n->kind), n->confidence);
	if (n->since_s > 0)
		fprintf(f, ", found %s ago", text_duration(since, n->since_s));
	fprintf(f, "%s%s%s</h3>\n", *state ? " (" : "", state, *state ? ")" : "");
	write_answer(f, n);
	write_evidence(f, n);
	write_stack(f, &stack);
	fputs("</section>\n", f);
}

static void write_findings(FILE *f, const struct verdict *v)
{
	char needs[TEXT_HUMAN_MAX];
	bool is_told = v->n_findings && v->findings[0].state == FINDING_FLAGGED;

	if (!is_told && *v->summary) {
		fputs("<p>", f);
		html_name(f, v->summary);
		fputs("</p>\n", f);
	}
	for (size_t i = 0; i < v->n_findings; i++)
		write_finding(f, &v->findings[i]);
	if (v->needs_s > 0)
		fprintf(f, "<p>Too short yet: %s more would tell more.</p>\n",
			text_duration(needs, v->needs_s));
}

/* ---- charts ---- */

static const struct {
	char letter; /* before the key, in the name of the line */
	bool is_bytes;
	const char *name;
} charts[PANEL_CHARTS] = {
	[PANEL_GOROUTINES] = { 'g', false, "goroutines" },
	[PANEL_HEAP] = { 'h', true, "live heap" },
	[PANEL_RSS] = { 'r', true, "anonymous memory" },
};

static bool chart_spark(const struct panel *l, enum panel_chart c, struct spark *ret)
{
	const struct series3 *const series[PANEL_CHARTS] = {
		[PANEL_GOROUTINES] = l->p->live_series,
		[PANEL_HEAP] = l->p->heap_live_series,
		[PANEL_RSS] = l->p->rss_anon_series,
	};

	return spark_of(series[c], l->p->now_ns, ret);
}

#define VIEW_BOX                                                                                  \
	"viewBox=\"0 -1 %d %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", SPARK_WIDTH, \
		SPARK_HEIGHT + 2

void panel_spark(FILE *f, const struct panel *l, enum panel_chart c)
{
	struct spark s;

	if (!chart_spark(l, c, &s))
		return;
	fprintf(f, "<svg " VIEW_BOX);
	fprintf(f, "<path id=\"%c%s\" d=\"", charts[c].letter, l->key);
	spark_path(f, &s);
	fputs("\"/></svg>", f);
}

/* "goroutines 41 to 901 in 1m29s" */
static void write_caption(FILE *f, enum panel_chart c, const struct spark *s)
{
	char low[TEXT_HUMAN_MAX], high[TEXT_HUMAN_MAX], span[TEXT_HUMAN_MAX];

	if (charts[c].is_bytes) {
		text_bytes(low, (uint64_t)fmax(0, s->low));
		text_bytes(high, (uint64_t)fmax(0, s->high));
	} else {
		text_count(low, s->low);
		text_count(high, s->high);
	}
	fprintf(f, "%s ", charts[c].name);
	if (strcmp(low, high))
		fprintf(f, "%s to ", low);
	fprintf(f, "%s in %s", high, text_duration(span, s->seconds));
}

static void write_charts(FILE *f, const struct panel *l)
{
	struct spark s;

	fputs("<div class=\"c\">\n", f);
	for (enum panel_chart c = 0; c < PANEL_CHARTS; c++) {
		if (!chart_spark(l, c, &s))
			continue;
		fprintf(f, "<figure><svg " VIEW_BOX);
		fprintf(f, "<use href=\"#%c%s\"/></svg><figcaption>", charts[c].letter, l->key);
		write_caption(f, c, &s);
		fputs("</figcaption></figure>\n", f);
	}
	fputs("</div>\n", f);
}

/* ---- figures ---- */

static void write_term(FILE *f, const char *label, const char *text)
{
	if (!*text)
		return;
	fprintf(f, "<dt>%s</dt><dd>", label);
	html_escape(f, text);
	fputs("</dd>\n", f);
}

/* "pid 7, go1.26.5, stripped, example.org/shop": what a narrow row has no room for. */
static void write_identity(FILE *f, const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX];

	fprintf(f, "<dt>process</dt><dd>pid %d", (int)p->pid);
	if (*view_name(name, p->go_version)) {
		fputs(", ", f);
		html_escape(f, name);
	}
	fputs(p->is_stripped ? ", stripped" : "", f);
	if (*view_name(name, p->module)) {
		fputs(", ", f);
		html_escape(f, name);
	}
	fputs("</dd>\n", f);
	write_term(f, "executable", view_name(name, p->exe));
}

static void write_account(FILE *f, const struct snapshot_process *p)
{
	char line[WORDS_MAX];

	fputs("<dl>\n", f);
	write_identity(f, p);
	for (enum words_line l = 0; l < WORDS_LINE_MAX; l++)
		write_term(f, words_label(l), words_line(line, p, l));
	write_term(f, "observed", words_observed(line, p));
	write_term(f, "left out", words_left_out(line, p));
	write_term(f, "not known", words_unknown(line, p));
	fputs("</dl>\n", f);
}

static void write_site(FILE *f, const struct snapshot_site *s)
{
	char born[TEXT_HUMAN_MAX], died[TEXT_HUMAN_MAX];
	const char *special = words_site(s);

	fprintf(f,
		"<tr><td>%" PRId64 "</td><td>%+" PRId64 "</td><td>%s</td><td>%s</td><td>%" PRId64
		"</td><th scope=\"row\">",
		s->live, s->live - s->at_attach, text_count(born, (double)s->born),
		text_count(died, (double)s->died), s->survivors);
	if (special)
		fputs(special, f);
	else
		write_place(f, s->function, s->file, s->line, SOURCE_COLUMNS_NARROW);
	if (s->wait_reason && *s->wait_reason) {
		fputs(" [", f);
		html_name(f, s->wait_reason);
		fputc(']', f);
	}
	fputs("</th></tr>\n", f);
}

static void write_sites(FILE *f, const struct snapshot_process *p)
{
	size_t shown = 0;

	if (!p->n_sites)
		return;
	fputs("<table>\n<thead><tr><th scope=\"col\">live</th><th scope=\"col\">grown</th>"
	      "<th scope=\"col\">born</th><th scope=\"col\">died</th><th scope=\"col\">old</th>"
	      "<th scope=\"col\">go statement [waiting for]</th></tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < p->n_sites && shown < PANEL_SITES_MAX; i++) {
		if (p->sites[i].is_system)
			continue;
		write_site(f, &p->sites[i]);
		shown++;
	}
	fputs("</tbody>\n</table>\n", f);
	if (shown < p->n_sites)
		fprintf(f, "<p>and %zu more, with the runtime's own</p>\n", p->n_sites - shown);
}

static void write_links(FILE *f, const struct panel *l)
{
	int pid = (int)l->p->pid;

	fprintf(f, "<p><a href=\"api/v1/processes/%d\">report as JSON</a>", pid);
	if (l->has_profiles)
		fprintf(f,
			" <a href=\"debug/pprof-of/%d/goroutine\">goroutine profile</a>"
			" <a href=\"debug/pprof-of/%d/heap\">heap profile</a>",
			pid, pid);
	fputs("</p>\n", f);
}

void panel_write(FILE *f, const struct panel *l)
{
	fputs("<div>", f);
	write_findings(f, l->v);
	write_charts(f, l);
	fputs("</div>\n<div>", f);
	write_account(f, l->p);
	write_sites(f, l->p);
	if (!l->p->has_exited)
		write_links(f, l);
	fputs("</div>\n", f);
}
