/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pictures and verdicts made by hand, for the tests of views, and the comparison with golden
 * files: GOLDEN_UPDATE=1 writes them anew.  Tests run at the top of the source tree.
 */
#ifndef GOTIDE_TESTS_VIEW_FIXTURE_H
#define GOTIDE_TESTS_VIEW_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/snapshot.h"
#include "trend/verdict.h"

#define FIXTURE_START_NS (1000 * NSEC_PER_SEC)

struct fixture {
	struct snapshot snap;
	struct snapshot_process process;
	struct snapshot_site sites[12];
	struct snapshot_reason reasons[3];
	struct verdict verdict;
	struct series3 live;
};

static inline char *golden_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (f) {
		assert_true(fread(text, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
		fclose(f);
	}
	return text;
}

static inline void golden_check(const char *name, const char *have)
{
	char path[128];

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	if (getenv("GOLDEN_UPDATE")) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		assert_true(fputs(have, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	char *want = golden_read(path);

	if (strcmp(want, have))
		print_error("%s differs; this is what came:\n%s", path, have);
	assert_true(!strcmp(want, have));
	free(want);
}

/* Everything unknown: what a process looks like that could only be found. */
static inline void fixture_unknown(struct fixture *f)
{
	struct snapshot_process *p = &f->process;

	memset(f, 0, sizeof(*f));
	*p = (struct snapshot_process){
		.pid = 9,
		.comm = "mystery",
		.go_version = "",
		.module = "",
		.start_ns = FIXTURE_START_NS,
		.now_ns = FIXTURE_START_NS + 3 * NSEC_PER_SEC,
		.live = -1,
		.at_attach = -1,
		.live_system = -1,
		.heap_live_bytes = -1,
		.heap_inuse_bytes = -1,
		.heap_idle_bytes = -1,
		.heap_released_bytes = -1,
		.heap_objects = -1,
		.heap_goal_bytes = -1,
		.total_alloc_bytes = -1,
		.heap_alloc_bytes = -1,
		.sys_bytes = -1,
		.gc_last_unix_ns = -1,
		.cpu_s = -1,
		.threads = -1,
		.stacks_bytes = -1,
		.gc_cycles = -1,
		.memory_limit_bytes = -1,
		.gc_percent = -1,
		.rss_bytes = { -1, -1, -1, -1 },
		.gc_pause_total_ns = -1,
		.gc_pause_last_ns = -1,
		.gc_pause_max_ns = -1,
		.memory = { -1, -1, -1, -1, -1, -1, -1, -1, -1, 0 },
		.off_heap_bytes = -1,
		.fds = -1,
		.sockets = -1,
		.limit_bytes = -1,
		.cgroup_current_bytes = -1,
		.pod_limit_bytes = -1,
		.pod_current_bytes = -1,
		.target_cpu_s = -1,
		.cost_s = -1,
	};
	f->verdict.kind = VERDICT_WARMING_UP;
	snprintf(f->verdict.summary, sizeof(f->verdict.summary),
		 "Watched for 3 seconds, which is too short to tell a leak from a start.");
	f->snap = (struct snapshot){ .now_ns = p->now_ns, .processes = p, .n = 1 };
}

static const struct snapshot_timers fixture_timers = {
	.total = 715,
	.periodic = 101,
	.top = { { "runtime.goroutineReady", false, 307 },
		 { "main.(*Server).expire", false, 227 },
		 { "time.sendTime", true, 101 },
		 { "time.sendTime", false, 43 } },
	.n_top = 4,
};

static inline void fixture_account(struct snapshot_process *p)
{
	p->heap_live_bytes = 12 << 20;
	p->heap_inuse_bytes = 15 << 20;
	p->heap_idle_bytes = 5 << 20;
	p->heap_released_bytes = 3 << 20;
	p->heap_objects = 91234;
	p->heap_goal_bytes = 24 << 20;
	p->total_alloc_bytes = 7LL << 30;
	p->stacks_bytes = 10 << 20;
	p->gc_cycles = 112;
	p->gc_seen = 12;
	p->memory_limit_bytes = INT64_MAX;
	p->gc_percent = 100;
	p->rss_bytes[WIRE_RSS_ANON] = 45 << 20;
	p->rss_bytes[WIRE_RSS_FILE] = 5 << 20;
	p->rss_bytes[WIRE_RSS_SHMEM] = 0;
	p->rss_bytes[WIRE_RSS_SWAP] = 0;
	p->gc_pause_total_ns = 31415926;
	p->gc_pause_last_ns = 97003;
	p->gc_pause_max_ns = 1250000;
	p->off_heap_bytes = 17 << 20;
	p->memory = (struct memory_parts){
		.anon_bytes = 45 << 20,
		.live_bytes = 12 << 20,
		.garbage_bytes = 2 << 20,
		.slack_bytes = 1 << 20,
		.free_held_bytes = 2 << 20,
		.lazyfree_bytes = 0,
		.stacks_bytes = 10 << 20,
		.runtime_bytes = 3 << 20,
		.outside_bytes = 17 << 20,
		.residue_bytes = -(2 << 20),
	};
	p->fds = 23;
	p->timers = &fixture_timers;
	p->census_passes = 3;
	p->census_ns = FIXTURE_START_NS + 60 * NSEC_PER_SEC;
	p->limit_bytes = 512 << 20;
	p->cgroup_current_bytes = 61 << 20;
}

static inline void fixture_traffic(struct snapshot_process *p)
{
	p->received = 17000;
	p->hits = 17012;
	p->cost_s = 0.12;
	p->target_cpu_s = 3.5;
	p->hooks_on = (1U << WIRE_HOOK_BOOKED) - 1;
	p->hook_hits[WIRE_HOOK_BIRTH] = 9000;
	p->hook_hits[WIRE_HOOK_DEATH] = 7800;
	p->hook_hits[WIRE_HOOK_PARK] = 200;
	p->hook_hits[WIRE_HOOK_GC_START] = 12;
}

/* Live goroutines, one point a second, rising evenly. */
static inline void fixture_live_series(struct fixture *f, double first, double last)
{
	series3_init(&f->live);
	for (unsigned int i = 0; i <= 60; i++)
		assert_int_equal(series3_add(&f->live, FIXTURE_START_NS + i * NSEC_PER_SEC,
					     first + (last - first) * i / 60),
				 0);
	f->process.live_series = &f->live;
}

static inline void fixture_sites(struct fixture *f)
{
	static const struct snapshot_frame stack[] = {
		{ "runtime.gopark", "", 0 },
		{ "runtime.chanrecv", "chan.go", 667 },
		{ "runtime.chanrecv1", "chan.go", 509 },
		{ "main.(*Server).handle.func1", "main.go", 44 },
	};
	static const struct snapshot_frame creators[] = {
		{ "main.(*Server).handle", "main.go", 41 },
		{ "main.main", "main.go", 12 },
	};

	f->sites[0] = (struct snapshot_site){
		.function = "main.(*Server).handle",
		.file = "/src/main.go",
		.line = 41,
		.start_function = "main.(*Server).handle.func1",
		.live = 1204,
		.at_attach = 4,
		.born = 1300,
		.died = 100,
		.survivors = 1200,
		.wait_reason = "chan receive",
		.wait_count = 1204,
		.stack = stack,
		.stack_depth = 4,
		.creation_stack = creators,
		.creation_depth = 2,
	};
	f->sites[1] = (struct snapshot_site){
		.function = "net/http.(*Server).Serve",
		.file = "/usr/share/go-1.26/src/net/http/server.go",
		.line = 3401,
		.start_function = "net/http.(*conn).serve",
		.live = 20,
		.at_attach = 20,
		.born = 7700,
		.died = 7700,
		.wait_reason = "IO wait",
	};
	f->sites[2] = (struct snapshot_site){
		.function = "runtime.newproc",
		.file = "<autogenerated>",
		.line = 1,
		.start_function = "runtime.main",
		.live = 1,
		.at_attach = 1,
	};
	for (unsigned int i = 3; i < 12; i++)
		f->sites[i] = (struct snapshot_site){
			.function = "runtime.gcenable",
			.start_function = "runtime.bgsweep",
			.live = 1,
			.at_attach = 1,
			.is_system = true,
			.is_other = i == 11,
		};
	f->process.sites = f->sites;
	f->process.n_sites = 12;
}

static inline void fixture_reasons(struct fixture *f)
{
	f->reasons[0] = (struct snapshot_reason){ "chan receive", 1310, 1204, 0, false };
	f->reasons[1] = (struct snapshot_reason){ "IO wait", 15400, -1, 0, false };
	f->reasons[2] = (struct snapshot_reason){ "GC worker (idle)", 96, 2, 2, true };
	f->process.reasons = f->reasons;
	f->process.n_reasons = 3;
	f->process.is_park_watched = true;
}

static inline void fixture_healthy(struct fixture *f)
{
	struct snapshot_process *p = &f->process;

	fixture_unknown(f);
	p->pid = 7;
	p->comm = "shop";
	p->exe = "/app/shop";
	p->go_version = "go1.26.5";
	p->module = "example.org/shop";
	p->is_stripped = true;
	p->now_ns = FIXTURE_START_NS + 60 * NSEC_PER_SEC;
	p->live = 36;
	p->at_attach = 34;
	p->live_system = 6;
	p->born = 9000;
	p->died = 8998;
	fixture_account(p);
	fixture_traffic(p);
	fixture_reasons(f);
	f->verdict.kind = VERDICT_HEALTHY;
	snprintf(f->verdict.summary, sizeof(f->verdict.summary),
		 "Goroutines and the heap's floor stayed flat for 60 seconds.");
	f->snap.now_ns = p->now_ns;
}

static inline struct finding *fixture_finding(struct fixture *f, enum verdict_kind kind,
					      double confidence)
{
	struct finding *n = &f->verdict.findings[f->verdict.n_findings++];

	n->kind = kind;
	n->state = FINDING_FLAGGED;
	n->since_s = 25;
	n->confidence = confidence;
	n->horizon_s = 60;
	if (f->verdict.n_findings == 1)
		f->verdict.kind = kind;
	return n;
}

static inline void fixture_leak(struct fixture *f)
{
	fixture_healthy(f);
	f->process.live = 1234;
	f->process.died = 7800;
	f->process.container = "3f4e5d";
	f->process.container_name = "web";
	f->process.pod = "web-0";
	f->process.pod_namespace = "shop";
	f->process.pod_uid = "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33";
	f->process.pod_limit_bytes = 768 << 20;
	f->process.pod_current_bytes = 320 << 20;
	fixture_sites(f);

	struct finding *n = fixture_finding(f, VERDICT_GOROUTINE_LEAK, 0.99);

	n->site = &f->sites[0];
	n->first = 34;
	n->last = 1234;
	n->per_min = 1200;
	n->per_min_low = 1180.5;
	n->per_min_high = 1219.25;
	n->born = 1300;
	n->died = 100;
	n->survivors = 1200;
	snprintf(n->evidence[0], VERDICT_LINE_MAX,
		 "1200 of the 1300 goroutines started here in the last 60 seconds are still there; "
		 "those that ended lived 12 ms at the median.");
	snprintf(n->evidence[1], VERDICT_LINE_MAX,
		 "The number of old goroutines rose in every sixth of the observation.");
	n->n_evidence = 2;
	snprintf(n->advice, VERDICT_LINE_MAX,
		 "Look for the path on which nobody sends to, or closes, the channel that they "
		 "receive from.");
	snprintf(f->verdict.summary, sizeof(f->verdict.summary),
		 "Goroutines of one go statement pile up.");
}

static const struct snapshot_frame fixture_alloc_stack[] = {
	{ "main.(*cache).put", "cache.go", 41 },
	{ "main.(*server).handle", "server.go", 60 },
};
static const struct snapshot_alloc fixture_allocs[] = {
	{ 1 << 20, 25 << 20, 23456, NULL, fixture_alloc_stack, 2 },
	{ 0, 2 << 20, 17, NULL, fixture_alloc_stack + 1, 1 },
};

/* Findings of every state, one of memory that has a limit, and times that were not observed. */
static inline void fixture_heap(struct fixture *f)
{
	fixture_healthy(f);
	f->process.has_exited = true;
	f->process.exit_code = 9;
	f->process.lost = 17;
	f->process.sampled_out = 250;
	f->process.census_torn = 3;
	f->process.census_corrections = 2;
	f->process.is_oom_victim = true;
	f->process.stacks_lost = 5;
	f->process.observer = (struct snapshot_observer){ 3, 11, 13 };
	f->process.gaps = 2;
	f->process.gaps_s = 61.5;

	struct finding *n = fixture_finding(f, VERDICT_HEAP_RETENTION, 0.87);

	n->unit = VERDICT_BYTES;
	n->first = 12 << 20;
	n->last = 40 << 20;
	n->per_min = 28 << 20;
	n->gcs = 12;
	n->allocs = fixture_allocs;
	n->n_allocs = 2;
	snprintf(n->evidence[0], VERDICT_LINE_MAX, "The heap's floor rose after each of 12 GCs.");
	n->n_evidence = 1;
	n = fixture_finding(f, VERDICT_OOM_RISK, 0.6);
	n->unit = VERDICT_BYTES;
	n->first = 50 << 20;
	n->last = 72 << 20;
	n->per_min = 44 << 20;
	n->limit_bytes = 128 << 20;
	n->left_s = 76.5;
	n->left_low_s = 70.25;
	n->left_high_s = INFINITY;
	n = fixture_finding(f, VERDICT_FD_LEAK, 0.8);
	n->state = FINDING_PAUSED;
	n->unit = VERDICT_FILES;
	n->what = "sockets";
	n->first = 11;
	n->last = 97;
	n->per_min = 86;
	n = fixture_finding(f, VERDICT_OFF_HEAP_GROWTH, 0.7);
	n->state = FINDING_RECOVERED;
	n->unit = VERDICT_BYTES;
	n->first = 3 << 20;
	n->last = 19 << 20;
	n->per_min = 16 << 20;
}

/* Names as an enemy would choose them: escapes, newlines, broken UTF-8, quotes. */
static inline void fixture_hostile(struct fixture *f)
{
	fixture_leak(f);
	f->process.comm = "a\033[31mb\n";
	f->process.exe = "/tmp/\xff\xfe\"x\\y";
	f->process.module = "m\x9b"
			    "od";
	f->process.container = "\r\r";
	f->sites[0].function = "main.\033]0;own\007ed";
	f->sites[0].file = "/\xc3\xa9t\xc3\xa9/a\xc2\x85.go";
	f->sites[0].wait_reason = "chan\treceive";
	f->reasons[0].name = "chan\treceive";
}

static inline void fixture_release(struct fixture *f)
{
	series3_release(&f->live);
}

/* What print(out) writes, as a string for free(). */
#define CAPTURE(file, statement)                             \
	({                                                   \
		char *_text = NULL;                          \
		size_t _size = 0;                            \
		FILE *file = open_memstream(&_text, &_size); \
                                                             \
		assert_non_null(file);                       \
		statement;                                   \
		assert_int_equal(fclose(file), 0);           \
		_text;                                       \
	})

#endif
