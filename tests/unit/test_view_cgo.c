/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include "view/cgo.h"
#include "view/jsonl.h"

/* C's functions lie past Go's: 0x100 bytes each. */
#define PC_LEAK	 (PC_C + 0x100)
#define PC_HELP	 (PC_C + 0x200)
#define PC_CFUNC (PC_C + 0x300)

struct facts {
	struct symbols *symbols;
	struct cgo_result result;
	struct cgo_sites sites;
	struct cgo_view view;
};

static int frames(void *arg, uint64_t pc, bool is_return, struct goframe *f, size_t max)
{
	static const char *const names[] = { "?", "leak_small", "help\033er", "main._Cfunc_leak" };
	uint64_t va = pc - is_return;

	if (va < PC_LEAK || va >= PC_LEAK + 0x300)
		return fixture_frames(arg, pc, is_return, f, max);
	memset(f, 0, sizeof(*f));
	snprintf(f->function, sizeof(f->function), "%s", names[(va - PC_C) / 0x100]);
	snprintf(f->file, sizeof(f->file), "%s",
		 va >= PC_CFUNC ? "_cgo_gotypes.go" : "libshop.so.3");
	f->line = va >= PC_CFUNC ? 47 : 0;
	return 1;
}

static void record(struct facts *x, const uint64_t *pcs, uint32_t n_c, uint32_t n,
		   struct cgo_held held)
{
	struct cgo_record r = { .held = held, .n_c = n_c, .n = n };

	if (n)
		memcpy(r.pcs, pcs, n * sizeof(*pcs));
	assert_int_equal(vec_push(&x->result.records, r), 0);
	x->result.total.bytes += held.bytes;
	x->result.total.alloc_bytes += held.alloc_bytes;
	x->result.total.blocks += held.blocks;
}

/* Most bytes first, as they are collected; sampled, with a loss of every kind. */
static void facts_make(struct facts *x)
{
	static const struct symbols_source src = { frames, fixture_func_at, fixture_start, NULL };
	static const uint64_t large[] = { AT(PC_LEAK + 3),  AT(PC_HELP + 9), AT(PC_CFUNC + 7),
					  AT(PC_SERVE + 3), AT(PC_MAIN + 7), AT(PC_GOEXIT + 1) };
	static const uint64_t decode[] = { AT(PC_LEAK + 9), AT(PC_CFUNC + 9), AT(PC_HANDLE + 0x91),
					   AT(PC_SERVE + 5) };
	static const uint64_t other[] = { AT(PC_LEAK + 9), AT(PC_CFUNC + 9), AT(PC_HANDLE + 0x91),
					  AT(PC_MAIN + 9) };
	static const uint64_t thread[] = { AT(PC_HELP + 5) };
	static const uint64_t stranger[] = { AT(PC_C + 5) };

	memset(x, 0, sizeof(*x));
	assert_int_equal(symbols_new_source(&src, FIXTURE_BIAS, &x->symbols), 0);
	record(x, large, 2, 6,
	       (struct cgo_held){ .bytes = 101 << 20,
				  .blocks = 101,
				  .large_bytes = 101 << 20,
				  .large_blocks = 101,
				  .alloc_bytes = 154 << 20,
				  .alloc_blocks = 154 });
	record(x, decode, 1, 4,
	       (struct cgo_held){ .bytes = 2503 * 4096,
				  .blocks = 40048,
				  .error_bytes = 3 << 20,
				  .alloc_bytes = 3001 * 4096,
				  .alloc_blocks = 48016 });
	record(x, other, 1, 4,
	       (struct cgo_held){ .bytes = 17 * 4096,
				  .blocks = 17,
				  .error_bytes = 4 << 20,
				  .alloc_bytes = 19 * 4096,
				  .alloc_blocks = 19 });
	record(x, thread, 1, 1,
	       (struct cgo_held){ .bytes = 4096, .blocks = 1, .alloc_bytes = 4096 });
	record(x, stranger, 1, 1, (struct cgo_held){ .alloc_bytes = 64, .alloc_blocks = 1 });
	x->result.total.error_bytes = 5 << 20;
	x->result.counts = (struct wire_cgo_state){
		.begun = 3571, .kept = 431, .sampled_out = 3011, .sites_full = 1, .unmatched = 2
	};
	x->result.period = 4096;
	x->result.seconds = 10;
	x->result.hits = 9001;
	x->result.trap_ns = 9001 * 1000.0;
	x->result.run_ns = 250;
	x->result.has_go = true;
	x->result.is_measured = true;
	snprintf(x->result.allocator, sizeof(x->result.allocator), "/usr/lib/libc.so.6");
	snprintf(x->result.functions, sizeof(x->result.functions), "malloc free");
	assert_int_equal(cgo_sites_make(&x->result, x->symbols, &x->sites), 0);
	x->view = (struct cgo_view){
		.pid = 7,
		.comm = "sh\033op",
		.exe = "/srv/shop/shop",
		.go_version = "go1.26.5",
		.result = &x->result,
		.sites = &x->sites,
		.symbols = x->symbols,
	};
}

