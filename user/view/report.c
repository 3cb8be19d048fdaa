/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"

#define DIGITS_MAX	  32
#define REASONS_MAX	  8
#define REPORT_TIMERS_TOP 3

static double observed_s(const struct snapshot_process *p)
{
	return (double)(p->now_ns - p->start_ns) / 1e9;
}

static const char *known_bytes(char buf[static TEXT_HUMAN_MAX], int64_t bytes)
{
	return bytes < 0 ? "?" : text_bytes(buf, (uint64_t)bytes);
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

/* "34 -> 1234 goroutines in 60s (+1200/min); waiting: chan receive" */
static void print_growth(struct view_out *o, const struct finding *f)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];
	char reason[VIEW_NAME_MAX];

	text_duration(d, f->horizon_s);
	if (f->unit == VERDICT_BYTES) {
		fprintf(o->f, "  %s -> %s in %s (%c%s/min)",
			text_bytes(a, (uint64_t)fmax(0, f->first)),
			text_bytes(b, (uint64_t)fmax(0, f->last)), d, f->per_min < 0 ? '-' : '+',
			text_bytes(c, (uint64_t)fabs(f->per_min)));
		if (f->gcs)
			fprintf(o->f, "; %" PRIu64 " garbage collections seen", f->gcs);
	} else {
		fprintf(o->f, "  %.0f -> %.0f %s in %s (%s/min)", f->first, f->last,
			f->unit == VERDICT_FILES ? "open descriptors" : "goroutines", d,
			text_change(a, f->per_min));
	}
	if (f->site && f->site->wait_reason)
		fprintf(o->f, "; waiting: %s", view_name(reason, f->site->wait_reason));
	fputc('\n', o->f);
}

static const char *what_grows(enum verdict_kind k)
{
	switch (k) {
	case VERDICT_HEAP_RETENTION:
		return "heap that stays live after garbage collection";
	case VERDICT_OFF_HEAP_GROWTH:
		return "anonymous memory outside the Go runtime (cgo, mmap)";
	case VERDICT_FD_LEAK:
		return "open files, sockets and pipes";
	case VERDICT_RUNTIME_HELD:
		return "free memory that the runtime has not given back";
	case VERDICT_OOM_RISK:
		return "memory, towards its limit";
	case VERDICT_PRESSURE:
		return "what the load explains";
	default:
		return NULL;
	}
}

/* The two lines that follow the header or a further finding's title. */
static void print_answer(struct view_out *o, const struct finding *f)
{
	const char *what = what_grows(f->kind);

	if (f->site)
		print_place(o, f->site);
	else if (what)
		view_printf(o, VIEW_BOLD, "  %s\n", what);
	print_growth(o, f);
}

static void print_stack(struct view_out *o, const char *head, const struct snapshot_frame *stack,
			size_t depth)
{
	fprintf(o->f, "  %s, innermost first\n", head);
	for (size_t i = 0; i < depth; i++) {
		struct view_line l = { .o = o, .indent = 8, .at = 4 };

		fputs("    ", o->f);
		view_piece_source(&l, VIEW_PLAIN, stack[i].function, stack[i].file, stack[i].line);
		fputc('\n', o->f);
	}
}

/* Where it waits tells most; without that, who started it. */
static void print_stacks(struct view_out *o, const struct snapshot_site *s)
{
	if (s && s->stack_depth)
		print_stack(o, "Waits here", s->stack, s->stack_depth);
	else if (s && s->creation_depth)
		print_stack(o,
			    s->has_creators ? "Created by (one of several ways here: it need not "
					      "be the one that leaks)"
					    : "Created by",
			    s->creation_stack, s->creation_depth);
}

static void print_evidence(struct view_out *o, const struct finding *f)
{
	char line[VIEW_NAME_MAX];

	if (f->n_evidence)
		fputs("  Why\n", o->f);
	for (size_t i = 0; i < f->n_evidence; i++)
		view_wrap(o, VIEW_PLAIN, "    - ", view_name(line, f->evidence[i]));
	print_stacks(o, f->site);
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
		known_bytes(b, p->heap_live_bytes));
}

