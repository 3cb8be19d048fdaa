/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/exposition.h"

#define TEXT EXPOSITION_TEXT
#define OPEN EXPOSITION_OPENMETRICS
#define OLD  EXPOSITION_OPENMETRICS_0_0_1
#define OM   "application/openmetrics-text"

static void format_is_what_the_client_asks_for(void **state)
{
	static const struct {
		const char *accept;
		enum exposition_format want;
	} cases[] = {
		{ NULL, TEXT },
		{ "", TEXT },
		{ "*/*", TEXT },
		{ "text/html, application/xhtml+xml;q=0.9, */*;q=0.8", TEXT },
		{ "text/plain", TEXT },
		{ "text/plain;version=0.0.4", TEXT },
		{ OM, OPEN },
		{ OM ";version=1.0.0", OPEN },
		{ OM "; charset=utf-8; version=\"1.0.0\"", OPEN },
		{ "Application/OpenMetrics-Text ; VERSION = 1.0.0", OPEN },
		{ OM ";version=0.0.1", OLD },
		{ OM ";version=2.0.0", TEXT },
		/* Prometheus 2.30, 2.42 and 3.5 */
		{ OM ";version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OLD },
		{ OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;"
		     "q=0.5,*/*;q=0.1",
		  OPEN },
		{ OM ";version=1.0.0;escaping=allow-utf-8;q=0.5," OM ";version=0.0.1;q=0.4,"
		     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
		     "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		  OPEN },
		/* weights */
		{ OM ";q=0.3, text/plain;q=0.5", TEXT },
		{ "text/plain;q=0.3, " OM ";q=0.301", OPEN },
		{ OM ";q=0", TEXT },
		{ OM ";q=0, */*", TEXT },
		{ "text/plain;q=0, " OM ";version=0.0.1;q=0.001", OLD },
		{ "text/plain;q=0, */*", OPEN },
		{ "application/*, text/*;q=0.9", OPEN },
		{ "application/*, text/*", TEXT },
		{ "*/*, " OM, OPEN },
		/* the more specific range counts, wherever it stands */
		{ "*/*;q=1, text/plain;q=0.2, " OM ";q=0.5", OPEN },
		{ OM ";q=0.9, " OM ";version=1.0.0;q=0.1, text/plain;q=0.5", OLD },
		/* equal weights: what comes first */
		{ "text/plain, " OM, TEXT },
		{ OM ", text/plain", OPEN },
		/* what makes no sense is passed over */
		{ OM ";q=2", TEXT },
		{ OM ";q=-1", TEXT },
		{ OM ";q=1.001", TEXT },
		{ OM ";q=0.0001", TEXT },
		{ OM ";q=0x1", TEXT },
		{ OM ";q=", TEXT },
		{ OM ";q", OPEN },
		{ "openmetrics", TEXT },
		{ ",,;;=,/ ,;q=1," OM, OPEN },
		{ "text/plain;a=\"," OM ";q=1,\";q=0.1", TEXT },
		{ "text/plain;a=\"\\\"," OM, TEXT },
		{ OM "x", TEXT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum exposition_format have = exposition_format_of(cases[i].accept);

		if (have != cases[i].want)
			print_error("%s\n", cases[i].accept);
		assert_int_equal(have, cases[i].want);
	}
}

static void types_name_their_version(void **state)
{
	(void)state;
	for (enum exposition_format f = 0; f < EXPOSITION_FORMATS; f++)
		assert_int_equal(exposition_format_of(exposition_content_type(f)), f);
}

static void labels_are_scrubbed_and_escaped(void **state)
{
	struct exposition_labels l = { 0 };

	(void)state;
	exposition_label(&l, "a", "plain {1,2}=");
	exposition_label(&l, "b", "quote\" back\\slash new\nline \033[1m \xff caf\xc3\xa9");
	exposition_label(&l, "c", NULL);
	assert_string_equal(l.text, "a=\"plain {1,2}=\","
				    "b=\"quote\\\" back\\\\slash new?line ?[1m ? caf\xc3\xa9\","
				    "c=\"\"");
	assert_int_equal(l.len, strlen(l.text));
}

static void long_values_are_cut(void **state)
{
	struct exposition_labels l = { 0 };
	char value[1000];
	size_t len = 0;

	(void)state;
	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	exposition_label(&l, "a", value);
	assert_int_equal(l.len, strlen("a=\"\"") + (EXPOSITION_VALUE_MAX - 1) * 2);
	assert_int_equal(l.len, strlen(l.text));
	while (l.len != len) {
		len = l.len;
		exposition_label(&l, "b", value);
	}
	/* What has no room is left out whole. */
	assert_int_equal(l.len, strlen(l.text));
	assert_int_equal(l.text[l.len - 1], '"');
	assert_true(l.len < sizeof(l.text));
}

static void numbers_read_back(void **state)
{
	static const struct {
		double d;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 0.1, "0.1" },
		{ -1.5, "-1.5" },
		{ 1e300, "1e+300" },
		{ 1796000000.25, "1796000000.25" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 5e-324, "4.94065645841247e-324" },
		{ 9007199254740993.0, "9007199254740992" },
	};
	char buf[EXPOSITION_NUMBER_MAX];
	uint64_t bits = 88172645463325252;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(exposition_number(buf, cases[i].d), strlen(cases[i].want));
		assert_string_equal(buf, cases[i].want);
	}
	for (int i = 0; i < 10007; i++) {
		double d;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&d, &bits, sizeof(d));
		if (!isfinite(d))
			continue;
		assert_true(exposition_number(buf, d) < (int)sizeof(buf));
		assert_true(strtod(buf, NULL) == d);
	}
}

