/* SPDX-License-Identifier: BSD-2-Clause */
/* What test_session_replay does not show: how large a tape becomes, and what happens where it
 * cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/record.h"
#include "simulate.h"

#define DAY_S	86400
#define DAY_MAX 20000000
#define PID	7
#define SITES	509

/* The busiest there is: at each tick every go statement has so many births that nobody can guess.
 */
static void busy_tick(struct model *m, uint64_t now_ns, uint64_t *random)
{
	static struct wire_site counts[SITES];

	model_counts_begin(m);
	for (unsigned int i = 0; i < SITES; i++) {
		*random = *random * 6364136223846793005u + 1442695040888963407u;
		counts[i].births += *random >> 50;
		counts[i].deaths += *random >> 51 & 0x1fff;
		model_site_counts(m, PID, sim_gopc(i), &counts[i]);
	}
	model_counts_end(m);
	model_tick(m, now_ns);
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void test_a_day(void **state)
{
	char path[] = "/tmp/gotide-test-record-XXXXXX";
	struct model_process_info info = {
		.pid = PID,
		.comm = "busy",
		.start_ns = clock_now_ns(),
		.age_s = -1,
		.resolver = { .site = sim_site_name, .frames = sim_frames, .reason = sim_reason },
	};
	uint64_t now_ns = info.start_ns, end_ns = now_ns + DAY_S * NSEC_PER_SEC, random = 1;
	struct record *r = NULL;
	struct model *m = NULL;
	unsigned int most = 0;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(model_new(NULL, &m), 0);
	assert_int_equal(record_open(path, "/proc", m, &r), 0);
	assert_int_equal(model_process_add(m, &info), 0);
	for (int ticks = 0; now_ns < end_ns; ticks++) {
		/* It is no less exact at first. */
		assert_true(ticks > 60 || record_stretch(r) == 1);
		now_ns += record_stretch(r) * NSEC_PER_SEC;
		most = MAX(most, record_stretch(r));
		busy_tick(m, now_ns, &random);
	}
	assert_int_equal(record_close(r), 0);
	model_free(m);
	assert_in_range(size_of(path), DAY_MAX / 2, DAY_MAX);
	assert_in_range(most, 2, RECORD_STRETCH_MAX);
	unlink(path);
}

static void test_quiet(void **state)
{
	char path[] = "/tmp/gotide-test-record-XXXXXX";
	struct record *r = NULL;
	struct model *m = NULL;
	uint64_t now_ns = clock_now_ns();

	(void)state;
	close(mkstemp(path));
	assert_int_equal(model_new(NULL, &m), 0);
	assert_int_equal(record_open(path, "/proc", m, &r), 0);
	/* The header is in the file at once, and the rest after some seconds. */
	assert_true(size_of(path) > 16);
	int64_t begun = size_of(path);

	for (int i = 1; i <= 3; i++)
		model_tick(m, now_ns + (uint64_t)i * NSEC_PER_SEC);
	assert_int_equal(size_of(path), begun);
	for (int i = 4; i <= 6; i++)
		model_tick(m, now_ns + (uint64_t)i * NSEC_PER_SEC);
	assert_true(size_of(path) > begun);
	assert_int_equal(record_stretch(r), 1);
	assert_int_equal(record_close(r), 0);
	/* Nobody listens any more. */
	model_tick(m, now_ns + 7 * NSEC_PER_SEC);
	model_free(m);
	assert_int_equal(record_close(NULL), 0);
	unlink(path);
}

static void test_cannot_be_made(void **state)
{
	struct record *r = NULL;
	struct model *m = NULL;

	(void)state;
	assert_int_equal(model_new(NULL, &m), 0);
	assert_int_equal(record_open("/nowhere/tape", "/proc", m, &r), -ENOENT);
	assert_int_equal(record_open("/dev/full", "/proc", m, &r), -ENOSPC);
	model_tick(m, clock_now_ns());
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_cannot_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
