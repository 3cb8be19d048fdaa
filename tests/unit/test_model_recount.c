/* SPDX-License-Identifier: BSD-2-Clause */
/* Censuses held against counters: what lies between two readings of them is no disagreement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/picture.h"
#include "model/recount.h"
#include "simulate.h"

#define S NSEC_PER_SEC

static struct process *new_process_from(uint32_t max_sites, bool is_from_start)
{
	struct model_process_info info = {
		.pid = 7,
		.comm = "p",
		.start_ns = 1000 * S,
		.is_park_watched = true,
		.hooks_on = (1u << WIRE_HOOK_MAX) - 1,
		.is_from_start = is_from_start,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};
	struct process *p = NULL;

	assert_int_equal(process_new(&info, max_sites, &p), 0);
	return p;
}

static struct process *new_process(uint32_t max_sites)
{
	return new_process_from(max_sites, false);
}

static void count(struct process *p, unsigned int site, uint64_t births, uint64_t deaths)
{
	struct wire_site c = { .births = births, .deaths = deaths };

	process_counts_begin(p);
	assert_int_equal(process_site_counts(p, sim_gopc(site), &c), 0);
	assert_int_equal(process_counts_end(p), 0);
}

/* n goroutines of a site, ids from first on. */
static void find(struct process *p, unsigned int site, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		const struct model_goroutine g = {
			.goid = first + i,
			.gopc = sim_gopc(site),
			.wait_reason = 2,
			.is_waiting = true,
		};

		assert_int_equal(recount_goroutine(p, &g), 0);
	}
}

static struct model_census_outcome end(struct process *p, uint64_t torn)
{
	const struct model_census c = { .ts_ns = p->tick_ns + S, .torn = torn, .unread = 0 };
	struct model_census_outcome o;

	recount_end(p, &c, &o);
	return o;
}

/* A whole pass over one site in which nothing moves. */
static struct model_census_outcome pass(struct process *p, unsigned int site, uint64_t n)
{
	recount_begin(p, -1);
	find(p, site, 100, n);
	return end(p, 0);
}

static struct snapshot_process picture(struct process *p)
{
	struct snapshot_process snap;

	assert_int_equal(process_tick(p, p->tick_ns + S), 0);
	assert_int_equal(picture_take(p, p->tick_ns, &snap), 0);
	return snap;
}

static void picture_free(struct snapshot_process *s)
{
	free((void *)s->sites);
	free((void *)s->reasons);
}

/* Counters run before the census: what was born and died until then is in them already. */
static void test_first_census(void **state)
{
	struct process *p = new_process(100);
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 50, 20);
	recount_begin(p, -1);
	find(p, 1, 100, 40);
	assert_int_equal(end(p, 3).corrected, 0);
	count(p, 1, 60, 25);
	snap = picture(p);
	/* 40 found, of them 30 born since: 10 at the start; 5 more since the census */
	assert_int_equal(snap.live, 45);
	assert_int_equal(snap.at_attach, 10);
	assert_int_equal(snap.census_torn, 3);
	assert_int_equal(snap.census_passes, 1);
	assert_int_equal(snap.census_corrections, 0);
	picture_free(&snap);
	process_free(p);
}

/* It has its status already and is not yet at the probe. */
static void test_nobody_is_older_than_the_start(void **state)
{
	struct process *p = new_process_from(100, true);
	struct snapshot_process snap;

	(void)state;
	assert_int_equal(pass(p, 1, 1).corrected, 0);
	count(p, 1, 1, 0);
	snap = picture(p);
	assert_int_equal(snap.live, 1);
	assert_int_equal(snap.at_attach, 0);
	picture_free(&snap);
	process_free(p);
}

/* Those that come and go during the walk may be found or not: no reason to doubt the counters. */
static void test_what_moves_meanwhile_is_legal(void **state)
{
	struct process *p = new_process(100);
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 0, 0);
	(void)pass(p, 1, 10);
	for (uint64_t found = 90 - 50; found <= 90 + 80; found += 13) {
		p->sites->born = p->sites->died = 0;
		count(p, 1, 100, 20); /* 90 live */
		recount_begin(p, -1);
		find(p, 1, 100, found);
		count(p, 1, 180, 70);
		struct model_census_outcome o = end(p, 0);

		assert_true(!o.corrected && !o.is_doubtful);
	}
	snap = picture(p);
	assert_int_equal(snap.live, 10 + 180 - 70);
	picture_free(&snap);
	process_free(p);
}

