/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/heap.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "view/jsonl.h"

/* Callers shown of what allocates. */
#define CALLERS_MAX 3
/* Columns: of the sites, and of their callers below them. */
#define SITES_AT   36
#define CALLERS_AT 14

static const char *known_bytes(char buf[static TEXT_HUMAN_MAX], int64_t bytes)
{
	return bytes < 0 ? "?" : text_bytes(buf, (uint64_t)bytes);
}

/* "+1.5 MiB", "-832 KiB". */
#define SIGNED_MAX (TEXT_HUMAN_MAX + 1)
static const char *signed_bytes(char buf[static SIGNED_MAX], int64_t bytes)
{
	char human[TEXT_HUMAN_MAX];
	uint64_t size = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;

	snprintf(buf, SIGNED_MAX, "%c%s", bytes < 0 ? '-' : '+', text_bytes(human, size));
	return buf;
}

/* Never negative, for a figure of samples that may be. */
static const char *positive_bytes(char buf[static SIGNED_MAX], int64_t bytes)
{
	if (bytes < 0)
		return signed_bytes(buf, bytes);
	return text_bytes(buf, (uint64_t)bytes);
}

/* ---- the account ---- */

struct part {
	const char *name, *key;
	int64_t bytes;
	bool is_signed;
};

#define PARTS 9
static void list_parts(const struct memory_parts *p, struct part ret[static PARTS])
{
	const struct part parts[PARTS] = {
		{ "live heap, as the last GC found it", "live_bytes", p->live_bytes, false },
		{ "allocated since, dead or alive", "garbage_bytes", p->garbage_bytes, false },
		{ "free slots and unswept objects", "slack_bytes", p->slack_bytes, false },
		{ "free heap, not given back", "free_held_bytes", p->free_held_bytes, false },
		{ "free heap, given back lazily", "lazyfree_bytes", p->lazyfree_bytes, false },
		{ "goroutine stacks", "stacks_bytes", p->stacks_bytes, false },
		{ "the runtime's own", "runtime_bytes", p->runtime_bytes, false },
		{ "outside the Go runtime (cgo, mmap)", "outside_bytes", p->outside_bytes, false },
		{ "untouched (-), or given back yet there (+)", "residue_bytes", p->residue_bytes,
		  true },
	};

	memcpy(ret, parts, sizeof(parts));
}

static void print_part(struct view_out *o, const struct heap *h, const struct part *p)
{
	int64_t whole = h->parts->anon_bytes;
	char buf[SIGNED_MAX];

	if (p->is_signed)
		signed_bytes(buf, p->bytes);
	else
		known_bytes(buf, p->bytes);
	if (p->bytes < 0 && !p->is_signed)
		snprintf(buf, sizeof(buf), "?");
	fprintf(o->f, "    %12s", buf);
	if (whole > 0 && (p->bytes >= 0 || p->is_signed))
		fprintf(o->f, " %4.0f%%", 100.0 * (double)p->bytes / (double)whole);
	else
		fprintf(o->f, "      ");
	fprintf(o->f, "  %s\n", p->name);
}

static void print_memory(struct view_out *o, const struct heap *h)
{
	const struct procfs_memory *m = h->memory;
	char a[TEXT_HUMAN_MAX], f[TEXT_HUMAN_MAX], s[TEXT_HUMAN_MAX], w[TEXT_HUMAN_MAX];
	struct part parts[PARTS];

	view_printf(o, VIEW_BOLD, "  Memory");
	fprintf(o->f, "  %s anonymous, %s file, %s shared; %s swapped\n",
		known_bytes(a, m->anon_bytes), known_bytes(f, m->file_bytes),
		known_bytes(s, m->shmem_bytes), known_bytes(w, m->swap_bytes));
	list_parts(h->parts, parts);
	for (size_t i = 0; i < PARTS; i++) {
		/* Not of this account: nothing to be said of it. */
		if (parts[i].bytes > 0 || (parts[i].is_signed && parts[i].bytes) ||
		    (parts[i].bytes < 0 && strcmp(parts[i].key, "lazyfree_bytes")))
			print_part(o, h, &parts[i]);
	}
	if (!memory_is_closed(h->parts))
		fprintf(o->f, "    the parts do not add up: not all of them are known\n");
}

