/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/spans.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "session/loop.h"
#include "view/symbols.h"

struct spans {
	const struct target *target; /* borrowed */
	struct probe *probe;
	struct probe_link *link;
	struct spans_tuner tuner;
	uint64_t kept; /* as of the latest tick */
	uint64_t tick_ns, start_ns, end_ns; /* end: when counting stopped; 0 while it goes on */
	bool has_ended;
};

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static int refuse_site(const struct gobin *bin, enum wire_hook h, struct probe_error *ret_error)
{
	snprintf(ret_error->text, sizeof(ret_error->text), "no place to probe for %s: %.120s",
		 code_hook_name(h), gobin_sites(bin)->hook[h].why);
	return -ENOENT;
}

static int attach(struct spans *s, const char *proc_root, struct probe_error *ret_error)
{
	const struct target *t = s->target;
	char exe[64];
	uint32_t hooks = 0;
	int err;

	for (enum wire_hook h = WIRE_HOOK_SPAN_ALLOC; h <= WIRE_HOOK_SPAN_FREE; h++)
		if (!gobin_sites(t->bin)->hook[h].is_found)
			return refuse_site(t->bin, h, ret_error);
	err = probe_target_add(s->probe, t->pid, t->bin);
	if (err == -ENOTSUP)
		snprintf(ret_error->text, sizeof(ret_error->text), "%s",
			 gobin_reason_str(GOBIN_NO_OFFSETS));
	if (!err)
		err = probe_spans_add(s->probe, t->pid, t->bin);
	if (err)
		return err;
	probe_spans_set_shift(s->probe, t->pid, s->tuner.shift);
	snprintf(exe, sizeof(exe), "%s/%d/exe", proc_root, t->pid);
	err = probe_attach(s->probe, t->bin, exe, t->pid, SPANS_HOOKS, &s->link, &hooks, ret_error);
	if (!err && hooks != SPANS_HOOKS)
		err = -ENOENT;
	return err;
}

static void spans_cleanup(struct spans **s)
{
	spans_close(*s);
}

int spans_open(const struct target *t, const struct spans_opts *o, struct spans **ret,
	       struct probe_error *ret_error)
{
	/* The ring carries this one process's end, and nobody reads it. */
	const struct probe_opts opts = {
		.max_targets = 1,
		.max_sites = 1,
		.ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.use_spans = true,
		.force_single = o->force_single,
	};
	_cleanup_(spans_cleanup) struct spans *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->target = t;
	s->tuner = (struct spans_tuner){ .shift = o->shift, .credit = SPANS_KEPT_CREDIT };
	err = probe_open(&opts, &s->probe, ret_error);
	if (!err)
		err = attach(s, o->proc_root ? o->proc_root : "/proc", ret_error);
	if (err) {
		if (!ret_error->text[0])
			snprintf(ret_error->text, sizeof(ret_error->text), "%s", strerror(-err));
		return err;
	}
	s->start_ns = s->tick_ns = clock_now_ns();
	*ret = TAKE_PTR(s);
	return 0;
}

static void tune(struct spans *s, const struct wire_span_state *st)
{
	uint64_t now_ns = clock_now_ns(), kept = load(&st->kept);
	uint64_t in_use = kept - load(&st->freed) - load(&st->overwritten);
	double seconds = (double)(now_ns - s->tick_ns) / NSEC_PER_SEC;
	unsigned int before = s->tuner.shift;

	spans_tune(&s->tuner, kept - s->kept, seconds, in_use);
	if (s->tuner.shift != before) {
		log_verbose("one small span in %u is kept from now on: %" PRIu64
			    " in %.2f s, %" PRIu64 " in use",
			    1U << s->tuner.shift, kept - s->kept, seconds, in_use);
		probe_spans_set_shift(s->probe, s->target->pid, s->tuner.shift);
	}
	s->kept = kept;
	s->tick_ns = now_ns;
}

bool spans_tick(struct spans *s)
{
	const struct wire_span_state *st = probe_spans_state(s->probe, s->target->pid);

	if (!st || s->end_ns)
		return false;
	tune(s, st);
	if (probe_target_is_counted(s->probe, s->target->pid))
		return true;
	s->has_ended = true;
	spans_stop(s);
	return false;
}

void spans_stop(struct spans *s)
{
	if (s->end_ns)
		return;
	s->end_ns = clock_now_ns();
	probe_target_stop(s->probe, s->target->pid);
	probe_settle();
}

/* ---- the result ---- */

/* Frames that tell where in the runtime the memory came from, which is not what people ask. */
static bool is_runtime(struct gobin *bin, uint64_t pc)
{
	char name[GOFRAME_NAME_MAX];
	struct gofunc f;

	return !gobin_func_at(bin, pc - 1, &f, name, sizeof(name)) && symbols_is_runtime(name);
}

/* Down to the first frame of the program; all of it where the runtime allocates for itself. */
static uint32_t runtime_frames(const struct target *t, const struct wire_span_site *site)
{
	uint32_t n = 0;

	while (n < site->depth && is_runtime(t->bin, site->pc[n] - t->bias))
		n++;
	return n < site->depth ? n : 0;
}

