/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tape of a made-up process, with everything that a tape can hold: what is made of it again says
 * the same, to the byte; cut off or damaged it says what was until then, and never anything that
 * makes no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/fact.h"
#include "session/record.h"
#include "session/replay.h"
#include "simulate.h"
#include "trend/judge.h"
#include "view/jsonl.h"

#define SECONDS 40
#define STACK	3

static char path[] = "/tmp/gotide-test-replay-XXXXXX";
static uint8_t whole[1 << 20];
static size_t whole_size;
static char *whole_text; /* what the recorded model said at the end */

/* All that is known of a model's processes, as JSON. */
static char *text_of(struct model *m, uint64_t now_ns)
{
	struct snapshot *snap = NULL;
	struct judge *j = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(model_snapshot(m, now_ns, &snap), 0);
	assert_int_equal(judge_new(&j), 0);
	for (size_t i = 0; i < snap->n; i++) {
		struct verdict v;

		judge_verdict(j, &snap->processes[i], &v);
		assert_int_equal(jsonl_write(f, jsonl_process(&snap->processes[i], &v)), 0);
	}
	fclose(f);
	judge_free(j);
	snapshot_free(snap);
	return text;
}

static void stack(struct sim *s, enum wire_hook hook, unsigned int site, uint64_t first)
{
	const __u64 pc[STACK] = { first, first + 1, SIM_GOEXIT };
	struct event ev = { .kind = WIRE_STACK, .pid = SIM_PID, .ts_ns = sim_ns(s->now) };

	ev.stack.hook = hook;
	ev.stack.gopc = sim_gopc(site);
	ev.stack.reason = hook == WIRE_HOOK_PARK ? 2 : 0;
	ev.stack.depth = STACK;
	ev.stack.pc = pc;
	model_event(s->m, &ev);
}

static void example(struct sim *s, unsigned int site)
{
	const uint64_t pc[STACK] = { 0x700, 0x701, SIM_GOEXIT };

	model_census_example(s->m, SIM_PID,
			     &(struct model_example){ .gopc = sim_gopc(site),
						      .reason = 4,
						      .pc = pc,
						      .depth = STACK,
						      .channels = 17,
						      .channels_of = 18 });
}

/* One of every kind, with values that move. */
static void reading(struct sim *s, int second)
{
	int64_t n = second * INT64_C(1000003);
	struct account account = { .heap_live_bytes = n, .gc_cycles = second };
	struct procfs_memory memory = { 9 * n, n, 0, second % 3 };
	struct procfs_rollup rollup = { .rss_bytes = n, .heap_anon_bytes = -1 };
	struct procfs_fds fds = { .total = 10 + (uint32_t)second, .sockets = 3 };
	struct cgroup_memory cgroup = {
		UINT64_MAX, (uint64_t)n, 7, 0, UINT64_MAX, (uint64_t)n * 3
	};
	struct procfs_io io = { n, 2 * n };
	struct sockets sockets = { .n = { 1, 2, (uint32_t)second }, .is_partial = second % 2 };
	struct snapshot_timers timers = { .total = 5, .n_top = 1 };

	account.memory_limit_bytes = INT64_MAX;
	snprintf(timers.top[0].function, sizeof(timers.top[0].function), "main.t%d", second / 10);
	timers.top[0].count = 5;
	model_reading(s->m, SIM_PID,
		      &(struct model_reading){
			      .account = &account,
			      .memory = &memory,
			      .rollup = second % 5 ? NULL : &rollup,
			      .fds = second % 5 ? NULL : &fds,
			      .cgroup = second % 5 ? NULL : &cgroup,
			      .io = &io,
			      .sockets = second % 5 ? NULL : &sockets,
			      .timers = second % 2 ? NULL : &timers,
			      .mem_total_bytes = 1 << 30,
			      .mem_available_bytes = (1 << 29) + second,
			      .cpu_s = second * 0.01,
		      });
}

static void allocs(struct sim *s, int second)
{
	const uint64_t pc[2][STACK] = { { 0x900, 0x901, 0x902 }, { 0xa00, 0xa01, 0xa02 } };
	struct model_alloc_site sites[] = {
		{ 0x900, second << 20, second, pc[second % 2], STACK },
		{ 0xa00, 1 << 20, 4096, pc[1], STACK },
	};

	model_allocs(s->m, SIM_PID, &(struct model_allocs){ sim_ns(s->now), 512 << 10, sites, 2 });
}

