/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "census/cluster.h"
#include "fakemem.h"

#define HERE   0xc000000000u
#define STRIDE 480u
#define N      200u

static uint8_t memory[N * STRIDE];
static size_t ranges; /* of the last call */

static int count_ranges(void *arg, struct mem_range *r, size_t n)
{
	ranges = n;
	return fakemem_read_many(arg, r, n);
}

static struct fakemem *fake(void)
{
	static struct fakemem fm;

	fm = (struct fakemem){ 0 };
	fakemem_add(&fm, HERE, memory, sizeof(memory));
	for (size_t i = 0; i < N; i++)
		memset(memory + i * STRIDE, (int)i, STRIDE);
	return &fm;
}

static void neighbours_share_ranges(void **state)
{
	struct mem m = { .read_many = count_ranges, .arg = fake(), .budget_bytes = 1 << 20 };
	uint64_t addrs[N];
	struct cluster *c;

	(void)state;
	for (size_t i = 0; i < N; i++)
		addrs[i] = HERE + i * STRIDE;
	assert_int_equal(cluster_new(8, 100, &c), 0);
	assert_int_equal(cluster_read(c, &m, addrs, N, true), 0);
	/* 16 KB each at most. */
	assert_int_equal(ranges, 6);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(cluster_at(c, i)[0], i);
		assert_int_equal(cluster_at(c, i)[99], i);
	}
	assert_int_equal(cluster_read(c, &m, addrs, N, false), 0);
	assert_int_equal(ranges, N);
	assert_int_equal(cluster_at(c, N - 1)[0], N - 1);
	cluster_free(c);
}

static void order_does_not_matter(void **state)
{
	struct mem m = fakemem_open(fake(), 1 << 20);
	uint64_t addrs[N];
	struct cluster *c;

	(void)state;
	for (size_t i = 0; i < N; i++)
		addrs[i] = HERE + i * 77 % N / 2 * STRIDE;
	assert_int_equal(cluster_new(0, STRIDE, &c), 0);
	assert_int_equal(cluster_read(c, &m, addrs, N, true), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(cluster_at(c, i)[STRIDE - 1], i * 77 % N / 2);
	cluster_free(c);
}

static void one_that_cannot_be_read(void **state)
{
	struct mem m = fakemem_open(fake(), 1 << 20);
	const uint64_t addrs[] = { HERE, HERE + (N - 1) * STRIDE, HERE + N * STRIDE };
	struct cluster *c;

	(void)state;
	assert_int_equal(cluster_new(0, 16, &c), 0);
	assert_int_equal(cluster_read(c, &m, addrs, 3, true), 0);
	assert_non_null(cluster_at(c, 0));
	/* It took its neighbour with it. */
	assert_null(cluster_at(c, 1));
	assert_null(cluster_at(c, 2));
	assert_int_equal(cluster_read(c, &m, addrs, 3, false), 0);
	assert_int_equal(cluster_at(c, 1)[0], N - 1);
	assert_null(cluster_at(c, 2));
	m.budget_bytes = 40;
	assert_int_equal(cluster_read(c, &m, addrs, 3, false), -ENOBUFS);
	cluster_free(c);
}

static void limits(void **state)
{
	struct cluster *c;

	(void)state;
	assert_int_equal(cluster_new(0, 0, &c), -EINVAL);
	assert_int_equal(cluster_new(0, CLUSTER_SIZE_MAX + 1, &c), -EINVAL);
	cluster_free(NULL);
}

/* The largest, all over the place: what is planned fits the buffer. */
static void full_house(void **state)
{
	struct mem m = fakemem_open(fake(), UINT64_MAX);
	uint64_t addrs[CLUSTER_MAX];
	struct cluster *c;

	(void)state;
	for (size_t i = 0; i < CLUSTER_MAX; i++)
		addrs[i] = HERE + i * (i % 3 ? 512 : 8);
	assert_int_equal(cluster_new(16, CLUSTER_SIZE_MAX, &c), 0);
	assert_int_equal(cluster_read(c, &m, addrs, CLUSTER_MAX, true), 0);
	assert_int_equal(cluster_read(c, &m, addrs, CLUSTER_MAX, false), 0);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_share_ranges),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(one_that_cannot_be_read),
		cmocka_unit_test(limits),
		cmocka_unit_test(full_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
