/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/picture.h"
#include "simulate.h"

#define S NSEC_PER_SEC

static struct process *new_process(uint32_t max_sites)
{
	struct model_process_info info = {
		.pid = 7,
		.comm = "p",
		.start_ns = 1000 * S,
		.is_park_watched = true,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};
	struct process *p = NULL;

	assert_int_equal(process_new(&info, max_sites, &p), 0);
	return p;
}

static void count(struct process *p, unsigned int site, uint64_t births, uint64_t deaths)
{
	struct wire_site c = { .births = births, .deaths = deaths };

	assert_int_equal(process_site_counts(p, sim_gopc(site), &c), 0);
}

static void picture(struct process *p, struct snapshot_process *ret)
{
	assert_int_equal(picture_take(p, p->tick_ns, ret), 0);
}

static void picture_free(struct snapshot_process *s)
{
	free((void *)s->sites);
	free((void *)s->reasons);
}

static void tick(struct process *p, uint64_t t)
{
	assert_int_equal(process_counts_end(p), 0);
	assert_int_equal(process_tick(p, t * S), 0);
	process_counts_begin(p);
}

/* Counters never run backwards, and a site that is not told of keeps its own. */
static void test_counters_only_grow(void **state)
{
	struct process *p = new_process(100);
	struct snapshot_process snap;

	(void)state;
	p->has_census = true;
	count(p, 1, 60, 25);
	tick(p, 1001);
	count(p, 1, 10, 5);
	tick(p, 1002);
	picture(p, &snap);
	assert_int_equal(snap.live, 35);
	picture_free(&snap);
	process_free(p);
}

static void test_too_many_sites_are_folded(void **state)
{
	struct process *p = new_process(4);
	struct snapshot_process snap;

	(void)state;
	for (uint64_t t = 1; t <= 3; t++) {
		for (unsigned int i = 0; i < 14; i++)
			count(p, i, 10 * t, 9 * t);
		tick(p, 1000 + t);
	}
	picture(p, &snap);
	assert_int_equal(snap.n_sites, 5);
	assert_int_equal(snap.sites_folded, 10);
	assert_int_equal(snap.born, 14 * 30);
	assert_int_equal(snap.died, 14 * 27);
	for (size_t i = 0; i < snap.n_sites; i++)
		if (snap.sites[i].is_other)
			assert_int_equal(snap.sites[i].born, 300);
	picture_free(&snap);
	/* one that grows much larger than the smallest takes its place */
	for (uint64_t t = 4; t <= 6; t++) {
		for (unsigned int i = 0; i < 14; i++)
			count(p, i, i == 13 ? 1000 * t : 10 * t, 9 * t);
		tick(p, 1000 + t);
	}
	picture(p, &snap);
	assert_int_equal(snap.n_sites, 5);
	assert_true(snap.sites[0].gopc == sim_gopc(13) && snap.sites[0].born == 6000);
	assert_int_equal(snap.born, 13 * 60 + 6000);
	picture_free(&snap);
	process_free(p);
}

/* Ten thousand go statements: the largest are kept, nothing of the rest is lost but its names. */
static void test_ten_thousand_sites(void **state)
{
	const uint64_t n = 10000, max = 256, big = 13;
	struct process *p = new_process((uint32_t)max);
	struct snapshot_process snap;
	uint64_t found = 0, born = 0, died = 0;

	(void)state;
	for (uint64_t t = 1; t <= 40; t++) {
		for (unsigned int i = 0; i < n; i++)
			count(p, i, i + big >= n ? 1000 * t : 3, i + big >= n ? 10 * t : 1);
		tick(p, 1000 + t);
	}
	picture(p, &snap);
	assert_int_equal(snap.n_sites, max + 1);
	assert_int_equal(snap.sites_folded, n - max);
	for (size_t i = 0; i < snap.n_sites; i++) {
		born += snap.sites[i].born;
		died += snap.sites[i].died;
		found += snap.sites[i].born == 40000;
	}
	assert_int_equal(born, (n - big) * 3 + big * 40000);
	assert_int_equal(died, (n - big) * 1 + big * 400);
	assert_int_equal(found, big); /* the last to come, and the largest */
	picture_free(&snap);
	process_free(p);
}