static void parks(struct sim *s, uint64_t second)
{
	model_counts_begin(s->m);
	model_park_counts(s->m, SIM_PID, sim_gopc(3), 2,
			  &(struct wire_park_count){ 5 * second, 4 * second });
	model_park_counts(s->m, SIM_PID, sim_gopc(4), 3, &(struct wire_park_count){ second, 0 });
	model_counts_end(s->m);
}

static void one_second(struct sim *s, int second)
{
	for (double end = s->now + 1; s->now < end - SIM_STEP / 2; s->now += SIM_STEP) {
		for (int k = sim_poisson(s, 40); k > 0; k--)
			sim_go(s, 3, sim_exponential(s, 0.3));
		if (sim_poisson(s, 3))
			sim_go(s, 4, SIM_EVER);
		sim_deaths(s, s->now);
	}
	sim_mark(s, 8e6 + second * 1e5);
	sim_mark(s, 7e6); /* of the same time: not believed */
	s->now += 1e-6;
	sim_mark(s, 9e6);
	reading(s, second);
	parks(s, (uint64_t)second);
	stack(s, WIRE_HOOK_PARK, 4, 0x500);
	stack(s, WIRE_HOOK_BIRTH, 4, second < 20 ? 0x600 : 0x620);
	if (second % 10 == 0) {
		struct model_census_outcome o;

		sim_census(s, &o);
		allocs(s, second);
	}
	if (second == 11)
		example(s, 4);
	if (second == 15)
		model_gap(s->m, sim_ns(s->now), 3.5);
	sim_tick(s);
}

static void others(struct sim *s)
{
	struct model_process_info info = {
		.pid = 31,
		.comm = "other",
		.exe = "/bin/other",
		.go_version = "go1.27",
		.module = "example.com/other",
		.names = { .container = "c0ffee", .pod = "pod", .pod_uid = "uid" },
		.start_ns = sim_ns(s->now),
		.age_s = -1,
		.is_stripped = true,
		.is_from_start = true,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};
	struct event oom = { .kind = WIRE_OOM, .pid = 31, .ts_ns = sim_ns(s->now) };

	assert_int_equal(model_process_add(s->m, &info), 0);
	info.pid = 37;
	assert_int_equal(model_process_add(s->m, &info), 0);
	model_process_named(s->m, 31,
			    &(struct model_names){ .pod = "web-0",
						   .pod_namespace = "shop",
						   .container_name = "server" });
	model_process_named(s->m, 37, &(struct model_names){ .pod_uid = "removed soon" });
	model_process_remove(s->m, 37);
	model_census_begin(s->m, 31, 7);
	model_census_drop(s->m, 31);
	model_event(s->m, &oom);
	model_process_exited(s->m, 31, sim_ns(s->now) + 5, 9);
}

static int make_tape(void **state)
{
	const struct snapshot_observer own = { 3, 1, 4 };
	struct record *r = NULL;
	struct sim s;

	(void)state;
	close(mkstemp(path));
	sim_init(&s, 1);
	/* The clocks of a tape are those of this machine. */
	s.now = (double)clock_now_ns() / 1e9;
	assert_int_equal(record_open(path, "/proc", s.m, &r), 0);
	sim_attach(&s, true);
	for (int i = 1; i <= SECONDS; i++) {
		one_second(&s, i);
		if (i == 5)
			others(&s);
		record_observer(r, &own);
	}
	assert_int_equal(record_error(r), 0);
	assert_int_equal(record_stretch(r), 1);
	whole_text = text_of(s.m, sim_ns(s.now));
	assert_int_equal(record_close(r), 0);
	sim_release(&s);
	_cleanup_fclose_ FILE *f = fopen(path, "r");

	whole_size = fread(whole, 1, sizeof(whole), f);
	return 0;
}

static int remove_tape(void **state)
{
	(void)state;
	free(whole_text);
	return unlink(path);
}

/* Replays a file to its end; ticks seen, how it ended, and what it says then. */
static int replay_file(const char *file, int *ret_end, char **ret_text)
{
	struct replay *r = NULL;
	struct model *m = NULL;
	int ticks = 0;

	assert_int_equal(model_new(NULL, &m), 0);
	*ret_end = replay_open(file, m, &r);
	if (!*ret_end) {
		while ((*ret_end = replay_next(r)) == 1)
			ticks++;
		*ret_text = text_of(m, replay_clocks(r).monotonic_ns);
	}
	model_free(m);
	replay_free(r);
	return ticks;
}

