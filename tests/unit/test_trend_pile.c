/* SPDX-License-Identifier: BSD-2-Clause */
/* Ten thousand goroutines that were there before: which of them were left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "trend/pile.h"
#include "trend/verdict.h"

#define N 10007

/* Nothing was born or died, no GC ran. */
static const struct series3 none;

struct scene {
	struct snapshot_process p;
	struct snapshot_site s;
	struct snapshot_reason reasons[2];
};

/* A leak that has stopped: a server's orders that nobody answered, over an hour. */
static void scene_leak(struct scene *sc)
{
	memset(sc, 0, sizeof(*sc));
	sc->s = (struct snapshot_site){
		.function = "main.handle",
		.line = 41,
		.live = N,
		.at_attach = N,
		.survivors = N,
		.wait_reason = "chan receive",
		.wait_count = N,
		.live_series = &none,
		.survivor_series = &none,
		.birth_series = &none,
		.before = {
			.live = N,
			.still_part = 1,
			.still_s = 30,
			.knows_runs = true,
			.waits_s = 3600,
			.waits_spread_s = 3500,
			.with_since = N,
			.id_share = 0.05,
			.id_parts = 16,
			.has_id_ends = true,
			.channels = N,
			.channels_of = N,
		},
	};
	sc->reasons[0] = (struct snapshot_reason){ "chan receive", 5, N, 0, false };
	sc->reasons[1] = (struct snapshot_reason){ "IO wait", 90, 37, 0, false };
	sc->p = (struct snapshot_process){
		.start_ns = 4000 * NSEC_PER_SEC,
		.now_ns = 4030 * NSEC_PER_SEC,
		.live = N + 40,
		.sockets = 39,
		.live_series = &none,
		.heap_live_series = &none,
		.heap_inuse_series = &none,
		.rss_anon_series = &none,
		.birth_series = &none,
		.alloc_series = &none,
		.fds_series = &none,
		.sockets_series = &none,
		.pipes_series = &none,
		.files_series = &none,
		.outside_series = &none,
		.held_series = &none,
		.charged_series = &none,
		.io_series = &none,
		.reasons = sc->reasons,
		.n_reasons = 2,
		.sites = &sc->s,
		.n_sites = 1,
	};
}

static bool judge(const struct scene *sc, struct pile *ret)
{
	memset(ret, 0, sizeof(*ret));
	return pile_judge(&sc->p, &sc->s, ret);
}

static void test_leak_that_stopped(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	assert_true(judge(&sc, &pile));
	assert_true(pile.has_own_channels && pile.is_spread && !pile.is_growing);
	assert_true(pile.confidence >= 0.65 && pile.confidence <= 0.7);
	/* new ones come and go; those of before stay */
	sc.s.born = 500;
	sc.s.died = 493;
	sc.s.live = sc.s.wait_count = N + 7;
	assert_true(judge(&sc, &pile));
	assert_false(pile.is_growing);
}

static void test_leak_that_goes_on(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.born = 30;
	sc.s.live = sc.s.wait_count = N + 30;
	assert_true(judge(&sc, &pile));
	assert_true(pile.is_growing);
	assert_true(pile.confidence > 0.7 && pile.confidence <= 0.85);
}

/* The less is known, the less it is believed; but a burst may be a leak. */
static void test_burst(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.before.id_parts = 1;
	sc.s.before.waits_s = sc.s.before.waits_spread_s = -1;
	sc.s.before.with_since = 0;
	assert_true(judge(&sc, &pile));
	assert_true(!pile.is_spread && pile.confidence == 0.5);
	/* nothing else was ever started: of course their ids are spread */
	sc.s.before.id_parts = 16;
	sc.s.before.id_share = 0.99;
	assert_true(judge(&sc, &pile));
	assert_false(pile.is_spread);
	/* most of all that were started, each with a helper, but in one part of the life */
	sc.s.before.id_parts = 14;
	sc.s.before.id_share = 0.5;
	sc.s.before.has_id_ends = false;
	assert_true(judge(&sc, &pile));
	assert_true(!pile.is_spread && pile.confidence == 0.5);
}

static void test_kinds_of_waiting(void **state)
{
	static const struct {
		const char *reason;
		bool is_pile;
	} kinds[] = {
		{ "chan send", true },
		{ "select", true },
		{ "select (no cases)", true },
		{ "chan receive (nil chan)", true },
		{ "sync.Mutex.Lock", true },
		{ "sync.RWMutex.RLock", true },
		{ "sync.WaitGroup.Wait", true },
		{ "semacquire", true },
		/* idle workers wait for these */
		{ "sync.Cond.Wait", false },
		{ "IO wait", false },
		{ "sleep", false },
		{ "finalizer wait", false },
		{ "GC worker (idle)", false },
		{ NULL, false },
	};
	struct scene sc;
	struct pile pile;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		scene_leak(&sc);
		sc.s.wait_reason = kinds[i].reason;
		assert_int_equal(judge(&sc, &pile), kinds[i].is_pile);
	}
	/* locks and nil channels have no channel to tell them apart */
	scene_leak(&sc);
	sc.s.before.channels = sc.s.before.channels_of = 0;
	sc.s.wait_reason = "sync.Mutex.Lock";
	assert_true(judge(&sc, &pile));
	sc.s.wait_reason = "select (no cases)";
	assert_true(judge(&sc, &pile));
}

