/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/cleanup.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int keep_fd(int *ret_closed)
{
	_cleanup_close_ int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int none = -1;

	(void)none;
	*ret_closed = closed;
	return TAKE_FD(kept);
}

static void test_descriptors(void **state)
{
	int closed = -1, kept = keep_fd(&closed);

	(void)state;
	assert_true(is_open(kept));
	assert_true(closed >= 0);
	assert_false(is_open(closed));
	cleanup_close(&kept);
	assert_false(is_open(kept));
}

/* The leak checker is the witness that the other one was freed. */
static char *keep_memory(void)
{
	_cleanup_free_ char *freed = malloc(100);
	_cleanup_free_ char *kept = malloc(100);
	_cleanup_free_ char *none = NULL;

	(void)freed;
	(void)none;
	kept[0] = 'k';
	return TAKE_PTR(kept);
}

static void test_memory(void **state)
{
	_cleanup_free_ char *kept = keep_memory();
	char *other = kept, *taken;

	(void)state;
	assert_int_equal(kept[0], 'k');
	taken = TAKE_PTR(other);
	assert_null(other);
	assert_ptr_equal(taken, kept);
}

static void test_streams(void **state)
{
	int fd;

	(void)state;
	{
		_cleanup_fclose_ FILE *f = fopen("/dev/null", "re");
		_cleanup_closedir_ DIR *d = opendir("/");
		_cleanup_fclose_ FILE *no_file = NULL;
		_cleanup_closedir_ DIR *no_dir = NULL;

		assert_non_null(f);
		assert_non_null(d);
		(void)no_file;
		(void)no_dir;
		fd = fileno(f);
		assert_true(is_open(fd));
	}
	assert_false(is_open(fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
