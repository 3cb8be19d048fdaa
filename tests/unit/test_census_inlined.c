/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of a program of three functions, into the second of which others are inlined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "census/inlined.h"

#define MAIN  0x1000u /* main.main */
#define OUTER 0x2000u /* main.outer; from 0x2100 on main.middle in it, from 0x2200 main.inner */
#define OTHER 0x3000u
#define END   0x4000u

static struct inlined *in;
static unsigned int lookups;

static int func_at(void *arg, uint64_t pc, struct gofunc *ret)
{
	(void)arg;
	if (pc < MAIN || pc >= END)
		return -ENOENT;
	*ret = (struct gofunc){ .va = pc & ~UINT64_C(0xfff), .size = 0x1000 };
	return 0;
}

static void frame(struct goframe *f, const char *function, uint32_t line)
{
	(void)snprintf(f->function, sizeof(f->function), "%s", function);
	f->line = line;
}

/* Line 1 of a function is before what is inlined in it, line 2 where that begins. */
static int frames(void *arg, uint64_t pc, struct goframe *ret, size_t max)
{
	uint64_t at = pc - 1;
	int n = 0;

	(void)arg;
	lookups++;
	assert_true(max > 3);
	if (at < MAIN || at >= END)
		return -ENOENT;
	if (at < OUTER || at >= OTHER) {
		frame(&ret[0], at < OUTER ? "main.main" : "main.other", 1);
		return 1;
	}
	if (at >= OUTER + 0x200)
		frame(&ret[n++], "main.inner", 1);
	if (at >= OUTER + 0x100)
		frame(&ret[n++], "main.middle", at >= OUTER + 0x200 ? 2 : 1);
	frame(&ret[n++], "main.outer", at >= OUTER + 0x100 ? 2 : at < OUTER + 0x80 ? 1 : 2);
	return n;
}

static int setup(void **state)
{
	(void)state;
	lookups = 0;
	return inlined_new(&(struct inlined_source){ frames, func_at, NULL }, &in);
}

static int teardown(void **state)
{
	(void)state;
	inlined_free(in);
	return 0;
}

/* Line 2 of outer where nothing is inlined: the mark that stands for a call of middle. */
#define MARK_OUTER (OUTER + 0x80 + 1)
#define INNER	   (OUTER + 0x200 + 1)
#define MIDDLE	   (OUTER + 0x100 + 1)
#define CALL_OUTER (OUTER + 1)
#define CALL_MAIN  (MAIN + 1)
#define CALL_OTHER (OTHER + 1)
#define NOT_GO	   0x900000u

static void assert_folded(const uint64_t *pcs, uint32_t n, const uint64_t *want, uint32_t n_want)
{
	uint64_t got[16];

	memcpy(got, pcs, n * sizeof(*pcs));
	assert_int_equal(inlined_fold(in, got, n), n_want);
	assert_memory_equal(got, want, n_want * sizeof(*want));
}

#define FOLDS(from, to)                                                        \
	do {                                                                   \
		static const uint64_t _from[] = from, _to[] = to;              \
		assert_folded(_from, ARRAY_SIZE(_from), _to, ARRAY_SIZE(_to)); \
	} while (0)
#define PCS(...)            \
	{                   \
		__VA_ARGS__ \
	}

static void test_fold(void **state)
{
	(void)state;
	/* Nothing is inlined. */
	FOLDS(PCS(CALL_OTHER, CALL_OUTER, CALL_MAIN), PCS(CALL_OTHER, CALL_OUTER, CALL_MAIN));
	FOLDS(PCS(MIDDLE, MARK_OUTER, CALL_MAIN), PCS(MIDDLE, CALL_MAIN));
	/* A call of itself is no caller that is inlined: one mark is taken out. */
	FOLDS(PCS(MIDDLE, MARK_OUTER, MARK_OUTER, CALL_MAIN), PCS(MIDDLE, MARK_OUTER, CALL_MAIN));
	FOLDS(PCS(MIDDLE, CALL_OUTER, CALL_MAIN), PCS(MIDDLE, CALL_OUTER, CALL_MAIN));
	/* A wrapper was left out between them. */
	FOLDS(PCS(INNER, MARK_OUTER, CALL_MAIN), PCS(INNER, CALL_MAIN));
	/* Cut off before the callers. */
	FOLDS(PCS(CALL_OTHER, INNER), PCS(CALL_OTHER, INNER));
	FOLDS(PCS(NOT_GO, 0, MIDDLE, MARK_OUTER, UINT64_MAX), PCS(NOT_GO, 0, MIDDLE, UINT64_MAX));
	assert_int_equal(inlined_fold(in, NULL, 0), 0);
}

static void test_memory(void **state)
{
	uint64_t pcs[] = { CALL_OTHER, CALL_MAIN };

	(void)state;
	for (int i = 0; i < 101; i++)
		assert_int_equal(inlined_fold(in, pcs, 2), 2);
	assert_int_equal(lookups, 2);
}

static void test_versions(void **state)
{
	(void)state;
	assert_false(inlined_is_needed(&(struct goversion){ .major = 1, .minor = 14 }));
	assert_true(inlined_is_needed(&(struct goversion){ .major = 1, .minor = 19 }));
	assert_true(inlined_is_needed(&(struct goversion){ .major = 1, .minor = 21 }));
	assert_true(inlined_is_needed(&(struct goversion){ .major = 1, .minor = 27 }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(fold), TEST(memory), TEST(versions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
