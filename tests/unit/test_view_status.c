/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/markup.h"

#include "status_parts.h"
#include "view/status.h"

#define PAGE_MAX    (20 << 10) /* of an agent that watches nothing */
#define PROCESS_MAX (4 << 10) /* more for each process without a finding */

static const struct agent_count refused[] = { { "no-place", 2 },
					      { "too-many", 0 },
					      { "old-go", 5 } };
static const struct agent_count requests[] = { { "200", 41 }, { "404", 3 } };

static struct agent_account account_of(void)
{
	return (struct agent_account){
		.version = "1.2.3",
		.kernel = "6.1.0",
		.hostname = "node-17",
		.start_time_s = 1796000000,
		.uptime_s = 4000,
		.cpu_s = 20,
		.rss_bytes = 23 << 20,
		.fds = 61,
		.refused = refused,
		.n_refused = 3,
		.malformed = 7,
		.tasks_lost = 11,
		.events = { 1700, 13, 17, 19, 1749 },
		.requests = requests,
		.n_requests = 2,
	};
}

static char *page(const struct agent_account *a, const struct metrics_process *list, size_t n)
{
	return CAPTURE(f, assert_int_equal(status_write(f, a, list, n), 0));
}

/* Of one process that a fixture makes. */
static char *page_of(void (*make)(struct fixture *f))
{
	struct agent_account a = account_of();
	struct fixture f;

	make(&f);
	char *text = page(&a, &(struct metrics_process){ &f.process, &f.verdict }, 1);

	fixture_release(&f);
	return text;
}

