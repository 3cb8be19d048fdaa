/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/spans.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "view/jsonl.h"

/* Callers shown of what allocates. */
#define CALLERS_MAX 3
/* Columns before the name of a site. */
#define LEAD 47

/* ---- sites ---- */

static const struct symbol_frame *own_frame(const struct symbol *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (profile_is_shown(&s->frames[i]) && !symbols_is_runtime(s->frames[i].function))
			return &s->frames[i];
	}
	return NULL;
}

/* Of what the runtime allocates for itself: the first of it that does not only hand out memory. */
static const struct symbol_frame *runtime_frame(struct symbols *s, const struct spans_record *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct symbol *at = symbols_at(s, r->pcs[i], false);

		for (uint32_t k = 0; k < at->n; k++) {
			if (!symbols_is_allocator(at->frames[k].function))
				return &at->frames[k];
		}
	}
	return NULL;
}

static struct symbol_frame site_frame(struct symbols *s, const struct spans_record *r)
{
	const struct symbol_frame *f = NULL;

	for (uint32_t i = 0; i < r->n && !f; i++)
		f = own_frame(symbols_at(s, r->pcs[i], false));
	if (!f)
		f = runtime_frame(s, r);
	return f ? *f : (struct symbol_frame){ .function = PROFILE_UNKNOWN, .file = "" };
}

static void held_add(struct spans_held *to, const struct spans_held *h)
{
	to->bytes += h->bytes;
	to->spans += h->spans;
	to->large_bytes += h->large_bytes;
	to->large_spans += h->large_spans;
	to->alloc_bytes += h->alloc_bytes;
	to->alloc_spans += h->alloc_spans;
	to->error_bytes = sqrt(to->error_bytes * to->error_bytes + h->error_bytes * h->error_bytes);
}

static int compare_place(const void *pa, const void *pb)
{
	const struct span_site *a = pa, *b = pb;
	int order = strcmp(a->function, b->function);

	if (!order)
		order = strcmp(a->file, b->file);
	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	/* Records come with the most bytes first. */
	return order ? order : (a->record > b->record) - (a->record < b->record);
}

static bool is_same_place(const struct span_site *a, const struct span_site *b)
{
	return a->line == b->line && !strcmp(a->function, b->function) && !strcmp(a->file, b->file);
}

static int compare_bytes(const void *pa, const void *pb)
{
	const struct span_site *a = pa, *b = pb;

	if (a->held.bytes != b->held.bytes)
		return a->held.bytes < b->held.bytes ? 1 : -1;
	if (a->held.alloc_bytes != b->held.alloc_bytes)
		return a->held.alloc_bytes < b->held.alloc_bytes ? 1 : -1;
	return compare_place(a, b);
}

int span_sites_make(const struct spans_result *r, struct symbols *s, struct span_sites *ret)
{
	struct span_sites made = { 0 };
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; !err && i < r->records.n; i++) {
		struct symbol_frame f = site_frame(s, &r->records.items[i]);
		struct span_site site = { .function = f.function,
					  .file = f.file,
					  .line = f.line,
					  .held = r->records.items[i].held,
					  .record = i };

		err = vec_push(&made.sites, site);
	}
	if (err) {
		span_sites_release(&made);
		return err;
	}
	if (made.sites.n)
		qsort(made.sites.items, made.sites.n, sizeof(*made.sites.items), compare_place);
	for (size_t i = 0; i < made.sites.n; i++) {
		if (n && is_same_place(&made.sites.items[n - 1], &made.sites.items[i]))
			held_add(&made.sites.items[n - 1].held, &made.sites.items[i].held);
		else
			made.sites.items[n++] = made.sites.items[i];
	}
	made.sites.n = n;
	if (n)
		qsort(made.sites.items, n, sizeof(*made.sites.items), compare_bytes);
	*ret = made;
	return 0;
}

