/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census PID: one JSON object with what the census reads of a Go process: goroutines by creation
 * site, and the runtime's memory account.  census PID N: walks N times and prints what that cost.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/vec.h"
#include "census/account.h"
#include "census/walk.h"
#include "model/memory.h"
#include "target/target.h"

#define BUDGET (UINT64_C(1) << 32)

struct site {
	uint64_t gopc;
	int64_t live, system;
};

struct census {
	VEC(struct site) sites;
	int64_t waiting;
};

static struct site *site_at(struct census *c, uint64_t gopc)
{
	vec_for_each (&c->sites, s)
		if (s->gopc == gopc)
			return s;
	if (vec_push(&c->sites, ((struct site){ .gopc = gopc })))
		abort();
	return &c->sites.items[c->sites.n - 1];
}

static void take(const struct walk_goroutine *g, void *arg)
{
	struct census *c = arg;
	struct site *s = site_at(c, g->gopc);

	s->live++;
	s->system += g->is_system;
	c->waiting += g->status == WALK_WAITING;
}

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static struct json_object *site_json(const struct target *t, const struct site *s)
{
	struct json_object *o = json_object_new_object();
	struct goframe f = { 0 };

	if (s->gopc)
		(void)!gobin_frames(t->bin, s->gopc - t->bias, true, &f, 1);
	json_object_object_add(o, "function", json_object_new_string(f.function));
	json_object_object_add(o, "file", json_object_new_string(f.file));
	add_int(o, "line", f.line);
	add_int(o, "live", s->live);
	add_int(o, "system", s->system);
	return o;
}

static struct json_object *account_json(const struct account *a)
{
	struct json_object *o = json_object_new_object();

	add_int(o, "heap_live", a->heap_live_bytes);
	add_int(o, "heap_marked", a->heap_marked_bytes);
	add_int(o, "heap_inuse", a->heap_inuse_bytes);
	add_int(o, "heap_idle", a->heap_idle_bytes);
	add_int(o, "heap_released", a->heap_released_bytes);
	add_int(o, "heap_objects", a->heap_objects);
	add_int(o, "heap_goal", a->heap_goal_bytes);
	add_int(o, "total_alloc", a->total_alloc_bytes);
	add_int(o, "memory_limit", a->memory_limit_bytes);
	add_int(o, "gc_percent", a->gc_percent);
	add_int(o, "stacks_inuse", a->stacks_inuse_bytes);
	add_int(o, "other_sys", a->other_sys_bytes);
	add_int(o, "gc_cycles", a->gc_cycles);
	add_int(o, "forced_gc_cycles", a->forced_gc_cycles);
	add_int(o, "gc_pause_total", a->gc_pause_total_ns);
	add_int(o, "last_gc_unix", a->last_gc_unix_ns);
	add_int(o, "goids", a->goids);
	add_int(o, "gc_pause_last", a->gc_pause_last_ns);
	add_int(o, "gc_pause_max", a->gc_pause_max_ns);
	add_int(o, "mapped_ready", a->mapped_ready_bytes);
	add_int(o, "stacks_sys", a->stacks_sys_bytes);
	add_int(o, "gc_spans", a->gc_spans_bytes);
	add_int(o, "heap_addr", a->heap_addr);
	return o;
}

static struct json_object *rollup_json(const struct procfs_rollup *r)
{
	struct json_object *o = json_object_new_object();

	add_int(o, "rss", r->rss_bytes);
	add_int(o, "anon", r->anon_bytes);
	add_int(o, "lazyfree", r->lazyfree_bytes);
	add_int(o, "anon_huge", r->anon_huge_bytes);
	add_int(o, "swap", r->swap_bytes);
	add_int(o, "heap_size", r->heap_size_bytes);
	add_int(o, "heap_anon", r->heap_anon_bytes);
	add_int(o, "heap_lazyfree", r->heap_lazyfree_bytes);
	add_int(o, "unnamed_anon", r->unnamed_anon_bytes);
	return o;
}

static struct json_object *parts_json(const struct memory_parts *p)
{
	struct json_object *o = json_object_new_object();

	add_int(o, "anon", p->anon_bytes);
	add_int(o, "live", p->live_bytes);
	add_int(o, "garbage", p->garbage_bytes);
	add_int(o, "slack", p->slack_bytes);
	add_int(o, "free_held", p->free_held_bytes);
	add_int(o, "lazyfree", p->lazyfree_bytes);
	add_int(o, "stacks", p->stacks_bytes);
	add_int(o, "runtime", p->runtime_bytes);
	add_int(o, "outside", p->outside_bytes);
	add_int(o, "residue", p->residue_bytes);
	return o;
}