struct collect {
	const struct spans *spans;
	struct spans_result *result;
	int err;
};

static void total_add(struct spans_held *to, const struct spans_held *h)
{
	to->bytes += h->bytes;
	to->spans += h->spans;
	to->large_bytes += h->large_bytes;
	to->large_spans += h->large_spans;
	to->alloc_bytes += h->alloc_bytes;
	to->alloc_spans += h->alloc_spans;
}

static void collect_site(const struct wire_span_site *from, void *arg)
{
	struct collect *c = arg;
	struct wire_span_site site = *from;
	struct spans_record r = { .is_cut = site.is_cut };
	uint32_t skip;

	site.depth = MIN(site.depth, (__u32)WIRE_SPAN_DEPTH);
	r.held = spans_held(&site);
	if (!r.held.alloc_spans || c->err)
		return;
	skip = runtime_frames(c->spans->target, &site);
	r.n = site.depth - skip;
	memcpy(r.pcs, site.pc + skip, r.n * sizeof(r.pcs[0]));
	total_add(&c->result->total, &r.held);
	c->err = vec_push(&c->result->records, r);
}

static int record_compare(const void *a, const void *b)
{
	const struct spans_record *x = a, *y = b;

	if (x->held.bytes != y->held.bytes)
		return x->held.bytes < y->held.bytes ? 1 : -1;
	if (x->held.alloc_bytes != y->held.alloc_bytes)
		return x->held.alloc_bytes < y->held.alloc_bytes ? 1 : -1;
	return memcmp(x->pcs, y->pcs, sizeof(x->pcs));
}

/* Samples of different stacks err independently: their variances add up. */
static double total_error(const struct spans_result *r)
{
	double variance = 0;

	for (size_t i = 0; i < r->records.n; i++)
		variance +=
			r->records.items[i].held.error_bytes * r->records.items[i].held.error_bytes;
	return sqrt(variance);
}

static uint64_t hits_of(const struct wire_span_state *c)
{
	return c->others + c->kept + c->sampled_out + c->spans_full + c->bad + c->frees;
}

static void result_release(struct spans_result *r)
{
	spans_result_release(r);
}

int spans_collect(struct spans *s, struct spans_result *ret)
{
	const struct wire_span_state *st = probe_spans_state(s->probe, s->target->pid);
	uint64_t end_ns = s->end_ns ? s->end_ns : clock_now_ns();
	_cleanup_(result_release) struct spans_result r = { 0 };
	struct collect c = { .spans = s, .result = &r };
	double run_ns = probe_spans_run_ns(s->probe);
	int err;

	if (!st)
		return -ENOENT;
	err = probe_spans_each(s->probe, s->target->pid, collect_site, &c);
	if (err || c.err)
		return err ? err : c.err;
	if (r.records.n)
		qsort(r.records.items, r.records.n, sizeof(r.records.items[0]), record_compare);
	r.total.error_bytes = total_error(&r);
	r.counts = *st;
	r.shift = s->tuner.shift;
	r.seconds = (double)(end_ns - s->start_ns) / NSEC_PER_SEC;
	r.hits = hits_of(&r.counts);
	r.knows_run_ns = run_ns > 0;
	r.hit_ns = SPANS_TRAP_NS + (run_ns > 0 ? run_ns : 0);
	r.has_ended = s->has_ended;
	*ret = r;
	r = (struct spans_result){ 0 };
	return 0;
}

void spans_close(struct spans *s)
{
	if (!s)
		return;
	probe_detach(s->link);
	probe_close(s->probe);
	free(s);
}

/* ---- all of it ---- */

struct observe {
	struct spans *spans;
	struct loop *loop;
};

static void on_tick(void *arg)
{
	struct observe *o = arg;

	if (!spans_tick(o->spans))
		loop_stop(o->loop);
}

static void on_enough(void *arg)
{
	struct observe *o = arg;

	loop_stop(o->loop);
}

static int loop_fill(struct observe *o, double seconds)
{
	int err = loop_add_timer(o->loop, SPANS_TICK_S, true, on_tick, o);

	if (!err && seconds > 0)
		err = loop_add_timer(o->loop, seconds, false, on_enough, o);
	if (!err)
		err = loop_add_signal(o->loop, SIGINT, on_enough, o);
	if (!err)
		err = loop_add_signal(o->loop, SIGTERM, on_enough, o);
	return err;
}

int spans_observe(const struct target *t, const struct spans_opts *opts, struct spans_result *ret,
		  struct probe_error *ret_error)
{
	struct observe o = { 0 };
	int err = loop_new(&o.loop);

	if (!err)
		err = spans_open(t, opts, &o.spans, ret_error);
	if (!err)
		err = loop_fill(&o, opts->for_s);
	if (!err) {
		log_info("watching the spans of pid %d (%s)", t->pid, t->comm);
		err = loop_run(o.loop);
	}
	if (!err) {
		spans_stop(o.spans);
		err = spans_collect(o.spans, ret);
	}
	if (err && !ret_error->text[0])
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", strerror(-err));
	spans_close(o.spans);
	loop_free(o.loop);
	return err;
}
