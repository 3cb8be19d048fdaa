/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/cgo.h"

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
#include "base/text.h"
#include "session/allocator.h"
#include "session/loop.h"
#include "session/trapcost.h"

#define TICK_S 0.1
/* Of the process's memory, for the linker's list and one word. */
#define READ_BYTES (UINT64_C(1) << 20)

struct cgo {
	const struct target *target; /* borrowed */
	struct objects *objects;
	struct cnames names;
	struct allocator allocator;
	struct probe *probe;
	struct probe_link *link;
	struct cgo_tuner tuner;
	struct trapcost trap;
	int64_t tls_g;
	uint64_t kept; /* as of the latest tick */
	uint64_t tick_ns, start_ns, end_ns; /* end: when counting stopped; 0 while it goes on */
	bool has_ended;
	struct cgo_result result;
};

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* ---- attaching ---- */

static int refuse(struct probe_error *e, int err, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s", why);
	return err;
}

/* Without it C's callers are shown, but not Go's. */
static int64_t find_tls_g(const struct target *t, struct mem *m)
{
	struct tlsg tls;
	int64_t off = 0;

	if (gobin_tlsg(t->bin, &tls))
		return 0;
	if (!tls.slot_va)
		return tls.off;
	if (mem_read(m, tls.slot_va + t->bias, &off, sizeof(off)) || !tlsg_is_offset(off))
		return 0;
	return off;
}

static int check(const struct target *t, struct probe_error *e)
{
	const struct gobin_info *i = gobin_info(t->bin);

	if (!i->is_cgo)
		return refuse(e, -ENOENT, "not a cgo program: it has no C in it");
	if (i->machine != ELF_MACHINE_AMD64)
		return refuse(e, -ENOTSUP, "--cgo works on amd64 only");
	return 0;
}

static int find(struct cgo *c, const char *proc_root, struct probe_error *e)
{
	const struct target *t = c->target;
	struct mem m;
	int err = check(t, e);

	if (!err)
		err = objects_open(proc_root, t->pid, &c->objects);
	if (err)
		return err;
	c->names = (struct cnames){ .target = t, .objects = c->objects };
	mem_of_process(&m, t->pid, READ_BYTES);
	err = allocator_find(c->objects, &m, &c->allocator, e);
	if (err)
		return err;
	m.budget_bytes = READ_BYTES;
	c->tls_g = find_tls_g(t, &m);
	log_verbose("allocator %s: %s; %zu places, %u ways out unknown, g at fs%+" PRId64,
		    c->allocator.object->path, c->allocator.functions, c->allocator.n,
		    c->allocator.unknown_exits, c->tls_g);
	return 0;
}

static int attach(struct cgo *c, struct probe_error *e)
{
	const struct target *t = c->target;
	char path[64];
	int err = probe_target_add(c->probe, t->pid, t->bin);

	if (err == -ENOTSUP)
		return refuse(e, err, gobin_reason_str(GOBIN_NO_OFFSETS));
	if (err)
		return err;
	/* The very file that was looked at, whatever its name is by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->allocator.object->fd);
	err = probe_cgo_attach(c->probe, t->pid, t->bin, c->tls_g, path, c->allocator.places,
			       c->allocator.n, &c->link, e);
	if (!err)
		c->start_ns = c->tick_ns = clock_now_ns();
	return err;
}

static int open_probe(struct cgo *c, const struct cgo_opts *o, struct probe_error *e)
{
	/* The ring carries this one process's end, and nobody reads it. */
	const struct probe_opts opts = {
		.max_targets = 1,
		.max_sites = 1,
		.ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.use_cgo = true,
		.force_single = o->force_single,
	};

	return probe_open(&opts, &c->probe, e);
}

/* ---- while it runs ---- */

static void stop(struct cgo *c)
{
	if (c->end_ns)
		return;
	c->end_ns = clock_now_ns();
	probe_target_stop(c->probe, c->target->pid);
	probe_settle();
}

