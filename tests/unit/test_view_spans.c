/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include "view/jsonl.h"
#include "view/spans.h"

struct facts {
	struct symbols *symbols;
	struct spans_result result;
	struct span_sites sites;
	struct spans_view view;
};

static void record(struct facts *x, const uint64_t *pcs, uint32_t n, struct spans_held held)
{
	struct spans_record r = { .held = held, .n = n };

	if (n)
		memcpy(r.pcs, pcs, n * sizeof(*pcs));
	assert_int_equal(vec_push(&x->result.records, r), 0);
	x->result.total.bytes += held.bytes;
	x->result.total.alloc_bytes += held.alloc_bytes;
	x->result.total.spans += held.spans;
}

/* Most bytes first, as they are collected; sampled, with a loss of every kind. */
static void facts_make(struct facts *x)
{
	static const uint64_t large[] = { AT(PC_SERVE + 3), AT(PC_MAIN + 7), AT(PC_GOEXIT + 1) };
	/* decode, inlined into handle; and the same place with another caller */
	static const uint64_t decode[] = { AT(PC_HANDLE + 0x91), AT(PC_SERVE + 5) };
	static const uint64_t other[] = { AT(PC_HANDLE + 0x91), AT(PC_MAIN + 9) };
	static const uint64_t runtime[] = { AT(PC_MALLOC + 5), AT(PC_CHANRECV + 9) };

	memset(x, 0, sizeof(*x));
	x->symbols = fixture_symbols(NULL);
	record(x, large, 3,
	       (struct spans_held){ .bytes = 101 << 20,
				    .spans = 101,
				    .large_bytes = 101 << 20,
				    .large_spans = 101,
				    .alloc_bytes = 154 << 20,
				    .alloc_spans = 154 });
	record(x, decode, 2,
	       (struct spans_held){ .bytes = 2503 * 8192,
				    .spans = 2503,
				    .error_bytes = 3 << 20,
				    .alloc_bytes = 3001 * 8192,
				    .alloc_spans = 3001 });
	record(x, other, 2,
	       (struct spans_held){ .bytes = 17 * 8192,
				    .spans = 17,
				    .error_bytes = 4 << 20,
				    .alloc_bytes = 19 * 8192,
				    .alloc_spans = 19 });
	record(x, runtime, 2, (struct spans_held){ .alloc_bytes = 8192, .alloc_spans = 1 });
	record(x, NULL, 0, (struct spans_held){ .bytes = 8192, .spans = 1, .alloc_bytes = 8192 });
	x->result.total.error_bytes = 5 << 20;
	x->result.counts = (struct wire_span_state){
		.kept = 431, .sampled_out = 3011, .sites_full = 1, .bad = 2
	};
	x->result.shift = 3;
	x->result.seconds = 10;
	x->result.hits = 4001;
	x->result.hit_ns = 1250;
	x->result.knows_run_ns = true;
	assert_int_equal(span_sites_make(&x->result, x->symbols, &x->sites), 0);
	x->view = (struct spans_view){
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
	span_sites_release(&x->sites);
	spans_result_release(&x->result);
	symbols_free(x->symbols);
}

static char *text(const struct facts *x, bool is_verbose)
{
	struct view_out o = { .width = 100, .columns = 100 };

	return CAPTURE(out, (o.f = out, spans_text(&o, &x->view, is_verbose)));
}

static void test_golden(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	char *have = text(&x, false),
	     *json = CAPTURE(out, ({
				     assert_int_equal(jsonl_write(out, spans_json(&x.view)), 0);
				     vec_for_each (&x.sites.sites, s)
					     assert_int_equal(
						     jsonl_write(out, spans_site_json(&x.view, s)),
						     0);
			     }));

	assert_null(strstr(have, " \n"));
	assert_null(strchr(have, '\033'));
	golden_check("spans.text", have);
	golden_check("spans.json", json);
	free(have);
	free(json);
	facts_release(&x);
}

/* The two stacks of one place are one site, with the callers of the larger. */
static void test_sites(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	assert_int_equal(x.sites.sites.n, 4);
	const struct span_site *s = &x.sites.sites.items[1];

	assert_string_equal(s->function, "main.decode");
	assert_int_equal(s->held.bytes, 2520 * 8192);
	assert_int_equal(s->held.alloc_spans, 3020);
	assert_int_equal(s->record, 1);
	assert_true(s->held.error_bytes == 5 << 20); /* 3 and 4 */
	assert_string_equal(x.sites.sites.items[2].function, PROFILE_UNKNOWN);
	assert_string_equal(x.sites.sites.items[3].function, "runtime.chanrecv");
	facts_release(&x);
}

static void test_nothing(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	span_sites_release(&x.sites);
	x.result.records.n = 0;
	x.result.seconds = 0;
	x.result.has_ended = true;
	x.result.counts.spans_full = 3;
	x.result.counts.spans_full_pages = 11;
	x.result.shift = 0;
	assert_int_equal(span_sites_make(&x.result, x.symbols, &x.sites), 0);
	char *have = text(&x, true);

	assert_non_null(strstr(have, "nothing was allocated"));
	assert_non_null(strstr(have, "NOT ALL is here: 88.0 KiB"));
	assert_non_null(strstr(have, "has ended"));
	assert_non_null(strstr(have, "every small span kept"));
	assert_null(strstr(have, "nan"));
	free(have);
	/* Privileges did not suffice to ask what a run takes. */
	x.result.knows_run_ns = false;
	have = text(&x, false);
	assert_non_null(strstr(have, "at least 1.2 us each"));
	free(have);
	facts_release(&x);
}

/* Prose fits the terminal; the table may not. */
static void test_narrow(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	struct view_out o = { .width = 80, .columns = 80 };
	char *have = CAPTURE(out, (o.f = out, spans_text(&o, &x.view, false)));
	bool is_table = false;
	char *save = NULL;

	for (char *line = strtok_r(have, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		is_table |= strstr(line, "IN USE") != NULL;
		is_table &= strncmp(line, "  Cost", 6) != 0;
		assert_true(is_table || view_columns(line) <= 80);
	}
	assert_false(is_table);
	free(have);
	facts_release(&x);
}

static void test_profile(void **state)
{
	struct facts x;

	(void)state;
	facts_make(&x);
	struct profile p = { .symbols = x.symbols };

	assert_int_equal(spans_profile(&x.result, &p), 0);
	assert_int_equal(p.samples.n, 5);
	assert_string_equal(p.types[p.shown].type, "span_space");
	assert_string_equal(p.types[p.shown].unit, "bytes");
	assert_string_equal(p.types[2].type, "spans");
	assert_int_equal(p.samples.items[0].values[p.shown], 101 << 20);
	assert_int_equal(p.samples.items[0].values[0], 154);
	assert_int_equal(p.samples.items[1].n, 2);
	assert_int_equal(p.period, 8);
	assert_int_equal(p.duration_ns, 10000000000);
	profile_release(&p);
	facts_release(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	cmocka_unit_test(test_sites),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