/* The first census is made amid traffic; a later one, when it is quiet, says what it was. */
static void test_later_census_narrows(void **state)
{
	struct process *p = new_process(100);
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 0, 0);
	recount_begin(p, -1);
	find(p, 1, 100, 500);
	count(p, 1, 300, 200);
	(void)end(p, 0);
	assert_true(p->sites->base_lo == 200 && p->sites->base_hi == 700);
	assert_int_equal(p->sites->base, 450);
	assert_int_equal(pass(p, 1, 623 + 100).corrected, 0);
	snap = picture(p);
	assert_int_equal(snap.at_attach, 623);
	assert_int_equal(snap.census_corrections, 0);
	picture_free(&snap);
	process_free(p);
}

static void test_disagreement_is_corrected_when_seen_twice(void **state)
{
	struct process *p = new_process(100);
	struct model_census_outcome o;
	struct snapshot_process snap;

	(void)state;
	(void)pass(p, 1, 100);
	/* once is a goroutine between its status and its probe */
	o = pass(p, 1, 99);
	assert_true(!o.corrected && o.is_doubtful);
	o = pass(p, 1, 100);
	assert_true(!o.corrected && !o.is_doubtful);
	/* once too few and once too many are two different things */
	o = pass(p, 1, 99);
	o = pass(p, 1, 101);
	assert_true(!o.corrected && o.is_doubtful);
	(void)pass(p, 1, 100);
	/* 37 that no probe saw */
	(void)pass(p, 1, 137);
	o = pass(p, 1, 137);
	assert_true(o.corrected == 1 && !o.is_doubtful);
	snap = picture(p);
	assert_int_equal(snap.live, 137);
	assert_int_equal(snap.census_corrections, 1);
	picture_free(&snap);
	assert_int_equal(pass(p, 1, 137).corrected, 0);
	process_free(p);
}

/* Threads that lost their CPU between a probe and the status: one for each P, while it moves. */
static void test_skew_of_preempted_threads(void **state)
{
	struct process *p = new_process(100);
	struct model_census c = { .procs = 16 };
	struct model_census_outcome o;

	(void)state;
	count(p, 1, 0, 0);
	(void)pass(p, 1, 100);
	for (uint64_t n = 184; n <= 216; n += 4) {
		for (unsigned int again = 0; again < 2; again++) {
			count(p, 1, 1000, 900); /* 200 live, some born a moment ago */
			recount_begin(p, -1);
			find(p, 1, 100, n);
			c.ts_ns = 1000 * S;
			recount_end(p, &c, &o);
			assert_true(!o.corrected && !o.is_doubtful);
			assert_int_equal(site_live(p->sites), 200);
		}
	}
	/* long after, they have all gone on */
	assert_int_equal(process_tick(p, 1001 * S), 0);
	assert_int_equal(process_tick(p, 1009 * S), 0);
	c.ts_ns = 1009 * S;
	recount_begin(p, -1);
	find(p, 1, 100, 216);
	recount_end(p, &c, &o);
	assert_true(o.is_doubtful);
	process_free(p);
}

/* Goroutines that could not be read may be of any site. */
static void test_torn_ones_are_no_disagreement(void **state)
{
	struct process *p = new_process(100);

	(void)state;
	(void)pass(p, 1, 100);
	for (unsigned int i = 0; i < 3; i++) {
		recount_begin(p, -1);
		find(p, 1, 100, 98);
		struct model_census_outcome o = end(p, 2);

		assert_true(!o.corrected && !o.is_doubtful);
	}
	process_free(p);
}

/* The kernel's map had no room for this site: no births are counted, the census finds them. */
static void test_site_that_is_not_counted(void **state)
{
	struct process *p = new_process(100);
	struct wire_state st = { 0 };
	struct snapshot_process snap;

	(void)state;
	(void)pass(p, 1, 10);
	for (uint64_t n = 1; n <= 4; n++) {
		st.births_other = 1000 * n;
		process_counters(p, &st);
		process_counts_begin(p);
		assert_int_equal(process_counts_end(p), 0);
		recount_begin(p, -1);
		find(p, 1, 100, 10);
		find(p, 2, 1000, 1000 * n);
		(void)end(p, 0);
	}
	snap = picture(p);
	assert_true(snap.sites[0].gopc == sim_gopc(2));
	assert_true(snap.sites[0].live >= 3000 && snap.census_corrections > 0);
	/* not counted a second time among the folded rest */
	assert_true(snap.live <= 4010 + 1000);
	picture_free(&snap);
	process_free(p);
}

