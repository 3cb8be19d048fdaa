/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/heapcgo.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/process.h"
#include "session/profiles.h"
#include "session/cgo.h"
#include "view/cgo.h"
#include "view/jsonl.h"

struct show {
	const struct heap_cgo *h;
	struct cgo *cgo;
	struct cgo_sites sites;
	struct symbols *symbols;
};

static void release(struct show *s)
{
	cgo_sites_release(&s->sites);
	symbols_free(s->symbols);
	cgo_close(s->cgo);
}

static int observe(struct show *s)
{
	const struct target *t = s->h->target;
	const struct cgo_opts opts = { .for_s = s->h->opts->for_s };
	struct probe_error error = { "" };
	int err = cgo_observe(t, &opts, &s->cgo, &error);

	if (err)
		log_err(0, "pid %d (%s, %s): %s", (int)t->pid, t->comm,
			gobin_info(t->bin)->version.text, error.text);
	return err;
}

static void print(struct show *s)
{
	const struct target *t = s->h->target;
	struct opts *o = s->h->opts;
	struct cgo_view v = {
		.pid = t->pid,
		.comm = t->comm,
		.exe = t->exe,
		.go_version = gobin_info(t->bin)->version.text,
		.result = cgo_result(s->cgo),
		.sites = &s->sites,
		.symbols = s->symbols,
	};
	struct view_out out;
	int err = 0;

	if (o->is_json) {
		err = jsonl_write(o->out, cgo_json(&v));
		for (size_t i = 0; !err && i < s->sites.sites.n; i++)
			err = jsonl_write(o->out, cgo_site_json(&v, &s->sites.sites.items[i]));
	} else {
		view_out_init(&out, o->out);
		cgo_text(&out, &v, o->verbosity > 0);
	}
	if (err)
		opts_print_failed(o, err);
}

static int write_profiles(struct show *s)
{
	const struct heap_cgo *h = s->h;
	struct profile p = { .symbols = s->symbols,
			     .comment = "blocks taken from the C allocator while gotide watched, "
					"and not given back at its end" };
	char title[VIEW_NAME_MAX];
	int err;

	if (!h->is_folded && !h->pprof && !h->svg)
		return 0;
	profiles_identify(h->target, &p);
	err = cgo_profile(cgo_result(s->cgo), &p);
	if (err)
		log_err(err, "%s", h->target->comm);
	snprintf(title, sizeof(title), "%s (pid %d): C memory in use", h->target->comm,
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

int heap_cgo_show(const struct heap_cgo *h)
{
	_cleanup_(release) struct show s = { .h = h };
	struct symbols_source names;
	int err = observe(&s);

	if (err)
		return err;
	cgo_names(s.cgo, &names);
	err = symbols_new_source(&names, 0, &s.symbols);
	if (!err)
		err = cgo_sites_make(cgo_result(s.cgo), s.symbols, &s.sites);
	if (err)
		return log_err(err, "%s", h->target->comm);
	err = write_profiles(&s);
	if (!err && !h->is_quiet)
		print(&s);
	return err;
}