static void print_gc(struct view_out *o, const struct heap *h)
{
	const struct account *a = h->account;
	char goal[TEXT_HUMAN_MAX], limit[TEXT_HUMAN_MAX], ago[TEXT_HUMAN_MAX];
	double age_s =
		a->last_gc_unix_ns > 0 ? (double)(h->now_unix_ns - a->last_gc_unix_ns) / 1e9 : NAN;

	fprintf(o->f, "  GC      ");
	if (a->gc_cycles < 0) {
		fprintf(o->f, "not known\n");
		return;
	}
	fprintf(o->f, "%" PRId64 " cycle%s", a->gc_cycles, a->gc_cycles == 1 ? "" : "s");
	if (age_s >= 0)
		fprintf(o->f, ", the last %s ago", text_duration(ago, age_s));
	if (a->heap_goal_bytes > 0)
		fprintf(o->f, ", next at %s", text_bytes(goal, (uint64_t)a->heap_goal_bytes));
	if (a->gc_percent >= 0)
		fprintf(o->f, ", GOGC=%" PRId64, a->gc_percent);
	if (a->memory_limit_bytes >= 0 && a->memory_limit_bytes < INT64_MAX)
		fprintf(o->f, ", GOMEMLIMIT %s",
			text_bytes(limit, (uint64_t)a->memory_limit_bytes));
	fputc('\n', o->f);
}

/* ---- sites ---- */

struct callers {
	struct view_out *o;
	const struct heap_site *site;
	unsigned int printed;
	bool is_past_site; /* the site's own frame is on the line above */
	const char *last; /* printed */
};

/* The runtime calls main and init functions, which is no news; a recursion is one caller. */
static bool is_news(const struct callers *c, const struct symbol_frame *f)
{
	if (!profile_is_shown(f) || !strcmp(f->function, c->last))
		return false;
	return symbols_is_runtime(c->site->function) || !symbols_is_runtime(f->function);
}

static void print_caller(struct callers *c, const struct symbol_frame *f)
{
	if (!c->is_past_site) {
		c->is_past_site = !strcmp(f->function, c->site->function);
		return;
	}
	if (c->printed >= CALLERS_MAX || !is_news(c, f))
		return;
	fprintf(c->o->f, "%*s< ", CALLERS_AT, "");
	view_place(c->o, VIEW_PLAIN, CALLERS_AT + 2, f->function, text_base_name(f->file), f->line);
	c->last = f->function;
	c->printed++;
}

static void print_callers(struct view_out *o, const struct heap *h, const struct heap_site *s)
{
	struct callers c = { .o = o, .site = s, .last = s->function };

	for (uint32_t i = 0; i < s->stack.n; i++) {
		const struct symbol *at = symbols_at(h->symbols, s->stack.pcs[i], false);

		for (uint32_t k = 0; k < at->n; k++)
			print_caller(&c, &at->frames[k]);
	}
}

static void print_site(struct view_out *o, const struct heap *h, const struct heap_site *s)
{
	char inuse[SIGNED_MAX], alloc[SIGNED_MAX], objects[TEXT_HUMAN_MAX];
	char grown[SIGNED_MAX];

	fprintf(o->f, "  %10s", positive_bytes(inuse, s->inuse_bytes));
	if (h->base)
		fprintf(o->f, " %11s", signed_bytes(grown, s->inuse_bytes - s->base_bytes));
	else
		fprintf(o->f, " %11s", positive_bytes(alloc, s->alloc_bytes));
	fprintf(o->f, " %8s  ", text_count(objects, (double)s->inuse_objects));
	view_place(o, VIEW_BOLD, SITES_AT, s->function, s->file, s->line);
	print_callers(o, h, s);
}

/* With a baseline those that did not change are of no interest. */
static bool is_listed(const struct heap *h, const struct heap_site *s)
{
	return h->base ? s->inuse_bytes != s->base_bytes : s->inuse_bytes != 0;
}

static void print_base(struct view_out *o, const struct heap *h)
{
	char then[SIGNED_MAX], now[SIGNED_MAX], ago[TEXT_HUMAN_MAX], grown[SIGNED_MAX];
	char name[VIEW_NAME_MAX];
	double age_s = (double)(h->now_unix_ns - h->base->time_ns) / 1e9;

	fprintf(o->f, "  Against %s", view_name(name, h->base_name));
	if (h->base->time_ns > 0 && age_s > 0)
		fprintf(o->f, ", %s ago", text_duration(ago, age_s));
	fprintf(o->f, ": %s in use then, %s now (%s)\n", positive_bytes(then, h->sites->base_bytes),
		positive_bytes(now, h->sites->inuse_bytes),
		signed_bytes(grown, h->sites->inuse_bytes - h->sites->base_bytes));
	if (h->base->bad)
		fprintf(o->f, "  %" PRIu64 " samples of it made no sense\n", h->base->bad);
}

