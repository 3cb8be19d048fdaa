/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/doctor.h"
#include "view/jsonl.h"

static const struct kernel_check checks[] = {
	{ "kernel types (BTF)", KERNEL_OK, 0, true, "the programs fit themselves to this kernel",
	  "a kernel with CONFIG_DEBUG_INFO_BTF is needed" },
	{ "uprobe.multi", KERNEL_MISSING, -EINVAL, false,
	  "one attachment for all places of a binary",
	  "places are attached one by one, which is slower and needs CAP_SYS_ADMIN" },
	{ "target memory", KERNEL_DENIED, -EPERM, true, "the goroutines that are there already",
	  "give it CAP_SYS_PTRACE" },
	{ "ring buffer", KERNEL_UNTRIED, 0, true, "events", "" },
};

static char *text(const struct kernel_check *c, size_t n, bool is_coloured)
{
	struct view_out o = { .width = 100, .is_coloured = is_coloured };

	return CAPTURE(out, (o.f = out, doctor_text(&o, c, n)));
}

static void test_golden(void **state)
{
	char *have = text(checks, ARRAY_SIZE(checks), false);

	(void)state;
	assert_null(strstr(have, " \n"));
	golden_check("doctor.text", have);
	free(have);
}

static void test_well_without_the_optional(void **state)
{
	char *have = text(checks, 2, false);

	(void)state;
	assert_true(doctor_is_well(checks, 2));
	assert_false(doctor_is_well(checks, 3));
	assert_non_null(strstr(have, "gotide can watch"));
	free(have);
}

static void test_required_failure_is_red(void **state)
{
	char *have = text(checks, 3, true);

	(void)state;
	assert_non_null(strstr(have, "\033[1;31mdenied"));
	assert_non_null(strstr(have, "\033[33mmissing"));
	free(have);
}

/* Who lacks a privilege is not told to get another kernel. */
static void test_denied_is_not_the_kernels_fault(void **state)
{
	static const struct kernel_check ring[] = {
		{ "ring buffer", KERNEL_DENIED, -EPERM, true, "events", "needs Linux 5.8" },
		{ "ring buffer", KERNEL_MISSING, -EINVAL, true, "events", "needs Linux 5.8" },
	};
	char *unprivileged = text(&ring[0], 1, false), *old = text(&ring[1], 1, false);

	(void)state;
	assert_null(strstr(unprivileged, "Linux 5.8"));
	assert_non_null(strstr(unprivileged, "needs root or CAP_BPF"));
	assert_non_null(strstr(unprivileged, "privileges are missing"));
	assert_non_null(strstr(old, "needs Linux 5.8"));
	assert_non_null(strstr(old, "something required is not there"));
	free(unprivileged);
	free(old);
}

static void test_json(void **state)
{
	char *have = CAPTURE(out, {
		for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
			assert_int_equal(jsonl_write(out, doctor_json(&checks[i])), 0);
	});

	(void)state;
	golden_check("doctor.json", have);
	free(have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_well_without_the_optional),
		cmocka_unit_test(test_required_failure_is_red),
		cmocka_unit_test(test_denied_is_not_the_kernels_fault),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
