/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/gzip.h"

/* Packs, and unpacks by zlib. */
static void check(const unsigned char *data, size_t size)
{
	_cleanup_free_ unsigned char *back = malloc(size + 1);
	_cleanup_free_ char *packed = NULL;
	z_stream z = { 0 };
	size_t n = 0;

	assert_int_equal(gzip_pack(data, size, &packed, &n), 0);
	assert_true(n >= 18); /* header and trailer */
	assert_memory_equal(packed, "\x1f\x8b\x08", 3);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)packed;
	z.avail_in = (uInt)n;
	z.next_out = back;
	z.avail_out = (uInt)size + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, size);
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(back, data, size);
	inflateEnd(&z);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4099, 1000003 };
	unsigned char *data = malloc(1000003);
	uint32_t x = 17;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < 1000003; i++) {
		x = x * 1664525 + 1013904223; /* does not shrink */
		data[i] = (unsigned char)(x >> 24);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		check(data, sizes[i]);
	memset(data, 'a', 1000003);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		check(data, sizes[i]);
	free(data);
}

static void test_too_large(void **state)
{
	char *packed = NULL;
	size_t n;

	(void)state;
	assert_int_equal(gzip_pack("", ((size_t)1 << 30) + 1, &packed, &n), -EFBIG);
	assert_null(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