void span_sites_release(struct span_sites *s)
{
	vec_release(&s->sites);
}

/* ---- text ---- */

static void print_caller(struct view_out *o, const struct symbol_frame *f)
{
	fprintf(o->f, "%*s< ", LEAD, "");
	view_place(o, VIEW_PLAIN, LEAD + 2, f->function, text_base_name(f->file), f->line);
}

/* The frames past the site's own. */
static void print_callers(struct view_out *o, const struct spans_view *v, const struct span_site *s)
{
	const struct spans_record *r = &v->result->records.items[s->record];
	unsigned int printed = 0;
	bool is_past = false;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct symbol *at = symbols_at(v->symbols, r->pcs[i], false);

		for (uint32_t k = 0; k < at->n && printed < CALLERS_MAX; k++) {
			const struct symbol_frame *f = &at->frames[k];

			if (is_past && profile_is_shown(f)) {
				print_caller(o, f);
				printed++;
			}
			is_past |= f->line == s->line && !strcmp(f->function, s->function);
		}
	}
}

static void print_site(struct view_out *o, const struct spans_view *v, const struct span_site *s)
{
	char held[TEXT_HUMAN_MAX], large[TEXT_HUMAN_MAX], alloc[TEXT_HUMAN_MAX];
	char error[TEXT_HUMAN_MAX] = "";
	const struct spans_held *h = &s->held;

	if (h->error_bytes > 0)
		text_bytes(error, (uint64_t)h->error_bytes);
	fprintf(o->f, "  %10s %9s %10s %11s  ", text_bytes(held, h->bytes), error,
		h->large_bytes ? text_bytes(large, h->large_bytes) : "-",
		text_bytes(alloc, h->alloc_bytes));
	view_place(o, VIEW_BOLD, LEAD, s->function, s->file, s->line);
	print_callers(o, v, s);
}

static size_t in_use(const struct span_sites *sites)
{
	size_t n = 0;

	vec_for_each (&sites->sites, s)
		n += s->held.bytes > 0;
	return n;
}

/* What is garbage is not known before the next collection has swept it. */
static void print_head(struct view_out *o, const struct spans_view *v)
{
	const struct spans_result *r = v->result;
	char held[TEXT_HUMAN_MAX], alloc[TEXT_HUMAN_MAX], error[TEXT_HUMAN_MAX];
	char time[TEXT_HUMAN_MAX], name[VIEW_NAME_MAX], text[256], small[96];
	size_t n = in_use(v->sites);

	view_printf(o, VIEW_BOLD, "%s", view_name(name, v->comm));
	fprintf(o->f, "  pid %d, %s\n\n", (int)v->pid, v->go_version);
	snprintf(text, sizeof(text),
		 "spans allocated in the last %s, and in use or not yet collected",
		 text_duration(time, r->seconds));
	view_wrap(o, VIEW_BOLD, "  Heap by allocation site  ", text);
	if (r->shift)
		snprintf(small, sizeof(small), "of small spans 1 in %u kept at last: +- %s",
			 1U << r->shift, text_bytes(error, (uint64_t)r->total.error_bytes));
	else
		snprintf(small, sizeof(small), "every small span kept");
	snprintf(text, sizeof(text), "%s of %s allocated, %zu site%s; large objects exact, %s",
		 text_bytes(held, r->total.bytes), text_bytes(alloc, r->total.alloc_bytes), n,
		 n == 1 ? "" : "s", small);
	view_wrap(o, VIEW_PLAIN, "  ", text);
}

