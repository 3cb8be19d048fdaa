/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include "view/stacktree.h"

static const struct stacktree_node *child(const struct stacktree_node *n, const char *name)
{
	const struct stacktree_node *c = n->children;

	while (c && strcmp(c->name, name))
		c = c->next;
	return c;
}

static void test_totals(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct stacktree t;
	struct profile p;
	int64_t sum = 0;

	(void)state;
	fixture_profile(&p, s);
	assert_int_equal(stacktree_make(&p, &t), 0);
	/* The sample of -5 is left out. */
	assert_int_equal(t.root.total, 701 + 97 + 13 + 7 + 3 + 2 + 1);
	assert_int_equal(t.root.self, 1);
	for (const struct stacktree_node *c = t.root.children; c; c = c->next) {
		sum += c->total;
		assert_true(!c->next || strcmp(c->name, c->next->name) < 0);
	}
	assert_int_equal(sum + t.root.self, t.root.total);
	/* Equal names are one frame whatever label their samples have; wrappers are none. */
	assert_int_equal(child(&t.root, "main.(*server).handle")->total, 714);
	assert_int_equal(child(&t.root, "created by main.main")->total, 3);
	assert_int_equal(child(&t.root, PROFILE_CUT)->total, 7);
	stacktree_release(&t);
	profile_release(&p);
	symbols_free(s);
}

/* A stack deeper than the limit keeps its value. */
static void test_depth_limit(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	static uint64_t pcs[STACKTREE_DEPTH_MAX + 11];
	struct stacktree t;
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = AT(PC_MAIN + 1);
	p.samples.n = 1;
	p.samples.items[0].pcs = pcs;
	p.samples.items[0].n = ARRAY_SIZE(pcs);
	assert_int_equal(stacktree_make(&p, &t), 0);
	assert_int_equal(t.depth, STACKTREE_DEPTH_MAX);
	assert_int_equal(t.shortened, 1);
	assert_int_equal(t.root.total, 701);
	stacktree_release(&t);
	profile_release(&p);
	symbols_free(s);
}

static void test_overflow(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct stacktree t;
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	p.samples.items[0].values[0] = INT64_MAX;
	assert_int_equal(stacktree_make(&p, &t), 0);
	assert_int_equal(t.root.total, INT64_MAX);
	stacktree_release(&t);
	profile_release(&p);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_depth_limit),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