static void tune(struct cgo *c, const struct wire_cgo_state *st)
{
	uint64_t now_ns = clock_now_ns(), in_use = load(&st->kept) - load(&st->freed);
	uint64_t kept = load(&st->kept) - load(&st->kept_large);
	double seconds = (double)(now_ns - c->tick_ns) / NSEC_PER_SEC;
	unsigned int before = c->tuner.level;

	/* Counters are read while they move. */
	cgo_tune(&c->tuner, kept > c->kept ? kept - c->kept : 0, seconds,
		 in_use <= INT64_MAX ? in_use : 0);
	if (c->tuner.level != before) {
		log_verbose("one block in %u bytes is kept from now on",
			    cgo_period(c->tuner.level));
		probe_cgo_set_level(c->probe, c->target->pid, c->tuner.level);
	}
	c->kept = kept;
	c->tick_ns = now_ns;
}

/* False when the process has ended. */
static bool tick(struct cgo *c)
{
	const struct wire_cgo_state *st = probe_cgo_state(c->probe, c->target->pid);

	if (!st || c->end_ns)
		return false;
	tune(c, st);
	if (probe_target_is_counted(c->probe, c->target->pid))
		return true;
	c->has_ended = true;
	stop(c);
	return false;
}

struct observe {
	struct cgo *cgo;
	struct loop *loop;
};

static void on_tick(void *arg)
{
	struct observe *o = arg;

	if (!tick(o->cgo))
		loop_stop(o->loop);
}

static void on_enough(void *arg)
{
	struct observe *o = arg;

	loop_stop(o->loop);
}

static int run(struct cgo *c, double seconds)
{
	struct observe o = { .cgo = c };
	int err = loop_new(&o.loop);

	if (!err)
		err = loop_add_timer(o.loop, TICK_S, true, on_tick, &o);
	if (!err && seconds > 0)
		err = loop_add_timer(o.loop, seconds, false, on_enough, &o);
	if (!err)
		err = loop_add_signal(o.loop, SIGINT, on_enough, &o);
	if (!err)
		err = loop_add_signal(o.loop, SIGTERM, on_enough, &o);
	if (!err) {
		log_info("watching the C allocator of pid %d (%s)", c->target->pid,
			 c->target->comm);
		err = loop_run(o.loop);
	}
	loop_free(o.loop);
	return err;
}

/* ---- the result ---- */

struct collect {
	struct cgo *cgo;
	int err;
};

static void total_add(struct cgo_held *to, const struct cgo_held *h)
{
	to->bytes += h->bytes;
	to->blocks += h->blocks;
	to->large_bytes += h->large_bytes;
	to->large_blocks += h->large_blocks;
	to->alloc_bytes += h->alloc_bytes;
	to->alloc_blocks += h->alloc_blocks;
	to->error_bytes = sqrt(to->error_bytes * to->error_bytes + h->error_bytes * h->error_bytes);
}

/* The immediate caller is sure; those above it are as far as what leads to them makes sense. */
static uint32_t c_frames(const struct cgo *c, const struct wire_cgo_site *site)
{
	uint32_t n = MIN(site->stack.c_depth, (__u16)WIRE_CGO_C_DEPTH), sure = MIN(n, 1U);

	while (sure && sure < n && !cnames_is_go(c->target, site->stack.c_pc[sure]) &&
	       cnames_is_return(c->objects, site->stack.c_pc[sure]))
		sure++;
	return sure;
}

static void collect_site(const struct wire_cgo_site *site, void *arg)
{
	struct collect *to = arg;
	struct cgo_record r = { .held = cgo_held(site), .is_cut = site->stack.is_cut };
	uint32_t n_go = MIN(site->stack.go_depth, (__u16)WIRE_CGO_GO_DEPTH);

	if (!site->large.allocs && !site->small.allocs)
		return;
	r.n_c = c_frames(to->cgo, site);
	memcpy(r.pcs, site->stack.c_pc, r.n_c * sizeof(r.pcs[0]));
	memcpy(r.pcs + r.n_c, site->stack.go_pc, n_go * sizeof(r.pcs[0]));
	r.n = r.n_c + n_go;
	total_add(&to->cgo->result.total, &r.held);
	if (!to->err)
		to->err = vec_push(&to->cgo->result.records, r);
}

