/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "base/vec.h"
#include "view/metrics.h"

#define DOCS "docs/metrics.md"

static const struct agent_count refused[] = { { "too old", 3 }, { "no symbols", 11 } };
static const struct agent_count requests[] = { { "200", 17 }, { "404", 2 } };

static struct agent_account account_of(void)
{
	return (struct agent_account){
		.version = "v1-7-gabcdef",
		.kernel = "6.12.1-cloud",
		.hostname = "node-7",
		.listen = "127.0.0.1:9435",
		.is_compat = true,
		.start_time_s = 1796000000.25,
		.start_ns = FIXTURE_START_NS - 10 * NSEC_PER_SEC,
		.cpu_s = 1.75,
		.rss_bytes = 17 << 20,
		.fds = 29,
		.processes = 1,
		.refused = refused,
		.n_refused = ARRAY_SIZE(refused),
		.malformed = 5,
		.tasks_lost = 7,
		.events = { 101, 103, 107, 109, 113 },
		.requests = requests,
		.n_requests = ARRAY_SIZE(requests),
	};
}

/* ---- what holds of every text ---- */

struct lines {
	char **items;
	size_t n, cap;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void all_differ(struct lines *l, const char *what)
{
	qsort(l->items, l->n, sizeof(*l->items), by_text);
	for (size_t i = 1; i < l->n; i++) {
		if (!strcmp(l->items[i - 1], l->items[i]))
			print_error("%s twice: %s\n", what, l->items[i]);
		assert_true(strcmp(l->items[i - 1], l->items[i]));
	}
}

/* Each family has one head, its samples follow it, and no series comes twice. */
static void is_in_order(const char *text)
{
	struct lines series = { 0 }, heads = { 0 };
	char *copy = strdup(text), *rest = copy, *line, name[128] = "";

	assert_non_null(copy);
	while ((line = strsep(&rest, "\n")) && *line) {
		if (!strncmp(line, "# TYPE ", 7)) {
			assert_int_equal(sscanf(line, "# TYPE %100s", name), 1);
			assert_int_equal(vec_push(&heads, line), 0);
		} else if (*line != '#') {
			char *value = strrchr(line, ' ');

			assert_false(strncmp(line, name, strlen(name)));
			assert_non_null(value);
			*value = '\0';
			assert_int_equal(vec_push(&series, line), 0);
		}
	}
	all_differ(&series, "series");
	all_differ(&heads, "family");
	vec_release(&series);
	vec_release(&heads);
	free(copy);
}

static char *written_of(const struct metrics_opts *o, const struct agent_account *a,
			const struct metrics_process *list, size_t n)
{
	char *text = CAPTURE(f, assert_int_equal(metrics_write(f, o, a, list, n), 0));

	is_in_order(text);
	return text;
}

static char *written(const struct fixture *f, enum exposition_format format, unsigned int sites)
{
	const struct metrics_opts o = { .format = format, .sites = sites };
	const struct metrics_process one = { &f->process, &f->verdict };
	const struct agent_account a = account_of();

	return written_of(&o, &a, &one, 1);
}

static void expect(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	if (!found)
		print_error("missing: %s\nfrom this:\n%s", line, text);
	assert_non_null(found);
}

static void expect_no(const char *text, const char *part)
{
	if (strstr(text, part))
		print_error("not expected: %s\nyet in this:\n%s", part, text);
	assert_null(strstr(text, part));
}

#define SHOP "{pid=\"7\",comm=\"shop\",container=\"web\",pod=\"web-0\",namespace=\"shop\""

/* ---- whole texts ---- */

static void full_fixture(struct fixture *f)
{
	fixture_leak(f);
	f->process.age_s = 100.5;
	f->process.cpu_s = 31.25;
	f->process.threads = 13;
	f->process.heap_alloc_bytes = 14 << 20;
	f->process.sys_bytes = 40 << 20;
	f->process.gc_last_unix_ns = 1795999999 * NSEC_PER_SEC + 500 * NSEC_PER_MSEC;
	f->process.sockets = 11;
	f->process.pipes = 2;
	f->process.files = 5;
}

static void a_leaking_process(void **state)
{
	struct fixture f;

	(void)state;
	full_fixture(&f);
	char *text = written(&f, EXPOSITION_TEXT, 2);
	char *open = written(&f, EXPOSITION_OPENMETRICS, 2);

	golden_check("leak.prom", text);
	golden_check("leak.openmetrics", open);
	free(text);
	free(open);
	fixture_release(&f);
}

static void what_is_unknown_is_left_out(void **state)
{
	struct fixture f;

	(void)state;
	fixture_unknown(&f);
	f.process.pipes = f.process.files = f.process.age_s = -1;
	char *text = written(&f, EXPOSITION_TEXT, METRICS_SITES);

	golden_check("unknown.prom", text);
	free(text);
}

static void hostile_names_are_harmless(void **state)
{
	struct fixture f;

	(void)state;
	fixture_hostile(&f);
	char *text = written(&f, EXPOSITION_OPENMETRICS, METRICS_SITES);

	golden_check("hostile.openmetrics", text);
	free(text);
	fixture_release(&f);
}

static void an_agent_alone(void **state)
{
	const struct metrics_opts o = { .format = EXPOSITION_TEXT };
	const struct agent_account a = { .cpu_s = -1, .rss_bytes = -1, .fds = -1 };

	(void)state;
	char *text = written_of(&o, &a, NULL, 0);

	expect(text, "gotide_build_info{version=\"\",kernel=\"\"} 1\n");
	expect(text, "gotide_agent_processes 0\n");
	expect_no(text, "gotide_agent_cpu");
	expect_no(text, "gotide_agent_resident");
	expect_no(text, "gotide_agent_open_fds");
	expect_no(text, "gotide_agent_http");
	expect_no(text, "gotide_goroutines");
	free(text);
}

static void compat_is_asked_for(void **state)
{
	const struct metrics_opts o = { .format = EXPOSITION_TEXT };
	struct agent_account a = account_of();
	struct fixture f;

	(void)state;
	full_fixture(&f);
	a.is_compat = false;
	char *text = written_of(&o, &a, &(struct metrics_process){ &f.process, &f.verdict }, 1);

	expect_no(text, "\ngo_");
	expect_no(text, "\nprocess_");
	free(text);
	fixture_release(&f);
}

static void families_hold_all_processes(void **state)
{
	const struct metrics_opts o = { .format = EXPOSITION_TEXT, .sites = METRICS_SITES };
	const struct agent_account a = account_of();
	struct fixture f[3];
	struct metrics_process list[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		fixture_healthy(&f[i]);
		f[i].process.pid = 1 + i;
		list[i] = (struct metrics_process){ &f[i].process, &f[i].verdict };
	}
	f[1].process.has_exited = true;
	char *text = written_of(&o, &a, list, 3);

	expect(text, "gotide_goroutines{pid=\"1\",comm=\"shop\",container=\"\",pod=\"\","
		     "namespace=\"\"} 36\n"
		     "gotide_goroutines{pid=\"3\",comm=\"shop\",container=\"\",pod=\"\","
		     "namespace=\"\"} 36\n");
	expect_no(text, "pid=\"2\"");
	free(text);
}

/* ---- go statements ---- */

static void flagged_sites_come_before_large_ones(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_leak(&f);
	f.verdict.findings[0].site = &f.sites[2];
	text = written(&f, EXPOSITION_TEXT, 0);
	expect(text, "gotide_site_goroutines" SHOP
		     ",function=\"runtime.newproc\",source=\"<autogenerated>:1\"} 1\n");
	expect_no(text, "source=\"main.go:41\"");
	free(text);
	text = written(&f, EXPOSITION_TEXT, 2);
	expect(text, "gotide_site_goroutines" SHOP
		     ",function=\"main.(*Server).handle\",source=\"main.go:41\"} 1204\n");
	expect(text, "gotide_site_survivors" SHOP
		     ",function=\"main.(*Server).handle\",source=\"main.go:41\"} 1200\n");
	expect_no(text, "gotide_site_goroutines" SHOP ",function=\"net/http");
	free(text);
	/* The runtime's own never are. */
	text = written(&f, EXPOSITION_TEXT, 1000);
	expect(text, "gotide_site_goroutines" SHOP ",function=\"net/http");
	expect_no(text, "runtime.gcenable");
	free(text);
	f.process.live = -1;
	text = written(&f, EXPOSITION_TEXT, 1000);
	expect_no(text, "gotide_site_");
	free(text);
	fixture_release(&f);
}

static void sites_that_read_the_same_are_one(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_leak(&f);
	f.verdict.n_findings = 0;
	for (int i = 0; i < 4; i++)
		f.sites[i] = (struct snapshot_site){ .function = "main.a\n",
						     .file = "/src/a.go",
						     .line = 17,
						     .live = 100 - i,
						     .survivors = 10 - i };
	f.sites[1].file = "/other/a.go";
	f.sites[2].function = "main.a\001"; /* scrubbed it is the same */
	f.sites[3].line = 18;
	text = written(&f, EXPOSITION_TEXT, 3);
	expect(text,
	       "gotide_site_goroutines" SHOP ",function=\"main.a?\",source=\"a.go:17\"} 297\n"
	       "gotide_site_goroutines" SHOP ",function=\"main.a?\",source=\"a.go:18\"} 97\n");
	expect(text, "gotide_site_survivors" SHOP ",function=\"main.a?\",source=\"a.go:17\"} 27\n");
	free(text);
	fixture_release(&f);
}

static void no_more_sites_than_there_may_be(void **state)
{
	static struct snapshot_site sites[METRICS_SITES_MAX + 100];
	struct fixture f;
	size_t n = 0;

	(void)state;
	fixture_leak(&f);
	f.verdict.n_findings = VERDICT_FINDINGS_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(sites); i++)
		sites[i] = (struct snapshot_site){
			.function = "f", .file = "f.go", .line = 1 + (uint32_t)i, .live = 1
		};
	for (size_t i = 0; i < VERDICT_FINDINGS_MAX; i++) {
		f.verdict.findings[i] = f.verdict.findings[0];
		f.verdict.findings[i].site = &sites[ARRAY_SIZE(sites) - 1 - i];
	}
	f.process.sites = sites;
	f.process.n_sites = ARRAY_SIZE(sites);
	char *text = written(&f, EXPOSITION_TEXT, UINT32_MAX);

