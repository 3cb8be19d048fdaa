/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/aside.h"

struct outcome {
	struct loop *loop;
	unsigned int calls;
	int err;
	char *data;
	size_t size;
};

static void note(int err, char *data, size_t size, void *arg)
{
	struct outcome *o = arg;

	o->calls++;
	o->err = err;
	o->data = data;
	o->size = size;
	loop_stop(o->loop);
}

static void stop(void *loop)
{
	loop_stop(loop);
}

static int setup(void **state)
{
	struct outcome *o = calloc(1, sizeof(*o));

	if (!o || loop_new(&o->loop))
		return -1;
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct outcome *o = *state;

	loop_free(o->loop);
	free(o->data);
	free(o);
	return 0;
}

static void run(struct outcome *o, aside_work *work)
{
	struct aside *a = NULL;

	assert_int_equal(aside_new(o->loop, &a), 0);
	assert_int_equal(aside_start(a, work, note, o), 0);
	assert_int_equal(aside_start(a, work, note, o), -EBUSY);
	assert_int_equal(loop_run(o->loop), 0);
	assert_int_equal(o->calls, 1);
	aside_free(a);
	/* Nobody is left but one that was killed, and may take its time to go. */
	(void)waitpid(-1, NULL, 0);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

/* More than a pipe holds, more than is read at once. */
#define MUCH 1000003

static int write_much(FILE *f, void *arg)
{
	(void)arg;
	for (int i = 0; i < MUCH; i++)
		putc(i % 251, f);
	return 0;
}

static void test_much(void **state)
{
	struct outcome *o = *state;

	run(o, write_much);
	assert_int_equal(o->err, 0);
	assert_int_equal(o->size, MUCH);
	for (int i = 0; i < MUCH; i++)
		assert_int_equal((unsigned char)o->data[i], i % 251);
}

static int write_nothing(FILE *f, void *arg)
{
	(void)f;
	(void)arg;
	return 0;
}

static void test_nothing(void **state)
{
	struct outcome *o = *state;

	run(o, write_nothing);
	assert_int_equal(o->err, 0);
	assert_int_equal(o->size, 0);
}

static int write_half(FILE *f, void *arg)
{
	(void)arg;
	fputs("half of it", f);
	return -ENODATA;
}

static void test_failure(void **state)
{
	struct outcome *o = *state;

	run(o, write_half);
	assert_int_equal(o->err, -ENODATA);
	assert_null(o->data);
}

static int fail_beyond(FILE *f, void *arg)
{
	(void)f;
	(void)arg;
	return -100000;
}

static int die(FILE *f, void *arg)
{
	(void)f;
	(void)arg;
	kill(getpid(), SIGKILL);
	return 0;
}

static void test_death(void **state)
{
	struct outcome *o = *state;

	run(o, die);
	assert_int_equal(o->err, -EIO);
	o->calls = 0;
	run(o, fail_beyond);
	assert_int_equal(o->err, -EIO);
}

static int write_for_ever(FILE *f, void *arg)
{
	(void)arg;
	while (putc('x', f) != EOF)
		;
	return 0;
}

static void test_too_much(void **state)
{
	struct outcome *o = *state;

	run(o, write_for_ever);
	assert_int_equal(o->err, -EFBIG);
	assert_null(o->data);
}

static _Noreturn void wait_here(void)
{
	for (;;)
		pause();
}

static int wait_for_ever(FILE *f, void *arg)
{
	(void)arg;
	putc('x', f);
	fflush(f);
	wait_here();
}

static void test_cancelled(void **state)
{
	struct outcome *o = *state;
	struct aside *a = NULL;

	assert_int_equal(aside_new(o->loop, &a), 0);
	assert_int_equal(aside_start(a, wait_for_ever, note, o), 0);
	aside_cancel(a);
	aside_cancel(a);
	/* Its place is free once it has gone. */
	while (aside_start(a, write_nothing, note, o) == -EBUSY)
		aside_sweep(a);
	assert_int_equal(loop_run(o->loop), 0);
	assert_int_equal(o->calls, 1);
	assert_int_equal(o->err, 0);
	aside_free(a);
}

/* Without an end by those who wait for it, the session's end is the end. */
static void test_freed(void **state)
{
	struct outcome *o = *state;
	struct aside *a = NULL;

	assert_int_equal(aside_new(o->loop, &a), 0);
	assert_int_equal(aside_start(a, wait_for_ever, note, o), 0);
	assert_int_equal(loop_add_timer(o->loop, 0.01, false, stop, o->loop), 0);
	assert_int_equal(loop_run(o->loop), 0);
	aside_sweep(a); /* its time is not up */
	aside_free(a);
	assert_int_equal(o->calls, 0);
	/* Collected, or to be collected: killed in any case. */
	int status = 0;

	if (waitpid(-1, &status, 0) > 0)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_much),  TEST(test_nothing),  TEST(test_failure),   TEST(test_death),
		TEST(test_freed), TEST(test_too_much), TEST(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
