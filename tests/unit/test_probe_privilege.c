/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "probe/privilege.h"

static void rows_are_whole_and_once(void **state)
{
	const struct privilege *all;
	uint64_t seen = 0;
	size_t n;

	(void)state;
	all = privilege_all(&n);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strncmp(all[i].name, "CAP_", 4), 0);
		assert_true(strlen(all[i].use) > 0);
		assert_true(strlen(all[i].without) > 0);
		assert_false(seen & PRIVILEGE_BIT(all[i].number));
		seen |= PRIVILEGE_BIT(all[i].number);
	}
	/* What is kept is explained. */
	assert_int_equal((privilege_to_read() | privilege_to_attach()) & ~seen, 0);
	assert_int_equal(privilege_to_read() & privilege_to_attach(), 0);
}

static void held_is_what_proc_says(void **state)
{
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t want = 0;
	char line[256];

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &want) == 1)
			break;
	fclose(f);
	assert_int_equal(privilege_held(), want);
}

static void admin_includes_bpf(void **state)
{
	const uint64_t admin = PRIVILEGE_BIT(CAP_SYS_ADMIN), bpf = PRIVILEGE_BIT(CAP_BPF);

	(void)state;
	assert_true(privilege_is_held(bpf, CAP_BPF));
	assert_false(privilege_is_held(bpf, CAP_PERFMON));
	assert_true(privilege_is_held(admin, CAP_BPF));
	assert_true(privilege_is_held(admin, CAP_PERFMON));
	assert_false(privilege_is_held(admin, CAP_SYS_PTRACE));
	assert_false(privilege_is_held(0, CAP_SYS_ADMIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole_and_once),
		cmocka_unit_test(held_is_what_proc_says),
		cmocka_unit_test(admin_includes_bpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