/* Without probes of births and deaths the population is what the census says, and no mistake. */
static void test_without_probes(void **state)
{
	struct process *p = new_process(100);
	struct snapshot_process snap;

	(void)state;
	p->hooks_on = 1u << WIRE_HOOK_GC_END;
	for (uint64_t n = 100; n <= 400; n += 100) {
		struct model_census_outcome o = pass(p, 1, n);

		assert_true(!o.corrected && !o.is_doubtful);
		snap = picture(p);
		assert_int_equal(snap.live, n);
		picture_free(&snap);
	}
	/* and its rise is in the series */
	assert_int_equal(series_count(&p->sites->live.h[SERIES_NEAR]), 5);
	assert_true(series_at(&p->sites->live.h[SERIES_NEAR], 4).last == 400);
	process_free(p);
}

/* Goroutines of C threads' calls are made by no go statement, and no probe counts them. */
static void test_no_go_statement_no_doubt(void **state)
{
	struct process *p = new_process(100);

	(void)state;
	for (unsigned int i = 1; i <= 4; i++) {
		recount_begin(p, -1);
		for (uint64_t k = 0; k < i; k++) {
			const struct model_goroutine g = { .goid = 7 + k };

			assert_int_equal(recount_goroutine(p, &g), 0);
		}
		struct model_census_outcome o = end(p, 0);

		assert_true(!o.corrected && !o.is_doubtful);
		assert_int_equal(site_live(p->sites), i);
	}
	process_free(p);
}

/* A site that came out of the folded rest gets its share of those that were there before. */
static void test_unfolded_site_is_settled(void **state)
{
	struct process *p = new_process(1);
	struct snapshot_process snap;

	(void)state;
	count(p, 1, 3, 0);
	recount_begin(p, -1);
	find(p, 1, 100, 3);
	find(p, 2, 200, 40); /* folded */
	(void)end(p, 0);
	assert_int_equal(process_tick(p, 1001 * S), 0);
	process_counts_begin(p);
	struct wire_site big = { .births = 500 }, small = { .births = 3 };

	assert_int_equal(process_site_counts(p, sim_gopc(1), &small), 0);
	assert_int_equal(process_site_counts(p, sim_gopc(2), &big), 0);
	assert_int_equal(process_counts_end(p), 0);
	recount_begin(p, -1);
	find(p, 1, 100, 3);
	find(p, 2, 200, 540);
	struct model_census_outcome o = end(p, 0);

	assert_true(!o.corrected && !o.is_doubtful);
	snap = picture(p);
	assert_int_equal(snap.live, 543);
	assert_int_equal(snap.sites[0].live, 540);
	assert_int_equal(snap.sites[0].at_attach, 40);
	picture_free(&snap);
	process_free(p);
}

static void test_wait_reasons_of_the_census(void **state)
{
	struct process *p = new_process(10);
	struct wire_park_count recv = { .parks = 30, .readies = 10 };
	struct wire_park_count io = { .parks = 500, .readies = 1 };
	struct snapshot_process snap;

	(void)state;
	assert_int_equal(process_park_counts(p, sim_gopc(1), 2, &recv), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(2), 1, &io), 0);
	recount_begin(p, -1);
	find(p, 1, 100, 70);
	for (uint64_t i = 0; i < 33; i++) {
		const struct model_goroutine g = {
			.goid = 500 + i,
			.gopc = sim_gopc(2),
			.wait_reason = 1,
			.is_waiting = true,
		};

		assert_int_equal(recount_goroutine(p, &g), 0);
	}
	(void)end(p, 0);
	/* five more park, and are counted; wake-ups from IO are not, the census is all there is */
	recv.parks += 5;
	io.parks += 999;
	count(p, 1, 10, 0);
	assert_int_equal(process_park_counts(p, sim_gopc(1), 2, &recv), 0);
	assert_int_equal(process_park_counts(p, sim_gopc(2), 1, &io), 0);
	snap = picture(p);
	assert_int_equal(snap.n_reasons, 2);
	assert_string_equal(snap.reasons[0].name, "chan receive");
	assert_int_equal(snap.reasons[0].waiting, 75);
	assert_int_equal(snap.reasons[1].waiting, 33);
	assert_string_equal(snap.sites[1].wait_reason, "IO wait");
	assert_int_equal(snap.sites[1].wait_count, 33);
	picture_free(&snap);
	p->is_park_watched = false;
	snap = picture(p);
	assert_string_equal(snap.sites[0].wait_reason, "chan receive");
	assert_int_equal(snap.sites[0].wait_count, 70);
	picture_free(&snap);
	process_free(p);
}