	for (const char *s = text; (s = strstr(s, "\ngotide_site_goroutines{")); s++)
		n++;
	assert_int_equal(n, METRICS_SITES_MAX);
	free(text);
	fixture_release(&f);
}

/* ---- findings ---- */

static void findings_that_stand_are_shown(void **state)
{
	struct fixture f;

	(void)state;
	fixture_heap(&f);
	f.process.has_exited = false;
	char *text = written(&f, EXPOSITION_TEXT, 0);

#define HEAP "{pid=\"7\",comm=\"shop\",container=\"\",pod=\"\",namespace=\"\""
	expect(text, "gotide_finding" HEAP ",kind=\"heap-retention\","
		     "function=\"main.(*cache).put\",source=\"cache.go:41\"} 0.87\n"
		     "gotide_finding" HEAP ",kind=\"oom-risk\",function=\"\",source=\"\"} 0.6\n"
		     "gotide_finding" HEAP ",kind=\"fd-leak\",function=\"\",source=\"\"} 0.8\n");
	expect_no(text, "off-heap-growth"); /* it is over */
	expect(text, "gotide_oom_seconds" HEAP "} 76.5\n");
	expect(text, "gotide_verdict" HEAP ",verdict=\"heap-retention\"} 1\n");
	free(text);
	f.verdict.findings[1].state = FINDING_NEW;
	text = written(&f, EXPOSITION_TEXT, 0);
	expect_no(text, "oom-risk");
	expect_no(text, "gotide_oom_seconds");
	free(text);
}