/* A finding that another one does not stand before has its title in the header. */
static void print_title(struct view_out *o, const struct finding *f, bool is_first)
{
	static const char *const states[] = {
		[FINDING_NEW] = "  (seen once, to be confirmed)",
		[FINDING_FLAGGED] = "",
		[FINDING_PAUSED] = "  (paused)",
		[FINDING_RECOVERED] = "  (over)",
	};
	char title[VIEW_TITLE_MAX];

	fputs(is_first ? "  " : "\n  Also: ", o->f);
	view_printf(o, f->state == FINDING_RECOVERED ? VIEW_DIM : view_kind_style(f->kind), "%s",
		    view_title(title, f->kind));
	fprintf(o->f, "  confidence %.2f%s\n", f->confidence, states[f->state]);
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
static void account(struct view_out *o, const char *label, const char *fmt, ...) _printf_(3, 4);

static void account(struct view_out *o, const char *label, const char *fmt, ...)
{
	char lead[32], text[2 * VIEW_NAME_MAX];
	va_list ap;

	snprintf(lead, sizeof(lead), "    %-12s ", label);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	view_wrap(o, VIEW_PLAIN, lead, text);
}

static void print_goroutines(struct view_out *o, const struct snapshot_process *p)
{
	char live[96] = "live unknown", system[64] = "";

	if (p->live >= 0)
		snprintf(live, sizeof(live), "%" PRId64 " live, %" PRId64 " at the start", p->live,
			 p->at_attach);
	if (p->live >= 0 && p->live_system >= 0)
		snprintf(system, sizeof(system), "; %" PRId64 " of the runtime's own",
			 p->live_system);
	account(o, "goroutines", "%s, %" PRIu64 " born, %" PRIu64 " died%s", live, p->born, p->died,
		system);
}

static void print_heap(struct view_out *o, const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];

	account(o, "heap", "%s live after GC, %s in use, %s idle (%s returned)",
		known_bytes(a, p->heap_live_bytes), known_bytes(b, p->heap_inuse_bytes),
		known_bytes(c, p->heap_idle_bytes), known_bytes(d, p->heap_released_bytes));
}

/* Two significant digits or more, never an exponent. */
static const char *digits(char buf[static DIGITS_MAX], double v)
{
	snprintf(buf, DIGITS_MAX, v >= 99.5 ? "%.0f" : v < 0.001 ? "%.3f" : "%.2g", v);
	return buf;
}

static void print_gc(struct view_out *o, const struct snapshot_process *p)
{
	char since[64] = "", goal[64] = "", percent[48] = "", pauses[96] = "", a[TEXT_HUMAN_MAX];
	char last[DIGITS_MAX], most[DIGITS_MAX];

	if (p->gc_cycles >= 0)
		snprintf(since, sizeof(since), ", %" PRId64 " since the process began",
			 p->gc_cycles);
	if (p->heap_goal_bytes >= 0)
		snprintf(goal, sizeof(goal), ", next at %s", known_bytes(a, p->heap_goal_bytes));
	if (p->gc_percent >= 0)
		snprintf(percent, sizeof(percent), ", GOGC=%" PRId64, p->gc_percent);
	if (p->gc_pause_last_ns >= 0 && p->gc_pause_max_ns >= 0)
		snprintf(pauses, sizeof(pauses), "; paused %s ms last, %s ms at most",
			 digits(last, (double)p->gc_pause_last_ns / 1e6),
			 digits(most, (double)p->gc_pause_max_ns / 1e6));
	account(o, "GC", "%" PRIu64 " cycle%s seen (%" PRIu64 " forced)%s%s%s%s", p->gc_seen,
		p->gc_seen == 1 ? "" : "s", p->gc_seen_forced, since, goal, percent, pauses);
}

/* "12.0 MiB live heap": as many in a row as there is room for, below each other. */
#define PART_INDENT 17
#define PART_NAME   19
#define PART_WIDTH  (9 + 1 + PART_NAME)

struct part_row {
	size_t in_row, n;
	size_t pad; /* after the part before */
};

static void print_part(struct view_out *o, struct part_row *row, int64_t bytes, const char *name)
{
	char a[TEXT_HUMAN_MAX], text[TEXT_HUMAN_MAX + 1];

	snprintf(text, sizeof(text), "%s%s", bytes < 0 ? "-" : "",
		 text_bytes(a, (uint64_t)(bytes < 0 ? -bytes : bytes)));
	if (row->n && row->n % row->in_row == 0)
		fprintf(o->f, "\n%*s", PART_INDENT, "");
	else
		fprintf(o->f, "%*s", (int)row->pad, "");
	fprintf(o->f, "%9s %s", text, name);
	row->pad = PART_NAME - strlen(name);
	row->n++;
}

