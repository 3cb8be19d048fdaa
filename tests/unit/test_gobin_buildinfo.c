/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gobin/buildinfo.h"
#include "unit/elfbuild.h"

static int read_image(const struct elfbuild *b, struct buildinfo *ret)
{
	int fd = eb_file(b->data, sizeof(b->data));
	struct elf *e = NULL;
	int err;

	assert_int_equal(elf_new(fd, &e), 0);
	err = buildinfo_read(e, ret);
	elf_free(e);
	close(fd);
	return err;
}

static int find_version(const struct elfbuild *b, struct goversion *ret)
{
	int fd = eb_file(b->data, sizeof(b->data));
	struct elf *e = NULL;
	int err;

	assert_int_equal(elf_new(fd, &e), 0);
	err = buildinfo_find_version(e, ret);
	elf_free(e);
	close(fd);
	return err;
}

static void test_formats(void **state)
{
	(void)state;
	for (int variant = 0; variant < 8; variant++) {
		struct elfbuild b = eb_usual(variant & 1 ? PCLNTAB_1_20 : PCLNTAB_1_2);
		struct buildinfo bi = { 0 };

		b.is_pie = variant & 2;
		b.has_sections = variant & 4;
		eb_build(&b);
		assert_int_equal(read_image(&b, &bi), 0);
		assert_string_equal(bi.version.text, b.go);
		assert_true(bi.version.is_exact);
		assert_string_equal(bi.module, "example.org/app");
		assert_string_equal(bi.main_path, "example.org/app/cmd/app");
	}
}

static void test_absent(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct buildinfo bi = { .version = { .major = 77 } };

	(void)state;
	b.has_buildinfo = false;
	eb_build(&b);
	assert_int_equal(read_image(&b, &bi), -ENOENT);
	assert_int_equal(bi.version.major, 77);
}

static void test_damaged(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct buildinfo bi;

	(void)state;
	eb_build(&b);
	b.data[EB_BUILDINFO + 15] = 3; /* big endian */
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
	eb_build(&b);
	b.data[EB_BUILDINFO + 33] = 'x'; /* "xo1.22.12" */
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
	eb_build(&b);
	memset(b.data + EB_BUILDINFO + 32, 0xff, 10); /* a length without end */
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
	eb_build(&b);
	b.data[EB_BUILDINFO + 32] = 0;
	assert_int_equal(read_image(&b, &bi), -EBADMSG);

	/* Without its module information the version still counts. */
	eb_build(&b);
	memset(b.data + EB_BUILDINFO + 42, 0xff, 3);
	memset(&bi, 0, sizeof(bi));
	assert_int_equal(read_image(&b, &bi), 0);
	assert_string_equal(bi.version.text, "go1.22.12");
	assert_string_equal(bi.module, "");
}

static void test_damaged_pointers(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_16);
	struct buildinfo bi;

	(void)state;
	eb_build(&b);
	eb_put64(&b, EB_BUILDINFO + 16, 0x1234);
	assert_int_equal(read_image(&b, &bi), -EFAULT);
	eb_build(&b);
	eb_put64(&b, EB_BUILDINFO + 16, 0);
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
	eb_build(&b);
	eb_put64(&b, EB_STRINGS + 8, UINT64_MAX);
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
	eb_build(&b);
	b.data[EB_BUILDINFO + 14] = 4;
	assert_int_equal(read_image(&b, &bi), -EBADMSG);
}

/* A stray magic before the real one, as in a program that reads build information itself. */
static void test_stray_magic(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct buildinfo bi = { 0 };

	(void)state;
	b.has_sections = false;
	eb_build(&b);
	memmove(b.data + EB_BUILDINFO + 0x200, b.data + EB_BUILDINFO, 0x180);
	memset(b.data + EB_BUILDINFO + 32, 0, 0x100);
	eb_put(&b, EB_BUILDINFO + 0x108, "\xff Go buildinf:", 14); /* not aligned */
	assert_int_equal(read_image(&b, &bi), 0);
	assert_string_equal(bi.version.text, "go1.22.12");
}

static void test_version_string(void **state)
{
	(void)state;
	for (int pie = 0; pie < 2; pie++) {
		struct elfbuild b = eb_usual(PCLNTAB_1_20);
		struct goversion v = { 0 };

		b.is_pie = pie;
		b.has_buildinfo = false;
		b.has_version_string = true;
		eb_build(&b);
		assert_int_equal(find_version(&b, &v), 0);
		assert_string_equal(v.text, "go1.22.12");
		assert_true(v.is_exact);
	}
}

/* "go1.22.121 goroutine" stands in the file: only the length says where the version ends. */
static void test_version_string_needs_length(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goversion v = { 0 };

	(void)state;
	b.has_version_string = true;
	eb_build(&b);
	eb_put64(&b, EB_BUILDVER + 8, 14); /* "go1.22.121 gor": a vendor's remark */
	assert_int_equal(find_version(&b, &v), 0);
	eb_put64(&b, EB_BUILDVER + 8, 4000);
	assert_int_equal(find_version(&b, &v), -ENOENT);
	eb_put64(&b, EB_BUILDVER, EB_BASE + EB_VERSION + 5);
	assert_int_equal(find_version(&b, &v), -ENOENT);
}

static void put_string(struct elfbuild *b, size_t i, const char *text)
{
	size_t at = EB_VERSION + 0x40 + 0x20 * i;

	eb_put(b, at, text, strlen(text));
	eb_put64(b, EB_BUILDVER + 0x20 + 16 * i, EB_BASE + at);
	eb_put64(b, EB_BUILDVER + 0x28 + 16 * i, strlen(text));
}

static void test_version_string_among_others(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct goversion v = { 0 };

	(void)state;
	b.has_version_string = true;
	eb_build(&b);
	/* A list of language versions, before and after. */
	put_string(&b, 0, "go1.17");
	put_string(&b, 1, "go1.18");
	assert_int_equal(find_version(&b, &v), 0);
	assert_string_equal(v.text, "go1.22.12");
	/* The same again is no contradiction; another release is. */
	put_string(&b, 2, "go1.22.12");
	assert_int_equal(find_version(&b, &v), 0);
	put_string(&b, 2, "go1.22.11");
	assert_int_equal(find_version(&b, &v), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_pointers),
		cmocka_unit_test(test_stray_magic),
		cmocka_unit_test(test_version_string),
		cmocka_unit_test(test_version_string_needs_length),
		cmocka_unit_test(test_version_string_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
