/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks find depends on the machine; that they are complete and leave nothing does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "probe/kernel.h"

static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void nothing_is_left_behind(_unused_ void **state)
{
	struct kernel_check checks[KERNEL_CHECKS_MAX];
	struct rlimit before, after;
	size_t files = open_files();

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	kernel_check_all(checks);
	assert_int_equal(open_files(), files);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &after), 0);
	assert_int_equal(before.rlim_cur, after.rlim_cur);
}

static void every_check_says_what_it_is_for(_unused_ void **state)
{
	struct kernel_check checks[KERNEL_CHECKS_MAX];
	size_t n = kernel_check_all(checks);

	assert_in_range(n, 10, KERNEL_CHECKS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_true(checks[i].name[0] && checks[i].use[0] && checks[i].without[0]);
		assert_true(checks[i].err <= 0);
		assert_int_equal(checks[i].err != 0, checks[i].state == KERNEL_DENIED ||
							     checks[i].state == KERNEL_MISSING);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(checks[i].name, checks[j].name);
	}
}

static const struct kernel_check *check_named(const struct kernel_check *checks, size_t n,
					      const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(checks[i].name, name))
			return &checks[i];
	return NULL;
}

static void what_needs_programs_is_not_tried_without(_unused_ void **state)
{
	struct kernel_check checks[KERNEL_CHECKS_MAX];
	size_t n = kernel_check_all(checks);
	const struct kernel_check *programs = check_named(checks, n, "BPF programs");
	const struct kernel_check *multi = check_named(checks, n, "uprobe.multi");
	const struct kernel_check *oom = check_named(checks, n, "oom:mark_victim");

	assert_true(programs && multi && oom);
	assert_int_equal(multi->state == KERNEL_UNTRIED, programs->state != KERNEL_OK);
	assert_int_equal(oom->state == KERNEL_UNTRIED, programs->state != KERNEL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(every_check_says_what_it_is_for),
		cmocka_unit_test(what_needs_programs_is_not_tried_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
