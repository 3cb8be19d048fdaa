/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every command: wrong usage is status 2, --help is status 0 and ends with examples.  argp ends the
 * process, so each case runs in a child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "cmd/cmd.h"

#include <argp.h>

struct outcome {
	int status; /* exit status, -1: killed */
	char text[8192]; /* standard output and error */
};

/* Runs in the child and does not return. */
static void child(const struct cmd *c, char **argv, int fd)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	argp_err_exit_status = CMD_USAGE;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	exit(c->run(argc, argv));
}

static void run(const struct cmd *c, const char *a, const char *b, struct outcome *ret)
{
	char name[] = "gotide x", first[64], second[64];
	char *argv[] = { name, a ? first : NULL, b ? second : NULL, NULL };
	int fds[2], status;
	size_t len = 0;

	snprintf(first, sizeof(first), "%s", a ? a : "");
	snprintf(second, sizeof(second), "%s", b ? b : "");
	fflush(stdout);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	if (!pid)
		child(c, argv, fds[1]);
	assert_true(pid > 0);
	close(fds[1]);
	for (ssize_t n; (n = read(fds[0], ret->text + len, sizeof(ret->text) - 1 - len)) > 0;)
		len += (size_t)n;
	ret->text[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_wrong_usage(void **state)
{
	static const struct {
		const struct cmd *cmd;
		const char *a, *b;
		const char *says;
	} cases[] = {
		{ &cmd_report, NULL, NULL, "which process?" },
		{ &cmd_report, "--for=soon", "7", "'soon' is not a duration" },
		{ &cmd_report, "--nonsense", "7", "nonsense" },
		{ &cmd_run, NULL, NULL, "which command?" },
		{ &cmd_run, "--park=some", "x", "neither 'all' nor 'off'" },
		{ &cmd_top, "-n", "0", "not a positive number" },
		{ &cmd_top, "-p", "init", "not a process id" },
		{ &cmd_goroutines, NULL, NULL, "which process?" },
		{ &cmd_goroutines, "7", "8", "one PID or name" },
		{ &cmd_goroutines, "--by=luck", "7", "neither 'stack' nor 'site' nor 'wait'" },
		{ &cmd_goroutines, "--min-age=old", "7", "'old' is not a duration" },
		{ &cmd_goroutines, "--text", "--folded", "which process?" },
		{ &cmd_heap, NULL, NULL, "which process?" },
		{ &cmd_heap, "-j", "--folded", "which process?" },
		{ &cmd_inspect, NULL, NULL, "which executable?" },
		{ &cmd_doctor, "7", NULL, "takes no arguments" },
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run(cases[i].cmd, cases[i].a, cases[i].b, &o);
		if (!strstr(o.text, cases[i].says))
			print_error("%s\n", o.text);
		assert_int_equal(o.status, CMD_USAGE);
		assert_non_null(strstr(o.text, cases[i].says));
	}
}

/* What is written last would be all that is there. */
static void test_same_file(void **state)
{
	static const struct cmd *const all[] = { &cmd_goroutines, &cmd_heap };
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		run(all[i], "--pprof=7", "--svg=7", &o);
		assert_int_equal(o.status, CMD_USAGE);
		assert_non_null(strstr(o.text, "a file of its own"));
		run(all[i], "--pprof=7", "-o7", &o);
		assert_int_equal(o.status, CMD_USAGE);
		assert_non_null(strstr(o.text, "a file of its own"));
		run(all[i], "--pprof=/dev/null", "--svg=/dev/null", &o);
		assert_non_null(strstr(o.text, "which process?"));
	}
}

static void test_help(void **state)
{
	static const struct cmd *const all[] = {
		&cmd_top,  &cmd_report,	 &cmd_run,    &cmd_goroutines,
		&cmd_heap, &cmd_inspect, &cmd_doctor,
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		run(all[i], "--help", NULL, &o);
		assert_int_equal(o.status, CMD_OK);
		const char *examples = strstr(o.text, "\nExamples:\n  gotide");

		assert_non_null(examples);
		assert_null(strstr(examples, "\n\n"));
		assert_non_null(strstr(examples, all[i]->name));
	}
}

/* Nothing that can be inspected: one message each, with the name. */
static void test_inspect_refuses(void **state)
{
	struct outcome o;

	(void)state;
	run(&cmd_inspect, "/nonexistent", "/dev/null", &o);
	assert_int_equal(o.status, CMD_FAILED);
	assert_non_null(strstr(o.text, "/nonexistent: "));
	assert_non_null(strstr(o.text, "/dev/null: "));
}

static void test_output_that_cannot_be_opened(void **state)
{
	struct outcome o;

	(void)state;
	run(&cmd_doctor, "-o", "/nonexistent/file", &o);
	assert_int_equal(o.status, CMD_FAILED);
	assert_non_null(strstr(o.text, "/nonexistent/file: cannot write"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_usage),
		cmocka_unit_test(test_same_file),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_inspect_refuses),
		cmocka_unit_test(test_output_that_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
