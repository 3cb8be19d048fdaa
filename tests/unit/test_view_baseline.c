/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/heap_fixture.h"

#include <zlib.h>

#include "profile.pb-c.h"

static void test_own_file(void **state)
{
	struct heap_fixture f;
	char *file = NULL;
	size_t size = 0;

	(void)state;
	fixture_heap_profile(&f);
	fixture_heap_file(&f, &file, &size);
	assert_int_equal(fixture_base_read(file, size, &f.base), 0);
	assert_int_equal(f.base.sites.n, 4);
	assert_string_equal(f.base.sites.items[0].function, "main.decode");
	assert_string_equal(f.base.sites.items[0].file, "/src/decode.go");
	assert_int_equal(f.base.sites.items[0].line, 3);
	assert_int_equal(f.base.sites.items[0].values[0], 1009 - 307);
	assert_int_equal(f.base.sites.items[0].values[1], (1009 - 307) * 48);
	assert_string_equal(f.base.sites.items[2].function, "runtime.chanrecv");
	assert_string_equal(f.base.sites.items[3].function, PROFILE_UNKNOWN);
	assert_int_equal(f.base.time_ns, INT64_C(1700000000000000001));
	assert_int_equal(f.base.bad, 0);
	free(file);
	fixture_heap_release(&f);
}

/* Packs a message made by hand. */
static int read_message(const Pprof__Profile *p, struct baseline *ret)
{
	size_t size = pprof__profile__get_packed_size(p);
	uint8_t *data = malloc(size);

	assert_non_null(data);
	pprof__profile__pack(p, data);
	int err = fixture_base_read(data, size, ret);

	free(data);
	return err;
}