/* ---- those that were there before ---- */

static void find_before(struct process *p, uint64_t n, uint64_t every, int64_t since_ns,
			uint8_t tracking)
{
	for (uint64_t i = 0; i < n; i++) {
		const struct model_goroutine g = {
			.goid = 1 + i * every,
			.gopc = sim_gopc(1),
			.wait_reason = 2,
			.waits_since_ns = since_ns ? since_ns + (int64_t)(i % 8) * (int64_t)S : 0,
			.tracking_seq = tracking,
			.is_waiting = true,
		};

		assert_int_equal(recount_goroutine(p, &g), 0);
	}
}

static void test_the_same_ones_and_still(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_process snap;
	const struct snapshot_before *b;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		recount_begin(p, 16 * 5003 + 64 * i);
		find_before(p, 5003, 16, 900 * (int64_t)S, 3);
		if (i) /* born since: not among them */
			find(p, 1, 16 * 5003 + 10, 5);
		(void)end(p, 0);
	}
	snap = picture(p);
	b = &snap.sites[0].before;
	assert_int_equal(b->live, 5003);
	assert_true(b->still_part == 1);
	assert_int_equal(b->id_parts, 16);
	assert_true(b->has_id_ends);
	assert_true(b->id_share == 1.0 / 16);
	assert_int_equal(b->with_since, 5003);
	assert_true(b->waits_s > 100 && b->waits_spread_s == 7);
	picture_free(&snap);
	/* one in a hundred has run meanwhile: few parts stay as they were */
	recount_begin(p, 16 * 6000);
	find_before(p, 4953, 16, 0, 3);
	for (uint64_t i = 0; i < 50; i++) {
		const struct model_goroutine g = { .goid = 1 + (4953 + i) * 16,
						   .gopc = sim_gopc(1),
						   .tracking_seq = 4 };

		assert_int_equal(recount_goroutine(p, &g), 0);
	}
	(void)end(p, 0);
	snap = picture(p);
	b = &snap.sites[0].before;
	assert_int_equal(b->live, 5003);
	assert_true(b->still_part < 0.6);
	assert_true(b->waits_s == -1);
	picture_free(&snap);
	process_free(p);
}

/* Ps hold ids handed out before: who is born with one since is not one of the old ones. */
static void test_ids_that_were_held(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_process snap;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		recount_begin(p, 10016);
		find(p, 1, 1, 491); /* 9 fewer than there are ids: another P holds them */
		find(p, 1, 501, 9500 + 13 * i); /* the batch in use, up to 10016 */
		if (i)
			find(p, 1, 492, 9);
		(void)end(p, 0);
	}
	snap = picture(p);
	assert_true(snap.sites[0].before.live >= 9991 && snap.sites[0].before.live <= 10000);
	assert_true(snap.sites[0].before.still_part >= 0.8);
	picture_free(&snap);
	process_free(p);
}

static void test_one_batch_of_ids(void **state)
{
	struct process *p = new_process(10);
	struct snapshot_process snap;

	(void)state;
	recount_begin(p, 1 << 20);
	find_before(p, 1009, 1, 0, 0);
	(void)end(p, 0);
	snap = picture(p);
	assert_int_equal(snap.sites[0].before.id_parts, 1);
	assert_true(snap.sites[0].before.still_part == -1); /* one census tells nothing */
	assert_true(snap.sites[0].before.waits_s == -1);
	picture_free(&snap);
	process_free(p);
}