static void test_counts_the_kernel_folded(void **state)
{
	struct process *p = new_process(4);
	struct wire_state st = { .births_other = 11, .deaths_other = 4 };
	struct snapshot_process snap;

	(void)state;
	process_counters(p, &st);
	tick(p, 1001);
	picture(p, &snap);
	assert_int_equal(snap.n_sites, 1);
	assert_true(snap.sites[0].is_other && snap.born == 11 && snap.died == 4);
	picture_free(&snap);
	process_free(p);
}

/* A site that comes out of the folded rest takes what was counted of it along. */
static void test_unfolded_site_counts_once(void **state)
{
	struct process *p = new_process(2);
	struct snapshot_process snap;

	(void)state;
	p->has_census = true;
	count(p, 0, 10, 0);
	count(p, 1, 10, 0);
	count(p, 2, 1000, 995);
	tick(p, 1001);
	/* the smallest may be told of before the one that takes its place, or after */
	for (unsigned int order = 0; order < 2; order++) {
		if (!order)
			count(p, 1, 11, 1);
		count(p, 0, 10, 0);
		count(p, 2, 2000, 1000);
		if (order)
			count(p, 1, 11, 1);
		tick(p, 1002 + order);
		picture(p, &snap);
		assert_int_equal(snap.born, 10 + 11 + 2000);
		assert_int_equal(snap.died, 1 + 1000);
		assert_int_equal(snap.live, 10 + 10 + 1000);
		assert_int_equal(snap.sites[0].born, 2000);
		picture_free(&snap);
	}
	process_free(p);
}

/* Counters are read more often than once a tick: before and after a census. */
static void test_folded_sites_are_read_twice(void **state)
{
	struct process *p = new_process(1);
	struct snapshot_process snap;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		process_counts_begin(p);
		count(p, 0, 5, 0);
		count(p, 1, 6, 0);
		assert_int_equal(process_counts_end(p), 0);
	}
	assert_int_equal(process_tick(p, 1001 * S), 0);
	picture(p, &snap);
	assert_int_equal(snap.born, 11);
	picture_free(&snap);
	process_free(p);
}

static void test_reasons(void **state)
{
	struct process *p = new_process(10);
	struct wire_park_count recv = { .parks = 30, .readies = 10 };
	struct wire_park_count io = { .parks = 500, .readies = 1 };
	struct wire_park_count odd = { .parks = 5 }, woken = { .readies = 3 };
	struct wire_park_count own = { .parks = 4, .readies = 1 };
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 100, 0);
	count(p, 2, 100, 0);
	count(p, SIM_SITES - 1, 7, 0);
	assert_int_equal(process_park_counts(p, sim_gopc(1), 2, &recv), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(2), 2, &recv), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(2), 1, &io), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(2), 99, &odd), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(1), 3, &woken), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(SIM_SITES - 1), 2, &own), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(SIM_SITES - 1), 98, &own), 0);
	assert_int_equal(process_tick(p, 1001 * S), 0);
	picture(p, &snap);
	assert_int_equal(snap.n_reasons, 4);
	assert_string_equal(snap.reasons[0].name, "chan receive");
	assert_int_equal(snap.reasons[0].waiting, 43);
	assert_int_equal(snap.reasons[0].waiting_system, 3);
	assert_int_equal(snap.reasons[0].parks, 64);
	assert_false(snap.reasons[0].is_system);
	assert_string_equal(snap.reasons[1].name, "reason 99");
	assert_string_equal(snap.reasons[2].name, "reason 98");
	assert_int_equal(snap.reasons[2].waiting_system, 3);
	assert_true(snap.reasons[2].is_system);
	assert_string_equal(snap.reasons[3].name, "IO wait");
	assert_int_equal(snap.reasons[3].waiting, -1);
	assert_int_equal(snap.reasons[3].waiting_system, 0);
	picture_free(&snap);
	process_free(p);
}

