/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "view/view.h"

#define TIMERS_TOP 3

static const char *words(char buf[static WORDS_MAX], const char *fmt, ...) _printf_(2, 3);

static const char *words(char buf[static WORDS_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, WORDS_MAX, fmt, ap);
	va_end(ap);
	return buf;
}

/* Adds words to a list in buf, with a comma before all but the first. */
static void list_add(char buf[static WORDS_MAX], bool is_due, const char *item)
{
	size_t at = strlen(buf);

	if (is_due)
		snprintf(buf + at, WORDS_MAX - at, "%s%s", at ? ", " : "", item);
}

const char *words_size(char buf[static TEXT_HUMAN_MAX], int64_t bytes)
{
	return bytes < 0 ? "?" : text_bytes(buf, (uint64_t)bytes);
}

const char *words_digits(char buf[static WORDS_DIGITS], double v)
{
	snprintf(buf, WORDS_DIGITS, v >= 99.5 ? "%.0f" : v < 0.001 ? "%.3f" : "%.2g", v);
	return buf;
}

/* ---- a finding ---- */

const char *words_subject(enum verdict_kind k)
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
		return "";
	}
}

const char *words_state(enum finding_state s)
{
	static const char *const states[] = {
		[FINDING_NEW] = "seen once, to be confirmed",
		[FINDING_FLAGGED] = "",
		[FINDING_PAUSED] = "paused",
		[FINDING_RECOVERED] = "over",
	};

	return states[s];
}

const char *words_growth(char buf[static WORDS_MAX], const struct finding *f)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];
	char reason[VIEW_NAME_MAX], gcs[64] = "", waiting[VIEW_NAME_MAX + 16] = "";

	if (f->gcs)
		snprintf(gcs, sizeof(gcs), "; %" PRIu64 " garbage collections seen", f->gcs);
	if (f->site && f->site->wait_reason)
		snprintf(waiting, sizeof(waiting), "; waiting: %s",
			 view_name(reason, f->site->wait_reason));
	text_duration(d, f->horizon_s);
	if (f->unit == VERDICT_BYTES)
		return words(buf, "%s -> %s in %s (%c%s/min)%s%s",
			     text_bytes(a, (uint64_t)fmax(0, f->first)),
			     text_bytes(b, (uint64_t)fmax(0, f->last)), d,
			     f->per_min < 0 ? '-' : '+', text_bytes(c, (uint64_t)fabs(f->per_min)),
			     gcs, waiting);
	return words(buf, "%.0f -> %.0f %s in %s (%s/min)%s", f->first, f->last,
		     f->unit == VERDICT_FILES ? "open descriptors" : "goroutines", d,
		     text_change(a, f->per_min), waiting);
}

/* Where it waits tells most; without that, who started it. */
struct words_stack words_stack(const struct snapshot_site *s)
{
	if (s && s->stack_depth)
		return (struct words_stack){ "Waits here", s->stack, s->stack_depth };
	if (s && s->creation_depth)
		return (struct words_stack){
			s->has_creators ? "Created by (one of several ways here: it need not be "
					  "the one that leaks)"
					: "Created by",
			s->creation_stack, s->creation_depth
		};
	return (struct words_stack){ 0 };
}

const char *words_site(const struct snapshot_site *s)
{
	if (s->is_other)
		return "(all other go statements)";
	/* Started by assembly. */
	if (s->start_function && !strcmp(s->start_function, "runtime.main"))
		return "(the main goroutine)";
	return NULL;
}

/* ---- a process's account ---- */

static const char *container(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX], id[VIEW_NAME_MAX];

	view_name(name, p->container_name);
	view_name(id, p->container);
	return *name && *id ? words(buf, "%s (%s)", name, id) : words(buf, "%s%s", name, id);
}

static const char *pod(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char name[VIEW_NAME_MAX], ns[VIEW_NAME_MAX];

	view_name(ns, p->pod_namespace);
	if (*view_name(name, p->pod))
		return words(buf, "%s%s%s", ns, *ns ? "/" : "", name);
	return words(buf, "%s%s", *view_name(name, p->pod_uid) ? "uid " : "", name);
}

static const char *exited(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	const char *why = p->is_oom_victim ? ": the kernel was out of memory" : "";

	if (!p->has_exited)
		return words(buf, "%s", "");
	if (p->exit_code < 0)
		return words(buf, "with a status that is not known%s", why);
	if (WIFSIGNALED(p->exit_code))
		return words(buf, "killed by signal %d%s", WTERMSIG(p->exit_code), why);
	return words(buf, "with status %d", WEXITSTATUS(p->exit_code));
}

static const char *goroutines(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char live[96] = "live unknown", system[64] = "";

	if (p->live >= 0)
		snprintf(live, sizeof(live), "%" PRId64 " live, %" PRId64 " at the start", p->live,
			 p->at_attach);
	if (p->live >= 0 && p->live_system >= 0)
		snprintf(system, sizeof(system), "; %" PRId64 " of the runtime's own",
			 p->live_system);
	return words(buf, "%s, %" PRIu64 " born, %" PRIu64 " died%s", live, p->born, p->died,
		     system);
}

