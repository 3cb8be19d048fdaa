/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/heap_fixture.h"

#include "view/jsonl.h"

#define NOW_NS (UINT64_C(5000) * NSEC_PER_SEC)

struct facts {
	struct heap_fixture f;
	struct account account;
	struct procfs_memory memory;
	struct memory_parts parts;
	struct timers timers;
	struct heap heap;
};

static void facts_timers(struct timers *t)
{
	static const struct timer_group groups[] = {
		{ .fn = AT(PC_SERVE),
		  .is_periodic = true,
		  .count = 307,
		  .period_min_ns = 1000000000,
		  .period_max_ns = 61000000000,
		  .next_ns = (int64_t)(NOW_NS + 17 * NSEC_PER_SEC) },
		{ .fn = AT(PC_MAIN),
		  .arg_fn = AT(PC_HANDLE),
		  .count = 3,
		  .next_ns = (int64_t)(NOW_NS - 1) },
	};

	*t = (struct timers){ .total = 310, .periodic = 307 };
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		assert_int_equal(vec_push(&t->groups, groups[i]), 0);
}

static void facts_make(struct facts *x)
{
	memset(x, 0, sizeof(*x));
	fixture_heap_profile(&x->f);
	assert_int_equal(heap_sites_make(&x->f.profile, NULL, x->f.symbols, &x->f.sites), 0);
	account_clear(&x->account);
	x->account.gc_cycles = 113;
	x->account.gc_percent = 100;
	x->account.heap_goal_bytes = 24 << 20;
	x->account.memory_limit_bytes = INT64_MAX;
	x->account.last_gc_unix_ns = INT64_C(1700000000000000000);
	x->memory = (struct procfs_memory){ 45 << 20, 5 << 20, 0, 0 };
	x->parts = (struct memory_parts){
		.anon_bytes = 45 << 20,
		.live_bytes = 12 << 20,
		.garbage_bytes = 3 << 20,
		.slack_bytes = 1 << 20,
		.free_held_bytes = 9 << 20,
		.lazyfree_bytes = -1,
		.stacks_bytes = 10 << 20,
		.runtime_bytes = 4 << 20,
		.outside_bytes = 7 << 20,
		.residue_bytes = -(1 << 20),
	};
	facts_timers(&x->timers);
	x->heap = (struct heap){
		.pid = 7,
		.comm = "shop",
		.exe = "/srv/shop/shop",
		.go_version = "go1.26.5",
		.account = &x->account,
		.memory = &x->memory,
		.parts = &x->parts,
		.profile = &x->f.profile,
		.sites = &x->f.sites,
		.timers = &x->timers,
		.symbols = x->f.symbols,
		.now_ns = NOW_NS,
		.now_unix_ns = INT64_C(1700000042000000000),
		.read_ms = 3.1,
	};
}

static void facts_release(struct facts *x)
{
	vec_release(&x->timers.groups);
	fixture_heap_release(&x->f);
}

static char *text(const struct heap *h, unsigned int columns)
{
	struct view_out o = { .width = columns, .columns = columns };

	return CAPTURE(out, (o.f = out, heap_text(&o, h, false)));
}

static char *json(const struct heap *h)
{
	return CAPTURE(
		out, ({
			assert_int_equal(jsonl_write(out, heap_json(h)), 0);
			for (size_t i = 0; h->sites && i < h->sites->sites.n; i++)
				assert_int_equal(
					jsonl_write(out,
						    heap_site_json(h, &h->sites->sites.items[i])),
					0);
			for (size_t i = 0; h->timers && i < h->timers->groups.n; i++)
				assert_int_equal(
					jsonl_write(out, heap_timer_json(
								 h, &h->timers->groups.items[i])),
					0);
		}));
}

static void test_golden(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	char *narrow = text(&x.heap, 80), *have = json(&x.heap);

	assert_null(strstr(narrow, " \n"));
	golden_check("heap80.text", narrow);
	golden_check("heap-sites.json", have);
	free(narrow);
	free(have);
	facts_release(&x);
}

/* As many sites are said to be in use as are listed. */
static void test_none_in_use(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	x.f.sites.sites.items[0].inuse_bytes = 0;
	x.account.gc_cycles = 0;
	char *have = text(&x.heap, 100);
	size_t n = x.f.sites.sites.n;

	assert_true(n >= 2);
	assert_non_null(strstr(have, "1 site (2 more with nothing in use)"));
	assert_non_null(strstr(have, "no GC has run yet"));
	assert_null(strstr(have, "as of the last GC"));
	free(have);
	x.account.gc_cycles = 1;
	have = text(&x.heap, 100);
	assert_non_null(strstr(have, "GC      1 cycle, "));
	free(have);
	facts_release(&x);
}

static void test_growth(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	x.f.base.time_ns = INT64_C(1700000000000000000);
	x.heap.base = &x.f.base;
	x.heap.base_name = "before.pb.gz";
	x.f.sites.sites.items[0].base_bytes = 431008 - 4096;
	x.f.sites.sites.items[1].base_bytes = x.f.sites.sites.items[1].inuse_bytes;
	x.f.sites.base_bytes = 431008 - 4096;
	char *have = text(&x.heap, 100);

	golden_check("heap-base.text", have);
	/* What has not changed is left out. */
	assert_null(strstr(have, "runtime.chanrecv"));
	free(have);
	facts_release(&x);
}

/* Nothing known but that the process is there: all keys are there, and why is said. */
static void test_unknown(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	account_clear(&x.account);
	x.memory = (struct procfs_memory){ -1, -1, -1, -1 };
	memory_split(NULL, NULL, NULL, &x.parts);
	x.heap.profile = NULL;
	x.heap.sites = NULL;
	x.heap.timers = NULL;
	x.heap.no_profile = "The program keeps no memory profile.";
	char *have = text(&x.heap, 100), *object = json(&x.heap);

	assert_non_null(strstr(have, "    The program keeps no memory profile.\n"));
	assert_non_null(strstr(have, "the parts do not add up"));
	assert_non_null(strstr(have, "GC      not known"));
	golden_check("heap-unknown.json", object);
	free(have);
	free(object);
	facts_release(&x);
}

static void test_incomplete(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	x.f.profile.rate = -1;
	x.f.profile.bad = 3;
	x.f.profile.is_partial = true;
	x.timers.bad = 5;
	x.timers.is_partial = true;
	char *have = text(&x.heap, 100);

	assert_non_null(strstr(have, "not scaled: the sampling rate is not known"));
	assert_non_null(strstr(have, "3 records made no sense"));
	assert_non_null(strstr(have, "NOT ALL records are here"));
	assert_non_null(strstr(have, "5 could not be read; NOT ALL are here"));
	free(have);
	facts_release(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	   cmocka_unit_test(test_none_in_use),
		cmocka_unit_test(test_growth),	   cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
