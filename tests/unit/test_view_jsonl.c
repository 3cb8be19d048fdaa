/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include <math.h>

#include "view/jsonl.h"

/* ---- a validator of the part of JSON Schema that docs/report.schema.json uses ---- */

static bool is_type(const char *name, enum json_type type)
{
	return !strcmp(name, json_type_to_name(type)) ||
	       (!strcmp(name, "integer") && type == json_type_int) ||
	       (!strcmp(name, "number") && (type == json_type_int || type == json_type_double));
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

static bool type_matches(struct json_object *want, struct json_object *o)
{
	enum json_type type = json_object_get_type(o);

	if (!want || json_object_is_type(want, json_type_string))
		return !want || is_type(json_object_get_string(want), type);
	for (size_t i = 0; i < json_object_array_length(want); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(want, i));

		if (is_type(name, type))
			return true;
	}
	return false;
}

static bool enum_matches(struct json_object *want, struct json_object *o)
{
	for (size_t i = 0; want && i < json_object_array_length(want); i++) {
		if (json_object_equal(json_object_array_get_idx(want, i), o))
			return true;
	}
	return !want;
}

static bool valid(struct json_object *schema, struct json_object *o, const char *name);

static bool members_valid(struct json_object *schema, struct json_object *o)
{
	struct json_object *known = get(schema, "properties"), *required = get(schema, "required");
	struct json_object *others = get(schema, "additionalProperties");

	for (size_t i = 0; required && i < json_object_array_length(required); i++) {
		const char *key = json_object_get_string(json_object_array_get_idx(required, i));

		if (!json_object_object_get_ex(o, key, NULL)) {
			print_error("key %s is missing\n", key);
			return false;
		}
	}
	json_object_object_foreach(o, key, value)
	{
		struct json_object *sub = known ? get(known, key) : NULL;

		if (!sub && json_object_is_type(others, json_type_object))
			sub = others;
		if (!sub || !valid(sub, value, key)) {
			print_error("key %s\n", key);
			return false;
		}
	}
	return true;
}

static bool range_valid(struct json_object *schema, struct json_object *o)
{
	struct json_object *min = get(schema, "minimum"), *max = get(schema, "maximum");
	double d = json_object_get_double(o);

	if (!json_object_is_type(o, json_type_int) && !json_object_is_type(o, json_type_double))
		return true;
	return (!min || d >= json_object_get_double(min)) &&
	       (!max || d <= json_object_get_double(max));
}

static bool valid(struct json_object *schema, struct json_object *o, const char *name)
{
	struct json_object *items = get(schema, "items");

	if (!type_matches(get(schema, "type"), o) || !enum_matches(get(schema, "enum"), o) ||
	    !range_valid(schema, o)) {
		print_error("%s: %s does not match\n", name, json_object_to_json_string(o));
		return false;
	}
	if (json_object_is_type(o, json_type_object))
		return members_valid(schema, o);
	if (!json_object_is_type(o, json_type_array))
		return true;
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		if (!valid(items, json_object_array_get_idx(o, i), name))
			return false;
	}
	return true;
}

/* ---- tests ---- */

static char *line_of(const struct fixture *f)
{
	return CAPTURE(out, assert_int_equal(
				    jsonl_write(out, jsonl_process(&f->process, &f->verdict)), 0));
}

static void check(void (*make)(struct fixture *f), const char *golden)
{
	struct json_object *schema = json_object_from_file("docs/report.schema.json");
	struct fixture f;

	assert_non_null(schema);
	make(&f);
	char *line = line_of(&f);

	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	struct json_object *o = json_tokener_parse(line);

	assert_non_null(o);
	assert_true(valid(schema, o, "report"));
	golden_check(golden, line);
	json_object_put(o);
	json_object_put(schema);
	free(line);
}

static void test_golden_and_schema(void **state)
{
	(void)state;
	check(fixture_leak, "leak.json");
	check(fixture_healthy, "healthy.json");
	check(fixture_heap, "heap.json");
	check(fixture_unknown, "unknown.json");
	check(fixture_hostile, "hostile.json");
}

static void test_validator_rejects(void **state)
{
	struct json_object *schema = json_object_from_file("docs/report.schema.json");
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	struct json_object *o = jsonl_process(&f.process, &f.verdict);

	assert_true(valid(schema, o, "report"));
	json_object_object_add(o, "verdict", json_object_new_string("fine"));
	assert_false(valid(schema, o, "report"));
	json_object_object_add(o, "verdict", json_object_new_string("healthy"));
	json_object_object_add(get(o, "heap"), "objects", json_object_new_int(-2));
	assert_false(valid(schema, o, "report"));
	json_object_object_del(get(o, "heap"), "objects");
	assert_false(valid(schema, o, "report"));
	json_object_put(o);
	json_object_put(schema);
}

/* The order that gotide-json(5) gives: people read these lines too. */
static void test_order_of_keys(void **state)
{
	static const char *const first[] = { "pid",	 "comm",      "exe", "go_version",
					     "stripped", "container", "pod", "observed_s",
					     "verdict",	 "goroutines" };
	struct fixture f;
	size_t i = 0;

	(void)state;
	fixture_leak(&f);
	struct json_object *o = jsonl_process(&f.process, &f.verdict);

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		if (i < ARRAY_SIZE(first))
			assert_string_equal(key, first[i]);
		i++;
	}
	json_object_put(o);
}

static void check_number(double d, const char *want)
{
	struct json_object *o = jsonl_number(d);

	assert_string_equal(json_object_to_json_string(o), want);
	json_object_put(o);
}

static void test_numbers(void **state)
{
	(void)state;
	check_number(60, "60.0");
	check_number(0.99, "0.99");
	check_number(1.0 / 3, "0.333");
	check_number(1e15, "1000000000000000.0");
	check_number(-12.5, "-12.5");
	check_number(NAN, "null");
	check_number(INFINITY, "null");
	assert_null(jsonl_known(-1));
	assert_null(jsonl_text(NULL));
}

/* Beyond 2^53, where a double would round. */
static void test_large_counts_are_exact(void **state)
{
	struct fixture f;

	(void)state;
	fixture_leak(&f);
	f.process.born = UINT64_MAX - 1;
	f.process.heap_live_bytes = INT64_MAX;
	char *line = line_of(&f);

	assert_non_null(strstr(line, "\"born\":18446744073709551614"));
	assert_non_null(strstr(line, "\"live_bytes\":9223372036854775807"));
	free(line);
}

static void test_time_to_limit(void **state)
{
	struct fixture f;

	(void)state;
	fixture_heap(&f);
	char *line = line_of(&f);

	/* as the finding says; what may never come is null */
	assert_non_null(strstr(line, "\"oom_in_s\":76.5"));
	assert_non_null(strstr(line, "\"left_low_s\":70.25,\"left_high_s\":null"));
	free(line);
}

static void test_write_error_is_said(void **state)
{
	FILE *full = fopen("/dev/full", "we");
	struct fixture f;

	(void)state;
	assert_non_null(full);
	fixture_leak(&f);
	assert_int_equal(jsonl_write(full, jsonl_process(&f.process, &f.verdict)), -ENOSPC);
	assert_int_equal(jsonl_write(full, NULL), -ENOMEM);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_and_schema),
		cmocka_unit_test(test_validator_rejects),
		cmocka_unit_test(test_order_of_keys),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_large_counts_are_exact),
		cmocka_unit_test(test_time_to_limit),
		cmocka_unit_test(test_write_error_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