static void facts_release(struct facts *x)
{
	cgo_sites_release(&x->sites);
	cgo_result_release(&x->result);
	symbols_free(x->symbols);
}

static char *text(const struct facts *x, bool is_verbose)
{
	struct view_out o = { .width = 100, .columns = 100 };

	return CAPTURE(out, (o.f = out, cgo_text(&o, &x->view, is_verbose)));
}

static void test_golden(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	char *have = text(&x, false),
	     *json = CAPTURE(out, ({
				     assert_int_equal(jsonl_write(out, cgo_json(&x.view)), 0);
				     vec_for_each (&x.sites.sites, s)
					     assert_int_equal(
						     jsonl_write(out, cgo_site_json(&x.view, s)),
						     0);
			     }));

	assert_null(strstr(have, " \n"));
	assert_null(strchr(have, '\033'));
	assert_null(strchr(json, '\033'));
	golden_check("cgo.text", have);
	golden_check("cgo.json", json);
	free(have);
	free(json);
	facts_release(&x);
}

/* Stacks with the same C function and the same line of Go are one site; what cgo made is neither.
 */
static void test_sites(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	assert_int_equal(x.sites.sites.n, 4);
	const struct cgo_site *s = &x.sites.sites.items[1];

	assert_string_equal(s->c_function, "leak_small");
	assert_string_equal(s->object, "libshop.so.3");
	assert_string_equal(s->function, "main.decode");
	assert_int_equal(s->held.bytes, 2520 * 4096);
	assert_int_equal(s->record, 1);
	assert_true(s->held.error_bytes == 5 << 20); /* 3 and 4 */
	assert_string_equal(x.sites.sites.items[2].function, "");
	assert_string_equal(x.sites.sites.items[3].c_function, PROFILE_UNKNOWN);
	facts_release(&x);
}

static void test_nothing(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	cgo_sites_release(&x.sites);
	x.result.records.n = 0;
	x.result.seconds = 0;
	x.result.has_ended = true;
	x.result.has_go = false;
	x.result.counts = (struct wire_cgo_state){ .blocks_full = 3, .blocks_full_bytes = 90112 };
	x.result.period = 1;
	x.result.run_ns = -1;
	assert_int_equal(cgo_sites_make(&x.result, x.symbols, &x.sites), 0);
	char *have = text(&x, true);

	assert_non_null(strstr(have, "nothing was allocated"));
	assert_non_null(strstr(have, "NOT ALL is here: 88.0 KiB"));
	assert_non_null(strstr(have, "has ended"));
	assert_non_null(strstr(have, "No Go callers"));
	assert_non_null(strstr(have, "every smaller block kept"));
	assert_non_null(strstr(have, "at least"));
	assert_null(strstr(have, "nan"));
	free(have);
	facts_release(&x);
}

static void test_profile(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	struct profile p = { .symbols = x.symbols };

	assert_int_equal(cgo_profile(&x.result, &p), 0);
	assert_int_equal(p.samples.n, 5);
	assert_string_equal(p.types[p.shown].type, "inuse_space");
	assert_int_equal(p.samples.items[0].values[p.shown], 101 << 20);
	assert_int_equal(p.samples.items[0].values[0], 154);
	assert_int_equal(p.samples.items[0].n, 6);
	assert_int_equal(p.period, 4096);
	profile_release(&p);
	facts_release(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
