/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "session/loop.h"

struct seen {
	struct loop *loop;
	int count, stop_at;
	int fd;
};

static void count_call(void *arg)
{
	struct seen *s = arg;
	char c;

	if (s->fd >= 0)
		assert_int_equal(read(s->fd, &c, 1), 1);
	if (++s->count == s->stop_at)
		loop_stop(s->loop);
}

static void test_timer_repeats_until_stopped(void **state)
{
	struct seen s = { .stop_at = 5, .fd = -1 };

	(void)state;
	assert_int_equal(loop_new(&s.loop), 0);
	assert_int_equal(loop_add_timer(s.loop, 0.001, true, count_call, &s), 0);
	assert_int_equal(loop_run(s.loop), 0);
	assert_int_equal(s.count, 5);
	loop_free(s.loop);
}

static void test_single_timer_fires_once(void **state)
{
	struct seen once = { .fd = -1 }, end = { .stop_at = 5, .fd = -1 };

	(void)state;
	assert_int_equal(loop_new(&end.loop), 0);
	once.loop = end.loop;
	assert_int_equal(loop_add_timer(end.loop, 0.001, false, count_call, &once), 0);
	assert_int_equal(loop_add_timer(end.loop, 0.004, true, count_call, &end), 0);
	assert_int_equal(loop_run(end.loop), 0);
	assert_int_equal(once.count, 1);
	loop_free(end.loop);
}

static void test_descriptor_and_signal(void **state)
{
	int fds[2];
	struct seen by_fd = { .fd = -1 }, by_signal = { .stop_at = 1, .fd = -1 };

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_new(&by_signal.loop), 0);
	by_fd.loop = by_signal.loop;
	by_fd.fd = fds[0];
	by_fd.stop_at = 3;
	assert_int_equal(loop_add_fd(by_signal.loop, fds[0], count_call, &by_fd), 0);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	assert_int_equal(loop_run(by_signal.loop), 0);
	assert_int_equal(by_fd.count, 3);

	assert_int_equal(loop_add_signal(by_signal.loop, SIGUSR1, count_call, &by_signal), 0);
	raise(SIGUSR1);
	assert_int_equal(loop_run(by_signal.loop), 0);
	assert_int_equal(by_signal.count, 1);
	loop_free(by_signal.loop);
	close(fds[0]);
	close(fds[1]);
}

static void test_free_nothing(void **state)
{
	(void)state;
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_repeats_until_stopped),
		cmocka_unit_test(test_single_timer_fires_once),
		cmocka_unit_test(test_descriptor_and_signal),
		cmocka_unit_test(test_free_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