static void test_books_of_the_stream(void **state)
{
	struct process *p = new_process(10);
	struct wire_state st = { 0 };
	struct snapshot_process snap;

	(void)state;
	for (int i = 0; i < WIRE_HOOK_BOOKED; i++) {
		st.streamed[i] = 1000;
		st.sampled_out[i] = 100;
		st.lost[i] = 10;
		st.bad[i] = 1;
	}
	st.stacks_lost = 7;
	process_counters(p, &st);
	picture(p, &snap);
	assert_int_equal(snap.stacks_lost, 7);
	assert_int_equal(snap.sampled_out, 400);
	assert_int_equal(snap.lost, 40);
	assert_int_equal(snap.bad, 4);
	assert_int_equal(snap.hits, 7 * 1111);
	assert_int_equal(snap.hook_hits[WIRE_HOOK_GC_END], 1111);
	picture_free(&snap);
	process_free(p);
}

static void mark(struct process *p, uint64_t ts_ns, uint64_t bytes)
{
	struct event ev = { .kind = WIRE_MARK_END, .pid = 7, .ts_ns = ts_ns };

	ev.gc.heap_live_bytes = bytes;
	assert_int_equal(process_event(p, &ev), 0);
}

static void test_marks(void **state)
{
	struct process *p = new_process(10);
	struct wire_state st = { .heap_live = 300, .mark_end_ns = 1003 * S };
	struct snapshot_process snap;

	(void)state;
	picture(p, &snap);
	assert_int_equal(snap.heap_live_bytes, -1);
	picture_free(&snap);
	mark(p, 1001 * S, 100);
	assert_int_equal(process_tick(p, 1001 * S + 1), 0);
	mark(p, 1002 * S, 200);
	/* the third mark's record was lost, its figures are in the counters */
	st.streamed[WIRE_HOOK_MARK_END] = 2;
	st.lost[WIRE_HOOK_MARK_END] = 1;
	process_counters(p, &st);
	assert_int_equal(process_tick(p, 1004 * S), 0);
	assert_int_equal(process_tick(p, 1005 * S), 0);
	picture(p, &snap);
	assert_int_equal(snap.heap_live_bytes, 300);
	assert_int_equal(snap.gc_seen, 3);
	assert_int_equal(series_count(&snap.heap_live_series->h[SERIES_NEAR]), 3);
	picture_free(&snap);
	process_free(p);
}

/* Marks of one tick: the least, the most and the last of them are kept, at the time of the last. */
static void test_many_marks(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_process snap;

	(void)state;
	mark(p, 1001 * S, 500);
	mark(p, 1001 * S + 2, 100);
	mark(p, 1001 * S + 1, 50); /* late: not believed */
	mark(p, 1001 * S + 3, 200);
	assert_int_equal(process_tick(p, 1002 * S), 0);
	picture(p, &snap);
	assert_int_equal(snap.heap_live_bytes, 200);
	assert_int_equal(snap.gc_seen, 4);
	assert_int_equal(series_count(&snap.heap_live_series->h[SERIES_NEAR]), 1);
	struct series_point at = series_at(&snap.heap_live_series->h[SERIES_NEAR], 0);

	assert_true(at.min == 100 && at.max == 500 && at.last == 200);
	picture_free(&snap);
	process_free(p);
}

static void read_account(struct process *p, const struct account *a)
{
	struct model_reading r = { .account = a, .cpu_s = -1 };

	process_reading(p, &r);
}

/* Without the probe, the runtime's own account tells of marks. */
static void test_marks_of_the_account(void **state)
{
	struct process *p = new_process(10);
	struct account a;
	struct snapshot_process snap;

	(void)state;
	account_clear(&a);
	for (int64_t i = 0; i < 6; i++) {
		a.gc_cycles = 40 + i / 2;
		a.forced_gc_cycles = 3 + (i == 5);
		a.heap_marked_bytes = 1000 + 100 * (i / 2);
		a.total_alloc_bytes = 5000 * i;
		read_account(p, &a);
		assert_int_equal(process_tick(p, (uint64_t)(1001 + i) * S), 0);
	}
	picture(p, &snap);
	assert_int_equal(snap.heap_live_bytes, 1200);
	assert_int_equal(snap.gc_seen, 2);
	assert_int_equal(snap.gc_seen_forced, 1);
	assert_int_equal(snap.gc_cycles, 42);
	assert_int_equal(series_count(&snap.heap_live_series->h[SERIES_NEAR]), 2);
	assert_int_equal(series_count(&snap.alloc_series->h[SERIES_NEAR]), 5);
	assert_true(series_at(&snap.alloc_series->h[SERIES_NEAR], 0).last == 5000);
	picture_free(&snap);
	process_free(p);
}