static const char *heap(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];

	return words(buf, "%s live after GC, %s in use, %s idle (%s returned)",
		     words_size(a, p->heap_live_bytes), words_size(b, p->heap_inuse_bytes),
		     words_size(c, p->heap_idle_bytes), words_size(d, p->heap_released_bytes));
}

static const char *gc(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char since[64] = "", goal[64] = "", percent[48] = "", pauses[96] = "", a[TEXT_HUMAN_MAX];
	char last[WORDS_DIGITS], most[WORDS_DIGITS];

	if (p->gc_cycles >= 0)
		snprintf(since, sizeof(since), ", %" PRId64 " since the process began",
			 p->gc_cycles);
	if (p->heap_goal_bytes >= 0)
		snprintf(goal, sizeof(goal), ", next at %s", words_size(a, p->heap_goal_bytes));
	if (p->gc_percent >= 0)
		snprintf(percent, sizeof(percent), ", GOGC=%" PRId64, p->gc_percent);
	if (p->gc_pause_last_ns >= 0 && p->gc_pause_max_ns >= 0)
		snprintf(pauses, sizeof(pauses), "; paused %s ms last, %s ms at most",
			 words_digits(last, (double)p->gc_pause_last_ns / 1e6),
			 words_digits(most, (double)p->gc_pause_max_ns / 1e6));
	return words(buf, "%" PRIu64 " cycle%s seen (%" PRIu64 " forced)%s%s%s%s", p->gc_seen,
		     p->gc_seen == 1 ? "" : "s", p->gc_seen_forced, since, goal, percent, pauses);
}

static const char *rss(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX], c[TEXT_HUMAN_MAX], d[TEXT_HUMAN_MAX];

	return words(buf, "%s anonymous, %s file, %s shared; %s swapped",
		     words_size(a, p->rss_bytes[WIRE_RSS_ANON]),
		     words_size(b, p->rss_bytes[WIRE_RSS_FILE]),
		     words_size(c, p->rss_bytes[WIRE_RSS_SHMEM]),
		     words_size(d, p->rss_bytes[WIRE_RSS_SWAP]));
}

size_t words_parts(const struct memory_parts *m, struct words_part ret[static WORDS_PARTS])
{
	const struct words_part parts[WORDS_PARTS] = {
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
	size_t n = 0;

	/* Only the residue may be negative; others are unknown then. */
	for (size_t i = 0; i < WORDS_PARTS; i++)
		if (parts[i].bytes > 0 || (parts[i].bytes < 0 && i == WORDS_PARTS - 1))
			ret[n++] = parts[i];
	return n;
}

static const char *anonymous(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	struct words_part parts[WORDS_PARTS];
	size_t n = memory_is_closed(&p->memory) ? words_parts(&p->memory, parts) : 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int64_t bytes = parts[i].bytes;
		char item[2 * TEXT_HUMAN_MAX + 2], a[TEXT_HUMAN_MAX];

		snprintf(item, sizeof(item), "%s%s %s", bytes < 0 ? "-" : "",
			 text_bytes(a, (uint64_t)(bytes < 0 ? -bytes : bytes)), parts[i].name);
		list_add(buf, true, item);
	}
	return buf;
}

static const char *of_which(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX];

	if (memory_is_closed(&p->memory))
		return words(buf, "%s", "");
	return words(buf, "%s goroutine stacks, %s outside the Go runtime",
		     words_size(a, p->stacks_bytes), words_size(b, p->off_heap_bytes));
}

static const char *limit(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX];

	if (p->limit_bytes < 0)
		return words(buf, "%s", "");
	return words(buf, "%s, %s used by the control group", words_size(a, p->limit_bytes),
		     words_size(b, p->cgroup_current_bytes));
}

static const char *pod_limit(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX];

	if (p->pod_limit_bytes < 0)
		return words(buf, "%s", "");
	return words(buf, "%s, %s used by the pod", words_size(a, p->pod_limit_bytes),
		     words_size(b, p->pod_current_bytes));
}

static const char *gomemlimit(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char a[TEXT_HUMAN_MAX];
	bool is_set = p->memory_limit_bytes >= 0 && p->memory_limit_bytes != INT64_MAX;

	return words(buf, "%s", is_set ? words_size(a, p->memory_limit_bytes) : "");
}

static const char *descriptors(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	int64_t sockets = MAX(p->sockets, 0), pipes = MAX(p->pipes, 0), files = MAX(p->files, 0);

	if (p->fds < 0)
		return words(buf, "%s", "");
	return words(buf,
		     "%" PRId64 " open (sockets %" PRId64 ", pipes %" PRId64 ", files %" PRId64
		     ", others %" PRId64 ")",
		     p->fds, sockets, pipes, files, p->fds - sockets - pipes - files);
}

