/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spancount [-1] [-s SHIFT] PID: follows the heap spans of a Go process, says "watching", and on
 * each line of input prints one JSON object with its books and stacks.  The end of input ends it.
 * -1: perf events even where uprobe.multi works; -s: keep one small span in 2^SHIFT from the start,
 * and leave it at that.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "session/spans.h"

static void add_int(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_held(struct json_object *o, const struct spans_held *h)
{
	add_int(o, "bytes", h->bytes);
	add_int(o, "spans", h->spans);
	add_int(o, "large_bytes", h->large_bytes);
	add_int(o, "large_spans", h->large_spans);
	add_int(o, "alloc_bytes", h->alloc_bytes);
	add_int(o, "alloc_spans", h->alloc_spans);
	json_object_object_add(o, "error_bytes", json_object_new_double(h->error_bytes));
}

static struct json_object *stack_json(const struct target *t, const struct spans_record *r)
{
	struct json_object *a = json_object_new_array();
	struct goframe frames[16];

	for (uint32_t i = 0; i < r->n; i++) {
		int n = gobin_frames(t->bin, r->pcs[i] - t->bias, true, frames, ARRAY_SIZE(frames));

		for (int k = 0; k < n; k++)
			json_object_array_add(a, json_object_new_string(frames[k].function));
		if (n <= 0)
			json_object_array_add(a, json_object_new_string("?"));
	}
	return a;
}

static struct json_object *record_json(const struct target *t, const struct spans_record *r)
{
	struct json_object *o = json_object_new_object();

	add_held(o, &r->held);
	json_object_object_add(o, "is_cut", json_object_new_boolean(r->is_cut));
	json_object_object_add(o, "stack", stack_json(t, r));
	return o;
}

static void add_counts(struct json_object *o, const struct wire_span_state *c)
{
	add_int(o, "others", c->others);
	add_int(o, "kept", c->kept);
	add_int(o, "sampled_out", c->sampled_out);
	add_int(o, "spans_full", c->spans_full);
	add_int(o, "bad", c->bad);
	add_int(o, "sites_full", c->sites_full);
	add_int(o, "frees", c->frees);
	add_int(o, "freed", c->freed);
	add_int(o, "overwritten", c->overwritten);
	add_int(o, "all_bytes", c->alloc_pages * SPANS_PAGE_BYTES);
}

static int print(struct spans *s, const struct target *t)
{
	struct json_object *o = json_object_new_object(), *stacks = json_object_new_array();
	struct spans_result r = { 0 };
	int err = spans_collect(s, &r);

	if (err)
		return err;
	add_held(o, &r.total);
	add_counts(o, &r.counts);
	add_int(o, "shift", r.shift);
	add_int(o, "hits", r.hits);
	json_object_object_add(o, "hit_ns", json_object_new_double(r.hit_ns));
	json_object_object_add(o, "seconds", json_object_new_double(r.seconds));
	json_object_object_add(o, "ended", json_object_new_boolean(r.has_ended));
	vec_for_each (&r.records, rec)
		json_object_array_add(stacks, record_json(t, rec));
	json_object_object_add(o, "stacks", stacks);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(o);
	spans_result_release(&r);
	return 0;
}

/* Asked without pause it still ticks. */
static int serve(struct spans *s, const struct target *t, bool is_fixed)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t tick_ns = clock_now_ns();
	char byte;
	int err = 0;

	while (!err) {
		int ready = poll(&in, 1, (int)(1000 * SPANS_TICK_S));

		if (!is_fixed && seconds_between(tick_ns, clock_now_ns()) >= SPANS_TICK_S) {
			(void)spans_tick(s);
			tick_ns = clock_now_ns();
		}
		if (ready <= 0)
			continue;
		if (read(STDIN_FILENO, &byte, 1) != 1)
			break;
		if (byte == '\n')
			err = print(s, t);
	}
	return err;
}

struct tool {
	struct spans_opts opts;
	bool is_fixed;
	pid_t pid;
	struct gobin_cache *cache;
	struct target target;
	struct spans *spans;
};

static int args_parse(struct tool *t, int argc, char **argv)
{
	long long n = 0;
	int c, err = 0;

	while (!err && (c = getopt(argc, argv, "1s:")) >= 0) {
		if (c == '1') {
			t->opts.force_single = true;
		} else if (c == 's') {
			err = text_parse_int(optarg, 0, SPANS_SHIFT_MAX, &n);
			t->opts.shift = (unsigned int)n;
			t->is_fixed = true;
		} else {
			err = -EINVAL;
		}
	}
	if (!err)
		err = optind == argc - 1 ? text_parse_int(argv[optind], 1, INT32_MAX, &n) : -EINVAL;
	t->pid = (pid_t)n;
	return err;
}

int main(int argc, char **argv)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;
	struct probe_error error = { "" };
	struct tool t = { 0 };
	int err = args_parse(&t, argc, argv);

	if (!err)
		err = gobin_cache_new(1, &t.cache);
	if (!err)
		err = target_open("/proc", t.cache, t.pid, &t.target, &reason, &bin_reason);
	if (!err)
		err = spans_open(&t.target, &t.opts, &t.spans, &error);
	if (!err) {
		puts("watching");
		fflush(stdout);
		err = serve(t.spans, &t.target, t.is_fixed);
	}
	if (err)
		fprintf(stderr, "spancount: %s %s\n", strerror(-err), error.text);
	spans_close(t.spans);
	target_release(&t.target);
	gobin_cache_free(t.cache);
	return err ? 1 : 0;
}