/* What is live after garbage collection is not known before the first one. */
static void test_no_gc_in_its_life(void **state)
{
	struct process *p = new_process(10);
	struct account a;
	struct snapshot_process snap;

	(void)state;
	account_clear(&a);
	a.gc_cycles = 0;
	a.heap_marked_bytes = 0;
	read_account(p, &a);
	assert_int_equal(process_tick(p, 1001 * S), 0);
	picture(p, &snap);
	assert_int_equal(snap.heap_live_bytes, -1);
	assert_int_equal(snap.gc_cycles, 0);
	picture_free(&snap);
	process_free(p);
}

static void test_off_heap(void **state)
{
	struct process *p = new_process(10);
	struct procfs_memory memory = { .anon_bytes = 1000, .file_bytes = 2, .shmem_bytes = 3 };
	struct cgroup_memory cgroup = { .limit_bytes = 77, .current_bytes = 50 };
	struct model_reading r = { .memory = &memory, .cgroup = &cgroup, .cpu_s = 10 };
	struct account a;
	struct snapshot_process snap;

	(void)state;
	account_clear(&a);
	process_reading(p, &r);
	picture(p, &snap);
	assert_int_equal(snap.off_heap_bytes, -1);
	assert_int_equal(snap.threads, -1);
	assert_int_equal(snap.sys_bytes, -1);
	assert_int_equal(snap.limit_bytes, 77);
	assert_int_equal(snap.cgroup_current_bytes, 50);
	picture_free(&snap);
	r.cgroup = NULL;
	a.heap_live_bytes = 290;
	a.heap_inuse_bytes = 300;
	a.heap_idle_bytes = 200;
	a.heap_released_bytes = 150;
	a.stacks_inuse_bytes = 40;
	a.other_sys_bytes = 10;
	a.mapped_ready_bytes = 400;
	a.last_gc_unix_ns = 1703;
	r.account = &a;
	r.cpu_s = 12.5;
	r.threads = 11;
	process_reading(p, &r);
	picture(p, &snap);
	assert_int_equal(snap.off_heap_bytes, 1000 - (300 + 50 + 40 + 10));
	assert_int_equal(snap.memory.garbage_bytes, 290);
	assert_int_equal(snap.memory.lazyfree_bytes, -1);
	assert_int_equal(snap.heap_alloc_bytes, 290);
	assert_int_equal(snap.sys_bytes, 400 + 150);
	assert_int_equal(snap.gc_last_unix_ns, 1703);
	assert_true(snap.target_cpu_s == 2.5);
	assert_true(snap.cpu_s == 12.5);
	assert_int_equal(snap.threads, 11);
	assert_int_equal(snap.limit_bytes, 77); /* a reading without the cgroup changes nothing */
	assert_int_equal(snap.cgroup_current_bytes, 50);
	r.cgroup = &cgroup;
	cgroup.limit_bytes = UINT64_MAX;
	picture_free(&snap);
	memory.anon_bytes = 100;
	process_reading(p, &r);
	picture(p, &snap);
	assert_int_equal(snap.off_heap_bytes, 0);
	assert_int_equal(snap.memory.residue_bytes, 100 - (300 + 50 + 40 + 10));
	assert_int_equal(snap.limit_bytes, -1);
	assert_int_equal(snap.rss_bytes[WIRE_RSS_FILE], 2);
	picture_free(&snap);
	process_free(p);
}

