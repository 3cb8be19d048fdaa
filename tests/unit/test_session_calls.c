/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/calls.h"

#define NO_FILTERS 255 /* of the child: this kernel has none */

/* Not by _exit(): before what does not return the sanitizer makes calls that are not let through.
 */
static void leave(int status)
{
	(void)syscall(SYS_exit_group, status);
}

static void confine(const struct calls_opts *opts)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || calls_confine(opts))
		leave(NO_FILTERS);
}

/* The errno of a call, 0 if it did not fail, made by a child behind the filter. */
static int errno_of(const struct calls_opts *opts, long number, long a, long b, long c)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		confine(opts);
		leave(syscall(number, a, b, c, 0, 0, 0) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTERS)
		skip();
	return WEXITSTATUS(status);
}

static void nothing_is_started_or_reached(void **state)
{
	const struct calls_opts o = { 0 };

	(void)state;
	assert_int_equal(errno_of(&o, SYS_execve, (long)"/nonexistent", 0, 0), EPERM);
	assert_int_equal(errno_of(&o, SYS_clone, SIGCHLD, 0, 0), EPERM);
	assert_int_equal(errno_of(&o, SYS_clone, CLONE_VM | CLONE_SIGHAND | SIGCHLD, 0, 0), EPERM);
	assert_int_equal(errno_of(&o, SYS_socket, AF_INET, SOCK_STREAM, 0), EPERM);
	assert_int_equal(errno_of(&o, SYS_kill, getpid(), 0, 0), EPERM);
	assert_int_equal(errno_of(&o, SYS_perf_event_open, 0, 0, 0), EPERM);
}

/* Flags of which the kernel takes no two together, so that there is none in fact. */
static void threads_are_let_through(void **state)
{
	const long nothing = CLONE_PIDFD | CLONE_PARENT_SETTID;
	const long thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | nothing;
	const struct calls_opts o = { 0 };

	(void)state;
	assert_int_equal(errno_of(&o, SYS_clone, thread, 0, 0), EINVAL);
	assert_int_equal(errno_of(&o, SYS_clone, thread | CLONE_NEWUSER, 0, 0), EPERM);
	/* libc goes on with clone() */
	assert_int_equal(errno_of(&o, SYS_clone3, 0, 0, 0), ENOSYS);
}

static void files_open_for_reading_alone(void **state)
{
	const struct calls_opts o = { 0 };
	const long dir = AT_FDCWD, null = (long)"/dev/null";

	(void)state;
	assert_int_equal(errno_of(&o, SYS_openat, dir, null, O_RDONLY | O_CLOEXEC), 0);
	assert_int_equal(errno_of(&o, SYS_openat, dir, (long)"/", O_RDONLY | O_DIRECTORY), 0);
	assert_int_equal(errno_of(&o, SYS_openat, dir, null, O_WRONLY), EPERM);
	assert_int_equal(errno_of(&o, SYS_openat, dir, null, O_RDWR), EPERM);
	assert_int_equal(errno_of(&o, SYS_openat, dir, null, O_RDONLY | O_CREAT), EPERM);
	assert_int_equal(errno_of(&o, SYS_openat, dir, null, O_RDONLY | O_TRUNC), EPERM);
	assert_int_equal(errno_of(&o, SYS_openat, dir, (long)"/tmp", O_TMPFILE | O_RDWR), EPERM);
	/* libc goes on with the older call */
	assert_int_equal(errno_of(&o, SYS_openat2, dir, null, 0), ENOSYS);
}

static void memory_never_becomes_code(void **state)
{
	const struct calls_opts o = { 0 };

	(void)state;
	/* Lengths of 0 are invalid, and tell that the call was let through. */
	assert_int_equal(errno_of(&o, SYS_mmap, 0, 0, PROT_READ | PROT_WRITE), EINVAL);
	assert_int_equal(errno_of(&o, SYS_mmap, 0, 0, PROT_READ | PROT_EXEC), EPERM);
	assert_int_equal(errno_of(&o, SYS_mprotect, 0, 0, PROT_READ), 0);
	assert_int_equal(errno_of(&o, SYS_mprotect, 0, 0, PROT_READ | PROT_EXEC), EPERM);
}

/* Of a failed assertion, say. */
static void own_death_is_seen(void **state)
{
	const struct calls_opts o = { 0 };
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		confine(&o);
		raise(SIGABRT);
		leave(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
		skip();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void options_let_through_what_they_say(void **state)
{
	const struct calls_opts perf = { .use_perf_events = true };
	const struct calls_opts children = { .use_children = true };

	(void)state;
	assert_int_equal(errno_of(&perf, SYS_perf_event_open, 0, 0, 0), EFAULT);
	assert_int_equal(errno_of(&perf, SYS_clone, CLONE_SIGHAND, 0, 0), EPERM);
	/* Invalid: it shares handlers but not the memory that they are in. */
	assert_int_equal(errno_of(&children, SYS_clone, CLONE_SIGHAND, 0, 0), EINVAL);
	assert_int_equal(errno_of(&children, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0), EPERM);
	assert_int_equal(errno_of(&children, SYS_kill, INT32_MAX, SIGKILL, 0), ESRCH);
	assert_int_equal(errno_of(&children, SYS_kill, INT32_MAX, SIGTERM, 0), EPERM);
	assert_int_equal(errno_of(&children, SYS_execve, (long)"/nonexistent", 0, 0), EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_started_or_reached),
		cmocka_unit_test(threads_are_let_through),
		cmocka_unit_test(files_open_for_reading_alone),
		cmocka_unit_test(memory_never_becomes_code),
		cmocka_unit_test(own_death_is_seen),
		cmocka_unit_test(options_let_through_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