/* Workers that were started at once and wait for work on one channel. */
static void test_pool_is_none(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.before.channels = 1;
	assert_false(judge(&sc, &pile));
	sc.s.before.channels = 64; /* a pool for each core, or so */
	assert_false(judge(&sc, &pile));
	sc.s.before.channels = sc.s.before.channels_of = -1; /* not known: not said */
	assert_false(judge(&sc, &pile));
}

/* A reader in IO wait and a writer in select for each connection. */
static void test_connections_are_none(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.wait_reason = "select";
	sc.p.sockets = N + 3;
	assert_false(judge(&sc, &pile));
	sc.p.sockets = -1; /* not readable: the readers tell of them too */
	sc.reasons[1].waiting = N;
	assert_false(judge(&sc, &pile));
	sc.reasons[1].waiting = 5;
	assert_true(judge(&sc, &pile));
}

/* Tickers, and whatever else is woken now and then: each has its channel, but it runs. */
static void test_tickers_are_none(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.before.still_part = 0;
	assert_false(judge(&sc, &pile));
	sc.s.before.still_part = 0.5;
	assert_false(judge(&sc, &pile));
	sc.s.before.still_part = -1; /* only one census */
	assert_false(judge(&sc, &pile));
}

/* Go 1.15 does not count runs: the collector's note of when they began to wait must do. */
static void test_old_go(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.before.knows_runs = false;
	assert_true(judge(&sc, &pile));
	sc.s.before.waits_spread_s = 3590; /* the last of them ten seconds ago, amid observation */
	assert_false(judge(&sc, &pile));
	scene_leak(&sc);
	sc.s.before.knows_runs = false;
	sc.s.before.with_since = N / 2;
	assert_false(judge(&sc, &pile));
}

static void test_few_system_and_mixed(void **state)
{
	struct scene sc;
	struct pile pile;

	(void)state;
	scene_leak(&sc);
	sc.s.before.live = 997;
	assert_false(judge(&sc, &pile));
	scene_leak(&sc);
	sc.s.is_system = true;
	assert_false(judge(&sc, &pile));
	scene_leak(&sc);
	sc.s.is_other = true;
	assert_false(judge(&sc, &pile));
	/* half of them do something else */
	scene_leak(&sc);
	sc.s.wait_count = N / 2;
	assert_false(judge(&sc, &pile));
	sc.s.wait_count = -1;
	assert_false(judge(&sc, &pile));
}

static void test_finding(void **state)
{
	struct verdict v;
	struct scene sc;

	(void)state;
	scene_leak(&sc);
	verdict_of(&sc.p, &v);
	assert_int_equal(v.kind, VERDICT_GOROUTINE_LEAK);
	assert_int_equal(v.n_findings, 1);
	assert_ptr_equal(v.findings[0].site, &sc.s);
	assert_true(v.findings[0].first == N && v.findings[0].last == N);
	assert_true(v.findings[0].per_min == 0);
	assert_int_equal(v.findings[0].n_evidence, 5);
	assert_string_equal(v.findings[0].evidence[0],
			    "10007 goroutines were there before the observation; none has run or "
			    "ended in 30s");
	assert_string_equal(v.findings[0].evidence[2],
			    "each waits on a channel of its own: 10007 for 10007 goroutines");
	assert_string_equal(v.summary, "10007 goroutines started in main.handle (line 41) were "
				       "left behind before the observation");
	sc.s.wait_reason = "select";
	verdict_of(&sc.p, &v);
	assert_string_equal(v.findings[0].evidence[2],
			    "each waits on a first channel (of its select) of its own: 10007 for "
			    "10007 goroutines");
	sc.s.born = 30;
	sc.s.live = sc.s.wait_count = N + 30;
	verdict_of(&sc.p, &v);
	assert_true(v.findings[0].per_min > 59.9 && v.findings[0].per_min < 60.1);
	assert_int_equal(v.findings[0].n_evidence, 6);
	/* less than ten seconds tell nothing */
	sc.p.start_ns = sc.p.now_ns - 9 * NSEC_PER_SEC;
	verdict_of(&sc.p, &v);
	assert_int_equal(v.kind, VERDICT_WARMING_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak_that_stopped),
		cmocka_unit_test(test_leak_that_goes_on),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_kinds_of_waiting),
		cmocka_unit_test(test_pool_is_none),
		cmocka_unit_test(test_connections_are_none),
		cmocka_unit_test(test_tickers_are_none),
		cmocka_unit_test(test_old_go),
		cmocka_unit_test(test_few_system_and_mixed),
		cmocka_unit_test(test_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
