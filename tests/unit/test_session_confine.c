/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/privilege.h"
#include "session/confine.h"

/* What a child said of itself after it confined itself. */
struct account {
	struct confined c;
	uint64_t held;
	int no_new_privs, bounding;
};

static struct account *confined_child(const struct confine_opts *opts)
{
	struct account *a =
		mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	assert_ptr_not_equal(a, MAP_FAILED);
	pid = fork();
	if (!pid) {
		confine_self(opts, &a->c);
		a->held = privilege_held();
		a->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
		a->bounding = prctl(PR_CAPBSET_READ, CAP_SYS_CHROOT, 0, 0, 0);
		/* Not by _exit(), before which the sanitizer makes calls of its own. */
		(void)syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return a;
}

/* Run as root there is something to lose, else nothing is left to lose. */
static void what_is_kept_is_what_is_held(void **state)
{
	const uint64_t reading = PRIVILEGE_BIT(CAP_SYS_PTRACE) | PRIVILEGE_BIT(CAP_DAC_READ_SEARCH);
	struct account *a = confined_child(&(struct confine_opts){ .no_filter = true });

	(void)state;
	assert_int_equal(a->c.kept, privilege_held() & reading);
	assert_int_equal(a->held, a->c.kept);
	assert_int_equal(a->no_new_privs, 1);
	assert_false(a->c.has_filter);
	if (privilege_held() & PRIVILEGE_BIT(CAP_SETPCAP))
		assert_int_equal(a->bounding, 0);
	assert_string_equal(a->c.lacks, "");
	munmap(a, sizeof(*a));
}

static void names_are_told(void **state)
{
	struct account *a = confined_child(&(struct confine_opts){ .no_filter = true });
	bool has_ptrace = privilege_held() & PRIVILEGE_BIT(CAP_SYS_PTRACE);

	(void)state;
	assert_int_equal(strstr(a->c.kept_text, "CAP_SYS_PTRACE") != NULL, has_ptrace);
	assert_int_equal(!strcmp(a->c.kept_text, "none"), !a->c.kept);
	munmap(a, sizeof(*a));
}

static void filter_comes_last(void **state)
{
	struct account *a = confined_child(&(struct confine_opts){ 0 });

	(void)state;
	assert_true(a->c.has_filter);
	assert_null(strstr(a->c.lacks, "filter"));
	/* The account above could not be made any more, and says so. */
	assert_int_equal(a->held, 0);
	assert_int_equal(a->no_new_privs, -1);
	munmap(a, sizeof(*a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_what_is_held),
		cmocka_unit_test(names_are_told),
		cmocka_unit_test(filter_comes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
