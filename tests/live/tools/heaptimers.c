/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heaptimers PID: one JSON object with the heap profile and the timers of a Go process; the heap
 * profile also with the stacks that the runtime has. heaptimers PID N: reads both N times and
 * prints what that cost.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "census/buckets.h"
#include "census/timers.h"
#include "target/target.h"

#define BUDGET (UINT64_C(1) << 32)

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static void add_string(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, s ? json_object_new_string(s) : NULL);
}

/* Functions at an address, innermost first, without those the compiler made. */
static void add_functions(const struct target *t, uint64_t pc, bool is_return, int max,
			  struct json_object *names)
{
	struct goframe frames[32];
	int n = gobin_frames(t->bin, pc - t->bias, is_return, frames, (size_t)max);

	for (int i = 0; i < n; i++)
		if (!frames[i].is_wrapper)
			json_object_array_add(names, json_object_new_string(frames[i].function));
}

/*
 * Of a stack as gotide has it each pc is all the frames there; as the runtime has it, from Go 1.21
 * on, the innermost, but for the last, whose callers may have been cut off.
 */
static void add_stack(const struct target *t, const struct stack *s, bool is_raw,
		      struct json_object *o)
{
	bool is_one_each = is_raw && inlined_is_needed(&gobin_info(t->bin)->version);
	struct json_object *pcs = json_object_new_array(), *names = json_object_new_array();

	for (uint32_t i = 0; i < s->n; i++) {
		json_object_array_add(pcs, json_object_new_uint64(s->pcs[i]));
		add_functions(t, s->pcs[i], true, is_one_each && i + 1 < s->n ? 1 : 32, names);
	}
	json_object_object_add(o, "pcs", pcs);
	json_object_object_add(o, "functions", names);
}

static struct json_object *record_json(const struct target *t, const struct heap_profile *p,
				       const struct heap_record *r, bool is_raw)
{
	struct json_object *o = json_object_new_object();
	struct stack s = { 0 };

	if (r->stack != STACKS_NONE)
		s = stacks_get(p->stacks, r->stack);
	add_stack(t, &s, is_raw, o);
	add_int(o, "size", (int64_t)r->size);
	add_int(o, "allocs", r->allocs);
	add_int(o, "frees", r->frees);
	add_int(o, "alloc_bytes", r->alloc_bytes);
	add_int(o, "free_bytes", r->free_bytes);
	return o;
}

static int read_heap(const struct target *t, struct mem *m, bool is_raw, struct heap_profile *ret)
{
	const struct globals *g = gobin_globals(t->bin);
	struct heap_profile_source src = { .offsets = gobin_offsets(t->bin, NULL) };

	mem_of_process(m, t->pid, BUDGET);
	if (!is_raw)
		return heap_profile_read(m, t->bin, t->bias, ret);
	src.mbuckets = g->global[GLOBAL_MBUCKETS].va + t->bias;
	src.rate = g->global[GLOBAL_MEMPROFILERATE].va + t->bias;
	return heap_profile_source_read(m, &src, ret);
}

static struct json_object *heap_json(const struct target *t, bool is_raw)
{
	struct json_object *o = json_object_new_object(), *records = json_object_new_array();
	struct heap_profile p = { 0 };
	struct mem m;
	int err = read_heap(t, &m, is_raw, &p);

	add_string(o, "error", err ? strerrorname_np(-err) : NULL);
	add_int(o, "rate", p.rate);
	add_int(o, "bad", (int64_t)p.bad);
	json_object_object_add(o, "is_partial", json_object_new_boolean(p.is_partial));
	vec_for_each (&p.records, r)
		json_object_array_add(records, record_json(t, &p, r, is_raw));
	json_object_object_add(o, "records", records);
	heap_profile_release(&p);
	return o;
}

static struct json_object *functions(const struct target *t, uint64_t pc)
{
	struct json_object *names = json_object_new_array();

	add_functions(t, pc, false, 32, names);
	return names;
}

static struct json_object *group_json(const struct target *t, const struct timer_group *g)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "fn", functions(t, g->fn));
	json_object_object_add(o, "arg_fn", g->arg_fn ? functions(t, g->arg_fn) : NULL);
	json_object_object_add(o, "is_periodic", json_object_new_boolean(g->is_periodic));
	add_int(o, "count", (int64_t)g->count);
	add_int(o, "period_min", g->period_min_ns);
	add_int(o, "period_max", g->period_max_ns);
	add_int(o, "next", g->next_ns);
	return o;
}

static struct json_object *timers_json(const struct target *t)
{
	struct json_object *o = json_object_new_object(), *groups = json_object_new_array();
	struct timers timers = { 0 };
	struct mem m;
	int err;

	mem_of_process(&m, t->pid, BUDGET);
	err = timers_read(&m, t->bin, t->bias, &timers);
	add_string(o, "error", err ? strerrorname_np(-err) : NULL);
	add_int(o, "total", (int64_t)timers.total);
	add_int(o, "periodic", (int64_t)timers.periodic);
	add_int(o, "bad", (int64_t)timers.bad);
	json_object_object_add(o, "is_partial", json_object_new_boolean(timers.is_partial));
	vec_for_each (&timers.groups, g)
		json_object_array_add(groups, group_json(t, g));
	json_object_object_add(o, "groups", groups);
	timers_release(&timers);
	return o;
}

static void print_all(const struct target *t)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "heap", heap_json(t, false));
	json_object_object_add(o, "raw_heap", heap_json(t, true));
	json_object_object_add(o, "timers", timers_json(t));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double least(double a, double b)
{
	return a == 0 || b < a ? b : a;
}

/* The best of so many times, so that other load does not count. */
static void print_cost(const struct target *t, int times)
{
	double heap_ms = 0, timers_ms = 0, start;
	struct heap_profile p = { 0 };
	struct timers timers = { 0 };
	struct mem mh, mt;

	while (times-- > 0) {
		heap_profile_release(&p);
		timers_release(&timers);
		mem_of_process(&mh, t->pid, BUDGET);
		mem_of_process(&mt, t->pid, BUDGET);
		start = cpu_ms();
		(void)!heap_profile_read(&mh, t->bin, t->bias, &p);
		heap_ms = least(heap_ms, cpu_ms() - start);
		start = cpu_ms();
		(void)!timers_read(&mt, t->bin, t->bias, &timers);
		timers_ms = least(timers_ms, cpu_ms() - start);
	}
	printf("{\"records\":%zu,\"heap_ms\":%.3f,\"heap_calls\":%" PRIu64
	       ",\"heap_bytes\":%" PRIu64 ",\"timers\":%" PRIu64
	       ",\"timers_ms\":%.3f,\"timers_calls\":%" PRIu64 ",\"timers_bytes\":%" PRIu64 "}\n",
	       p.records.n, heap_ms, mh.calls, mh.read_bytes, timers.total, timers_ms, mt.calls,
	       mt.read_bytes);
	heap_profile_release(&p);
	timers_release(&timers);
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
		fprintf(stderr, "usage: heaptimers PID [TIMES]\n");
		return 2;
	}
	err = gobin_cache_new(1, &cache);
	if (!err)
		err = target_open("/proc", cache, (pid_t)pid, &t, &reason, &bin_reason);
	if (err) {
		fprintf(stderr, "heaptimers: %s; %s\n", target_reason_str(reason),
			gobin_reason_str(bin_reason));
		gobin_cache_free(cache);
		return 1;
	}
	if (times)
		print_cost(&t, (int)times);
	else
		print_all(&t);
	target_release(&t);
	gobin_cache_free(cache);
	return 0;
}
