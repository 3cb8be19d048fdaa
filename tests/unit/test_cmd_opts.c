/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	for (int i = 0; i < 3; i++)
		state->child_inputs[i] = state->input;
	return 0;
}

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_observe_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};
static const struct argp argp = { .parser = parse, .children = children };

/* Splits line at blanks and parses it; what argp says is of no interest here. */
static int parse_line(const char *line, struct opts *o)
{
	static char copy[256];
	char *argv[16] = { NULL }, *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "gotide %s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	memset(o, 0, sizeof(*o));
	return opts_parse(&argp, argc, argv, ARGP_SILENT, o);
}

static void test_all_options(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(
		parse_line("-j -o x.json -i 250ms --for 5m --park all -p 7 shop -vv --pid=8", &o),
		0);
	assert_true(o.is_json);
	assert_string_equal(o.output, "x.json");
	assert_true(o.interval_s > 0.249 && o.interval_s < 0.251);
	assert_true(o.for_s > 299 && o.for_s < 301);
	assert_true(o.watch_parks);
	assert_int_equal(o.verbosity, 2);
	assert_int_equal(o.names.n, 3);
	assert_string_equal(o.names.items[0], "7");
	assert_string_equal(o.names.items[2], "shop");
	opts_release(&o);
}

static void test_park_off_and_quiet(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(parse_line("--park all --park off -q", &o), 0);
	assert_false(o.watch_parks);
	assert_int_equal(o.verbosity, -1);
	assert_int_equal(log_level_get(), LOG_LEVEL_QUIET);
	assert_int_equal(parse_line("-q -v", &o), 0);
	assert_int_equal(o.verbosity, 1);
	assert_int_equal(parse_line("-vvvvv", &o), 0);
	assert_int_equal(log_level_get(), LOG_LEVEL_DEBUG);
	log_set_level(LOG_LEVEL_INFO);
}

static void test_census(void **state)
{
	struct session_opts s = { .input_fd = -1 };
	struct opts o;

	(void)state;
	assert_int_equal(parse_line("--census 90s", &o), 0);
	opts_to_session(&o, &s);
	assert_true(s.census_interval_s > 89.9 && s.census_interval_s < 90.1);
	assert_int_equal(parse_line("--census off", &o), 0);
	opts_to_session(&o, &s);
	assert_true(s.census_interval_s < 0);
	assert_int_equal(parse_line("-q", &o), 0);
	opts_to_session(&o, &s);
	assert_true(s.census_interval_s == 0);
}

static void test_bad_values(void **state)
{
	static const char *const bad[] = {
		"--for x",     "--for 0", "--for -5s", "-i 10y", "--park some", "-p abc",
		"--census on", "-p 0",	  "-p -7",     "-p 7x",	 "--nope",	"-o",
	};
	struct opts o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_not_equal(parse_line(bad[i], &o), 0);
		opts_release(&o);
	}
}

static void test_to_session(void **state)
{
	struct session_opts s = { .input_fd = -1 };
	struct opts o;

	(void)state;
	assert_int_equal(parse_line("--for 10s -i 2s -q shop 7", &o), 0);
	opts_to_session(&o, &s);
	assert_int_equal(s.n_names, 2);
	assert_string_equal(s.names[1], "7");
	assert_true(s.for_s > 9.9 && s.for_s < 10.1);
	assert_true(s.interval_s > 1.9 && s.interval_s < 2.1);
	assert_true(s.quiet);
	assert_false(s.watch_parks);
	assert_int_equal(s.input_fd, -1);
	opts_release(&o);
}

static void test_output_file(void **state)
{
	char path[] = "/tmp/gotide-test-XXXXXX", text[8] = "";
	int fd = mkstemp(path);
	struct opts o = { .output = path };

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(opts_open_output(&o), 0);
	fputs("data", o.out);
	assert_int_equal(opts_close_output(&o, CMD_LEAK), CMD_LEAK);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "data");
	close(fd);
	unlink(path);
}

/* A report that did not reach the disk is a failure, whatever it said. */
static void test_full_disk(void **state)
{
	struct opts o = { .output = "/dev/full" };

	(void)state;
	log_set_level(LOG_LEVEL_QUIET);
	assert_int_equal(opts_open_output(&o), 0);
	fputs("data", o.out);
	assert_int_equal(opts_close_output(&o, CMD_OK), CMD_FAILED);
	o = (struct opts){ .output = "/dev/null" };
	assert_int_equal(opts_open_output(&o), 0);
	assert_int_equal(opts_print_failed(&o, -EPIPE), -EPIPE);
	assert_int_equal(opts_close_output(&o, CMD_OK), CMD_FAILED);
	o.output = "/nonexistent/x";
	assert_int_equal(opts_open_output(&o), -ENOENT);
	log_set_level(LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_options), cmocka_unit_test(test_park_off_and_quiet),
		cmocka_unit_test(test_census),	    cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_to_session),  cmocka_unit_test(test_output_file),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