/* The same account with the kernel's walk over all pages, and from what is read every second. */
static void add_memory(struct json_object *o, pid_t pid, const struct account *a)
{
	struct memory_parts with, without;
	struct procfs_memory memory;
	struct procfs_rollup rollup;

	if (procfs_memory("/proc", pid, &memory) ||
	    procfs_rollup("/proc", pid, (uint64_t)MAX(a->heap_addr, 0), &rollup))
		return;
	memory_split(a, &memory, &rollup, &with);
	memory_split(a, &memory, NULL, &without);
	json_object_object_add(o, "rollup", rollup_json(&rollup));
	json_object_object_add(o, "memory", parts_json(&with));
	json_object_object_add(o, "memory_by_sum", parts_json(&without));
}

static struct json_object *walk_json(const struct target *t, const struct census *c,
				     const struct walk_result *r)
{
	struct json_object *o = json_object_new_object(), *sites = json_object_new_array();

	add_int(o, "allgs", (int64_t)r->allgs);
	add_int(o, "live", (int64_t)r->live);
	add_int(o, "system", (int64_t)r->system);
	add_int(o, "waiting", c->waiting);
	add_int(o, "torn", (int64_t)r->torn);
	add_int(o, "unread", (int64_t)r->unread);
	json_object_object_add(o, "is_partial", json_object_new_boolean(r->is_partial));
	vec_for_each (&c->sites, s)
		json_object_array_add(sites, site_json(t, s));
	json_object_object_add(o, "sites", sites);
	return o;
}

static int print_census(const struct target *t)
{
	struct json_object *o;
	struct walk_result r;
	struct census c = { 0 };
	struct account a;
	struct mem m;
	int err;

	mem_of_process(&m, t->pid, BUDGET);
	err = account_read(&m, t->bin, t->bias, &a);
	if (!err)
		err = walk_goroutines(&m, t->bin, t->bias, take, &c, &r);
	if (err)
		return err;
	o = walk_json(t, &c, &r);
	json_object_object_add(o, "account", account_json(&a));
	add_memory(o, t->pid, &a);
	json_object_object_add(o, "go", json_object_new_string(gobin_info(t->bin)->version.text));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	vec_release(&c.sites);
	return 0;
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void count(const struct walk_goroutine *g, void *arg)
{
	(void)g;
	++*(uint64_t *)arg;
}

static int print_cost(const struct target *t, int times)
{
	double best = 0;
	struct walk_result r = { 0 };
	struct mem m = { 0 };

	while (times-- > 0) {
		double start = cpu_ms(), ms;
		uint64_t n = 0;
		int err;

		mem_of_process(&m, t->pid, BUDGET);
		err = walk_goroutines(&m, t->bin, t->bias, count, &n, &r);
		if (err)
			return err;
		ms = cpu_ms() - start;
		best = best == 0 || ms < best ? ms : best;
	}
	printf("{\"live\":%lu,\"cpu_ms\":%.2f,\"calls\":%lu,\"bytes\":%lu}\n",
	       (unsigned long)r.live, best, (unsigned long)m.calls, (unsigned long)m.read_bytes);
	return 0;
}

int main(int argc, char **argv)
{
	long long pid = 0, times = 0;
	struct target t;
	enum target_reason reason = TARGET_GONE;
	enum gobin_reason bin_reason = GOBIN_OK;
	struct gobin_cache *cache = NULL;
	int err;

	if (argc < 2 || text_parse_int(argv[1], 1, INT_MAX, &pid) ||
	    (argc > 2 && text_parse_int(argv[2], 1, 1000, &times))) {
		fprintf(stderr, "usage: census PID [TIMES]\n");
		return 2;
	}
	err = gobin_cache_new(1, &cache);
	if (!err)
		err = target_open("/proc", cache, (pid_t)pid, &t, &reason, &bin_reason);
	if (err) {
		fprintf(stderr, "census: %s; %s\n", target_reason_str(reason),
			gobin_reason_str(bin_reason));
		gobin_cache_free(cache);
		return 1;
	}
	err = times ? print_cost(&t, (int)times) : print_census(&t);
	if (err)
		fprintf(stderr, "census: %s; %s\n", strerror(-err), gobin_reason_str(bin_reason));
	target_release(&t);
	gobin_cache_free(cache);
	return err ? 1 : 0;
}