/* Whose anonymous memory it is: the figures add up.  What there is none of is left out. */
static void print_parts(struct view_out *o, const struct memory_parts *m)
{
	const struct {
		int64_t bytes;
		const char *name;
	} parts[] = {
		{ m->live_bytes, "live heap" },
		{ m->garbage_bytes, m->live_bytes < 0 ? "live or garbage" : "garbage or new" },
		{ m->slack_bytes, "slack in spans" },
		{ m->free_held_bytes, "free, held" },
		{ m->lazyfree_bytes, "free, lazily" },
		{ m->stacks_bytes, "stacks" },
		{ m->runtime_bytes, "Go's own" },
		{ m->outside_bytes, "outside Go" },
		{ m->residue_bytes, m->residue_bytes < 0 ? "never touched" : "returned, resident" },
	};
	struct part_row row = { .in_row = 1 };

	if (o->width > PART_INDENT + 2 * PART_WIDTH)
		row.in_row = (o->width - PART_INDENT) / PART_WIDTH;
	fprintf(o->f, "    %-12s ", "anonymous");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].bytes > 0 || (parts[i].bytes < 0 && i == ARRAY_SIZE(parts) - 1))
			print_part(o, &row, parts[i].bytes, parts[i].name);
	fputc('\n', o->f);
}

static void print_memory(struct view_out *o, const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];

	account(o, "RSS", "%s anonymous, %s file, %s shared; %s swapped",
		known_bytes(a, p->rss_bytes[WIRE_RSS_ANON]),
		known_bytes(b, p->rss_bytes[WIRE_RSS_FILE]),
		known_bytes(c, p->rss_bytes[WIRE_RSS_SHMEM]),
		known_bytes(d, p->rss_bytes[WIRE_RSS_SWAP]));
	if (memory_is_closed(&p->memory))
		print_parts(o, &p->memory);
	else
		account(o, "of which", "%s goroutine stacks, %s outside the Go runtime",
			known_bytes(a, p->stacks_bytes), known_bytes(b, p->off_heap_bytes));
	if (p->limit_bytes >= 0)
		account(o, "limit", "%s, %s used by the control group",
			known_bytes(a, p->limit_bytes), known_bytes(b, p->cgroup_current_bytes));
	if (p->memory_limit_bytes >= 0 && p->memory_limit_bytes != INT64_MAX)
		account(o, "GOMEMLIMIT", "%s", known_bytes(a, p->memory_limit_bytes));
	if (p->fds >= 0)
		account(o, "descriptors",
			"%" PRId64 " open (sockets %" PRId64 ", pipes %" PRId64 ", files %" PRId64
			", others %" PRId64 ")",
			p->fds, MAX(p->sockets, 0), MAX(p->pipes, 0), MAX(p->files, 0),
			p->fds - MAX(p->sockets, 0) - MAX(p->pipes, 0) - MAX(p->files, 0));
}

/* What runs, in words where everybody has it. */
static const char *timer_text(char buf[static VIEW_NAME_MAX], const struct snapshot_timer *t)
{
	if (!strcmp(t->function, "runtime.goroutineReady"))
		return t->count == 1 ? "sleeping goroutine" : "sleeping goroutines";
	if (!strcmp(t->function, "time.sendTime") && t->is_periodic)
		return t->count == 1 ? "ticker" : "tickers";
	if (!strcmp(t->function, "time.sendTime"))
		return t->count == 1 ? "timer with a channel" : "timers with a channel";
	return view_name(buf, t->function);
}

static void print_timers(struct view_out *o, const struct snapshot_timers *t)
{
	char line[REPORT_TIMERS_TOP * VIEW_NAME_MAX], name[VIEW_NAME_MAX];
	size_t shown = MIN(t->n_top, (size_t)REPORT_TIMERS_TOP), at;

	snprintf(line, sizeof(line), "%s%" PRIu64 " set, %" PRIu64 " of them periodic",
		 t->is_partial ? "more than " : "", t->total, t->periodic);
	for (size_t i = 0; i < shown; i++) {
		at = strlen(line);
		snprintf(line + at, sizeof(line) - at, "%s%" PRIu64 " %s", i ? ", " : "; ",
			 t->top[i].count, timer_text(name, &t->top[i]));
	}
	account(o, "timers", "%s", line);
}

static void print_where_from(struct view_out *o, const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX];

	if (*view_name(name, p->exe))
		account(o, "executable", "%s", name);
	if (*view_name(name, p->container))
		account(o, "container", "%s", name);
	if (*view_name(name, p->pod))
		account(o, "pod", "%s", name);
	const char *why = p->is_oom_victim ? ": the kernel was out of memory" : "";

	if (p->has_exited && p->exit_code < 0)
		account(o, "exited", "with a status that is not known%s", why);
	else if (p->has_exited && WIFSIGNALED(p->exit_code))
		account(o, "exited", "killed by signal %d%s", WTERMSIG(p->exit_code), why);
	else if (p->has_exited)
		account(o, "exited", "with status %d", WEXITSTATUS(p->exit_code));
}

static void print_account(struct view_out *o, const struct snapshot_process *p)
{
	fputs("\n  Account\n", o->f);
	print_where_from(o, p);
	print_goroutines(o, p);
	print_heap(o, p);
	print_gc(o, p);
	print_memory(o, p);
	if (p->timers)
		print_timers(o, p->timers);
}

