/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "gobin/dwarf.h"
#include "gobin/offsets.h"

/* This program's own debug information is the sample. */
typedef struct sample_inner {
	long lo, hi;
} sample_inner_t;

struct sample {
	char first;
	sample_inner_t inner;
	struct sample_inner plain;
	int last;
};

static struct sample sample;

static int self_open(void)
{
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

static void test_members(void **state)
{
	struct dwarf_query q[] = {
		{ .type = "sample", .field = "" },
		{ .type = "sample", .field = "inner.hi" },
		{ .type = "sample", .field = "plain.lo" },
		{ .type = "sample", .field = "was_last", .other = "last" },
		{ .type = "sample", .field = "inner.hi.none" },
		{ .type = "sample", .field = "none" },
		{ .type = "nothing", .field = "" },
	};
	_cleanup_close_ int fd = self_open();
	size_t answered = 0;

	(void)state;
	sample.first = 1;
	assert_int_equal(dwarf_query(fd, __FILE__, q, ARRAY_SIZE(q), &answered), 0);
	assert_int_equal(answered, 4);
	assert_int_equal(q[0].found, sizeof(struct sample));
	assert_int_equal(q[1].found, offsetof(struct sample, inner.hi));
	assert_int_equal(q[2].found, offsetof(struct sample, plain.lo));
	assert_int_equal(q[3].found, offsetof(struct sample, last));
	for (size_t i = 4; i < ARRAY_SIZE(q); i++)
		assert_int_equal(q[i].found, UINT32_MAX);
}

static void test_absent(void **state)
{
	struct dwarf_query q = { .type = "sample", .field = "" };
	_cleanup_close_ int self = self_open(), none = memfd_create("none", MFD_CLOEXEC);
	struct offsets o = { .g_goid = 7 };
	size_t answered = 9;

	(void)state;
	assert_int_equal(dwarf_query(self, "runtime", &q, 1, &answered), -ENOENT);
	assert_int_equal(offsets_from_dwarf(self, &o), -ENOENT);
	assert_int_equal(dwarf_query(none, "runtime", &q, 1, &answered), -ENOENT);
	assert_int_equal(write(none, "not an executable", 17), 17);
	assert_int_equal(dwarf_query(none, "runtime", &q, 1, &answered), -ENOENT);
	assert_int_equal(answered, 9);
	assert_int_equal(o.g_goid, 7);
}

/* A copy of this program cut short, at some places, costs an error or an answer, never more. */
static void test_truncated(void **state)
{
	struct dwarf_query q = { .type = "sample", .field = "inner.hi" };
	_cleanup_close_ int fd = self_open(), copy = memfd_create("copy", MFD_CLOEXEC);
	_cleanup_free_ char *bytes = NULL;
	size_t answered, refused = 0;
	struct stat st;
	int err;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	assert_int_equal(pwrite(copy, bytes, (size_t)st.st_size, 0), st.st_size);
	for (int i = 15; i >= 0; i--) {
		assert_int_equal(ftruncate(copy, st.st_size / 16 * i), 0);
		err = dwarf_query(copy, __FILE__, &q, 1, &answered);
		refused += err != 0;
		if (!err && answered)
			assert_int_equal(q.found, offsetof(struct sample, inner.hi));
	}
	assert_true(refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