/* A burst when the process began, of most of the ids that were ever handed out. */
static void test_one_burst_of_ids(void **state)
{
	static const struct {
		uint64_t every;
		double part, share_min, share_max;
	} bursts[] = {
		{ 1, 0.75, 0.93, 1 },	{ 1, 0.83, 0.93, 1 },	{ 1, 0.91, 0.93, 1 },
		{ 2, 0.91, 0.45, 0.5 }, { 2, 0.79, 0.45, 0.5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bursts); i++) {
		struct process *p = new_process(10);
		uint64_t n = 10007;
		struct snapshot_process snap;

		recount_begin(p, (int64_t)((double)(n * bursts[i].every) / bursts[i].part));
		find_before(p, n, bursts[i].every, 0, 0);
		(void)end(p, 0);
		snap = picture(p);
		assert_true(snap.sites[0].before.id_parts >= 12);
		assert_false(snap.sites[0].before.has_id_ends);
		assert_true(snap.sites[0].before.id_share >= bursts[i].share_min);
		assert_true(snap.sites[0].before.id_share <= bursts[i].share_max * 1.001);
		picture_free(&snap);
		process_free(p);
	}
}

static void test_example(void **state)
{
	static const uint64_t pcs[] = { 0x11, 0x22, SIM_GOEXIT };
	struct model_example ex = { .gopc = sim_gopc(1), .reason = 2, .pc = pcs, .depth = 3 };
	struct process *p = new_process(10);
	struct snapshot_process snap;

	(void)state;
	assert_false(pass(p, 1, 99).wants_examples);
	assert_true(pass(p, 1, 100).wants_examples);
	assert_false(pass(p, 1, 200).wants_examples); /* once */
	ex.channels = 7;
	ex.channels_of = 90;
	assert_int_equal(recount_example(p, &ex), 0);
	ex.gopc = sim_gopc(9);
	assert_int_equal(recount_example(p, &ex), 0);
	snap = picture(p);
	assert_int_equal(snap.n_sites, 1);
	assert_int_equal(snap.sites[0].stack_depth, 3); /* with gopark, without goexit */
	assert_int_equal(snap.sites[0].stack[1].line, 0x11);
	assert_int_equal(snap.sites[0].before.channels, 7);
	assert_int_equal(snap.sites[0].before.channels_of, 90);
	picture_free(&snap);
	/* a few that came since */
	count(p, 2, 9, 0);
	assert_false(pass(p, 2, 9).wants_examples);
	count(p, 2, 10, 0);
	assert_true(pass(p, 2, 10).wants_examples);
	process_free(p);
}

/* ---- with traffic ---- */

/* A census every few seconds amid a few hundred births a second: never a correction. */
static void test_no_false_correction(void **state)
{
	struct model_census_outcome o;
	struct sim s;

	(void)state;
	sim_init(&s, 7);
	for (unsigned int i = 0; i < 100; i++)
		sim_go(&s, 2, 1e9);
	sim_attach(&s, true);
	for (int i = 0; i < 120; i++) {
		for (int k = 0; k < 37; k++)
			sim_go(&s, (unsigned int)(k % 5), sim_exponential(&s, 0.7));
		s.now += 1;
		sim_deaths(&s, s.now);
		sim_tick(&s);
		if (i % 3)
			continue;
		sim_census(&s, &o);
		assert_true(!o.corrected && !o.is_doubtful);
	}
	sim_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_census),
		cmocka_unit_test(test_nobody_is_older_than_the_start),
		cmocka_unit_test(test_what_moves_meanwhile_is_legal),
		cmocka_unit_test(test_later_census_narrows),
		cmocka_unit_test(test_disagreement_is_corrected_when_seen_twice),
		cmocka_unit_test(test_skew_of_preempted_threads),
		cmocka_unit_test(test_torn_ones_are_no_disagreement),
		cmocka_unit_test(test_site_that_is_not_counted),
		cmocka_unit_test(test_without_probes),
		cmocka_unit_test(test_no_go_statement_no_doubt),
		cmocka_unit_test(test_unfolded_site_is_settled),
		cmocka_unit_test(test_wait_reasons_of_the_census),
		cmocka_unit_test(test_the_same_ones_and_still),
		cmocka_unit_test(test_ids_that_were_held),
		cmocka_unit_test(test_one_batch_of_ids),
		cmocka_unit_test(test_one_burst_of_ids),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_no_false_correction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
