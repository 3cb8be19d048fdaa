/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/cgo.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "view/jsonl.h"

/* Callers shown beside the two of a site. */
#define CALLERS_MAX 3
/* Columns before the name of a site. */
#define LEAD 47

/* ---- sites ---- */

/* What cgo makes of a call to C, and the way there: not what the programmer wrote. */
static bool is_bridge(const char *function)
{
	return strstr(function, "._Cfunc_") || strstr(function, "._C2func_") ||
	       strstr(function, "._cgo_") || !strncmp(function, "_cgoexp_", 8) ||
	       !strcmp(function, "crosscall2") || !strncmp(function, "runtime/cgo.", 12);
}

static bool is_own(const struct symbol_frame *f)
{
	return profile_is_shown(f) && !symbols_is_runtime(f->function) && !is_bridge(f->function);
}

static const struct symbol_frame *go_frame(struct symbols *s, const struct cgo_record *r)
{
	const struct symbol_frame *first = NULL;

	for (uint32_t i = r->n_c; i < r->n; i++) {
		const struct symbol *at = symbols_at(s, r->pcs[i], false);

		for (uint32_t k = 0; k < at->n; k++) {
			if (is_own(&at->frames[k]))
				return &at->frames[k];
			if (!first)
				first = &at->frames[k];
		}
	}
	return first;
}

static struct cgo_site site_of(struct symbols *s, const struct cgo_record *r)
{
	const struct symbol *at = r->n_c ? symbols_at(s, r->pcs[0], false) : NULL;
	const struct symbol_frame *go = go_frame(s, r);

	return (struct cgo_site){
		.c_function = at && at->n ? at->frames[0].function : PROFILE_UNKNOWN,
		.object = at && at->n ? at->frames[0].file : "",
		.function = go ? go->function : "",
		.file = go ? go->file : "",
		.line = go ? go->line : 0,
		.held = r->held,
	};
}

static void held_add(struct cgo_held *to, const struct cgo_held *h)
{
	to->bytes += h->bytes;
	to->blocks += h->blocks;
	to->large_bytes += h->large_bytes;
	to->large_blocks += h->large_blocks;
	to->alloc_bytes += h->alloc_bytes;
	to->alloc_blocks += h->alloc_blocks;
	to->error_bytes = sqrt(to->error_bytes * to->error_bytes + h->error_bytes * h->error_bytes);
}

