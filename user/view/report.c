/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "view/words.h"

#define REASONS_MAX 8

static double observed_s(const struct snapshot_process *p)
{
	return (double)(p->now_ns - p->start_ns) / 1e9;
}

static void print_header(struct view_out *o, const struct snapshot_process *p,
			 const struct verdict *v)
{
	char comm[VIEW_NAME_MAX], version[VIEW_NAME_MAX], title[VIEW_TITLE_MAX];

	view_printf(o, VIEW_BOLD, "%s", view_name(comm, p->comm));
	fprintf(o->f, " (pid %d, %s%s%s)  ", (int)p->pid,
		*view_name(version, p->go_version) ? version : "Go version unknown",
		p->is_stripped ? ", stripped" : "", p->has_exited ? ", exited" : "");
	view_printf(o, view_kind_style(v->kind), "%s", view_title(title, v->kind));
	if (v->n_findings && v->findings[0].kind == v->kind)
		fprintf(o->f, "  confidence %.2f", v->findings[0].confidence);
	fputc('\n', o->f);
}

/* function  file:line  ->  runs start_function */
static void print_place(struct view_out *o, const struct snapshot_site *s)
{
	struct view_line l = { .o = o, .indent = 4, .at = 2 };
	char start[VIEW_NAME_MAX], runs[VIEW_NAME_MAX + 16];

	fputs("  ", o->f);
	view_piece_source(&l, VIEW_BOLD, s->function, s->file, s->line);
	snprintf(runs, sizeof(runs), "->  runs %s", view_runs(start, s));
	if (*start)
		view_piece(&l, VIEW_PLAIN, "  ", runs);
	fputc('\n', o->f);
}

/* The two lines that follow the header or a further finding's title. */
static void print_answer(struct view_out *o, const struct finding *f)
{
	const char *subject = words_subject(f->kind);
	char line[WORDS_MAX];

	if (f->site)
		print_place(o, f->site);
	else if (*subject)
		view_printf(o, VIEW_BOLD, "  %s\n", subject);
	fprintf(o->f, "  %s\n", words_growth(line, f));
}

static void print_stack(struct view_out *o, const struct words_stack *s)
{
	if (s->depth)
		fprintf(o->f, "  %s, innermost first\n", s->head);
	for (size_t i = 0; i < s->depth; i++) {
		const struct snapshot_frame *f = &s->frames[i];
		struct view_line l = { .o = o, .indent = 8, .at = 4 };

		fputs("    ", o->f);
		view_piece_source(&l, VIEW_PLAIN, f->function, f->file, f->line);
		fputc('\n', o->f);
	}
}

static void print_evidence(struct view_out *o, const struct finding *f)
{
	struct words_stack stack = words_stack(f->site);
	char line[VIEW_NAME_MAX];

	if (f->n_evidence)
		fputs("  Why\n", o->f);
	for (size_t i = 0; i < f->n_evidence; i++)
		view_wrap(o, VIEW_PLAIN, "    - ", view_name(line, f->evidence[i]));
	print_stack(o, &stack);
	if (f->advice[0]) {
		fputs("  Next\n", o->f);
		view_wrap(o, VIEW_PLAIN, "    ", view_name(line, f->advice));
	}
}

/* Without a finding: the summary, and the figures that make it plausible. */
static void print_calm(struct view_out *o, const struct snapshot_process *p,
		       const struct verdict *v)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], line[VIEW_NAME_MAX];

	if (v->summary[0])
		view_wrap(o, VIEW_PLAIN, "  ", view_name(line, v->summary));
	if (p->live >= 0)
		fprintf(o->f, "  %" PRId64 " -> %" PRId64 " goroutines", p->at_attach, p->live);
	else
		fputs("  number of goroutines unknown", o->f);
	fprintf(o->f, " in %s; heap live %s\n", text_duration(a, observed_s(p)),
		words_size(b, p->heap_live_bytes));
}

/* A finding that another one does not stand before has its title in the header. */
static void print_title(struct view_out *o, const struct finding *f, bool is_first)
{
	const char *state = words_state(f->state);
	char title[VIEW_TITLE_MAX];

	fputs(is_first ? "  " : "\n  Also: ", o->f);
	view_printf(o, f->state == FINDING_RECOVERED ? VIEW_DIM : view_kind_style(f->kind), "%s",
		    view_title(title, f->kind));
	fprintf(o->f, "  confidence %.2f", f->confidence);
	if (*state)
		fprintf(o->f, "  (%s)", state);
	fputc('\n', o->f);
}