static void check_has(const char *text, const char *words)
{
	if (!strstr(text, words))
		print_error("no %s in:\n%s\n", words, text);
	assert_non_null(strstr(text, words));
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

static void test_nothing_watched(void **state)
{
	struct agent_account a = account_of();
	char *text = page(&a, NULL, 0), *shape = markup_shape(text);

	(void)state;
	check_has(text, "No Go process is being watched yet");
	check_has(text, "<title>0 of 0 leak - node-17 - gotide</title>");
	check_has(text, "<dt>version</dt><dd>1.2.3, on Linux 6.1.0</dd>");
	check_has(text, "since 2026-11-30 00:53:20 UTC, for 1h06m");
	check_has(text, "2026-11-30 02:00:00 UTC");
	check_has(text, "<dt>CPU</dt><dd>20s, 0.5 % of one CPU</dd>");
	check_has(text, "23.0 MiB resident");
	check_has(text, "61 open");
	check_has(text, "1700 received, 13 sampled out, 17 lost, 19 unreadable; 1.75k probe hits");
	check_has(text, "7 records that made no sense");
	check_has(text, "11 starts or ends of processes");
	check_has(text, "<dt>not watched</dt><dd>no-place 2, old-go 5</dd>");
	check_has(text, "7 not watched");
	check_has(text, "<dt>answers</dt><dd>200 41, 404 3</dd>");
	assert_true(strlen(text) < PAGE_MAX);
	free(shape);
	free(text);
}

static void test_unknown_figures(void **state)
{
	struct agent_account a = { .cpu_s = -1, .rss_bytes = -1, .fds = -1 };
	char *text = page(&a, NULL, 0);

	(void)state;
	check_has(text, "<dt>CPU</dt><dd>?</dd>");
	check_has(text, "? resident");
	check_has(text, "<dt>not watched</dt><dd>none</dd>");
	check_has(text, "<dt>descriptors</dt><dd>?</dd>");
	free(markup_shape(text));
	free(text);
	text = page_of(fixture_unknown);
	check_has(text, "warming-up");
	check_has(text, "Watched for 3 seconds");
	free(markup_shape(text));
	free(text);
}

static void test_leak(void **state)
{
	char *text = page_of(fixture_leak);

	(void)state;
	check_has(text, "<title>1 of 1 leak - node-17 - gotide</title>");
	check_has(text, "<span class=\"bad\">1 goroutine-leak</span>");
	check_has(text, "<th scope=\"row\">shop</th>");
	check_has(text, "<td class=\"n\" data-v=\"1234\">1234</td>");
	check_has(text, "main.go:41 main.(*Server).handle -&gt; main.(*Server).handle.func1");
	check_has(text, ">12 % of 512 MiB</td>");
	check_has(text, ">shop/web-0 <small>web</small></td>");
	check_has(text, "1200 of the 1300 goroutines started here");
	check_has(text, "Next: Look for the path");
	check_has(text, "<code>runtime.chanrecv</code> <i>chan.go:667</i>");
	check_has(text, "12.0 MiB live heap, 2.00 MiB garbage or new");
	free(markup_shape(text));
	free(text);
}

/* A container without a name is its id's first digits; a limit may be the pod's. */
static void test_containers(void **state)
{
	struct agent_account a = account_of();
	struct fixture f;
	struct metrics_process one = { &f.process, &f.verdict };

	(void)state;
	fixture_leak(&f);
	f.process.container = "0123456789abcdef";
	f.process.container_name = f.process.pod = f.process.pod_namespace = f.process.pod_uid =
		NULL;
	f.process.limit_bytes = -1;
	char *text = page(&a, &one, 1);

	check_has(text, "<small>0123456789ab</small></td>");
	check_has(text, ">42 % of 768 MiB</td>");
	free(text);
	f.process.pod_limit_bytes = -1;
	text = page(&a, &one, 1);
	check_has(text, "<td class=\"n m\">-</td>");
	free(text);
}

/* Every state; one that is over is not beside the row, and is no reason for alarm. */
static void test_states(void **state)
{
	struct agent_account a = account_of();
	struct fixture f;
	struct metrics_process one = { &f.process, &f.verdict };

	(void)state;
	char *text = page_of(fixture_heap);

	check_has(text, "shop <small>exited</small>");
	check_has(text, "killed by signal 9: the kernel was out of memory");
	check_has(text, "fd-leak, confidence 0.80, found 25s ago (paused)");
	check_has(text, "off-heap-growth, confidence 0.70, found 25s ago (over)");
	check_has(text, "What grew most is allocated here, innermost first:");
	check_has(text, "<code>main.(*cache).put</code> <i>cache.go:41</i>");
	assert_null(strstr(text, "api/v1/processes/7"));
	free(markup_shape(text));
	free(text);

	fixture_healthy(&f);
	fixture_finding(&f, VERDICT_FD_LEAK, 0.7)->state = FINDING_RECOVERED;
	f.verdict.kind = VERDICT_HEALTHY;
	text = page(&a, &one, 1);
	assert_null(strstr(text, "<p class=\"p\">"));
	assert_null(strstr(text, "class=\"f bad\""));
	check_has(text, "stayed flat");
	f.verdict.findings[0].state = FINDING_NEW;
	free(text);
	text = page(&a, &one, 1);
	check_has(text, "(seen once, to be confirmed)</p>");
	free(text);
}

static void test_profiles_are_linked_if_there_are_any(void **state)
{
	struct agent_account a = account_of();
	struct fixture f;
	struct metrics_process one = { &f.process, &f.verdict };

	(void)state;
	fixture_healthy(&f);
	char *text = page(&a, &one, 1);

	check_has(text, "href=\"api/v1/processes/7\"");
	assert_null(strstr(text, "pprof"));
	free(text);
	a.has_profiles = true;
	text = page(&a, &one, 1);
	check_has(text, "href=\"debug/pprof-of/7/heap\"");
	check_has(text, "href=\"debug/pprof-of/7/goroutine\"");
	free(text);
}

/* ---- hostile names ---- */

struct hostile {
	struct fixture f;
	struct agent_account a;
	struct snapshot_frame stack[3], creators[2];
	struct agent_count counts[2];
	struct snapshot_timers timers;
};

/* Every name that may be foreign, in a process with all that a page can show. */
static void make_hostile(struct hostile *h, void (*make)(struct fixture *f), const char *name)
{
	struct snapshot_process *p = &h->f.process;

	make(&h->f);
	fixture_live_series(&h->f, 3, 1234);
	h->a = account_of();
	h->a.version = h->a.kernel = h->a.hostname = name;
	for (size_t i = 0; i < 3; i++)
		h->stack[i] = (struct snapshot_frame){ name, name, 41 };
	h->creators[0] = h->creators[1] = h->stack[0];
	h->counts[0] = h->counts[1] = (struct agent_count){ name, 3 };
	h->a.refused = h->a.requests = h->counts;
	h->timers = (struct snapshot_timers){ .total = 3, .n_top = 1 };
	snprintf(h->timers.top[0].function, SNAPSHOT_TIMER_NAME, "%s", name);
	p->comm = p->exe = p->go_version = p->module = p->container = p->pod = name;
	p->container_name = p->pod_namespace = p->pod_uid = name;
	p->timers = &h->timers;
	for (size_t i = 0; i < p->n_sites; i++) {
		struct snapshot_site *s = &h->f.sites[i];

		s->function = s->file = s->start_function = s->wait_reason = name;
		s->stack = h->stack;
		s->stack_depth = 3;
		s->creation_stack = h->creators;
		s->creation_depth = 2;
	}
	for (size_t i = 0; i < h->f.verdict.n_findings; i++) {
		struct finding *n = &h->f.verdict.findings[i];

		snprintf(n->evidence[0], VERDICT_LINE_MAX, "%s", name);
		n->n_evidence = 1;
		snprintf(n->advice, VERDICT_LINE_MAX, "%s", name);
	}
	snprintf(h->f.verdict.summary, VERDICT_LINE_MAX, "%s", name);
}

static char *hostile_shape(void (*make)(struct fixture *f), const char *name)
{
	struct hostile *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	make_hostile(h, make, name);
	char *text = page(&h->a, &(struct metrics_process){ &h->f.process, &h->f.verdict }, 1);
	char *shape = markup_shape(text);

	assert_int_equal(count(text, "<script"), 1);
	free(text);
	fixture_release(&h->f);
	free(h);
	return shape;
}

/* Whatever names hold, the page has the same elements with the same attributes. */
static void test_names_never_are_markup(void **state)
{
	static void (*const makers[])(struct fixture *) = { fixture_leak, fixture_heap };

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(makers); m++) {
		char *calm = hostile_shape(makers[m], "main.handle");

		for (size_t i = 0; i < ARRAY_SIZE(markup_hostile); i++) {
			char *shape = hostile_shape(makers[m], markup_hostile[i]);

			if (strcmp(shape, calm))
				print_error("%s changes the page\n", markup_hostile[i]);
			assert_string_equal(shape, calm);
			free(shape);
		}
		free(calm);
	}
}

