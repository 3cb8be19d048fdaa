/* SPDX-License-Identifier: BSD-2-Clause */
/* Matching in the tree tests/fixtures/proc; opening what is no Go program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/target.h"

#define PROC   "tests/fixtures/proc"
#define NO_PID 99999999

struct pids {
	pid_t *items;
	size_t n;
};

static void pids_release(struct pids *p)
{
	free(p->items);
}

static bool has(const struct pids *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i] == pid)
			return true;
	return false;
}

static void all_pids(void **state)
{
	_cleanup_(pids_release) struct pids p = { 0 };

	(void)state;
	assert_int_equal(target_all(PROC, &p.items, &p.n), 0);
	assert_int_equal(p.n, 8); /* and not meminfo */
	for (pid_t pid = 100; pid < 108; pid++)
		assert_true(has(&p, pid));
	assert_int_equal(target_all("tests/nowhere", &p.items, &p.n), -ENOENT);
	assert_int_equal(p.n, 8);
}

static void match(const char *name, struct pids *p)
{
	*p = (struct pids){ .n = 77 };
	assert_int_equal(target_match(PROC, name, &p->items, &p->n), 0);
}

static void names_match_comm_or_executable(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		pid_t pid;
	} cases[] = {
		{ "old", 1, 103 }, /* comm */
		{ "old one", 1, 103 }, /* base name, without " (deleted)" */
		{ "a) R 7 (b?", 1, 101 }, /* as it is shown */
		{ "a?b", 1, 101 },
		{ "shop", 2, 100 },
		{ "sho", 0, 0 },
		{ "shopp", 0, 0 },
		{ "/app/shop", 0, 0 },
		{ "kthreadd", 0, 0 }, /* has no executable */
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(pids_release) struct pids p;

		match(cases[i].name, &p);
		assert_int_equal(p.n, cases[i].n);
		assert_true(!p.n || has(&p, cases[i].pid));
	}
}

static void numbers_are_pids(void **state)
{
	static const struct {
		const char *name;
		size_t n;
	} cases[] = {
		{ "100", 1 },
		{ "104", 0 /* a thread */ },
		{ "102", 0 /* of the kernel */ },
		{ "99999999", 0 },
		{ "99999999999999999999", 0 },
		{ "-100", 0 },
		{ "0", 0 },
		{ " 100", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(pids_release) struct pids p;

		match(cases[i].name, &p);
		assert_int_equal(p.n, cases[i].n);
		assert_true(!p.n || p.items[0] == 100);
	}
}

static void own_process_does_not_match_by_name(void **state)
{
	_cleanup_(pids_release) struct pids p = { 0 };

	(void)state;
	assert_int_equal(target_match("/proc", "test_target_target", &p.items, &p.n), 0);
	assert_false(has(&p, getpid()));
}

static void descent_follows_parents(void **state)
{
	(void)state;
	assert_true(target_descends(PROC, 103, 100)); /* 103, 101, 100 */
	assert_true(target_descends(PROC, 103, 103));
	assert_false(target_descends(PROC, 100, 103));
	assert_false(target_descends(PROC, 102, 100));
	assert_false(target_descends(PROC, NO_PID, 100));
	assert_true(target_descends("/proc", getpid(), getppid()));
}

static struct gobin_cache *new_cache(void)
{
	struct gobin_cache *cache = NULL;

	assert_int_equal(gobin_cache_new(4, &cache), 0);
	return cache;
}

static int open_target(const char *root, pid_t pid, enum target_reason *ret_reason,
		       enum gobin_reason *ret_bin_reason)
{
	struct gobin_cache *cache = new_cache();
	struct target t;
	int err = target_open(root, cache, pid, &t, ret_reason, ret_bin_reason);

	gobin_cache_free(cache);
	return err;
}

static void kernel_threads_are_told(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;

	(void)state;
	assert_int_equal(open_target(PROC, 102, &reason, &bin_reason), -ENOENT);
	assert_int_equal(reason, TARGET_KERNEL);
	assert_int_equal(bin_reason, GOBIN_OK);
}

static void missing_processes_are_gone(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;

	(void)state;
	assert_int_equal(open_target(PROC, NO_PID, &reason, &bin_reason), -ESRCH);
	assert_int_equal(reason, TARGET_GONE);
}

static void zombies_are_gone(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(open_target("/proc", pid, &reason, &bin_reason) < 0);
	assert_int_equal(reason, TARGET_GONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void c_program_is_not_go(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;

	(void)state;
	assert_true(open_target("/proc", getpid(), &reason, &bin_reason) < 0);
	assert_int_equal(reason, TARGET_NOT_GO);
	assert_int_equal(bin_reason, GOBIN_NOT_GO);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY, mode);

	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* Process 7 of a tree made on the spot, whose executable is a file of the given mode. */
static void open_file(mode_t mode, enum target_reason *ret_reason,
		      enum gobin_reason *ret_bin_reason)
{
	static const char stat[] = "7 (x) S 1 7 7 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 77 0 0";
	char root[] = "/tmp/gotide-target-XXXXXX", dir[64], exe[64], link[80], text[80];

	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/7", root);
	snprintf(exe, sizeof(exe), "%s/program", root);
	snprintf(link, sizeof(link), "%s/exe", dir);
	snprintf(text, sizeof(text), "%s/stat", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(exe, "#!/bin/sh\n", mode);
	write_file(text, stat, 0600);
	assert_int_equal(symlink(exe, link), 0);
	assert_true(open_target(root, 7, ret_reason, ret_bin_reason) < 0);
	unlink(text);
	unlink(link);
	unlink(exe);
	rmdir(dir);
	assert_int_equal(rmdir(root), 0);
}

static void script_is_not_go(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;

	(void)state;
	open_file(0700, &reason, &bin_reason);
	assert_int_equal(reason, TARGET_NOT_GO);
	assert_int_equal(bin_reason, GOBIN_NOT_ELF);
}

static void closed_executable_is_told_apart(void **state)
{
	enum target_reason reason;
	enum gobin_reason bin_reason;

	(void)state;
	if (!geteuid())
		skip(); /* root reads everything */
	open_file(0300, &reason, &bin_reason);
	assert_int_equal(reason, TARGET_CLOSED);
}

static void reasons_are_sentences(void **state)
{
	(void)state;
	for (int r = TARGET_OK; r <= TARGET_UNSUPPORTED; r++) {
		assert_int_equal(strncmp(target_reason_str(r), "it", 2), 0);
		for (int other = TARGET_OK; other < r; other++)
			assert_string_not_equal(target_reason_str(r), target_reason_str(other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pids),
		cmocka_unit_test(names_match_comm_or_executable),
		cmocka_unit_test(numbers_are_pids),
		cmocka_unit_test(own_process_does_not_match_by_name),
		cmocka_unit_test(descent_follows_parents),
		cmocka_unit_test(kernel_threads_are_told),
		cmocka_unit_test(missing_processes_are_gone),
		cmocka_unit_test(zombies_are_gone),
		cmocka_unit_test(c_program_is_not_go),
		cmocka_unit_test(script_is_not_go),
		cmocka_unit_test(closed_executable_is_told_apart),
		cmocka_unit_test(reasons_are_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