/* Of what does not fit beside the figures: below it, or further left where that is narrow. */
#define SITE_INDENT	   49
#define SITE_INDENT_NARROW 24
#define SITE_ROOM_MIN	   48

static void print_site_place(struct view_line *l, const struct snapshot_site *s)
{
	if (s->is_other)
		view_piece(l, VIEW_PLAIN, "  ", "(all other go statements)");
	else if (s->start_function && !strcmp(s->start_function, "runtime.main"))
		view_piece(l, VIEW_PLAIN, "  ", "(the main goroutine)"); /* started by assembly */
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

/* Adds words to a list in buf, with a comma before all but the first. */
static void list_add(char *buf, size_t size, bool is_due, const char *words)
{
	size_t at = strlen(buf);

	if (is_due)
		snprintf(buf + at, size - at, "%s%s", at ? ", " : "", words);
}

static void print_unknown(struct view_out *o, const struct snapshot_process *p)
{
	const uint32_t lives = 1U << WIRE_HOOK_BIRTH | 1U << WIRE_HOOK_DEATH;
	char list[1024] = "";

	list_add(list, sizeof(list), p->live < 0, "how many goroutines live");
	list_add(list, sizeof(list), (p->hooks_on & lives) != lives,
		 "births and deaths of goroutines (their probes are not attached)");
	list_add(list, sizeof(list), !p->is_park_watched,
		 "exact counts of parks (off: --park all)");
	list_add(list, sizeof(list), p->heap_live_bytes < 0,
		 "heap that is live after GC (no GC ended while observed)");
	list_add(list, sizeof(list), p->heap_inuse_bytes < 0, "the runtime's memory account");
	list_add(list, sizeof(list), p->rss_bytes[WIRE_RSS_ANON] < 0, "resident memory");
	list_add(list, sizeof(list), p->off_heap_bytes < 0, "memory outside the Go runtime");
	list_add(list, sizeof(list), p->fds < 0, "open files");
	list_add(list, sizeof(list), p->limit_bytes < 0, "a memory limit (none is set or visible)");
	if (list[0])
		view_wrap(o, VIEW_PLAIN, "  Not known: ", list);
}

static void print_own_account(struct view_out *o, const struct snapshot_process *p)
{
	char observed[TEXT_HUMAN_MAX], hits[TEXT_HUMAN_MAX], line[512], more[128] = "";
	char cost[DIGITS_MAX];
	double seconds = observed_s(p);

	if (p->cost_s >= 0 && seconds > 0)
		snprintf(more, sizeof(more), ", about %s %% of one CPU",
			 digits(cost, 100 * p->cost_s / seconds));
	snprintf(line, sizeof(line),
		 "%s; %" PRIu64 " events received, %" PRIu64 " sampled out, %" PRIu64 " lost, "
		 "%" PRIu64 " unreadable; %s probe hits%s.",
		 text_duration(observed, seconds), p->received, p->sampled_out, p->lost, p->bad,
		 text_count(hits, (double)p->hits), more);
	view_wrap(o, VIEW_PLAIN, "  Observed:  ", line);
}

static void print_left_out(struct view_out *o, const struct snapshot_process *p)
{
	const struct {
		uint64_t n;
		const char *what;
	} rows[] = {
		{ p->census_torn, "goroutines that changed while they were read" },
		{ p->census_unread, "that could not be read" },
		{ p->census_corrections,
		  "populations that the census found miscounted, and set right" },
		{ p->sites_folded, "go statements that share one row" },
		{ p->stacks_lost, "stacks that the ring buffer had no room for" },
		{ p->observer.refused, "Go processes that could not be watched" },
		{ p->observer.malformed, "records that made no sense" },
		{ p->observer.tasks_lost,
		  "starts or ends of processes that the ring buffer had no room for" },
	};
	char list[1024] = "", words[128], gaps[TEXT_HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(words, sizeof(words), "%" PRIu64 " %s", rows[i].n, rows[i].what);
		list_add(list, sizeof(list), rows[i].n, words);
	}
	snprintf(words, sizeof(words), "%s in which nothing was observed",
		 text_duration(gaps, p->gaps_s));
	list_add(list, sizeof(list), p->gaps > 0, words);
	if (list[0])
		view_wrap(o, VIEW_PLAIN, "  Left out:  ", list);
}

void report_process(struct view_out *o, const struct snapshot_process *p, const struct verdict *v,
		    bool is_verbose)
{
	print_header(o, p, v);
	print_findings(o, p, v);
	print_account(o, p);
	print_sites(o, p, is_verbose);
	print_reasons(o, p, is_verbose);
	fputc('\n', o->f);
	print_needs(o, v);
	print_unknown(o, p);
	print_own_account(o, p);
	print_left_out(o, p);
}