static int record_compare(const void *a, const void *b)
{
	const struct cgo_record *x = a, *y = b;

	if (x->held.bytes != y->held.bytes)
		return x->held.bytes < y->held.bytes ? 1 : -1;
	if (x->held.alloc_bytes != y->held.alloc_bytes)
		return x->held.alloc_bytes < y->held.alloc_bytes ? 1 : -1;
	return memcmp(x->pcs, y->pcs, sizeof(x->pcs));
}

/* Returns are stepped over, as is what else has no better place. */
static void add_cost(struct cgo *c)
{
	struct cgo_result *r = &c->result;

	for (size_t i = 0; i < WIRE_CGO_FN_MAX; i++) {
		bool is_stepped = i == WIRE_CGO_EXIT || c->allocator.is_stepped[i];

		r->hits += r->counts.hits[i];
		r->trap_ns += (double)r->counts.hits[i] *
			      (is_stepped ? c->trap.stepped_ns : c->trap.emulated_ns);
	}
	r->is_measured = c->trap.is_measured;
	r->run_ns = probe_cgo_run_ns(c->probe);
}

static int collect(struct cgo *c)
{
	const struct wire_cgo_state *st = probe_cgo_state(c->probe, c->target->pid);
	struct cgo_result *r = &c->result;
	struct collect to = { .cgo = c };
	int err;

	if (!st)
		return -ENOENT;
	/* What was loaded meanwhile has names too, unless the process is gone. */
	if (!c->has_ended && objects_update(c->objects) == -ENOMEM)
		return -ENOMEM;
	err = probe_cgo_each(c->probe, c->target->pid, collect_site, &to);
	if (err || to.err)
		return err ? err : to.err;
	if (r->records.n)
		qsort(r->records.items, r->records.n, sizeof(r->records.items[0]), record_compare);
	r->counts = *st;
	r->period = cgo_period(c->tuner.level);
	r->seconds = (double)(c->end_ns - c->start_ns) / NSEC_PER_SEC;
	r->unknown_exits = c->allocator.unknown_exits;
	r->has_go = c->tls_g != 0;
	r->has_ended = c->has_ended;
	text_scrub(r->allocator, sizeof(r->allocator), c->allocator.object->path,
		   strlen(c->allocator.object->path));
	text_scrub(r->functions, sizeof(r->functions), c->allocator.functions,
		   strlen(c->allocator.functions));
	add_cost(c);
	return 0;
}

/* ---- all of it ---- */

static void cgo_cleanup(struct cgo **c)
{
	cgo_close(*c);
}

int cgo_observe(const struct target *t, const struct cgo_opts *opts, struct cgo **ret,
		struct probe_error *ret_error)
{
	_cleanup_(cgo_cleanup) struct cgo *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->target = t;
	c->tuner.credit = CGO_KEPT_CREDIT;
	err = find(c, opts->proc_root ? opts->proc_root : "/proc", ret_error);
	if (!err)
		err = open_probe(c, opts, ret_error);
	if (!err)
		trapcost_measure(c->probe, &c->trap);
	if (!err)
		err = attach(c, ret_error);
	if (!err)
		err = run(c, opts->for_s);
	if (!err) {
		stop(c);
		err = collect(c);
	}
	probe_detach(c->link);
	c->link = NULL;
	if (err && !ret_error->text[0])
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", strerror(-err));
	if (!err)
		*ret = TAKE_PTR(c);
	return err;
}

const struct cgo_result *cgo_result(const struct cgo *c)
{
	return &c->result;
}

void cgo_names(struct cgo *c, struct symbols_source *ret)
{
	cnames_source(&c->names, ret);
}

void cgo_close(struct cgo *c)
{
	if (!c)
		return;
	probe_detach(c->link);
	probe_close(c->probe);
	objects_close(c->objects);
	cgo_result_release(&c->result);
	free(c);
}