static void print_sites(struct view_out *o, const struct spans_view *v, bool is_verbose)
{
	char buf[TEXT_HUMAN_MAX];
	size_t listed = 0, more = 0;
	uint64_t rest = 0;

	view_printf(o, VIEW_DIM, "  %10s %9s %10s %11s  %s\n", "IN USE", "+-", "LARGE", "ALLOCATED",
		    "ALLOCATED AT  (< callers)");
	vec_for_each (&v->sites->sites, s) {
		if (!s->held.bytes && !is_verbose)
			continue;
		if (is_verbose || listed < SPANS_LISTED_MAX) {
			print_site(o, v, s);
			listed++;
		} else {
			more++;
			rest += s->held.bytes;
		}
	}
	if (!listed)
		fputs("  nothing was allocated that is still in use\n", o->f);
	if (more)
		fprintf(o->f, "  %10s in %zu more site%s (-v lists all)\n", text_bytes(buf, rest),
			more, more == 1 ? "" : "s");
}

static void print_losses(struct view_out *o, const struct spans_result *r)
{
	const struct wire_span_state *c = &r->counts;
	char buf[TEXT_HUMAN_MAX];

	if (c->spans_full)
		view_printf(o, VIEW_BAD,
			    "  NOT ALL is here: %s found no room in the kernel's map\n",
			    text_bytes(buf, c->spans_full_pages * SPANS_PAGE_BYTES));
	if (c->sites_full)
		view_printf(o, VIEW_WARN,
			    "  %" PRIu64 " span%s under " PROFILE_UNKNOWN
			    ": more stacks than the kernel's map holds\n",
			    (uint64_t)c->sites_full, c->sites_full == 1 ? " is" : "s are");
	if (c->bad)
		view_printf(o, VIEW_WARN, "  %" PRIu64 " hits made no sense and were left out\n",
			    (uint64_t)c->bad);
	if (r->has_ended)
		view_printf(o, VIEW_WARN, "  The process has ended: this is how it was then\n");
}

/* Of one CPU. */
static double cost_pct(const struct spans_result *r)
{
	return r->seconds > 0 ? (double)r->hits * r->hit_ns / r->seconds / 1e7 : 0;
}

static double hits_per_s(const struct spans_result *r)
{
	return r->seconds > 0 ? (double)r->hits / r->seconds : 0;
}

static void print_cost(struct view_out *o, const struct spans_result *r)
{
	char hits[TEXT_HUMAN_MAX], rate[TEXT_HUMAN_MAX], text[256];

	snprintf(text, sizeof(text),
		 "%s hits of the probes, %s a second, %s %.1f us each: %.2f%% of a CPU",
		 text_count(hits, (double)r->hits), text_count(rate, hits_per_s(r)),
		 r->knows_run_ns ? "about" : "at least", r->hit_ns / 1e3, cost_pct(r));
	fputc('\n', o->f);
	view_wrap(o, VIEW_PLAIN, "  Cost  ", text);
}

void spans_text(struct view_out *o, const struct spans_view *v, bool is_verbose)
{
	print_head(o, v);
	print_sites(o, v, is_verbose);
	print_losses(o, v->result);
	print_cost(o, v->result);
	view_wrap(o, VIEW_PLAIN, "  Limits  ",
		  "What was allocated before is not here. Small objects share spans by size class: "
		  "a span counts whole, for the call that made the runtime take it, until its last "
		  "object has been collected; what went into spans that were there already is not "
		  "seen.");
}

/* ---- JSON ---- */

static void add_held(struct json_object *o, const struct spans_held *h)
{
	jsonl_add(o, "inuse_bytes", jsonl_count(h->bytes));
	jsonl_add(o, "inuse_spans", jsonl_count(h->spans));
	jsonl_add(o, "error_bytes", jsonl_count((uint64_t)h->error_bytes));
	jsonl_add(o, "large_bytes", jsonl_count(h->large_bytes));
	jsonl_add(o, "large_objects", jsonl_count(h->large_spans));
	jsonl_add(o, "alloc_bytes", jsonl_count(h->alloc_bytes));
	jsonl_add(o, "alloc_spans", jsonl_count(h->alloc_spans));
}

