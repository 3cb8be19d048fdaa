/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/notify.h"

/* A manager's end, in the abstract namespace if is_abstract; the name for the environment. */
static int manager(bool is_abstract, char *name, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n = snprintf(name, size, "%s/tmp/gotide-notify-%d", is_abstract ? "@" : "", getpid());

	memcpy(addr.sun_path, name, (size_t)n);
	if (is_abstract)
		addr.sun_path[0] = '\0';
	unlink(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n +
					  !is_abstract)),
			 0);
	return fd;
}

static void check_message(bool is_abstract)
{
	char name[64], got[64];
	int fd = manager(is_abstract, name, sizeof(name));
	struct notify n;
	ssize_t len;

	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_null(getenv("NOTIFY_SOCKET")); /* not for who is started from here */
	notify_send(&n, "READY=1");
	len = recv(fd, got, sizeof(got), 0);
	assert_int_equal(len, 7);
	assert_memory_equal(got, "READY=1", 7);
	notify_close(&n);
	close(fd);
	if (!is_abstract)
		unlink(name);
}

static void test_path(void **state)
{
	(void)state;
	check_message(false);
}

static void test_abstract(void **state)
{
	(void)state;
	check_message(true);
}

static void test_nobody(void **state)
{
	struct notify n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.fd, -1);
	notify_send(&n, "READY=1");
	notify_close(&n);
}

static void test_no_such_socket(void **state)
{
	char name[300];
	struct notify n;

	(void)state;
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(notify_open(&n), -ENOENT);
	assert_int_equal(n.fd, -1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(&n), -EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&n), -EINVAL);
	notify_send(&n, "READY=1");
}

static double interval(const char *usec, const char *pid)
{
	struct notify n;

	setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	return n.watchdog_s;
}

static void test_watchdog(void **state)
{
	char own[16];

	(void)state;
	snprintf(own, sizeof(own), "%d", getpid());
	assert_float_equal(interval("30000000", NULL), 15, 1e-9);
	assert_float_equal(interval("30000000", own), 15, 1e-9);
	assert_float_equal(interval("30000000", "1"), 0, 1e-9);
	assert_float_equal(interval("0", NULL), 0, 1e-9);
	assert_float_equal(interval("soon", NULL), 0, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),	 cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_nobody),	 cmocka_unit_test(test_no_such_socket),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
