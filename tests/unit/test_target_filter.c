/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "target/filter.h"

static const struct filter_subject shop = {
	.comm = "shop",
	.exe = "shop-linux-amd64",
	.cgroup = "5:memory:/docker/1234\n0::/system.slice/shop.service\n",
	.pod_namespace = "store",
};

static const struct filter_subject nobody = { .comm = "", .exe = "", .cgroup = "" };

/* Whether the rules, '+' or '-' before each, let s pass. */
static bool passes(const struct filter_subject *s, const char *const *rules)
{
	struct filter f = { 0 };

	for (; *rules; rules++)
		assert_int_equal(filter_add(&f, **rules == '-', *rules + 1), 0);
	bool is_wanted = filter_wants(&f, s);

	filter_release(&f);
	return is_wanted;
}

#define PASSES(s, ...) passes(s, (const char *const[]){ __VA_ARGS__, NULL })

static void test_without_rules(void **state)
{
	struct filter f = { 0 };

	(void)state;
	assert_true(filter_wants(&f, &shop));
	assert_true(filter_wants(&f, &nobody));
	for (int k = 0; k < FILTER_KEYS; k++)
		assert_false(filter_asks(&f, (enum filter_key)k));
	filter_release(&f);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(PASSES(&shop, "+name=shop"));
	assert_true(PASSES(&shop, "+name=shop-*"));
	assert_false(PASSES(&shop, "+name=sho"));
	assert_false(PASSES(&nobody, "+name=shop"));
	assert_false(PASSES(&shop, "-name=s*"));
	assert_true(PASSES(&nobody, "-name=s*"));
	assert_true(PASSES(&shop, "+name=[a-z]hop"));
}

/* Any hierarchy, and '*' takes folders. */
static void test_cgroups(void **state)
{
	(void)state;
	assert_true(PASSES(&shop, "+cgroup=/docker/*"));
	assert_true(PASSES(&shop, "+cgroup=*/shop.service"));
	assert_false(PASSES(&shop, "+cgroup=docker*"));
	assert_false(PASSES(&nobody, "+cgroup=*"));
	assert_false(PASSES(&shop, "-cgroup=/system.slice/*"));
}

static void test_cgroup_text_that_is_none(void **state)
{
	static const char *const texts[] = { "", "\n\n", "1", "1:", "1:x", ":", "::", "\n:" };
	struct filter_subject s = shop;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		s.cgroup = texts[i];
		assert_false(PASSES(&s, "+cgroup=?*"));
	}
}

static void test_namespaces(void **state)
{
	(void)state;
	assert_true(PASSES(&shop, "+namespace=store"));
	assert_false(PASSES(&shop, "+namespace=kube-*"));
	assert_false(PASSES(&nobody, "+namespace=*"));
	assert_true(PASSES(&nobody, "-namespace=*"));
}

/* Of a key one include suffices, of each key one is needed; one exclude decides. */
static void test_rules_together(void **state)
{
	(void)state;
	assert_true(PASSES(&shop, "+name=cart", "+name=shop"));
	assert_false(PASSES(&shop, "+name=shop", "+namespace=kube-system"));
	assert_true(PASSES(&shop, "+name=shop", "+namespace=store"));
	assert_false(PASSES(&shop, "+name=shop", "-namespace=store"));
	assert_false(PASSES(&shop, "-namespace=store", "+name=shop"));
}

static void test_asks(void **state)
{
	struct filter f = { 0 };

	(void)state;
	assert_int_equal(filter_add(&f, true, "namespace=a"), 0);
	assert_true(filter_asks(&f, FILTER_NAMESPACE));
	assert_false(filter_asks(&f, FILTER_NAME));
	filter_release(&f);
}

static void test_refusals(void **state)
{
	char rule[FILTER_PATTERN_MAX + 8] = "name=";
	struct filter f = { 0 };

	(void)state;
	assert_int_equal(filter_add(&f, false, ""), -EINVAL);
	assert_int_equal(filter_add(&f, false, "shop"), -EINVAL);
	assert_int_equal(filter_add(&f, false, "name="), -EINVAL);
	assert_int_equal(filter_add(&f, false, "names=x"), -EINVAL);
	assert_int_equal(filter_add(&f, false, "name"), -EINVAL);
	memset(rule + 5, 'a', FILTER_PATTERN_MAX);
	assert_int_equal(filter_add(&f, false, rule), 0);
	rule[5 + FILTER_PATTERN_MAX] = 'a';
	assert_int_equal(filter_add(&f, false, rule), -E2BIG);
	while (f.rules.n < FILTER_RULES_MAX)
		assert_int_equal(filter_add(&f, false, "name=x"), 0);
	assert_int_equal(filter_add(&f, false, "name=x"), -E2BIG);
	filter_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_rules),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_cgroup_text_that_is_none),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_rules_together),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
