/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void test_bytes(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 1536, "1.50 KiB" },
		{ 10240, "10.0 KiB" },
		{ 852000, "832 KiB" },
		{ 1048575, "1.00 MiB" }, /* not 1024 KiB */
		{ 1610612736, "1.50 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char buf[TEXT_HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text_bytes(buf, cases[i].n), cases[i].text);
}

static void test_bytes_change(void **state)
{
	char buf[TEXT_HUMAN_MAX];

	(void)state;
	assert_string_equal(text_bytes_change(buf, 0), "+0 B");
	assert_string_equal(text_bytes_change(buf, -0.2), "+0 B");
	assert_string_equal(text_bytes_change(buf, 1536), "+1.50 KiB");
	assert_string_equal(text_bytes_change(buf, -852000), "-832 KiB");
	assert_string_equal(text_bytes_change(buf, NAN), "+0 B");
	assert_string_equal(text_bytes_change(buf, 1e300), "+16.0 EiB");
}

static void test_count(void **state)
{
	static const struct {
		double n;
		const char *text;
	} cases[] = {
		{ 0, "0" },	    { 832, "832" },	 { 999, "999" },
		{ 1000, "1.00k" },  { 14200, "14.2k" },	 { 142000, "142k" },
		{ 999499, "999k" }, { 999500, "1.00M" }, { 1300000, "1.30M" },
		{ 5e12, "5.00T" },  { 5e15, "5000T" },	 { -1300000, "-1.30M" },
	};
	char buf[TEXT_HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text_count(buf, cases[i].n), cases[i].text);
	/* Too long for any buffer: cut, never past its end. */
	assert_int_equal(strlen(text_count(buf, 1e300)), TEXT_HUMAN_MAX - 1);
}

static void test_duration(void **state)
{
	static const struct {
		double s;
		const char *text;
	} cases[] = {
		{ 0, "0ms" },
		{ -5, "0ms" },
		{ 0.00035, "350us" },
		{ 1e-9, "1us" },
		{ 0.0009996, "1ms" },
		{ 0.25, "250ms" },
		{ 0.9996, "1s" },
		{ 1, "1s" },
		{ 42.9, "42s" },
		{ 60, "1m00s" },
		{ 200, "3m20s" },
		{ 3599, "59m59s" },
		{ 7500, "2h05m" },
		{ 86399, "23h59m" },
		{ 273600, "3d04h" },
		{ NAN, "0ms" },
		{ 31536000, "365d00h" },
	};
	char buf[TEXT_HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text_duration(buf, cases[i].s), cases[i].text);
	assert_string_equal(text_duration(buf, INFINITY), "11574074074d01h");
}

static void test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		double s;
	} good[] = {
		{ "30", 30 },	   { "30s", 30 },
		{ "250ms", 0.25 }, { "5m", 300 },
		{ "2h", 7200 },	   { "1d", 86400 },
		{ "1.5m", 90 },	   { ".5", 0.5 },
		{ "0.1ms", 1e-4 }, { "3652d", 3652 * 86400.0 },
	};
	static const char *const bad[] = { "",
					   "s",
					   "-5",
					   "+5",
					   "0",
					   "0s",
					   "5 s",
					   " 5",
					   "5S",
					   "5sec",
					   "1e3",
					   "0x10",
					   "inf",
					   "nan",
					   "1.2.3",
					   ".",
					   "5m3s",
					   "3653d",
					   "99999999999999999999",
					   "1e400" };
	double s = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(text_parse_duration(bad[i], &s), -EINVAL);
	assert_true(s == 77);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(text_parse_duration(good[i].text, &s), 0);
		assert_true(fabs(s - good[i].s) < 1e-9);
	}
}