static size_t in_use(const struct heap_sites *sites)
{
	size_t n = 0;

	vec_for_each (&sites->sites, s)
		n += s->inuse_bytes != 0;
	return n;
}

static void print_profile_head(struct view_out *o, const struct heap *h)
{
	const char *as_of = h->account->gc_cycles ? "as of the last GC" : "no GC has run yet";
	char inuse[SIGNED_MAX], alloc[SIGNED_MAX], rate[TEXT_HUMAN_MAX];
	size_t all = h->sites->sites.n, n = in_use(h->sites);

	view_printf(o, VIEW_BOLD, "\n  Heap by allocation site");
	if (h->profile->rate > 0)
		fprintf(o->f, "  one sample per %s allocated",
			text_bytes(rate, (uint64_t)h->profile->rate));
	else
		fprintf(o->f, "  not scaled: the sampling rate is not known");
	fprintf(o->f, "; %s\n  %s in use of %s allocated, %zu site%s", as_of,
		positive_bytes(inuse, h->sites->inuse_bytes),
		positive_bytes(alloc, h->sites->alloc_bytes), n, n == 1 ? "" : "s");
	if (n < all)
		fprintf(o->f, " (%zu more with nothing in use)", all - n);
	fputc('\n', o->f);
}

static void print_sites(struct view_out *o, const struct heap *h, bool is_verbose)
{
	size_t listed = 0, more = 0;
	int64_t rest = 0;
	char buf[SIGNED_MAX];

	print_profile_head(o, h);
	if (h->base)
		print_base(o, h);
	view_printf(o, VIEW_DIM, "  %10s %11s %8s  %s\n", "IN USE", h->base ? "GROWN" : "ALLOCATED",
		    "OBJECTS", "ALLOCATED AT  (< callers)");
	vec_for_each (&h->sites->sites, s) {
		if (!is_listed(h, s))
			continue;
		if (is_verbose || listed < HEAP_SITES_MAX) {
			print_site(o, h, s);
			listed++;
		} else {
			more++;
			rest += s->inuse_bytes;
		}
	}
	if (!listed)
		fprintf(o->f, "  nothing%s\n", h->base ? " has changed" : " is in use");
	if (more)
		fprintf(o->f, "  %10s in %zu more site%s (-v lists all)\n",
			positive_bytes(buf, rest), more, more == 1 ? "" : "s");
	if (h->profile->bad)
		fprintf(o->f, "  %" PRIu64 " records made no sense and were left out\n",
			h->profile->bad);
	if (h->profile->is_partial)
		view_printf(o, VIEW_BAD, "  NOT ALL records are here: a limit ended the reading\n");
}

/* ---- timers ---- */

static const char *function_at(const struct heap *h, uint64_t pc)
{
	return symbols_start(h->symbols, pc);
}

/* What a program calls that gets such a timer. */
static const char *timer_of(const char *runs, bool is_periodic)
{
	if (!strcmp(runs, "time.goFunc"))
		return "  (time.AfterFunc)";
	if (!strcmp(runs, "runtime.goroutineReady"))
		return "  (time.Sleep)";
	if (!strcmp(runs, "time.sendTime"))
		return is_periodic ? "  (time.NewTicker)" : "  (time.NewTimer, time.After)";
	return "";
}

static void print_timer(struct view_out *o, const struct heap *h, const struct timer_group *t)
{
	char count[TEXT_HUMAN_MAX], a[TEXT_HUMAN_MAX], b[TEXT_HUMAN_MAX];
	const char *function = function_at(h, t->arg_fn ? t->arg_fn : t->fn);
	double next_s = ((double)t->next_ns - (double)h->now_ns) / 1e9;

	fprintf(o->f, "  %10s  ", text_count(count, (double)t->count));
	/* Room for what is said of it on the same line. */
	if (14 + view_columns(function) + 40 > o->columns)
		function = view_short_function(function);
	view_printf(o, VIEW_BOLD, "%s", function);
	fputs(timer_of(function_at(h, t->fn), t->is_periodic), o->f);
	if (t->is_periodic) {
		text_duration(a, (double)t->period_min_ns / 1e9);
		text_duration(b, (double)t->period_max_ns / 1e9);
		fprintf(o->f, "  every %s%s%s", a, strcmp(a, b) ? " to " : "",
			strcmp(a, b) ? b : "");
	}
	if (next_s > 0)
		fprintf(o->f, "  next in %s", text_duration(a, next_s));
	fputc('\n', o->f);
}

