/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/heapspans.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/process.h"
#include "session/profiles.h"
#include "session/spans.h"
#include "view/jsonl.h"
#include "view/spans.h"

struct show {
	const struct heap_spans *h;
	struct spans_result result;
	struct span_sites sites;
	struct symbols *symbols;
};

static void release(struct show *s)
{
	span_sites_release(&s->sites);
	symbols_free(s->symbols);
	spans_result_release(&s->result);
}

static int observe(struct show *s)
{
	const struct target *t = s->h->target;
	const struct spans_opts opts = { .for_s = s->h->opts->for_s };
	struct probe_error error = { "" };
	int err = spans_observe(t, &opts, &s->result, &error);

	if (err)
		log_err(0, "pid %d (%s, %s): %s", (int)t->pid, t->comm,
			gobin_info(t->bin)->version.text, error.text);
	return err;
}

static void print(struct show *s)
{
	const struct target *t = s->h->target;
	struct opts *o = s->h->opts;
	struct spans_view v = {
		.pid = t->pid,
		.comm = t->comm,
		.exe = t->exe,
		.go_version = gobin_info(t->bin)->version.text,
		.result = &s->result,
		.sites = &s->sites,
		.symbols = s->symbols,
	};
	struct view_out out;
	int err = 0;

	if (o->is_json) {
		err = jsonl_write(o->out, spans_json(&v));
		for (size_t i = 0; !err && i < s->sites.sites.n; i++)
			err = jsonl_write(o->out, spans_site_json(&v, &s->sites.sites.items[i]));
	} else {
		view_out_init(&out, o->out);
		spans_text(&out, &v, o->verbosity > 0);
	}
	if (err)
		opts_print_failed(o, err);
}

static int write_profiles(struct show *s)
{
	const struct heap_spans *h = s->h;
	struct profile p = { .symbols = s->symbols,
			     .comment = "spans of the heap allocated while gotide watched, and in "
					"use at its end; a span of small objects counts whole" };
	char title[VIEW_NAME_MAX];
	int err;

	if (!h->is_folded && !h->pprof && !h->svg)
		return 0;
	profiles_identify(h->target, &p);
	err = spans_profile(&s->result, &p);
	if (err)
		log_err(err, "%s", h->target->comm);
	snprintf(title, sizeof(title), "%s (pid %d): heap spans in use", h->target->comm,
		 (int)h->target->pid);
	if (!err)
		err = process_write_pprof(h->pprof, &p);
	if (!err)
		err = process_write_flame(h->svg, title, &p);
	if (!err && h->is_folded)
		(void)opts_print_failed(h->opts, profile_write_folded(&p, h->opts->out));
	profile_release(&p);
	return err;
}

int heap_spans_show(const struct heap_spans *h)
{
	_cleanup_(release) struct show s = { .h = h };
	int err = observe(&s);

	if (err)
		return err;
	err = symbols_new(h->target->bin, h->target->bias, &s.symbols);
	if (!err)
		err = span_sites_make(&s.result, s.symbols, &s.sites);
	if (err)
		return log_err(err, "%s", h->target->comm);
	err = write_profiles(&s);
	if (!err && !h->is_quiet)
		print(&s);
	return err;
}
