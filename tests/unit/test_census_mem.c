/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads of this very process, with holes; a budget; a process that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "census/mem.h"

#define PAGE 4096
#define N    3001 /* more than two batches */

static struct mem self(uint64_t budget)
{
	struct mem m;

	mem_of_process(&m, getpid(), budget);
	return m;
}

static void reads_what_is_there(void **state)
{
	uint64_t value = 0x1122334455667788, got = 0;
	struct mem m = self(16);

	(void)state;
	assert_int_equal(mem_read_u64(&m, (uintptr_t)&value, &got), 0);
	assert_true(got == value);
	assert_int_equal(m.read_bytes, 8);
	assert_int_equal(m.budget_bytes, 8);
	assert_int_equal(m.calls, 1);
	assert_int_equal(m.faults, 0);
}

static void hole_costs_itself(void **state)
{
	uint64_t got = 7;
	struct mem m = self(1024);

	(void)state;
	assert_int_equal(mem_read_u64(&m, 8, &got), -EFAULT);
	assert_int_equal(mem_read_u64(&m, UINT64_MAX - 3, &got), -EFAULT);
	assert_int_equal(got, 7);
	assert_int_equal(m.faults, 2);
	assert_int_equal(m.read_bytes, 0);
}

/* Every seventh range, and some in a row, are where nothing is; one begins well and ends badly. */
static bool is_hole(size_t i)
{
	return i % 7 == 0 || (i > 1020 && i < 1030) || i == N - 1;
}

static void holes_between_are_skipped(void **state)
{
	uint8_t *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static struct mem_range ranges[N];
	static uint32_t got[N];
	struct mem m = self(1 << 20);
	size_t holes = 0;

	(void)state;
	assert_true(pages != MAP_FAILED);
	assert_int_equal(munmap(pages + PAGE, PAGE), 0);
	for (uint32_t i = 0; i < PAGE / 4; i++)
		memcpy(pages + 4 * i, &i, 4);
	for (size_t i = 0; i < N; i++)
		ranges[i] = (struct mem_range){
			.addr = is_hole(i) ? 16 : (uintptr_t)pages + 4 * (i % (PAGE / 4)),
			.size = 4,
			.buf = &got[i],
			.ok = is_hole(i), /* must be overwritten */
		};
	ranges[N - 1].addr = (uintptr_t)pages + PAGE - 2;
	assert_int_equal(mem_read_many(&m, ranges, N), 0);
	for (size_t i = 0; i < N; i++) {
		holes += is_hole(i);
		assert_int_equal(ranges[i].ok, !is_hole(i));
		if (!is_hole(i))
			assert_int_equal(got[i], i % (PAGE / 4));
	}
	assert_int_equal(m.faults, holes);
	assert_int_equal(m.read_bytes, 4 * (N - holes));
	assert_int_equal(m.calls, 3);
	munmap(pages, PAGE);
}

static void nothing_is_read_past_the_budget(void **state)
{
	uint64_t value = 1, got = 7;
	struct mem m = self(15);
	struct mem_range many[] = {
		{ .addr = (uintptr_t)&value, .size = SIZE_MAX, .buf = &got },
		{ .addr = (uintptr_t)&value, .size = SIZE_MAX, .buf = &got },
	};

	(void)state;
	assert_int_equal(mem_read_many(&m, many, 2), -ENOBUFS);
	assert_int_equal(mem_read_u64(&m, (uintptr_t)&value, &got), 0);
	got = 7;
	assert_int_equal(mem_read_u64(&m, (uintptr_t)&value, &got), -ENOBUFS);
	assert_int_equal(got, 7);
	assert_int_equal(m.budget_bytes, 7);
	assert_int_equal(m.calls, 1);
}