static void print_timers(struct view_out *o, const struct heap *h)
{
	size_t n = h->timers->groups.n, listed = MIN(n, (size_t)HEAP_TIMERS_MAX);

	view_printf(o, VIEW_BOLD, "\n  Timers");
	fprintf(o->f, "  %" PRIu64 " set, %" PRIu64 " of them periodic\n", h->timers->total,
		h->timers->periodic);
	for (size_t i = 0; i < listed; i++)
		print_timer(o, h, &h->timers->groups.items[i]);
	if (n > listed)
		fprintf(o->f, "  and %zu more function%s\n", n - listed,
			n - listed == 1 ? "" : "s");
	if (h->timers->bad || h->timers->is_partial)
		fprintf(o->f, "  %" PRIu64 " could not be read%s\n", h->timers->bad,
			h->timers->is_partial ? "; NOT ALL are here" : "");
}

void heap_text(struct view_out *o, const struct heap *h, bool is_verbose)
{
	char comm[VIEW_NAME_MAX], version[VIEW_NAME_MAX], lead[VIEW_NAME_MAX + 1];
	char text[VIEW_NAME_MAX + 128];

	snprintf(text, sizeof(text),
		 "(pid %d, %s): memory now, read in %.1f ms while the program ran on", (int)h->pid,
		 view_name(version, h->go_version), h->read_ms);
	snprintf(lead, sizeof(lead), "%s ", view_name(comm, h->comm));
	view_wrap(o, VIEW_BOLD, lead, text);
	fputc('\n', o->f);
	print_memory(o, h);
	print_gc(o, h);
	if (h->sites) {
		print_sites(o, h, is_verbose);
	} else {
		view_printf(o, VIEW_BOLD, "\n  Heap by allocation site\n");
		view_wrap(o, VIEW_PLAIN, "    ", h->no_profile);
	}
	if (h->timers)
		print_timers(o, h);
}

/* ---- JSON ---- */

static struct json_object *signed_number(int64_t n)
{
	return json_object_new_int64(n);
}

static struct json_object *parts_json(const struct heap *h)
{
	struct json_object *o = json_object_new_object();
	bool is_closed = memory_is_closed(h->parts);
	struct part parts[PARTS];

	jsonl_add(o, "anon_bytes", jsonl_known(h->parts->anon_bytes));
	list_parts(h->parts, parts);
	for (size_t i = 0; i < PARTS; i++)
		jsonl_add(o, parts[i].key,
			  parts[i].is_signed
				  ? (is_closed ? json_object_new_int64(parts[i].bytes) : NULL)
				  : jsonl_known(parts[i].bytes));
	return o;
}

static struct json_object *rss_json(const struct procfs_memory *m)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "anon_bytes", jsonl_known(m->anon_bytes));
	jsonl_add(o, "file_bytes", jsonl_known(m->file_bytes));
	jsonl_add(o, "shmem_bytes", jsonl_known(m->shmem_bytes));
	jsonl_add(o, "swap_bytes", jsonl_known(m->swap_bytes));
	return o;
}

static struct json_object *gc_json(const struct heap *h)
{
	const struct account *a = h->account;
	struct json_object *o = json_object_new_object();
	bool has_limit = a->memory_limit_bytes >= 0 && a->memory_limit_bytes < INT64_MAX;

	jsonl_add(o, "cycles", jsonl_known(a->gc_cycles));
	jsonl_add(o, "goal_bytes", jsonl_known(a->heap_goal_bytes));
	jsonl_add(o, "percent", jsonl_known(a->gc_percent));
	jsonl_add(o, "memory_limit_bytes",
		  has_limit ? json_object_new_int64(a->memory_limit_bytes) : NULL);
	jsonl_add(o, "last_s_ago",
		  a->last_gc_unix_ns > 0
			  ? jsonl_number((double)(h->now_unix_ns - a->last_gc_unix_ns) / 1e9)
			  : NULL);
	return o;
}

static struct json_object *profile_json(const struct heap *h)
{
	struct json_object *o;

