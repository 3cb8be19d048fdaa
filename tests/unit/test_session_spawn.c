/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/spawn.h"

static void test_resolve_finds_along_path(void **state)
{
	char buf[256];

	(void)state;
	setenv("PATH", "/nonexistent:/usr/bin:/bin", 1);
	assert_int_equal(spawn_resolve("true", buf, sizeof(buf)), 0);
	assert_string_equal(strrchr(buf, '/'), "/true");
	assert_int_equal(spawn_resolve("no-such-command-at-all", buf, sizeof(buf)), -ENOENT);
}

static void test_resolve_takes_a_path_as_it_is(void **state)
{
	char buf[256];

	(void)state;
	assert_int_equal(spawn_resolve("/bin/sh", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/bin/sh");
	assert_int_equal(spawn_resolve("/etc/passwd", buf, sizeof(buf)), -EACCES);
	assert_int_equal(spawn_resolve("/etc", buf, sizeof(buf)), -EACCES);
	assert_int_equal(spawn_resolve("/bin/sh", buf, 4), -ENAMETOOLONG);
}

/* What a reader of the pipe sees proves when the child ran. */
static void test_child_waits_for_release(void **state)
{
	int out[2];
	char text[16] = "";
	struct spawn s;
	struct timeval none = { 0 };
	fd_set readable;

	(void)state;
	assert_int_equal(pipe(out), 0);
	char command[64];

	snprintf(command, sizeof(command), "echo ran >&%d", out[1]);
	char *const argv[] = { (char *)"sh", (char *)"-c", command, NULL };

	spawn_init(&s);
	assert_int_equal(spawn_start(&s, "/bin/sh", argv), 0);
	close(out[1]);
	FD_ZERO(&readable);
	FD_SET(out[0], &readable);
	assert_int_equal(select(out[0] + 1, &readable, NULL, NULL, &none), 0);
	assert_false(spawn_reap(&s));
	assert_int_equal(spawn_release(&s), 0);
	assert_int_equal(read(out[0], text, sizeof(text)), 4);
	assert_string_equal(text, "ran\n");
	assert_int_equal(read(out[0], text, sizeof(text)), 0); /* its end: the child has exited */
	spawn_end(&s);
	assert_true(WIFEXITED(s.status));
	assert_int_equal(WEXITSTATUS(s.status), 0);
	close(out[0]);
}

static void test_failed_exec_is_told(void **state)
{
	char *const argv[] = { (char *)"x", NULL };
	struct spawn s;

	(void)state;
	spawn_init(&s);
	assert_int_equal(spawn_start(&s, "/nonexistent/x", argv), 0);
	assert_int_equal(spawn_release(&s), -ENOENT);
	spawn_end(&s);
	assert_int_equal(WEXITSTATUS(s.status), 127);
}

static void test_end_terminates_a_running_child(void **state)
{
	char *const argv[] = { (char *)"sleep", (char *)"1000", NULL };
	struct spawn s;

	(void)state;
	spawn_init(&s);
	assert_int_equal(spawn_start(&s, "/bin/sleep", argv), 0);
	assert_int_equal(spawn_release(&s), 0);
	assert_false(spawn_reap(&s));
	spawn_end(&s);
	assert_true(WIFSIGNALED(s.status));
	assert_int_equal(WTERMSIG(s.status), SIGTERM);
}

/* gotide ignores SIGPIPE; a command that did too would write on after its reader left. */
static void test_child_dies_of_sigpipe(void **state)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"kill -s PIPE $$; exit 5",
			       NULL };
	int status;
	struct spawn s;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	spawn_init(&s);
	assert_int_equal(spawn_start(&s, "/bin/sh", argv), 0);
	assert_int_equal(spawn_release(&s), 0);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	s.status = status;
	spawn_end(&s);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

/* An observer that gives up before the exec leaves no child waiting for ever. */
static void test_end_before_release(void **state)
{
	char *const argv[] = { (char *)"sleep", (char *)"1000", NULL };
	struct spawn s;

	(void)state;
	spawn_init(&s);
	assert_int_equal(spawn_start(&s, "/bin/sleep", argv), 0);
	spawn_end(&s);
	assert_int_not_equal(s.status, -1);
	spawn_init(&s);
	spawn_end(&s); /* owning nothing is fine */
	assert_true(spawn_reap(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve_finds_along_path),
		cmocka_unit_test(test_resolve_takes_a_path_as_it_is),
		cmocka_unit_test(test_child_waits_for_release),
		cmocka_unit_test(test_failed_exec_is_told),
		cmocka_unit_test(test_end_terminates_a_running_child),
		cmocka_unit_test(test_child_dies_of_sigpipe),
		cmocka_unit_test(test_end_before_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