static void test_parse_int(void **state)
{
	long long v = 77;

	(void)state;
	assert_int_equal(text_parse_int("", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("x", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("5x", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("5 ", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int(" 5", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("+5", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("-", -9, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("0x5", 0, 9, &v), -EINVAL);
	assert_int_equal(text_parse_int("10", 0, 9, &v), -ERANGE);
	assert_int_equal(text_parse_int("-1", 0, 9, &v), -ERANGE);
	assert_int_equal(text_parse_int("9223372036854775808", 0, INT64_MAX, &v), -ERANGE);
	assert_int_equal(v, 77);
	assert_int_equal(text_parse_int("0", 0, 9, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(text_parse_int("-9", -9, 9, &v), 0);
	assert_int_equal(v, -9);
	assert_int_equal(text_parse_int("9223372036854775807", 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
}

static void check_scrub(const char *src, size_t n, size_t room, const char *want)
{
	char dst[64];

	memset(dst, 'Z', sizeof(dst));
	assert_int_equal(text_scrub(dst, room, src, n), strlen(want));
	assert_string_equal(dst, want);
	assert_int_equal(dst[room], 'Z');
}

static void test_scrub(void **state)
{
	(void)state;
	check_scrub("main.(*T).f-fm", 14, 32, "main.(*T).f-fm");
	check_scrub("main\0rest", 9, 32, "main");
	check_scrub("abcdef", 3, 32, "abc"); /* not terminated */
	check_scrub("a\x1b[31mb\n\x7f", 9, 32, "a?[31mb??");
	check_scrub("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 32,
		    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	check_scrub("\xc2\x9b", 2, 32, "?"); /* C1: a terminal's other escape */
	check_scrub("\xc0\xaf\xff", 3, 32, "???"); /* not the shortest form; never valid */
	check_scrub("\xed\xa0\x80", 3, 32, "???"); /* surrogate */
	check_scrub("\xf4\x90\x80\x80", 4, 32, "????"); /* above U+10FFFF */
	check_scrub("\xe2\x82", 2, 32, "??"); /* cut short by the end */
	check_scrub("\xe2\x82x", 3, 32, "??x");
	check_scrub("", 0, 32, "");
}

/* What is not seen but changes what is: bidi, zero width, separators. */
static void test_scrub_invisible(void **state)
{
	(void)state;
	check_scrub("a\xe2\x80\xae"
		    "b",
		    5, 32, "a?b"); /* U+202E, right-to-left override */
	check_scrub("\xe2\x80\x8b\xe2\x80\x8f", 6, 32, "??"); /* U+200B, U+200F */
	check_scrub("\xe2\x80\xa8\xe2\x80\xa9", 6, 32, "??"); /* U+2028, U+2029 */
	check_scrub("\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", 9, 32, "???"); /* U+202A, 2066, 2069 */
	check_scrub("\xef\xbb\xbf", 3, 32, "?"); /* U+FEFF */
	check_scrub("\xd8\x9c\xc2\xad", 4, 32, "??"); /* U+061C, soft hyphen */
	/* their neighbours are fine: U+200A, U+2010, U+2027, U+202F, U+205F, U+2070 */
	check_scrub("\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7", 9, 32,
		    "\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7");
	check_scrub("\xe2\x80\xaf\xe2\x81\x9f\xe2\x81\xb0", 9, 32,
		    "\xe2\x80\xaf\xe2\x81\x9f\xe2\x81\xb0");
}

static void test_scrub_room(void **state)
{
	char none = 'Z';

	(void)state;
	check_scrub("abcdef", 6, 4, "abc");
	check_scrub("ab\xe2\x82\xac", 5, 5, "ab"); /* no half character */
	check_scrub("ab\xe2\x82\xac", 5, 6, "ab\xe2\x82\xac");
	check_scrub("abc", 3, 1, "");
	assert_int_equal(text_scrub(&none, 0, "abc", 3), 0);
	assert_int_equal(none, 'Z');
}

static void test_change(void **state)
{
	char buf[TEXT_HUMAN_MAX];

	(void)state;
	assert_string_equal(text_change(buf, 143.617), "+143.6");
	assert_string_equal(text_change(buf, -0.25), "-0.25");
	assert_string_equal(text_change(buf, 0), "+0");
	assert_string_equal(text_change(buf, 9999.4), "+9999");
	assert_string_equal(text_change(buf, 12345.6), "+12346");
	assert_string_equal(text_change(buf, -1234567), "-1234567");
}

static void test_base_name(void **state)
{
	(void)state;
	assert_string_equal(text_base_name("/usr/lib/go/src/net/http/server.go"), "server.go");
	assert_string_equal(text_base_name("server.go"), "server.go");
	assert_string_equal(text_base_name("/"), "");
	assert_string_equal(text_base_name(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change),		cmocka_unit_test(test_base_name),
		cmocka_unit_test(test_bytes),		cmocka_unit_test(test_bytes_change),
		cmocka_unit_test(test_count),		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_parse_duration),	cmocka_unit_test(test_parse_int),
		cmocka_unit_test(test_scrub),		cmocka_unit_test(test_scrub_room),
		cmocka_unit_test(test_scrub_invisible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