	if (!h->profile)
		return NULL;
	o = json_object_new_object();
	jsonl_add(o, "rate_bytes", jsonl_known(h->profile->rate));
	jsonl_add(o, "records", jsonl_count(h->profile->records.n));
	jsonl_add(o, "sites", jsonl_count(h->sites->sites.n));
	jsonl_add(o, "inuse_bytes", signed_number(h->sites->inuse_bytes));
	jsonl_add(o, "inuse_objects", signed_number(h->sites->inuse_objects));
	jsonl_add(o, "alloc_bytes", signed_number(h->sites->alloc_bytes));
	jsonl_add(o, "alloc_objects", signed_number(h->sites->alloc_objects));
	jsonl_add(o, "base_bytes", h->base ? signed_number(h->sites->base_bytes) : NULL);
	jsonl_add(o, "bad", jsonl_count(h->profile->bad));
	jsonl_add(o, "partial", jsonl_flag(h->profile->is_partial));
	return o;
}

static struct json_object *timers_json(const struct heap *h)
{
	struct json_object *o;

	if (!h->timers)
		return NULL;
	o = json_object_new_object();
	jsonl_add(o, "total", jsonl_count(h->timers->total));
	jsonl_add(o, "periodic", jsonl_count(h->timers->periodic));
	jsonl_add(o, "functions", jsonl_count(h->timers->groups.n));
	jsonl_add(o, "bad", jsonl_count(h->timers->bad));
	jsonl_add(o, "partial", jsonl_flag(h->timers->is_partial));
	return o;
}

struct json_object *heap_json(const struct heap *h)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("heap"));
	jsonl_add(o, "pid", json_object_new_int64(h->pid));
	jsonl_add(o, "comm", jsonl_text(h->comm));
	jsonl_add(o, "exe", jsonl_name(h->exe));
	jsonl_add(o, "go_version", jsonl_name(h->go_version));
	jsonl_add(o, "rss", rss_json(h->memory));
	jsonl_add(o, "memory", parts_json(h));
	jsonl_add(o, "gc", gc_json(h));
	jsonl_add(o, "profile", profile_json(h));
	jsonl_add(o, "why_no_profile", h->profile ? NULL : jsonl_name(h->no_profile));
	jsonl_add(o, "timers", timers_json(h));
	jsonl_add(o, "read_ms", jsonl_number(h->read_ms));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	return o;
}

static struct json_object *stack_json(const struct heap *h, const struct stack *stack)
{
	struct json_object *a = stack->n ? json_object_new_array() : NULL;

	for (uint32_t i = 0; i < stack->n; i++) {
		const struct symbol *s = symbols_at(h->symbols, stack->pcs[i], false);

		for (uint32_t k = 0; k < s->n; k++) {
			if (profile_is_shown(&s->frames[k]))
				json_object_array_add(a, jsonl_frame(&s->frames[k]));
		}
	}
	return a;
}

struct json_object *heap_site_json(const struct heap *h, const struct heap_site *s)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("site"));
	jsonl_add(o, "pid", json_object_new_int64(h->pid));
	jsonl_add(o, "function", jsonl_text(s->function));
	jsonl_add(o, "file", jsonl_name(s->file));
	jsonl_add(o, "line", s->line ? json_object_new_int64(s->line) : NULL);
	jsonl_add(o, "inuse_bytes", signed_number(s->inuse_bytes));
	jsonl_add(o, "inuse_objects", signed_number(s->inuse_objects));
	jsonl_add(o, "alloc_bytes", signed_number(s->alloc_bytes));
	jsonl_add(o, "alloc_objects", signed_number(s->alloc_objects));
	jsonl_add(o, "base_bytes", h->base ? signed_number(s->base_bytes) : NULL);
	jsonl_add(o, "base_objects", h->base ? signed_number(s->base_objects) : NULL);
	jsonl_add(o, "stack", stack_json(h, &s->stack));
	return o;
}

struct json_object *heap_timer_json(const struct heap *h, const struct timer_group *t)
{
	struct json_object *o = json_object_new_object();
	double next_s = ((double)t->next_ns - (double)h->now_ns) / 1e9;

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("timer"));
	jsonl_add(o, "pid", json_object_new_int64(h->pid));
	jsonl_add(o, "function", jsonl_text(function_at(h, t->arg_fn ? t->arg_fn : t->fn)));
	jsonl_add(o, "runs", jsonl_text(function_at(h, t->fn)));
	jsonl_add(o, "count", jsonl_count(t->count));
	jsonl_add(o, "periodic", jsonl_flag(t->is_periodic));
	jsonl_add(o, "period_min_s",
		  t->is_periodic ? jsonl_number((double)t->period_min_ns / 1e9) : NULL);
	jsonl_add(o, "period_max_s",
		  t->is_periodic ? jsonl_number((double)t->period_max_ns / 1e9) : NULL);
	jsonl_add(o, "next_s", jsonl_number(next_s));
	return o;
}