static void the_surest_of_equal_findings_counts(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	fixture_finding(&f, VERDICT_GOROUTINE_LEAK, 0.25)->site = &f.sites[0];
	fixture_finding(&f, VERDICT_OOM_RISK, 0.5)->left_s = 500;
	fixture_finding(&f, VERDICT_OOM_RISK, 0.75)->left_s = INFINITY;
	fixture_finding(&f, VERDICT_OOM_RISK, NAN)->left_s = 400;
	char *text = written(&f, EXPOSITION_TEXT, 0);

	expect(text, "gotide_finding" SHOP ",kind=\"goroutine-leak\","
		     "function=\"main.(*Server).handle\",source=\"main.go:41\"} 0.99\n"
		     "gotide_finding" SHOP ",kind=\"oom-risk\",function=\"\",source=\"\"} 0.75\n");
	expect(text, "gotide_oom_seconds" SHOP "} 400\n");
	free(text);
	fixture_release(&f);
}

/* ---- other labels ---- */

static void reasons_beyond_the_limit_are_one(void **state)
{
	struct snapshot_reason reasons[METRICS_REASONS_MAX + 4];
	char names[ARRAY_SIZE(reasons)][16];
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		snprintf(names[i], sizeof(names[i]), "reason %zu", i);
		reasons[i] =
			(struct snapshot_reason){ .name = names[i], .waiting = 1000 - (int64_t)i };
	}
	reasons[3].waiting = -1;
	reasons[4].is_system = true;
	reasons[5].waiting_system = 95;
	/* Nothing keeps a program from this. */
	reasons[1].name = "other";
	reasons[2].name = "reason 0";
	f.process.reasons = reasons;
	f.process.n_reasons = ARRAY_SIZE(reasons);
	char *text = written(&f, EXPOSITION_TEXT, 0);

	expect(text, "gotide_goroutines_waiting" HEAP ",reason=\"reason 0\"} 1998\n");
	expect(text, "gotide_goroutines_waiting" HEAP ",reason=\"other\"} 2970\n");
	expect(text, "gotide_goroutines_waiting" HEAP ",reason=\"reason 5\"} 900\n");
	expect(text, "reason=\"reason 13\"");
	expect_no(text, "reason=\"reason 14\"");
	expect_no(text, "reason=\"reason 3\"");
	expect_no(text, "reason=\"reason 4\"");
	free(text);
}