static void print_findings(struct view_out *o, const struct snapshot_process *p,
			   const struct verdict *v)
{
	bool is_titled = v->n_findings && v->findings[0].kind == v->kind &&
			 v->findings[0].state == FINDING_FLAGGED;

	if (!is_titled)
		print_calm(o, p, v);
	for (size_t i = 0; i < v->n_findings; i++) {
		if (i > 0 || !is_titled)
			print_title(o, &v->findings[i], i == 0);
		print_answer(o, &v->findings[i]);
		print_evidence(o, &v->findings[i]);
	}
}

static void print_needs(struct view_out *o, const struct verdict *v)
{
	char line[128], a[TEXT_HUMAN_MAX];

	if (v->needs_s <= 0)
		return;
	snprintf(line, sizeof(line), "an observation of %s would tell more (--for %.0fs).",
		 text_duration(a, v->needs_s), ceil(v->needs_s / 5) * 5);
	view_wrap(o, VIEW_PLAIN, "  Too short: ", line);
}

/* One line of the account, wrapped beside its label. */
static void account(struct view_out *o, const char *label, const char *text)
{
	char lead[32];

	snprintf(lead, sizeof(lead), "    %-12s ", label);
	view_wrap(o, VIEW_PLAIN, lead, text);
}

/* "12.0 MiB live heap": as many in a row as there is room for, below each other. */
#define PART_INDENT 17
#define PART_NAME   19
#define PART_WIDTH  (9 + 1 + PART_NAME)

struct part_row {
	size_t in_row, n;
	size_t pad; /* after the part before */
};

static void print_part(struct view_out *o, struct part_row *row, const struct words_part *part)
{
	char a[TEXT_HUMAN_MAX], text[TEXT_HUMAN_MAX + 1];
	bool is_less = part->bytes < 0;

	snprintf(text, sizeof(text), "%s%s", is_less ? "-" : "",
		 text_bytes(a, (uint64_t)(is_less ? -part->bytes : part->bytes)));
	if (row->n && row->n % row->in_row == 0)
		fprintf(o->f, "\n%*s", PART_INDENT, "");
	else
		fprintf(o->f, "%*s", (int)row->pad, "");
	fprintf(o->f, "%9s %s", text, part->name);
	row->pad = PART_NAME - strlen(part->name);
	row->n++;
}

/* Whose anonymous memory it is: the figures add up. */
static void print_parts(struct view_out *o, const struct memory_parts *m)
{
	struct part_row row = { .in_row = 1 };
	struct words_part parts[WORDS_PARTS];
	size_t n = words_parts(m, parts);

	if (o->width > PART_INDENT + 2 * PART_WIDTH)
		row.in_row = (o->width - PART_INDENT) / PART_WIDTH;
	fprintf(o->f, "    %-12s ", words_label(WORDS_ANONYMOUS));
	for (size_t i = 0; i < n; i++)
		print_part(o, &row, &parts[i]);
	fputc('\n', o->f);
}

static void print_executable(struct view_out *o, const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX];

	if (*view_name(name, p->exe))
		account(o, "executable", name);
}

static void print_account(struct view_out *o, const struct snapshot_process *p)
{
	char line[WORDS_MAX];

	fputs("\n  Account\n", o->f);
	print_executable(o, p);
	for (enum words_line l = 0; l < WORDS_LINE_MAX; l++) {
		if (!*words_line(line, p, l))
			continue;
		if (l == WORDS_ANONYMOUS)
			print_parts(o, &p->memory);
		else
			account(o, words_label(l), line);
	}
}

/* Of what does not fit beside the figures: below it, or further left where that is narrow. */
#define SITE_INDENT	   49
#define SITE_INDENT_NARROW 24
#define SITE_ROOM_MIN	   48

static void print_site_place(struct view_line *l, const struct snapshot_site *s)
{
	const char *special = words_site(s);

	if (special)
		view_piece(l, VIEW_PLAIN, "  ", special);
	else
		view_piece_source(l, VIEW_PLAIN, s->function, s->file, s->line);
}