static void what_is_near_is_read_in_one(void **state)
{
	static uint8_t memory[5 * PAGE];
	uint32_t got[4] = { 0 };
	struct mem_range ranges[] = {
		{ .addr = (uintptr_t)memory + 3000, .size = 4, .buf = &got[0] },
		{ .addr = (uintptr_t)memory, .size = 4, .buf = &got[1] },
		{ .addr = (uintptr_t)memory + 4 * PAGE + 7, .size = 4, .buf = &got[2] },
		{ .addr = (uintptr_t)memory + 3002, .size = 4, .buf = &got[3] },
	};
	struct mem m = self(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(i * 31 >> 3);
	assert_int_equal(mem_read_near(&m, ranges, ARRAY_SIZE(ranges)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		assert_true(ranges[i].ok);
		assert_memory_equal(&got[i], (void *)(uintptr_t)ranges[i].addr, 4);
	}
	assert_int_equal(m.calls, 1);
	assert_int_equal(m.read_bytes, 3006 + 4); /* the third is too far off to be read along */
}

static void hole_in_between_costs_a_call(void **state)
{
	uint8_t *pages =
		mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t got[3] = { 0 }, value = 0x55667788;
	struct mem_range ranges[] = {
		{ .addr = (uintptr_t)pages + PAGE - 4, .size = 4, .buf = &got[0] },
		{ .addr = (uintptr_t)pages + 2 * PAGE, .size = 4, .buf = &got[1] },
		{ .addr = (uintptr_t)pages + PAGE, .size = 4, .buf = &got[2] },
	};
	struct mem m = self(1 << 20);

	(void)state;
	assert_true(pages != MAP_FAILED);
	memcpy(pages + PAGE - 4, &value, 4);
	memcpy(pages + 2 * PAGE, &value, 4);
	assert_int_equal(munmap(pages + PAGE, PAGE), 0);
	assert_int_equal(mem_read_near(&m, ranges, ARRAY_SIZE(ranges)), 0);
	assert_true(ranges[0].ok && ranges[1].ok && !ranges[2].ok);
	assert_int_equal(got[0], value);
	assert_int_equal(got[1], value);
	assert_int_equal(m.calls, 2);
	munmap(pages, PAGE);
	munmap(pages + 2 * PAGE, PAGE);
}

static void what_is_large_is_read_as_it_is(void **state)
{
	static uint8_t memory[5 * PAGE], got[5 * PAGE];
	struct mem_range ranges[] = {
		{ .addr = (uintptr_t)memory, .size = sizeof(got), .buf = got },
	};
	struct mem m = self(1 << 20);

	(void)state;
	memset(memory, 0x5a, sizeof(memory));
	assert_int_equal(mem_read_near(&m, ranges, 1), 0);
	assert_true(ranges[0].ok);
	assert_memory_equal(got, memory, sizeof(got));
	assert_int_equal(mem_read_near(&m, NULL, 0), 0);
	assert_int_equal(m.calls, 1);
}

static void dead_process_is_esrch(void **state)
{
	uint64_t value = 1;
	struct mem m;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	mem_of_process(&m, pid, 1024);
	assert_int_equal(mem_read_u64(&m, (uintptr_t)&value, &value), -ESRCH);
}

static void no_ranges_are_no_call(void **state)
{
	struct mem m = self(0);

	(void)state;
	assert_int_equal(mem_read_many(&m, NULL, 0), 0);
	assert_int_equal(m.calls, 0);
}

static void what_is_a_pointer(void **state)
{
	(void)state;
	assert_true(mem_is_pointer(0xc000000000));
	assert_false(mem_is_pointer(0));
	assert_false(mem_is_pointer(0xc000000004));
	assert_false(mem_is_pointer(UINT64_C(1) << 57));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there),
		cmocka_unit_test(hole_costs_itself),
		cmocka_unit_test(holes_between_are_skipped),
		cmocka_unit_test(nothing_is_read_past_the_budget),
		cmocka_unit_test(what_is_near_is_read_in_one),
		cmocka_unit_test(hole_in_between_costs_a_call),
		cmocka_unit_test(what_is_large_is_read_as_it_is),
		cmocka_unit_test(dead_process_is_esrch),
		cmocka_unit_test(no_ranges_are_no_call),
		cmocka_unit_test(what_is_a_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