static int replay_bytes(const uint8_t *data, size_t size, int *ret_end, char **ret_text)
{
	int fd = memfd_create("tape", MFD_CLOEXEC);
	char file[64];

	assert_int_equal(write(fd, data, size), size);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	int ticks = replay_file(file, ret_end, ret_text);

	close(fd);
	return ticks;
}

static void test_says_the_same(void **state)
{
	for (int i = 0; i < 2; i++) {
		_cleanup_free_ char *text = NULL;
		int end;

		(void)state;
		assert_int_equal(replay_file(path, &end, &text), SECONDS);
		assert_int_equal(end, 0);
		assert_string_equal(text, whole_text);
	}
}

static void test_says_of_itself(void **state)
{
	struct replay *r = NULL;
	struct model *m = NULL;

	(void)state;
	assert_int_equal(model_new(NULL, &m), 0);
	assert_int_equal(replay_open(path, m, &r), 0);
	assert_null(replay_header(r));
	assert_int_equal(replay_next(r), 1);
	assert_int_equal(replay_next(r), 1);
	const struct tape_header *h = replay_header(r);
	struct tape_clocks now = replay_clocks(r);

	assert_true(h->mem_total_bytes > 0 && *h->kernel && *h->machine && *h->gotide);
	assert_true(now.monotonic_ns > h->begun.monotonic_ns);
	/* The clock here was that of the machine, and went on as fast. */
	assert_true(llabs(now.wall_ns - h->begun.wall_ns) < INT64_C(10) << 30);
	assert_int_equal(replay_observer(r)->tasks_lost, 4);
	model_free(m);
	replay_free(r);
}

static void test_cut(void **state)
{
	int last = 0, complete = 0;

	(void)state;
	for (size_t n = 0; n < whole_size; n += 29) {
		_cleanup_free_ char *text = NULL;
		int end, ticks = replay_bytes(whole, n, &end, &text);

		assert_true(end == -ENODATA || (n < 16 && end == -EBADMSG));
		assert_true(ticks >= last);
		last = ticks;
		complete += ticks > 0;
	}
	assert_true(last > SECONDS - 10 && complete > 50);
}

/* Forged, with checksums that are right: whatever a record says, the model stays in order. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void forge(const char *file, uint32_t seed)
{
	int fd = memfd_create("tape", MFD_CLOEXEC);
	struct tape_reader *from = NULL;
	struct tape_writer *to = NULL;
	struct tape_record rec;
	uint32_t random = seed;

	assert_int_equal(write(fd, whole, whole_size), whole_size);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(tape_open(fd, &from), 0);
	assert_int_equal(tape_create(file, &to), 0);
	while (tape_next(from, &rec) == 1) {
		uint8_t *data = malloc(rec.data.size + 1);

		memcpy(data, rec.data.data ? rec.data.data : data, rec.data.size);
		if (rec.data.size && next_random(&random) % 97 == 0)
			data[next_random(&random) % rec.data.size] ^=
				(uint8_t)(1 << next_random(&random) % 8);
		if (next_random(&random) % 997)
			assert_int_equal(tape_put(to, rec.kind, data, rec.data.size), 0);
		free(data);
	}
	tape_reader_free(from);
	assert_int_equal(tape_close(to), 0);
}

static void test_forged(void **state)
{
	char file[] = "/tmp/gotide-test-forged-XXXXXX";

	(void)state;
	close(mkstemp(file));
	for (uint32_t seed = 1; seed <= 97; seed++) {
		_cleanup_free_ char *text = NULL;
		int end;

		forge(file, seed);
		(void)replay_file(file, &end, &text);
		assert_true(end == 0 || end == -EBADMSG || end == -ENODATA);
	}
	unlink(file);
}

static void test_none(void **state)
{
	struct replay *r = NULL;
	struct model *m = NULL;

	(void)state;
	assert_int_equal(model_new(NULL, &m), 0);
	assert_int_equal(replay_open("/nowhere", m, &r), -ENOENT);
	assert_int_equal(replay_open("/proc/self/exe", m, &r), -EBADMSG);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_the_same), cmocka_unit_test(test_says_of_itself),
		cmocka_unit_test(test_cut),	      cmocka_unit_test(test_forged),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, make_tape, remove_tape);
}
