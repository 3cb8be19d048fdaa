/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readings sockets PID: one JSON object with the sockets of a process by state.
 * readings heap PID: with its heap profile by allocation site.
 * With a number N behind them: reads it N times and prints what that cost.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "session/heapsum.h"
#include "target/sockets.h"
#include "target/target.h"
#include "view/symbols.h"

#define BUDGET (UINT64_C(1) << 32)
/* As session/heapread has it. */
#define SLICE 2048

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static void print(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* The best of so many times, so that other load does not count. */
static double least(double a, double b)
{
	return a == 0 || b < a ? b : a;
}

static double ms_since(uint64_t cpu_ns)
{
	return (double)(clock_cpu_ns() - cpu_ns) / NSEC_PER_MSEC;
}

/* ---- sockets ---- */

static int sockets(pid_t pid, long long times)
{
	struct json_object *o = json_object_new_object();
	struct sockets s = { 0 };
	double ms = 0;
	int err;

	do {
		uint64_t cpu_ns = clock_cpu_ns();

		err = sockets_read("/proc", pid, &s);
		ms = least(ms, ms_since(cpu_ns));
	} while (--times > 0);
	for (int i = 0; i < SOCKETS_STATES; i++)
		add_int(o, sockets_state_str((enum sockets_state)i), s.n[i]);
	json_object_object_add(o, "is_partial", json_object_new_boolean(s.is_partial));
	json_object_object_add(o, "ms", json_object_new_double(ms));
	print(o);
	return err ? 1 : 0;
}

/* ---- the heap profile ---- */

static int frames(void *arg, uint64_t pc, struct goframe *ret, size_t max)
{
	const struct target *t = arg;

	return gobin_frames(t->bin, pc - t->bias, true, ret, max);
}

#define FRAMES_MAX 16

/* The line that people call the site; "runtime" where all of the stack is the runtime's. */
static void name_site(const struct target *t, uint64_t pc, char *buf, size_t size)
{
	struct goframe f[FRAMES_MAX];
	int n = gobin_frames(t->bin, pc - t->bias, true, f, FRAMES_MAX);

	for (int i = 0; i < n; i++) {
		if (!symbols_is_runtime(f[i].function) && !f[i].is_wrapper) {
			snprintf(buf, size, "%s %s:%u", f[i].function, f[i].file, f[i].line);
			return;
		}
	}
	snprintf(buf, size, "runtime");
}

static struct json_object *site_json(const struct target *t, const struct model_alloc_site *s)
{
	struct json_object *o = json_object_new_object(), *names = json_object_new_array();
	char name[GOFRAME_NAME_MAX + GOFRAME_FILE_MAX + 16];

	for (uint32_t i = 0; i < s->depth; i++) {
		struct goframe f[FRAMES_MAX];
		int n = gobin_frames(t->bin, s->stack[i] - t->bias, true, f, FRAMES_MAX);

		for (int k = 0; k < n; k++)
			json_object_array_add(names, json_object_new_string(f[k].function));
	}
	name_site(t, s->pc, name, sizeof(name));
	add_int(o, "pc", (int64_t)s->pc);
	json_object_object_add(o, "site", json_object_new_string(name));
	add_int(o, "bytes", s->bytes);
	add_int(o, "objects", s->objects);
	json_object_object_add(o, "functions", names);
	return o;
}

static void print_heap(const struct target *t, const struct model_allocs *a, size_t records)
{
	struct json_object *o = json_object_new_object(), *sites = json_object_new_array();

	for (size_t i = 0; i < a->n; i++)
		json_object_array_add(sites, site_json(t, &a->sites[i]));
	add_int(o, "rate", a->rate);
	add_int(o, "records", (int64_t)records);
	json_object_object_add(o, "sites", sites);
	print(o);
}

struct cost {
	double read_ms, sum_ms, slice_ms;
};

/* Each in the slices in which session reads it. */
static int read_sliced(const struct target *t, struct heap_profile *ret, struct cost *c)
{
	struct heap_walk *walk = NULL;
	struct mem m;
	uint64_t begin_ns = clock_cpu_ns();
	int err;

	mem_of_process(&m, t->pid, BUDGET);
	err = heap_walk_new(&m, t->bin, t->bias, &walk);
	if (err)
		return err;
	do {
		uint64_t cpu_ns = clock_cpu_ns();

		err = heap_walk_step(walk, SLICE);
		c->slice_ms = c->slice_ms > ms_since(cpu_ns) ? c->slice_ms : ms_since(cpu_ns);
	} while (err == -EAGAIN);
	if (!err)
		heap_walk_take(walk, ret);
	heap_walk_free(walk);
	c->read_ms = ms_since(begin_ns);
	return err;
}

static int heap(struct target *t, long long times)
{
	struct heapsum *sum = NULL;
	struct heap_profile p = { 0 };
	struct model_allocs a = { 0 };
	struct cost best = { 0 };
	bool is_cost = times > 0;
	int err = heapsum_new(&(struct heapsum_source){ frames, t }, &sum);

	do {
		struct cost c = { 0 };
		uint64_t cpu_ns;

		heap_profile_release(&p);
		err = err ? err : read_sliced(t, &p, &c);
		cpu_ns = clock_cpu_ns();
		err = err ? err : heapsum_make(sum, &p, &a);
		best.sum_ms = least(best.sum_ms, ms_since(cpu_ns));
		best.read_ms = least(best.read_ms, c.read_ms);
		best.slice_ms = least(best.slice_ms, c.slice_ms);
	} while (!err && --times > 0);
	if (err)
		printf("{\"error\":\"%s\"}\n", strerrorname_np(-err));
	else if (is_cost)
		printf("{\"records\":%zu,\"sites\":%zu,\"read_ms\":%.3f,\"slice_ms\":%.3f,"
		       "\"sum_ms\":%.3f}\n",
		       p.records.n, a.n, best.read_ms, best.slice_ms, best.sum_ms);
	else
		print_heap(t, &a, p.records.n);
	heap_profile_release(&p);
	heapsum_free(sum);
	return 0;
}

static int heap_of(pid_t pid, long long times)
{
	struct target t;
	enum target_reason reason = TARGET_GONE;
	enum gobin_reason bin_reason = GOBIN_OK;
	struct gobin_cache *cache = NULL;
	int err = gobin_cache_new(1, &cache);

	if (!err)
		err = target_open("/proc", cache, pid, &t, &reason, &bin_reason);
	if (err) {
		fprintf(stderr, "readings: %s; %s\n", target_reason_str(reason),
			gobin_reason_str(bin_reason));
		gobin_cache_free(cache);
		return 1;
	}
	err = heap(&t, times);
	target_release(&t);
	gobin_cache_free(cache);
	return err;
}

int main(int argc, char **argv)
{
	long long pid = 0, times = 0;

	if (argc < 3 || text_parse_int(argv[2], 1, INT_MAX, &pid) ||
	    (argc > 3 && text_parse_int(argv[3], 1, 1000, &times))) {
		fprintf(stderr, "usage: readings sockets|heap PID [TIMES]\n");
		return 2;
	}
	return strcmp(argv[1], "heap") ? sockets((pid_t)pid, times) : heap_of((pid_t)pid, times);
}