static const struct exposition_family families[] = {
	{ "t_a_bytes", "Gauge.", EXPOSITION_GAUGE, false },
	{ "t_b_seconds_total", "Counter.", EXPOSITION_COUNTER, false },
	{ "t_c_info", "Info.", EXPOSITION_INFO, false },
	{ "t_d_seconds", "Summary.", EXPOSITION_SUMMARY, false },
	{ "t_e_bytes_total", "Clashes.", EXPOSITION_COUNTER, true },
	{ "t_f", "Nothing is known.", EXPOSITION_GAUGE, false },
};

static void write_samples(FILE *f, enum exposition_format format)
{
	struct exposition e = { .f = f, .format = format };

	exposition_begin(&e, &families[0]);
	exposition_count(&e, "", "", UINT64_MAX);
	exposition_sample(&e, "", "a=\"1\"", "", 0.5);
	exposition_begin(&e, &families[1]);
	exposition_sample(&e, "", "", "b=\"2\"", 3);
	exposition_begin(&e, &families[2]);
	exposition_count(&e, "a=\"1\"", "b=\"2\"", 1);
	exposition_begin(&e, &families[3]);
	exposition_sample(&e, "_sum", "", "", 0.25);
	exposition_sample(&e, "_count", "", "", 2);
	exposition_begin(&e, &families[4]);
	exposition_count(&e, "", "", 7);
	exposition_begin(&e, &families[5]);
	exposition_sample(&e, "", "", "", NAN);
	exposition_sample(&e, "", "", "", INFINITY);
	exposition_sample(&e, "", "", "", -INFINITY);
	assert_int_equal(exposition_end(&e), 0);
}

static char *written(enum exposition_format format)
{
	return CAPTURE(f, write_samples(f, format));
}

static void text_is_as_prometheus_wants_it(void **state)
{
	char *text = written(TEXT);

	(void)state;
	assert_string_equal(text, "# HELP t_a_bytes Gauge.\n"
				  "# TYPE t_a_bytes gauge\n"
				  "t_a_bytes 18446744073709551615\n"
				  "t_a_bytes{a=\"1\"} 0.5\n"
				  "# HELP t_b_seconds_total Counter.\n"
				  "# TYPE t_b_seconds_total counter\n"
				  "t_b_seconds_total{b=\"2\"} 3\n"
				  "# HELP t_c_info Info.\n"
				  "# TYPE t_c_info gauge\n"
				  "t_c_info{a=\"1\",b=\"2\"} 1\n"
				  "# HELP t_d_seconds Summary.\n"
				  "# TYPE t_d_seconds summary\n"
				  "t_d_seconds_sum 0.25\n"
				  "t_d_seconds_count 2\n"
				  "# HELP t_e_bytes_total Clashes.\n"
				  "# TYPE t_e_bytes_total counter\n"
				  "t_e_bytes_total 7\n");
	free(text);
}

static void openmetrics_is_as_its_standard_wants_it(void **state)
{
	char *text = written(OPEN), *old = written(OLD);

	(void)state;
	assert_string_equal(text, "# HELP t_a_bytes Gauge.\n"
				  "# TYPE t_a_bytes gauge\n"
				  "# UNIT t_a_bytes bytes\n"
				  "t_a_bytes 18446744073709551615\n"
				  "t_a_bytes{a=\"1\"} 0.5\n"
				  "# HELP t_b_seconds Counter.\n"
				  "# TYPE t_b_seconds counter\n"
				  "# UNIT t_b_seconds seconds\n"
				  "t_b_seconds_total{b=\"2\"} 3\n"
				  "# HELP t_c Info.\n"
				  "# TYPE t_c info\n"
				  "t_c_info{a=\"1\",b=\"2\"} 1\n"
				  "# HELP t_d_seconds Summary.\n"
				  "# TYPE t_d_seconds summary\n"
				  "# UNIT t_d_seconds seconds\n"
				  "t_d_seconds_sum 0.25\n"
				  "t_d_seconds_count 2\n"
				  "# HELP t_e_bytes_total Clashes.\n"
				  "# TYPE t_e_bytes_total unknown\n"
				  "t_e_bytes_total 7\n"
				  "# EOF\n");
	assert_string_equal(old, text);
	free(text);
	free(old);
}

static void error_of_the_stream_is_told(void **state)
{
	FILE *f = fopen("/dev/full", "we");
	struct exposition e = { .f = f };

	(void)state;
	assert_non_null(f);
	exposition_begin(&e, &families[0]);
	exposition_count(&e, "", "", 1);
	assert_int_equal(exposition_end(&e), -ENOSPC);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_what_the_client_asks_for),
		cmocka_unit_test(types_name_their_version),
		cmocka_unit_test(labels_are_scrubbed_and_escaped),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(numbers_read_back),
		cmocka_unit_test(text_is_as_prometheus_wants_it),
		cmocka_unit_test(openmetrics_is_as_its_standard_wants_it),
		cmocka_unit_test(error_of_the_stream_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