/* By the build id; where there is none, by the file's name. */
static void test_other_program(void **state)
{
	static const struct {
		const char *exe, *build_id, *exe_now, *build_id_now;
		bool is_other;
	} cases[] = {
		{ "/srv/shop", "ab01", "/srv/shop", "ab01", false },
		{ "/srv/shop", "ab01", "/srv/shop", "ab02", true },
		{ "/srv/shop", "ab01", "/new/shop2", "ab01", false },
		{ "/srv/shop", "", "/new/shop", "ab01", false },
		{ "/srv/shop", "", "/srv/cart", "", true },
		{ "", "", "/srv/cart", "ab01", false },
		{ "/srv/shop", "ab01", "", "", false },
		{ NULL, NULL, "/srv/cart", "ab01", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct baseline b = { .exe = cases[i].exe, .build_id = cases[i].build_id };

		assert_int_equal(baseline_is_other(&b, cases[i].exe_now, cases[i].build_id_now),
				 cases[i].is_other);
	}
}

/* The first mapping is the program; none, or one that points nowhere, is none. */
static void test_program(void **state)
{
	char empty[] = "", objects[] = "inuse_objects", space[] = "inuse_space";
	char exe[] = "/srv/shop", id[] = "ab01";
	char *strings[] = { empty, objects, space, exe, id };
	Pprof__ValueType type[2] = { PPROF__VALUE_TYPE__INIT, PPROF__VALUE_TYPE__INIT };
	Pprof__ValueType *types[] = { &type[0], &type[1] };
	Pprof__Mapping mapping = PPROF__MAPPING__INIT, *mappings[] = { &mapping };
	Pprof__Profile p = PPROF__PROFILE__INIT;
	struct baseline b = { 0 };

	(void)state;
	type[0].type = 1;
	type[1].type = 2;
	p.n_sample_type = 2;
	p.sample_type = types;
	p.n_string_table = ARRAY_SIZE(strings);
	p.string_table = strings;
	assert_int_equal(read_message(&p, &b), 0);
	assert_string_equal(b.exe, "");
	baseline_release(&b);
	p.n_mapping = 1;
	p.mapping = mappings;
	mapping.filename = 3;
	mapping.build_id = 4;
	assert_int_equal(read_message(&p, &b), 0);
	assert_string_equal(b.exe, exe);
	assert_string_equal(b.build_id, id);
	baseline_release(&b);
	mapping.filename = 77;
	mapping.build_id = -1;
	assert_int_equal(read_message(&p, &b), 0);
	assert_string_equal(b.exe, "");
	assert_string_equal(b.build_id, "");
	baseline_release(&b);
}

/* Cut anywhere, it is refused: the end of gzip's stream tells. */
static void test_truncated(void **state)
{
	struct heap_fixture f;
	char *file = NULL;
	size_t size = 0;

	(void)state;
	fixture_heap_profile(&f);
	fixture_heap_file(&f, &file, &size);
	for (size_t n = 3; n < size - 8; n += 7)
		assert_int_equal(fixture_base_read(file, n, &f.base), -EBADMSG);
	free(file);
	fixture_heap_release(&f);
}

static void test_no_profile(void **state)
{
	static const char goroutines[] = "goroutine profile: total 3\n";
	struct baseline b = { 0 };
	struct heap_fixture f;
	struct profile p;
	char *file = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(fixture_base_read(goroutines, sizeof(goroutines), &b), -EBADMSG);
	/* A profile of something else. */
	fixture_heap_profile(&f);
	fixture_profile(&p, f.symbols);
	FILE *out = open_memstream(&file, &size);

	assert_int_equal(profile_write_pprof(&p, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(fixture_base_read(file, size, &b), -ENODATA);
	free(file);
	profile_release(&p);
	fixture_heap_release(&f);
}

static void test_numbers_that_point_nowhere(void **state)
{
	char empty[] = "", objects[] = "inuse_objects", space[] = "inuse_space";
	char *strings[] = { empty, objects, space };
	Pprof__ValueType type[2] = { PPROF__VALUE_TYPE__INIT, PPROF__VALUE_TYPE__INIT };
	Pprof__ValueType *types[] = { &type[0], &type[1] };
	Pprof__Sample sample[2] = { PPROF__SAMPLE__INIT, PPROF__SAMPLE__INIT };
	Pprof__Sample *samples[] = { &sample[0], &sample[1] };
	Pprof__Location location = PPROF__LOCATION__INIT, *locations[] = { &location };
	Pprof__Line line[2] = { PPROF__LINE__INIT, PPROF__LINE__INIT };
	Pprof__Line *lines[] = { &line[0], &line[1] };
	Pprof__Function function = PPROF__FUNCTION__INIT, *functions[] = { &function };
	Pprof__Profile p = PPROF__PROFILE__INIT;
	uint64_t ids[] = { 77, 5 };
	int64_t values[] = { 11, 13 };
	struct baseline b = { 0 };

	(void)state;
	type[0].type = 1;
	type[1].type = 2;
	p.n_sample_type = 2;
	p.sample_type = types;
	p.n_string_table = 3;
	p.string_table = strings;
	sample[0].n_location_id = 2;
	sample[0].location_id = ids;
	sample[0].n_value = 2;
	sample[0].value = values;
	sample[1].n_value = 1; /* of two */
	sample[1].value = values;
	p.n_sample = 2;
	p.sample = samples;
	location.id = 5;
	line[0].function_id = 404;
	line[1].function_id = 3;
	line[1].line = INT64_MIN;
	location.n_line = 2;
	location.line = lines;
	p.n_location = 1;
	p.location = locations;
	function.id = 3;
	function.name = 1 << 20;
	function.filename = -1;
	p.n_function = 1;
	p.function = functions;
	assert_int_equal(read_message(&p, &b), 0);
	assert_int_equal(b.bad, 1);
	assert_int_equal(b.sites.n, 1);
	assert_string_equal(b.sites.items[0].function, PROFILE_UNKNOWN);
	assert_int_equal(b.sites.items[0].values[1], 13);
	baseline_release(&b);
	type[1].type = -3;
	assert_int_equal(read_message(&p, &b), -ENODATA);
}

/* A few kilobytes that would unpack to very many. */
static void test_bomb(void **state)
{
	static uint8_t zeros[1 << 20], out[1 << 20];
	z_stream z = { .next_out = out, .avail_out = sizeof(out) };
	struct baseline b = { 0 };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	for (uint64_t n = 0; n <= BASELINE_BYTES_MAX; n += sizeof(zeros)) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_true(z.total_out < 200000);
	assert_int_equal(fixture_base_read(out, z.total_out, &b), -EFBIG);
	deflateEnd(&z);
}

/* Messages of two bytes that each take a hundred in memory. */
static void test_swollen(void **state)
{
	size_t n = 24 << 20;
	uint8_t *data = malloc(n);
	struct baseline b = { 0 };

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < n; i += 2) {
		data[i] = 2 << 3 | 2; /* a sample */
		data[i + 1] = 0;
	}
	assert_int_equal(fixture_base_read(data, n, &b), -EFBIG);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_file),
		cmocka_unit_test(test_other_program),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_profile),
		cmocka_unit_test(test_numbers_that_point_nowhere),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_swollen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
