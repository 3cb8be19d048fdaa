/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Made-up days, recorded on tapes and replayed: a leak of one goroutine a minute is found, a day's
 * waves are not, and the looks of a replay are those of the observation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session.h"
#include "session/record.h"
#include "simulate.h"

#define DAY_S	  86400
#define BEFORE_S  7200 /* it had run for so long */
#define DAY_MAX	  20000000
#define LEAK_SITE 8

struct day {
	void (*second)(struct sim *s, int t);
	/* what came of it */
	double found_s; /* when a leak was said first; 0: never */
	enum verdict_kind kind; /* at the end */
	uint64_t site;
};

static int poisson(struct sim *s, double mean)
{
	double sum = sim_exponential(s, 1);
	int n = 0;

	for (; sum < mean; n++)
		sum += sim_exponential(s, 1);
	return n;
}

/* Requests, more of them at noon than at midnight. */
static void requests(struct sim *s, int t)
{
	double rate = 2 + 1.5 * sin(2 * M_PI * t / DAY_S);
	int n = poisson(s, rate);

	for (int i = 0; i < n; i++)
		sim_go(s, 1, sim_exponential(s, 1));
	s->total_alloc += 1e6 * rate;
	if (s->is_attached && t % 20 == 0)
		sim_mark(s, 20e6 + 5e6 * rate + 2e6 * sim_random(s));
}

static void one_a_minute(struct sim *s, int t)
{
	requests(s, t);
	if (t % 60 == 7)
		sim_go(s, LEAK_SITE, SIM_EVER);
}

/* And sessions that last for twenty minutes. */
static void healthy(struct sim *s, int t)
{
	double rate = 0.2 + 0.15 * sin(2 * M_PI * t / DAY_S);

	requests(s, t);
	if (sim_random(s) < rate)
		sim_go(s, 2, sim_exponential(s, 1200));
}

static void record_day(const char *path, const struct day *d)
{
	double begin = ceil((double)clock_now_ns() / 1e9) +
		       BEFORE_S; /* the tape's header has the real time */
	struct record *r = NULL;
	struct sim s;

	sim_init(&s, 17);
	for (int t = -BEFORE_S; t < 0; t++) {
		s.now = begin + t;
		sim_deaths(&s, s.now);
		d->second(&s, t);
	}
	s.now = begin;
	assert_int_equal(record_open(path, "/proc", s.m, &r), 0);
	sim_attach(&s, true);
	for (int t = 1; t <= DAY_S; t++) {
		s.now = begin + t;
		sim_deaths(&s, s.now);
		d->second(&s, t);
		if (t % (int)record_stretch(r) == 0)
			sim_tick(&s);
	}
	assert_int_equal(record_close(r), 0);
	sim_release(&s);
}

static int on_sample(struct session *s, const struct snapshot *snap, void *arg)
{
	const struct snapshot_process *p = &snap->processes[0];
	struct day *d = arg;
	struct verdict v;

	assert_int_equal(snap->n, 1);
	judge_verdict(session_judge(s), p, &v);
	d->kind = v.kind;
	if (!verdict_kind_is_leak(v.kind))
		return 0;
	if (!d->found_s)
		print_message("%s: %s\n", verdict_kind_str(v.kind), v.summary);
	d->site = v.findings[0].site ? v.findings[0].site->gopc : 0;
	if (!d->found_s)
		d->found_s = seconds_between(p->start_ns, p->now_ns);
	return 0;
}

static void live_through(struct day *d)
{
	struct session_opts opts = {
		.input_fd = -1,
		.quiet = true,
		.interval_s = 60,
		.on_sample = on_sample,
		.on_end = on_sample,
		.arg = d,
	};
	char path[] = "/tmp/gotide-test-day-XXXXXX";
	struct stat st;

	close(mkstemp(path));
	record_day(path, d);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, DAY_MAX);
	assert_int_equal(session_replay(path, &opts), 0);
	unlink(path);
	print_message("verdict %s; first leak after %.0f s; tape of %jd bytes\n",
		      verdict_kind_str(d->kind), d->found_s, (intmax_t)st.st_size);
}

static void test_one_a_minute_is_found(void **state)
{
	struct day d = { .second = one_a_minute };

	(void)state;
	live_through(&d);
	assert_int_equal(d.kind, VERDICT_GOROUTINE_LEAK);
	assert_int_equal(d.site, sim_gopc(LEAK_SITE));
	assert_true(d.found_s > 0 && d.found_s < DAY_S);
}

static void test_a_healthy_day(void **state)
{
	struct day d = { .second = healthy };

	(void)state;
	live_through(&d);
	assert_true(d.found_s == 0);
	assert_false(verdict_kind_is_leak(d.kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_a_minute_is_found),
		cmocka_unit_test(test_a_healthy_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