static int compare_names(const struct cgo_site *a, const struct cgo_site *b)
{
	int order = strcmp(a->c_function, b->c_function);

	if (!order)
		order = strcmp(a->object, b->object);
	if (!order)
		order = strcmp(a->function, b->function);
	if (!order)
		order = strcmp(a->file, b->file);
	return order ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_place(const void *pa, const void *pb)
{
	const struct cgo_site *a = pa, *b = pb;
	int order = compare_names(a, b);

	/* Records come with the most bytes first. */
	return order ? order : (a->record > b->record) - (a->record < b->record);
}

static int compare_bytes(const void *pa, const void *pb)
{
	const struct cgo_site *a = pa, *b = pb;

	if (a->held.bytes != b->held.bytes)
		return a->held.bytes < b->held.bytes ? 1 : -1;
	if (a->held.alloc_bytes != b->held.alloc_bytes)
		return a->held.alloc_bytes < b->held.alloc_bytes ? 1 : -1;
	return compare_place(a, b);
}

int cgo_sites_make(const struct cgo_result *r, struct symbols *s, struct cgo_sites *ret)
{
	struct cgo_sites made = { 0 };
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; !err && i < r->records.n; i++) {
		struct cgo_site site = site_of(s, &r->records.items[i]);

		site.record = i;
		err = vec_push(&made.sites, site);
	}
	if (err) {
		cgo_sites_release(&made);
		return err;
	}
	if (made.sites.n)
		qsort(made.sites.items, made.sites.n, sizeof(*made.sites.items), compare_place);
	for (size_t i = 0; i < made.sites.n; i++) {
		if (n && !compare_names(&made.sites.items[n - 1], &made.sites.items[i]))
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

void cgo_sites_release(struct cgo_sites *s)
{
	vec_release(&s->sites);
}

/* ---- text ---- */

static void print_caller(struct view_out *o, const char *function, const char *file, uint32_t line)
{
	fprintf(o->f, "%*s< ", LEAD, "");
	view_place(o, VIEW_PLAIN, LEAD + 2, function, text_base_name(file), line);
}

/* C's further callers, then the site's Go frame, then those past it. */
static void print_callers(struct view_out *o, const struct cgo_view *v, const struct cgo_site *s)
{
	const struct cgo_record *r = &v->result->records.items[s->record];
	unsigned int printed = 0;
	bool is_past = false;

	for (uint32_t i = 1; i < r->n_c && printed < CALLERS_MAX; i++) {
		const struct symbol *at = symbols_at(v->symbols, r->pcs[i], false);

		if (at->n) {
			print_caller(o, at->frames[0].function, at->frames[0].file, 0);
			printed++;
		}
	}
	if (*s->function)
		print_caller(o, s->function, s->file, s->line);
	printed = 0;
	for (uint32_t i = r->n_c; i < r->n; i++) {
		const struct symbol *at = symbols_at(v->symbols, r->pcs[i], false);

		for (uint32_t k = 0; k < at->n && printed < CALLERS_MAX; k++) {
			const struct symbol_frame *f = &at->frames[k];

			if (is_past && is_own(f)) {
				print_caller(o, f->function, f->file, f->line);
				printed++;
			}
			is_past |= f->line == s->line && !strcmp(f->function, s->function);
		}
	}
}

static void print_site(struct view_out *o, const struct cgo_view *v, const struct cgo_site *s)
{
	char held[TEXT_HUMAN_MAX], blocks[TEXT_HUMAN_MAX], alloc[TEXT_HUMAN_MAX];
	char error[TEXT_HUMAN_MAX] = "";
	const struct cgo_held *h = &s->held;

	if (h->error_bytes > 0)
		text_bytes(error, (uint64_t)h->error_bytes);
	fprintf(o->f, "  %10s %9s %10s %11s  ", text_bytes(held, h->bytes), error,
		text_count(blocks, (double)h->blocks), text_bytes(alloc, h->alloc_bytes));
	view_place(o, VIEW_BOLD, LEAD, s->c_function, s->object, 0);
	print_callers(o, v, s);
}

static size_t in_use(const struct cgo_sites *sites)
{
	size_t n = 0;

	vec_for_each (&sites->sites, s)
		n += s->held.bytes > 0;
	return n;
}

static void print_head(struct view_out *o, const struct cgo_view *v)
{
	const struct cgo_result *r = v->result;
	char held[TEXT_HUMAN_MAX], alloc[TEXT_HUMAN_MAX], error[TEXT_HUMAN_MAX];
	char time[TEXT_HUMAN_MAX], name[VIEW_NAME_MAX], text[512], small[96];
	char period[TEXT_HUMAN_MAX];
	size_t n = in_use(v->sites);

	view_printf(o, VIEW_BOLD, "%s", view_name(name, v->comm));
	fprintf(o->f, "  pid %d, %s\n\n", (int)v->pid, v->go_version);
	snprintf(text, sizeof(text), "blocks taken from %s in the last %s, and not given back",
		 text_base_name(r->allocator), text_duration(time, r->seconds));
	view_wrap(o, VIEW_BOLD, "  C memory by call site  ", text);
	if (r->period > 1)
		snprintf(small, sizeof(small), "smaller ones sampled, one per %s at last: +- %s",
			 text_bytes(period, r->period),
			 text_bytes(error, (uint64_t)r->total.error_bytes));
	else
		snprintf(small, sizeof(small), "every smaller block kept");
	snprintf(text, sizeof(text),
		 "%s of %s allocated, %zu site%s; blocks of 64 KiB and more exact, %s",
		 text_bytes(held, r->total.bytes), text_bytes(alloc, r->total.alloc_bytes), n,
		 n == 1 ? "" : "s", small);
	view_wrap(o, VIEW_PLAIN, "  ", text);
}

static void print_sites(struct view_out *o, const struct cgo_view *v, bool is_verbose)
{
	char buf[TEXT_HUMAN_MAX];
	size_t listed = 0, more = 0;
	uint64_t rest = 0;

	view_printf(o, VIEW_DIM, "  %10s %9s %10s %11s  %s\n", "IN USE", "+-", "BLOCKS",
		    "ALLOCATED", "ALLOCATED BY  (< callers)");
	vec_for_each (&v->sites->sites, s) {
		if (!s->held.bytes && !is_verbose)
			continue;
		if (is_verbose || listed < CGO_LISTED_MAX) {
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

static void print_losses(struct view_out *o, const struct cgo_result *r)
{
	const struct wire_cgo_state *c = &r->counts;
	char buf[TEXT_HUMAN_MAX];

	if (c->blocks_full)
		view_printf(o, VIEW_BAD,
			    "  NOT ALL is here: %s found no room in the kernel's map\n",
			    text_bytes(buf, c->blocks_full_bytes));
	if (c->unmatched)
		view_printf(o, VIEW_BAD,
			    "  NOT ALL is here: %" PRIu64 " call%s of the allocator ended unseen\n",
			    (uint64_t)c->unmatched, c->unmatched == 1 ? "" : "s");
	if (c->sites_full)
		view_printf(o, VIEW_WARN,
			    "  %" PRIu64 " block%s under " PROFILE_UNKNOWN
			    ": more stacks than the kernel's map holds\n",
			    (uint64_t)c->sites_full, c->sites_full == 1 ? " is" : "s are");
	if (!r->has_go)
		view_printf(o, VIEW_WARN,
			    "  No Go callers: where a thread in C keeps its g was not found\n");
	if (r->has_ended)
		view_printf(o, VIEW_WARN, "  The process has ended: this is how it was then\n");
}

/* ns of all hits, traps and programs. */
static double all_ns(const struct cgo_result *r)
{
	return r->trap_ns + (r->run_ns > 0 ? r->run_ns * (double)r->hits : 0);
}

/* Of one CPU. */
static double cost_pct(const struct cgo_result *r)
{
	return r->seconds > 0 ? all_ns(r) / r->seconds / 1e7 : 0;
}

static double hits_per_s(const struct cgo_result *r)
{
	return r->seconds > 0 ? (double)r->hits / r->seconds : 0;
}

/* A block that is taken and given back: entry, return, free. */
static double block_ns(const struct cgo_result *r)
{
	return r->counts.begun ? all_ns(r) / (double)r->counts.begun : 0;
}

static void print_cost(struct view_out *o, const struct cgo_result *r)
{
	char hits[TEXT_HUMAN_MAX], rate[TEXT_HUMAN_MAX], text[256];

	snprintf(text, sizeof(text),
		 "%s hits of the probes, %s a second; %s %.1f us for each block: %.2f%% of a CPU",
		 text_count(hits, (double)r->hits), text_count(rate, hits_per_s(r)),
		 r->run_ns > 0 && r->is_measured ? "about" : "at least", block_ns(r) / 1e3,
		 cost_pct(r));
	fputc('\n', o->f);
	view_wrap(o, VIEW_PLAIN, "  Cost  ", text);
}

void cgo_text(struct view_out *o, const struct cgo_view *v, bool is_verbose)
{
	print_head(o, v);
	print_sites(o, v, is_verbose);
	print_losses(o, v->result);
	print_cost(o, v->result);
	view_wrap(o, VIEW_PLAIN, "  Limits  ",
		  "What was allocated before is not here, nor is memory that C maps for itself "
		  "(mmap), nor what other allocators hand out. Callers in C beyond the first are "
		  "seen only in code with frame pointers. Bytes are what was asked for.");
}

/* ---- JSON ---- */

static void add_held(struct json_object *o, const struct cgo_held *h)
{
	jsonl_add(o, "inuse_bytes", jsonl_count(h->bytes));
	jsonl_add(o, "inuse_blocks", jsonl_count(h->blocks));
	jsonl_add(o, "error_bytes", jsonl_count((uint64_t)h->error_bytes));
	jsonl_add(o, "large_bytes", jsonl_count(h->large_bytes));
	jsonl_add(o, "large_blocks", jsonl_count(h->large_blocks));
	jsonl_add(o, "alloc_bytes", jsonl_count(h->alloc_bytes));
	jsonl_add(o, "alloc_blocks", jsonl_count(h->alloc_blocks));
}

static struct json_object *cost_json(const struct cgo_result *r)
{
	struct json_object *o = json_object_new_object();
	bool knows = r->run_ns > 0;

	jsonl_add(o, "hits", jsonl_count(r->hits));
	jsonl_add(o, "hits_per_s", jsonl_number(hits_per_s(r)));
	jsonl_add(o, "block_ns", knows ? jsonl_number(block_ns(r)) : NULL);
	jsonl_add(o, "target_cpu_pct", knows ? jsonl_number(cost_pct(r)) : NULL);
	return o;
}

struct json_object *cgo_json(const struct cgo_view *v)
{
	const struct wire_cgo_state *c = &v->result->counts;
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("cgo"));
	jsonl_add(o, "pid", json_object_new_int64(v->pid));
	jsonl_add(o, "comm", jsonl_text(v->comm));
	jsonl_add(o, "exe", jsonl_name(v->exe));
	jsonl_add(o, "go_version", jsonl_name(v->go_version));
	jsonl_add(o, "observed_s", jsonl_number(v->result->seconds));
	jsonl_add(o, "ended", jsonl_flag(v->result->has_ended));
	jsonl_add(o, "allocator", jsonl_name(v->result->allocator));
	jsonl_add(o, "functions", jsonl_name(v->result->functions));
	jsonl_add(o, "go_callers", jsonl_flag(v->result->has_go));
	add_held(o, &v->result->total);
	jsonl_add(o, "sites", jsonl_count(v->sites->sites.n));
	jsonl_add(o, "period_bytes", jsonl_count(v->result->period));
	jsonl_add(o, "all_alloc_bytes", jsonl_count(c->alloc_bytes));
	jsonl_add(o, "calls", jsonl_count(c->begun));
	jsonl_add(o, "kept", jsonl_count(c->kept));
	jsonl_add(o, "sampled_out", jsonl_count(c->sampled_out));
	jsonl_add(o, "lost", jsonl_count(c->blocks_full));
	jsonl_add(o, "lost_bytes", jsonl_count(c->blocks_full_bytes));
	jsonl_add(o, "stacks_lost", jsonl_count(c->sites_full));
	jsonl_add(o, "failed", jsonl_count(c->failed));
	jsonl_add(o, "unmatched", jsonl_count(c->unmatched));
	jsonl_add(o, "unknown_exits", jsonl_count(v->result->unknown_exits));
	jsonl_add(o, "cost", cost_json(v->result));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	return o;
}

static struct json_object *stack_json(const struct cgo_view *v, const struct cgo_record *r)
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

struct json_object *cgo_site_json(const struct cgo_view *v, const struct cgo_site *s)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("cgo_site"));
	jsonl_add(o, "pid", json_object_new_int64(v->pid));
	jsonl_add(o, "c_function", jsonl_text(s->c_function));
	jsonl_add(o, "object", jsonl_name(s->object));
	jsonl_add(o, "function", *s->function ? jsonl_text(s->function) : NULL);
	jsonl_add(o, "file", jsonl_name(s->file));
	jsonl_add(o, "line", s->line ? json_object_new_int64(s->line) : NULL);
	add_held(o, &s->held);
	jsonl_add(o, "stack", stack_json(v, &v->result->records.items[s->record]));
	return o;
}

/* ---- as a profile ---- */

static const struct profile_type types[] = {
	{ "alloc_objects", "count" },
	{ "alloc_space", "bytes" },
	{ "inuse_objects", "count" },
	{ "inuse_space", "bytes" },
};

int cgo_profile(const struct cgo_result *r, struct profile *ret)
{
	int err = 0;

	memcpy(ret->types, types, sizeof(types));
	ret->n_types = ARRAY_SIZE(types);
	ret->shown = 3;
	ret->period_type = (struct profile_type){ "space", "bytes" };
	ret->period = r->period;
	ret->duration_ns = (int64_t)(r->seconds * 1e9);
	for (size_t i = 0; !err && i < r->records.n; i++) {
		const struct cgo_record *rec = &r->records.items[i];
		struct profile_sample sample = {
			.pcs = rec->pcs,
			.n = rec->n,
			.is_cut = rec->is_cut,
			.values = { (int64_t)rec->held.alloc_blocks, (int64_t)rec->held.alloc_bytes,
				    (int64_t)rec->held.blocks, (int64_t)rec->held.bytes },
		};

		err = vec_push(&ret->samples, sample);
	}
	return err;
}