static void print_site_row(struct view_out *o, const struct snapshot_site *s)
{
	struct view_line l = { .o = o, .indent = SITE_INDENT, .n = 1 };
	char born[TEXT_HUMAN_MAX], died[TEXT_HUMAN_MAX];
	char reason[VIEW_NAME_MAX], waiting[VIEW_NAME_MAX + 2];

	if (view_line_room(&l) < SITE_ROOM_MIN)
		l.indent = SITE_INDENT_NARROW;
	l.at = (unsigned int)fprintf(o->f, "    %8" PRId64 " %+8" PRId64 " %7s %7s %7" PRId64,
				     s->live, s->live - s->at_attach,
				     text_count(born, (double)s->born),
				     text_count(died, (double)s->died), s->survivors);
	print_site_place(&l, s);
	if (s->is_system && !s->is_other)
		view_piece(&l, VIEW_PLAIN, "  ", "(runtime's own)");
	snprintf(waiting, sizeof(waiting), "[%s]", view_name(reason, s->wait_reason));
	if (*reason)
		view_piece(&l, VIEW_PLAIN, "  ", waiting);
	fputc('\n', o->f);
}

static void print_sites(struct view_out *o, const struct snapshot_process *p, bool is_verbose)
{
	size_t shown = 0;

	if (!p->n_sites)
		return;
	fputs("\n  Goroutines by go statement\n", o->f);
	view_printf(o, VIEW_DIM, "    %8s %8s %7s %7s %7s  %s", "LIVE", "GROWN", "BORN", "DIED",
		    "OLD", "GO STATEMENT  [WAITING FOR]");
	fputc('\n', o->f);
	for (size_t i = 0; i < p->n_sites; i++) {
		if (!is_verbose && (shown >= REPORT_SITES_MAX || p->sites[i].is_system))
			continue;
		print_site_row(o, &p->sites[i]);
		shown++;
	}
	if (shown < p->n_sites)
		fprintf(o->f, "    and %zu more, with the runtime's own (-v lists them)\n",
			p->n_sites - shown);
}

static void print_reason_row(struct view_out *o, const struct snapshot_reason *r)
{
	char name[VIEW_NAME_MAX], parks[TEXT_HUMAN_MAX], waiting[TEXT_HUMAN_MAX];

	snprintf(waiting, sizeof(waiting), "%" PRId64, r->waiting);
	fprintf(o->f, "    %8s %8s  %s\n", r->waiting < 0 ? "?" : waiting,
		text_count(parks, (double)r->parks), view_name(name, r->name));
}

/* What only the runtime's own goroutines wait for (runtime/runtime2.go, waitReasonStrings). */
static bool is_runtimes_own(const char *reason)
{
	static const char *const own[] = {
		"GC worker",	  "GC sweep wait", "GC scavenge wait", "force gc",
		"finalizer wait", "cleanup wait",  "trace reader",
	};

	for (size_t i = 0; reason && i < ARRAY_SIZE(own); i++)
		if (!strncmp(reason, own[i], strlen(own[i])))
			return true;
	return false;
}

static void print_reasons(struct view_out *o, const struct snapshot_process *p, bool is_verbose)
{
	bool is_any_unknown = false;
	size_t shown = 0;

	if (!p->n_reasons || !p->is_park_watched)
		return;
	fputs("\n  Parked by reason\n", o->f);
	view_printf(o, VIEW_DIM, "    %8s %8s  %s", "NOW", "PARKS", "REASON");
	fputc('\n', o->f);
	for (size_t i = 0; i < p->n_reasons; i++) {
		const struct snapshot_reason *r = &p->reasons[i];

		if (!is_verbose && (shown >= REASONS_MAX || is_runtimes_own(r->name)))
			continue;
		print_reason_row(o, r);
		is_any_unknown = is_any_unknown || r->waiting < 0;
		shown++;
	}
	if (is_any_unknown)
		view_wrap(o, VIEW_PLAIN, "    ? ",
			  "not known: its wake-ups are not counted, and no census has been taken");
	if (shown < p->n_reasons)
		fprintf(o->f, "    and %zu more, with the runtime's own (-v lists them)\n",
			p->n_reasons - shown);
}

/* Nothing, if there is nothing to say. */
static void print_prose(struct view_out *o, const char *lead, const char *text)
{
	if (*text)
		view_wrap(o, VIEW_PLAIN, lead, text);
}

void report_process(struct view_out *o, const struct snapshot_process *p, const struct verdict *v,
		    bool is_verbose)
{
	char line[WORDS_MAX];

	print_header(o, p, v);
	print_findings(o, p, v);
	print_account(o, p);
	print_sites(o, p, is_verbose);
	print_reasons(o, p, is_verbose);
	fputc('\n', o->f);
	print_needs(o, v);
	print_prose(o, "  Not known: ", words_unknown(line, p));
	print_prose(o, "  Observed:  ", words_observed(line, p));
	print_prose(o, "  Left out:  ", words_left_out(line, p));
}