/* Names as long as they may be are cut, and only they. */
static void test_long_names(void **state)
{
	char name[4000];

	(void)state;
	memset(name, '<', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	free(hostile_shape(fixture_leak, name));
}

/* ---- many ---- */

struct many {
	struct fixture f;
	struct snapshot_process processes[STATUS_PROCESSES_MAX + 3];
	struct verdict healthy, leak;
	struct metrics_process list[STATUS_PROCESSES_MAX + 3];
};

/* The last one leaks, which no list may hide. */
static struct many *many_new(size_t n)
{
	struct many *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	fixture_leak(&m->f);
	fixture_live_series(&m->f, 33, 37);
	m->leak = m->f.verdict;
	m->healthy.kind = VERDICT_HEALTHY;
	snprintf(m->healthy.summary, VERDICT_LINE_MAX, "it is flat");
	for (size_t i = 0; i < n; i++) {
		m->processes[i] = m->f.process;
		m->processes[i].pid = 1001 + (pid_t)i;
		m->processes[i].live = 17;
		m->list[i] = (struct metrics_process){ &m->processes[i],
						       i == n - 1 ? &m->leak : &m->healthy };
	}
	return m;
}

static void many_free(struct many *m)
{
	fixture_release(&m->f);
	free(m);
}

static void test_processes_are_capped_worst_first(void **state)
{
	const size_t n = STATUS_PROCESSES_MAX + 3;
	struct many *m = many_new(n);
	struct agent_account a = account_of();

	(void)state;
	char *text = page(&a, m->list, n), *first = strstr(text, "<tbody id=\"");

	assert_int_equal(count(text, "<tbody id=\""), STATUS_PROCESSES_MAX);
	check_has(text, "503 Go processes</span> <span class=\"bad\">1 goroutine-leak</span> "
			"<span class=\"good\">502 healthy</span>");
	check_has(text, "And 3 more, which come after these");
	assert_true(!strncmp(first, "<tbody id=\"p1503\"", 17));
	free(markup_shape(text));
	free(text);
	many_free(m);
}

static void test_size(void **state)
{
	struct many *m = many_new(102);
	struct agent_account a = account_of();

	(void)state;
	/* From the leak on, to which it does not apply. */
	char *one = page(&a, m->list + 101, 1), *all = page(&a, m->list, 102);
	size_t each = (strlen(all) - strlen(one)) / 101;

	if (each > PROCESS_MAX)
		print_error("%zu bytes for each process\n", each);
	assert_true(each <= PROCESS_MAX);
	free(one);
	free(all);
	many_free(m);
}

/* A process that has executed another program is there twice, under one pid. */
static void test_ids_are_unique(void **state)
{
	struct many *m = many_new(3);
	struct agent_account a = account_of();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		m->processes[i].pid = 1001;
		m->processes[i].has_exited = i > 0;
		m->processes[i].start_ns -= i;
	}
	char *text = page(&a, m->list, 3), *seen[3] = { text, NULL, NULL };

	for (size_t i = 0; i < 3; i++) {
		seen[i] = strstr(i ? seen[i - 1] + 1 : text, "<tbody id=\"");
		assert_non_null(seen[i]);
		for (size_t k = 0; k < i; k++)
			assert_true(strcspn(seen[k] + 11, "\"") != strcspn(seen[i] + 11, "\"") ||
				    strncmp(seen[k], seen[i], 11 + strcspn(seen[i] + 11, "\"")));
	}
	free(text);
	many_free(m);
}