static struct json_object *cost_json(const struct spans_result *r)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "hits", jsonl_count(r->hits));
	jsonl_add(o, "hits_per_s", jsonl_number(hits_per_s(r)));
	jsonl_add(o, "hit_ns", r->knows_run_ns ? jsonl_number(r->hit_ns) : NULL);
	jsonl_add(o, "target_cpu_pct", r->knows_run_ns ? jsonl_number(cost_pct(r)) : NULL);
	return o;
}

struct json_object *spans_json(const struct spans_view *v)
{
	const struct wire_span_state *c = &v->result->counts;
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("spans"));
	jsonl_add(o, "pid", json_object_new_int64(v->pid));
	jsonl_add(o, "comm", jsonl_text(v->comm));
	jsonl_add(o, "exe", jsonl_name(v->exe));
	jsonl_add(o, "go_version", jsonl_name(v->go_version));
	jsonl_add(o, "observed_s", jsonl_number(v->result->seconds));
	jsonl_add(o, "ended", jsonl_flag(v->result->has_ended));
	add_held(o, &v->result->total);
	jsonl_add(o, "sites", jsonl_count(v->sites->sites.n));
	jsonl_add(o, "one_in", jsonl_count(UINT64_C(1) << v->result->shift));
	jsonl_add(o, "kept", jsonl_count(c->kept));
	jsonl_add(o, "sampled_out", jsonl_count(c->sampled_out));
	jsonl_add(o, "lost", jsonl_count(c->spans_full));
	jsonl_add(o, "lost_bytes", jsonl_count(c->spans_full_pages * SPANS_PAGE_BYTES));
	jsonl_add(o, "stacks_lost", jsonl_count(c->sites_full));
	jsonl_add(o, "bad", jsonl_count(c->bad));
	jsonl_add(o, "cost", cost_json(v->result));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	return o;
}

static struct json_object *stack_json(const struct spans_view *v, const struct spans_record *r)
{
	struct json_object *a = r->n ? json_object_new_array() : NULL;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct symbol *s = symbols_at(v->symbols, r->pcs[i], false);

		for (uint32_t k = 0; k < s->n; k++) {
			if (profile_is_shown(&s->frames[k]))
				json_object_array_add(a, jsonl_frame(&s->frames[k]));
		}
	}
	return a;
}

struct json_object *spans_site_json(const struct spans_view *v, const struct span_site *s)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("span_site"));
	jsonl_add(o, "pid", json_object_new_int64(v->pid));
	jsonl_add(o, "function", jsonl_text(s->function));
	jsonl_add(o, "file", jsonl_name(s->file));
	jsonl_add(o, "line", s->line ? json_object_new_int64(s->line) : NULL);
	add_held(o, &s->held);
	jsonl_add(o, "stack", stack_json(v, &v->result->records.items[s->record]));
	return o;
}

/* ---- as a profile ---- */

static const struct profile_type types[] = {
	{ "alloc_spans", "count" },
	{ "alloc_span_space", "bytes" },
	{ "spans", "count" },
	{ "span_space", "bytes" },
};

int spans_profile(const struct spans_result *r, struct profile *ret)
{
	int err = 0;

	memcpy(ret->types, types, sizeof(types));
	ret->n_types = ARRAY_SIZE(types);
	ret->shown = 3;
	ret->period_type = (struct profile_type){ "spans", "count" };
	ret->period = INT64_C(1) << r->shift;
	ret->duration_ns = (int64_t)(r->seconds * 1e9);
	for (size_t i = 0; !err && i < r->records.n; i++) {
		const struct spans_record *rec = &r->records.items[i];
		struct profile_sample sample = {
			.pcs = rec->pcs,
			.n = rec->n,
			.is_cut = rec->is_cut,
			.values = { (int64_t)rec->held.alloc_spans, (int64_t)rec->held.alloc_bytes,
				    (int64_t)rec->held.spans, (int64_t)rec->held.bytes },
		};

		err = vec_push(&ret->samples, sample);
	}
	return err;
}