static void counts_with_one_name_are_one(void **state)
{
	static const struct agent_count twice[] = { { "a\n", 3 }, { "a\t", 4 }, { NULL, 5 } };
	const struct metrics_opts o = { .format = EXPOSITION_TEXT };
	struct agent_account a = account_of();

	(void)state;
	a.refused = twice;
	a.n_refused = ARRAY_SIZE(twice);
	char *text = written_of(&o, &a, NULL, 0);

	expect(text, "gotide_agent_refused_total{reason=\"a?\"} 7\n"
		     "gotide_agent_refused_total{reason=\"\"} 5\n");
	free(text);
}

static void ids_of_containers_are_short(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.process.container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char *text = written(&f, EXPOSITION_TEXT, 0);

	expect(text, "gotide_goroutines{pid=\"7\",comm=\"shop\",container=\"0123456789ab\",");
	expect(text, "container_id=\"0123456789abcdef0123456789abcdef0123456789abcdef"
		     "0123456789abcdef\"");
	free(text);
}

static void hooks_that_are_off_count_nothing(void **state)
{
	struct fixture f;

	(void)state;
	fixture_healthy(&f);
	f.process.hooks_on = 1 << WIRE_HOOK_PARK;
	char *text = written(&f, EXPOSITION_TEXT, 0);

	expect(text, "gotide_probe_hits_total" HEAP ",hook=\"park\"} 200\n");
	expect_no(text, "hook=\"birth\"");
	expect_no(text, "gotide_goroutines_started_total");
	expect_no(text, "gotide_goroutines_exited_total");
	free(text);
}

static void error_of_the_stream_is_told(void **state)
{
	const struct metrics_opts o = { .format = EXPOSITION_TEXT };
	const struct agent_account a = account_of();
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	assert_int_equal(metrics_write(f, &o, &a, NULL, 0), -ENOSPC);
	fclose(f);
}

/* ---- documentation ---- */

static const struct exposition_family *family_named(const char *name, size_t len,
						    bool *ret_is_compat)
{
	const struct exposition_family *f;

	for (size_t i = 0; (f = metrics_family(i, ret_is_compat)); i++)
		if (strlen(f->name) == len && !memcmp(f->name, name, len))
			return f;
	return NULL;
}

/* A row of a table: | `name` | type | ... */
static void row_is_true(const char *line, bool is_compat)
{
	static const char *const types[] = { "gauge", "counter", "info", "summary" };
	const char *name = strchr(line, '`') + 1, *end = strchr(name, '`');
	bool is_family_compat = false;
	const struct exposition_family *f =
		family_named(name, (size_t)(end - name), &is_family_compat);
	char type[16];

	if (!f || sscanf(end, "` | %15[a-z] |", type) != 1) {
		print_error("documented, but not there: %s", line);
		fail();
		return;
	}
	assert_string_equal(type, types[f->type]);
	assert_int_equal(is_family_compat, is_compat);
}

static void each_family_is_documented_and_no_other(void **state)
{
	char *docs = golden_read(DOCS), *rest = docs, *line;
	const char *compat = strstr(docs, "## With `--compat-metrics`");
	const struct exposition_family *f;
	size_t rows = 0, n = 0;
	bool is_compat;

	(void)state;
	assert_non_null(compat);
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, "| `", 3)) {
			row_is_true(line, line > compat);
			rows++;
		}
	free(docs);
	docs = golden_read(DOCS);
	for (; (f = metrics_family(n, &is_compat)); n++) {
		char row[128];

		snprintf(row, sizeof(row), "\n| `%s` |", f->name);
		expect(docs, row);
		assert_true(f->help[0] && !strpbrk(f->help, "\\\"\n"));
	}
	assert_int_equal(rows, n);
	free(docs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaking_process),
		cmocka_unit_test(what_is_unknown_is_left_out),
		cmocka_unit_test(hostile_names_are_harmless),
		cmocka_unit_test(an_agent_alone),
		cmocka_unit_test(compat_is_asked_for),
		cmocka_unit_test(families_hold_all_processes),
		cmocka_unit_test(flagged_sites_come_before_large_ones),
		cmocka_unit_test(sites_that_read_the_same_are_one),
		cmocka_unit_test(no_more_sites_than_there_may_be),
		cmocka_unit_test(findings_that_stand_are_shown),
		cmocka_unit_test(the_surest_of_equal_findings_counts),
		cmocka_unit_test(reasons_beyond_the_limit_are_one),
		cmocka_unit_test(counts_with_one_name_are_one),
		cmocka_unit_test(ids_of_containers_are_short),
		cmocka_unit_test(hooks_that_are_off_count_nothing),
		cmocka_unit_test(error_of_the_stream_is_told),
		cmocka_unit_test(each_family_is_documented_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
