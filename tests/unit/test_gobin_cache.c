/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>

#include <cmocka.h>

#include "gobin/gobin.h"
#include "unit/elfbuild.h"

/* Each open executable holds a descriptor. */
static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int image_file(const char *go)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);

	b.go = go;
	return eb_open(&b);
}

static struct gobin *get(struct gobin_cache *c, int fd)
{
	enum gobin_reason reason = 99;
	struct gobin *b = NULL;

	assert_int_equal(gobin_cache_open(c, fd, &b, &reason), 0);
	assert_int_equal(reason, GOBIN_NO_OFFSETS); /* the images have no runtime */
	return b;
}

static void test_shared(void **state)
{
	struct gobin_cache *c = NULL;
	int fd = image_file("go1.22.12"), other = image_file("go1.22.11"), before;
	struct gobin *a, *b, *o;

	(void)state;
	assert_int_equal(gobin_cache_new(4, &c), 0);
	before = open_files();
	a = get(c, fd);
	b = get(c, fd);
	o = get(c, other);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, o);
	assert_int_equal(open_files(), before + 2);
	assert_string_equal(gobin_info(o)->version.text, "go1.22.11");
	gobin_unref(a);
	/* Outlives the cache as long as somebody refers to it. */
	gobin_cache_free(c);
	assert_string_equal(gobin_info(b)->version.text, "go1.22.12");
	assert_int_equal(open_files(), before + 2);
	gobin_unref(b);
	gobin_unref(o);
	assert_int_equal(open_files(), before);
	close(fd);
	close(other);
}

/* The same inode with other contents is another executable. */
static void test_changed(void **state)
{
	struct gobin_cache *c = NULL;
	int fd = image_file("go1.22.12");
	struct gobin *a, *b;

	(void)state;
	assert_int_equal(gobin_cache_new(4, &c), 0);
	a = get(c, fd);
	assert_int_equal(ftruncate(fd, EB_SIZE + 1), 0);
	b = get(c, fd);
	assert_ptr_not_equal(a, b);
	assert_int_equal(gobin_info(b)->size, EB_SIZE + 1);
	gobin_unref(a);
	gobin_unref(b);
	gobin_cache_free(c);
	close(fd);
}

static void test_refusals(void **state)
{
	struct gobin_cache *c = NULL;
	enum gobin_reason reason = GOBIN_OK;
	int fd = eb_file("not an executable", 17);
	struct gobin *b = NULL;

	(void)state;
	assert_int_equal(gobin_cache_new(4, &c), 0);
	for (int i = 0; i < 2; i++) {
		reason = GOBIN_OK;
		assert_int_equal(gobin_cache_open(c, fd, &b, &reason), -ENOEXEC);
		assert_int_equal(reason, GOBIN_NOT_ELF);
	}
	assert_null(b);
	assert_int_equal(gobin_cache_open(c, -1, &b, &reason), -EBADF);
	assert_int_equal(reason, GOBIN_UNREADABLE);
	gobin_cache_free(c);
	close(fd);
}

#define FILES 5

static void test_bounded(void **state)
{
	struct gobin_cache *c = NULL;
	struct gobin *held, *first;
	int fd[FILES], before;

	(void)state;
	for (int i = 0; i < FILES; i++)
		fd[i] = image_file("go1.22.12");
	assert_int_equal(gobin_cache_new(2, &c), 0);
	before = open_files();
	held = get(c, fd[0]);
	for (int i = 1; i < FILES; i++)
		gobin_unref(get(c, fd[i]));
	/* One in use; of the others two, and the last one, which was in use when it came. */
	assert_int_equal(open_files(), before + 4);
	first = get(c, fd[0]);
	assert_ptr_equal(first, held);
	assert_int_equal(open_files(), before + 3);
	gobin_unref(first);
	gobin_unref(held);
	/* Number 3 is the oldest now: asking for it makes 4 the oldest, which then goes. */
	gobin_unref(get(c, fd[3]));
	gobin_unref(get(c, fd[1]));
	assert_int_equal(open_files(), before + 3);
	gobin_cache_free(c);
	assert_int_equal(open_files(), before);
	for (int i = 0; i < FILES; i++)
		close(fd[i]);
}

static void test_many_refusals(void **state)
{
	struct gobin_cache *c = NULL;
	enum gobin_reason reason;
	struct gobin *b = NULL;

	(void)state;
	assert_int_equal(gobin_cache_new(1, &c), 0);
	for (int i = 0; i < 100; i++) {
		int fd = eb_file("x", 1);

		assert_int_equal(gobin_cache_open(c, fd, &b, &reason), -ENOEXEC);
		close(fd);
	}
	gobin_cache_free(c);
	gobin_cache_free(NULL);
}

static void test_peek(void **state)
{
	int fd = image_file("go1.22.12"), other = image_file("go1.22.11");
	enum gobin_reason reason = GOBIN_OK;
	struct gobin_cache *c = NULL;
	struct gobin *b;

	(void)state;
	assert_int_equal(gobin_cache_new(4, &c), 0);
	assert_int_equal(gobin_cache_peek(c, fd, &reason), -ENOENT);
	b = get(c, fd);
	assert_int_equal(gobin_cache_peek(c, fd, &reason), 0);
	assert_int_equal(reason, GOBIN_NO_OFFSETS);
	assert_int_equal(gobin_cache_peek(c, other, &reason), -ENOENT);
	assert_int_equal(gobin_cache_peek(c, -1, &reason), -EBADF);
	gobin_cache_trim(c);
	assert_string_equal(gobin_info(b)->version.text, "go1.22.12");
	gobin_unref(b);
	gobin_cache_free(c);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peek),	cmocka_unit_test(test_shared),
		cmocka_unit_test(test_changed), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bounded), cmocka_unit_test(test_many_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