static void test_timers(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_timers t = { .total = 211, .periodic = 7, .n_top = 1 };
	struct model_reading r = { .cpu_s = -1 };
	struct snapshot_process snap;

	(void)state;
	process_reading(p, &r);
	picture(p, &snap);
	assert_null(snap.timers);
	picture_free(&snap);
	r.timers = &t;
	process_reading(p, &r);
	t.total = 0; /* what was read is copied, and stands until it is read anew */
	r.timers = NULL;
	process_reading(p, &r);
	picture(p, &snap);
	assert_int_equal(snap.timers->total, 211);
	assert_int_equal(snap.timers->periodic, 7);
	picture_free(&snap);
	process_free(p);
}

static void test_exit(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 5, 0);
	assert_int_equal(process_tick(p, 1001 * S), 0);
	struct event oom = { .kind = WIRE_OOM, .pid = 7, .ts_ns = 1002 * S };

	picture(p, &snap);
	assert_false(snap.is_oom_victim);
	picture_free(&snap);
	assert_int_equal(process_event(p, &oom), 0);
	process_exited(p, 1002 * S, 256);
	/* the last counters still come, then nothing more */
	count(p, 1, 9, 0);
	assert_int_equal(process_tick(p, 1003 * S), 0);
	count(p, 1, 99, 0);
	assert_int_equal(process_tick(p, 1004 * S), 0);
	assert_int_equal(picture_take(p, 1010 * S, &snap), 0);
	assert_true(snap.has_exited && snap.exit_code == 256 && snap.is_oom_victim);
	assert_true(snap.now_ns == 1002 * S);
	assert_int_equal(series_count(&snap.sites[0].live_series->h[SERIES_NEAR]), 3);
	picture_free(&snap);
	process_free(p);
}

/* Births come on while the account cannot be read: what it said last is no bound on their ids. */
static void test_clock_of_a_stale_account(void **state)
{
	struct process *p = new_process(10);
	struct event birth = { .kind = WIRE_BIRTH, .pid = 7 };
	struct account a;

	(void)state;
	account_clear(&a);
	a.goids = 160;
	read_account(p, &a);
	tick(p, 1001);
	assert_int_equal(p->clock.entries[p->clock.n - 1].goid, 145);
	birth.ts_ns = 1002 * S;
	birth.go.goid = 500;
	birth.go.gopc = sim_gopc(1);
	assert_int_equal(process_event(p, &birth), 0);
	tick(p, 1002);
	assert_int_equal(p->clock.entries[p->clock.n - 1].goid, 500);
	a.goids = 800;
	read_account(p, &a);
	tick(p, 1003);
	assert_int_equal(p->clock.entries[p->clock.n - 1].goid, 785);
	process_free(p);
}

static size_t series_bytes(const struct series3 *s3)
{
	size_t bytes = 0;

	for (int i = 0; i < SERIES_HORIZONS; i++) {
		const struct series *s = &s3->h[i];

		bytes += s->cap;
	}
	return bytes;
}

/* 20 processes with 50 sites each, all of them busy for an hour: at most 6 MiB of sites. */
static void test_memory_of_busy_sites(void **state)
{
	struct process *p = new_process(100);
	size_t bytes = 0;

	(void)state;
	for (uint64_t t = 1; t <= 3600; t++) {
		count(p, 1, 10 * t, 9 * t);
		assert_int_equal(process_tick(p, (1000 + t) * S), 0);
	}
	struct site *s = p->sites;

	bytes = sizeof(*s) + sizeof(*s->ages) + series_bytes(&s->live) +
		series_bytes(&s->survivors) + series_bytes(&s->births);
	assert_true(bytes <= 15 << 10);
	/* three of four go statements of a program are idle */
	assert_true((bytes + 3 * sizeof(*s)) / 4 * 20 * 50 <= 6 << 20);
	process_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_only_grow),
		cmocka_unit_test(test_too_many_sites_are_folded),
		cmocka_unit_test(test_unfolded_site_counts_once),
		cmocka_unit_test(test_folded_sites_are_read_twice),
		cmocka_unit_test(test_ten_thousand_sites),
		cmocka_unit_test(test_counts_the_kernel_folded),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_books_of_the_stream),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_many_marks),
		cmocka_unit_test(test_marks_of_the_account),
		cmocka_unit_test(test_no_gc_in_its_life),
		cmocka_unit_test(test_off_heap),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_clock_of_a_stale_account),
		cmocka_unit_test(test_memory_of_busy_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
