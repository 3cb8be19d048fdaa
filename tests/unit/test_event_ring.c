/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be tested without a ring in the kernel: that anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "event/ring.h"

static void never(_unused_ const struct event *ev, _unused_ const void *data, _unused_ size_t size,
		  _unused_ void *arg)
{
	fail();
}

static int silent(_unused_ enum libbpf_print_level level, _unused_ const char *fmt,
		  _unused_ va_list args)
{
	return 0;
}

static void only_a_ring_is_opened(_unused_ void **state)
{
	struct ring *const untouched = (struct ring *)&only_a_ring_is_opened;
	struct ring *r = untouched;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	libbpf_set_print(silent);
	assert_true(ring_open(-1, never, NULL, &r) < 0);
	assert_true(ring_open(fd, never, NULL, &r) < 0);
	assert_ptr_equal(r, untouched);
	close(fd);
	ring_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_ring_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