/* What runs, in words where everybody has it. */
static const char *timer_name(char buf[static VIEW_NAME_MAX], const struct snapshot_timer *t)
{
	if (!strcmp(t->function, "runtime.goroutineReady"))
		return t->count == 1 ? "sleeping goroutine" : "sleeping goroutines";
	if (!strcmp(t->function, "time.sendTime") && t->is_periodic)
		return t->count == 1 ? "ticker" : "tickers";
	if (!strcmp(t->function, "time.sendTime"))
		return t->count == 1 ? "timer with a channel" : "timers with a channel";
	return view_name(buf, t->function);
}

static const char *timers(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	const struct snapshot_timers *t = p->timers;
	char name[VIEW_NAME_MAX];

	if (!t)
		return words(buf, "%s", "");
	words(buf, "%s%" PRIu64 " set, %" PRIu64 " of them periodic",
	      t->is_partial ? "more than " : "", t->total, t->periodic);
	for (size_t i = 0; i < MIN(t->n_top, (size_t)TIMERS_TOP); i++) {
		size_t at = strlen(buf);

		snprintf(buf + at, WORDS_MAX - at, "%s%" PRIu64 " %s", i ? ", " : "; ",
			 t->top[i].count, timer_name(name, &t->top[i]));
	}
	return buf;
}

static const struct {
	const char *label;
	const char *(*text)(char buf[static WORDS_MAX], const struct snapshot_process *p);
} lines[WORDS_LINE_MAX] = {
	[WORDS_CONTAINER] = { "container", container },
	[WORDS_POD] = { "pod", pod },
	[WORDS_EXITED] = { "exited", exited },
	[WORDS_GOROUTINES] = { "goroutines", goroutines },
	[WORDS_HEAP] = { "heap", heap },
	[WORDS_GC] = { "GC", gc },
	[WORDS_RSS] = { "RSS", rss },
	[WORDS_ANONYMOUS] = { "anonymous", anonymous },
	[WORDS_OF_WHICH] = { "of which", of_which },
	[WORDS_LIMIT] = { "limit", limit },
	[WORDS_POD_LIMIT] = { "pod's limit", pod_limit },
	[WORDS_GOMEMLIMIT] = { "GOMEMLIMIT", gomemlimit },
	[WORDS_DESCRIPTORS] = { "descriptors", descriptors },
	[WORDS_TIMERS] = { "timers", timers },
};

const char *words_label(enum words_line l)
{
	return lines[l].label;
}

const char *words_line(char buf[static WORDS_MAX], const struct snapshot_process *p,
		       enum words_line l)
{
	return lines[l].text(buf, p);
}

/* ---- the observation ---- */

const char *words_unknown(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	const uint32_t lives = 1U << WIRE_HOOK_BIRTH | 1U << WIRE_HOOK_DEATH;

	buf[0] = '\0';
	list_add(buf, p->live < 0, "how many goroutines live");
	list_add(buf, (p->hooks_on & lives) != lives,
		 "births and deaths of goroutines (their probes are not attached)");
	list_add(buf, !p->is_park_watched, "exact counts of parks (off: --park all)");
	list_add(buf, p->heap_live_bytes < 0,
		 "heap that is live after GC (no GC ended while observed)");
	list_add(buf, p->heap_inuse_bytes < 0, "the runtime's memory account");
	list_add(buf, p->rss_bytes[WIRE_RSS_ANON] < 0, "resident memory");
	list_add(buf, p->off_heap_bytes < 0, "memory outside the Go runtime");
	list_add(buf, p->fds < 0, "open files");
	list_add(buf, p->limit_bytes < 0, "a memory limit (none is set or visible)");
	return buf;
}

const char *words_observed(char buf[static WORDS_MAX], const struct snapshot_process *p)
{
	char observed[TEXT_HUMAN_MAX], hits[TEXT_HUMAN_MAX], more[128] = "";
	char cost[WORDS_DIGITS];
	double seconds = seconds_between(p->start_ns, p->now_ns);

	if (p->cost_s >= 0 && seconds > 0)
		snprintf(more, sizeof(more), ", about %s %% of one CPU",
			 words_digits(cost, 100 * p->cost_s / seconds));
	return words(buf,
		     "%s; %" PRIu64 " events received, %" PRIu64 " sampled out, %" PRIu64 " lost, "
		     "%" PRIu64 " unreadable; %s probe hits%s.",
		     text_duration(observed, seconds), p->received, p->sampled_out, p->lost, p->bad,
		     text_count(hits, (double)p->hits), more);
}

const char *words_left_out(char buf[static WORDS_MAX], const struct snapshot_process *p)
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
	char item[128], gaps[TEXT_HUMAN_MAX];

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(item, sizeof(item), "%" PRIu64 " %s", rows[i].n, rows[i].what);
		list_add(buf, rows[i].n, item);
	}
	snprintf(item, sizeof(item), "%s in which nothing was observed",
		 text_duration(gaps, p->gaps_s));
	list_add(buf, p->gaps > 0, item);
	return buf;
}