/* ---- what the browser is told ---- */

static void test_policy(void **state)
{
	struct agent_account a = account_of();
	char *text = page(&a, NULL, 0);
	const char *policy = status_policy();

	(void)state;
	/* What is hashed at build time is what the page holds, nothing before or after it. */
	check_has(text, "<style>");
	assert_true(!strncmp(strstr(text, "<style>") + 7, status_style, strlen(status_style)));
	check_has(text, "<script id=\"script\">");
	assert_true(
		!strncmp(strstr(text, "\"script\">") + 9, status_script, strlen(status_script)));
	check_has(policy, "default-src 'none'");
	check_has(policy, STATUS_SCRIPT_SHA256);
	check_has(policy, STATUS_STYLE_SHA256);
	assert_null(strstr(policy, "unsafe"));
	assert_null(strchr(policy, '\n'));
	/* A style attribute would need 'unsafe-inline'; nothing comes from elsewhere. */
	assert_null(strstr(text, " style=\""));
	assert_null(strstr(text, "://"));
	free(text);
}

static void test_broken_stream(void **state)
{
	struct agent_account a = account_of();
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	assert_int_equal(setvbuf(f, NULL, _IONBF, 0), 0);
	assert_int_equal(status_write(f, &a, NULL, 0), -ENOSPC);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_watched),
		cmocka_unit_test(test_unknown_figures),
		cmocka_unit_test(test_leak),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_profiles_are_linked_if_there_are_any),
		cmocka_unit_test(test_names_never_are_markup),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_processes_are_capped_worst_first),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_ids_are_unique),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_broken_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
