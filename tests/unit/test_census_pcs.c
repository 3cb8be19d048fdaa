/* SPDX-License-Identifier: BSD-2-Clause */
/* What unwinding is told of places in a small executable, whose names are made to fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "census/pcs.h"
#include "unit/elfbuild.h"

#define BIAS 0x7f0000000000u

/* A name of the image that is long enough to be another. */
static const char renamed[] = "main.F[go.shape.int]";

static struct gobin *open_with(const char *name, uint16_t machine)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);
	enum gobin_reason reason;
	struct gobin *b = NULL;
	char *at;
	int fd;

	image.machine = machine;
	eb_build(&image);
	at = memmem(image.data, sizeof(image.data), renamed, sizeof(renamed));
	assert_non_null(at);
	assert_true(strlen(name) < sizeof(renamed));
	memcpy(at, name, strlen(name) + 1);
	fd = eb_file(image.data, sizeof(image.data));
	assert_int_equal(gobin_open(fd, &b, &reason), 0);
	close(fd);
	return b;
}

/* Entry of the renamed function, in the process. */
static uint64_t entry_of(struct gobin *b, const char *name)
{
	char found[64];
	struct gofunc f;

	for (uint64_t va = EB_BASE + EB_TEXT; va < EB_BASE + EB_RO; va++)
		if (!gobin_func_at(b, va, &f, found, sizeof(found)) && !strcmp(found, name))
			return va + BIAS;
	fail();
	return 0;
}

static void check(const struct unwind_code *c, uint64_t pc, enum unwind_kind kind, int32_t delta)
{
	struct unwind_pc got;

	/* The second time from memory. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(c->lookup(pc, c->arg, &got), 0);
		assert_int_equal(got.kind, kind);
		assert_int_equal(got.sp_delta, delta);
	}
}

static void with_pcs(const char *name, void (*test)(const struct unwind_code *c, uint64_t entry))
{
	struct gobin *b = open_with(name, EM_X86_64);
	struct pcs *p;

	assert_int_equal(pcs_new(b, BIAS, &p), 0);
	test(&(struct unwind_code){ pcs_code(p).lookup, pcs_code(p).arg }, entry_of(b, name));
	pcs_free(p);
	gobin_unref(b);
}

static void ordinary_at(const struct unwind_code *c, uint64_t entry)
{
	check(c, entry, UNWIND_ENTRY, 8);
	check(c, entry + 3, UNWIND_CALL, 8);
	check(c, entry + 4, UNWIND_CALL, 32);
}

static void top_at(const struct unwind_code *c, uint64_t entry)
{
	check(c, entry, UNWIND_ENTRY, 8);
	check(c, entry + 1, UNWIND_TOP, 8);
	check(c, entry + 6, UNWIND_TOP, 32); /* preempted in goexit1 */
}

static void injected_at(const struct unwind_code *c, uint64_t entry)
{
	check(c, entry, UNWIND_ENTRY, 8);
	check(c, entry + 4, UNWIND_INJECTED, 32);
}

static void places(void **state)
{
	(void)state;
	with_pcs("main.other", ordinary_at);
	with_pcs("runtime.goexit", top_at);
	with_pcs("runtime.goexit1", ordinary_at);
	with_pcs("runtime.asyncPreempt", injected_at);
	with_pcs("runtime.sigpanic", injected_at);
	with_pcs("runtime.sigpanic0", ordinary_at);
}

static void nowhere(void **state)
{
	static const uint64_t pcs[] = { 0, 1, BIAS - 1, BIAS, BIAS + EB_BASE + EB_RW, UINT64_MAX };
	struct gobin *b = open_with("main.other", EM_X86_64);
	struct unwind_code c;
	struct unwind_pc got;
	struct pcs *p;

	(void)state;
	assert_int_equal(pcs_new(b, BIAS, &p), 0);
	c = pcs_code(p);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(pcs); i++)
		assert_true(c.lookup(pcs[i % ARRAY_SIZE(pcs)], c.arg, &got) < 0);
	pcs_free(p);
	pcs_free(NULL);
	gobin_unref(b);
}

static void machine_without(void **state)
{
	struct gobin *b = open_with("main.other", EM_AARCH64);
	struct pcs *p;

	(void)state;
	assert_int_equal(pcs_new(b, 0, &p), 0);
	assert_null(pcs_code(p).lookup);
	pcs_free(p);
	gobin_unref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(nowhere),
		cmocka_unit_test(machine_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
