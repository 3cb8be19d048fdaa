/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks PID [PASSES [-]]: a JSON object for each pass of one census: the counts and what it cost.
 * With one pass also every goroutine with its frames; with more the last says the distinct stacks.
 * With "-" each pass waits for a line on stdin.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "census/census.h"
#include "census/group.h"
#include "target/target.h"

#define FRAMES_MAX 64

static const char *const state_names[CENSUS_STACK_MAX] = {
	"none", "whole", "cut", "running", "moving", "torn", "broken",
};

static void add_int(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)v));
}

static void add_str(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, json_object_new_string(v));
}

static struct json_object *frame_json(const struct goframe *f)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "function", f->function);
	add_str(o, "file", f->file);
	add_int(o, "line", f->line);
	json_object_object_add(o, "wrapper", json_object_new_boolean(f->is_wrapper));
	return o;
}

static void add_frames(const struct target *t, uint64_t pc, struct json_object *array)
{
	struct goframe frames[FRAMES_MAX];
	int n = gobin_frames(t->bin, pc - t->bias, true, frames, FRAMES_MAX);

	for (int i = 0; i < n; i++)
		json_object_array_add(array, frame_json(&frames[i]));
}

static struct json_object *goroutine_json(const struct target *t, const struct census *c,
					  const struct census_goroutine *g)
{
	struct json_object *o = json_object_new_object(), *frames = json_object_new_array();
	struct json_object *creator = json_object_new_array();

	add_int(o, "goid", g->g.goid);
	add_int(o, "parent", g->g.parent_goid);
	add_str(o, "state", group_state_name(t->bin, &g->g));
	add_str(o, "stack_state", state_names[g->stack_state]);
	add_int(o, "waits_on", g->waits_on);
	add_int(o, "waitsince", (uint64_t)g->g.waitsince_ns);
	json_object_object_add(o, "system", json_object_new_boolean(g->g.is_system));
	if (g->g.gopc)
		add_frames(t, g->g.gopc, creator);
	json_object_object_add(o, "creator", creator);
	if (g->stack != STACKS_NONE) {
		struct stack s = stacks_get(census_stacks(c), g->stack);

		for (uint32_t i = 0; i < s.n; i++)
			add_frames(t, s.pcs[i], frames);
	}
	json_object_object_add(o, "frames", frames);
	return o;
}

static struct json_object *result_json(const struct census *c, const struct census_result *r,
				       uint64_t cpu_us)
{
	struct json_object *o = json_object_new_object(), *states = json_object_new_object();

	for (size_t i = 0; i < CENSUS_STACK_MAX; i++)
		add_int(states, state_names[i], r->stack_states[i]);
	json_object_object_add(o, "states", states);
	add_int(o, "allgs", r->walk.allgs);
	add_int(o, "live", r->walk.live);
	add_int(o, "system", r->walk.system);
	add_int(o, "torn_gs", r->walk.torn);
	add_int(o, "unread", r->walk.unread);
	add_int(o, "unchanged", r->unchanged);
	add_int(o, "retried", r->retried);
	add_int(o, "bytes", r->read_bytes);
	add_int(o, "calls", r->calls);
	add_int(o, "newest", r->newest_goid);
	add_int(o, "stacks", stacks_count(census_stacks(c)));
	add_int(o, "wall_us", (r->end_ns - r->start_ns) / 1000);
	add_int(o, "cpu_us", cpu_us);
	json_object_object_add(o, "is_partial", json_object_new_boolean(r->is_partial));
	return o;
}

static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void add_goroutines(const struct target *t, const struct census *c, struct json_object *o)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < census_count(c); i++)
		json_object_array_add(array, goroutine_json(t, c, census_at(c, i)));
	json_object_object_add(o, "goroutines", array);
}

static void add_stacks(const struct target *t, const struct census *c, struct json_object *o)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < stacks_count(census_stacks(c)); i++) {
		struct stack s = stacks_get(census_stacks(c), i);
		struct json_object *one = json_object_new_object();
		struct json_object *frames = json_object_new_array();

		for (uint32_t k = 0; k < s.n; k++)
			add_frames(t, s.pcs[k], frames);
		json_object_object_add(one, "frames", frames);
		json_object_object_add(one, "is_cut", json_object_new_boolean(s.is_cut));
		json_object_array_add(array, one);
	}
	json_object_object_add(o, "distinct", array);
}

/* Goroutines whose outermost frame is not in the function that they were started with. */
static uint64_t wrong_starts(const struct target *t, const struct census *c)
{
	uint64_t wrong = 0;

	for (size_t i = 0; i < census_count(c); i++) {
		const struct census_goroutine *g = census_at(c, i);
		char name[GOFRAME_NAME_MAX] = "";
		struct gofunc f = { 0 };
		struct stack s;

		if (g->stack_state != CENSUS_STACK_WHOLE || g->stack == STACKS_NONE ||
		    !g->g.startpc)
			continue;
		s = stacks_get(census_stacks(c), g->stack);
		if (gobin_func_at(t->bin, s.pcs[s.n - 1] - 1 - t->bias, &f, name, sizeof(name)))
			wrong++;
		else
			/* Its own function has returned to goexit. */
			wrong += f.va != g->g.startpc - t->bias && strcmp(name, "runtime.goexit1");
	}
	return wrong;
}

static int run(const struct target *t, int passes, bool waits)
{
	struct census_opts opts = { .want_stacks = true };
	struct census *c = NULL;
	int err = census_new(t->bin, t->bias, t->pid, &c);

	for (int i = 0; i < passes && !err; i++) {
		struct census_result r = { 0 };
		struct json_object *o;
		uint64_t start;
		char line[8];

		if (waits && !fgets(line, sizeof(line), stdin))
			break;
		start = cpu_us();

		err = census_run(c, &opts, &r);
		if (err)
			break;
		o = result_json(c, &r, cpu_us() - start);
		add_int(o, "wrong_starts", wrong_starts(t, c));
		if (passes == 1)
			add_goroutines(t, c, o);
		else if (i == passes - 1)
			add_stacks(t, c, o);
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
		fflush(stdout);
		json_object_put(o);
	}
	census_free(c);
	return err;
}

int main(int argc, char **argv)
{
	long long pid = 0, passes = 1;
	struct target t;
	enum target_reason reason = TARGET_GONE;
	enum gobin_reason bin_reason = GOBIN_OK;
	struct gobin_cache *cache = NULL;
	int err;

	if (argc < 2 || text_parse_int(argv[1], 1, INT_MAX, &pid) ||
	    (argc > 2 && text_parse_int(argv[2], 1, 1000000, &passes))) {
		fprintf(stderr, "usage: stacks PID [PASSES [-]]\n");
		return 2;
	}
	err = gobin_cache_new(1, &cache);
	if (!err)
		err = target_open("/proc", cache, (pid_t)pid, &t, &reason, &bin_reason);
	if (err) {
		fprintf(stderr, "stacks: %s; %s\n", target_reason_str(reason),
			gobin_reason_str(bin_reason));
		gobin_cache_free(cache);
		return 1;
	}
	err = run(&t, (int)passes, argc > 3);
	if (err)
		fprintf(stderr, "stacks: %s\n", strerror(-err));
	target_release(&t);
	gobin_cache_free(cache);
	return err ? 1 : 0;
}
