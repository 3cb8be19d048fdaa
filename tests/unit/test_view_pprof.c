/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include <zlib.h>

#include "profile.pb-c.h"

static char *write_profile(const struct profile *p, size_t *ret_size)
{
	char *data = NULL;
	FILE *f = open_memstream(&data, ret_size);

	assert_non_null(f);
	assert_int_equal(profile_write_pprof(p, f), 0);
	assert_int_equal(fclose(f), 0);
	return data;
}

static Pprof__Profile *parse(char *data, size_t size)
{
	static uint8_t raw[1 << 20];
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = (unsigned int)size };

	z.next_out = raw;
	z.avail_out = sizeof(raw);
	assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);

	Pprof__Profile *p = pprof__profile__unpack(NULL, z.total_out, raw);

	assert_non_null(p);
	return p;
}

static const char *str(const Pprof__Profile *p, int64_t i)
{
	assert_in_range(i, 0, p->n_string_table - 1);
	return p->string_table[i];
}

static void print_location(FILE *f, const Pprof__Profile *p, const Pprof__Location *l)
{
	fprintf(f, "location %lu mapping %lu %#lx:", l->id, l->mapping_id, l->address);
	for (size_t i = 0; i < l->n_line; i++)
		fprintf(f, " function %lu line %ld;", l->line[i]->function_id, l->line[i]->line);
	fprintf(f, "\n");
	(void)p;
}

static void print_sample(FILE *f, const Pprof__Profile *p, const Pprof__Sample *s)
{
	fprintf(f, "sample");
	for (size_t i = 0; i < s->n_value; i++)
		fprintf(f, " %ld", s->value[i]);
	fprintf(f, ":");
	for (size_t i = 0; i < s->n_location_id; i++)
		fprintf(f, " %lu", s->location_id[i]);
	for (size_t i = 0; i < s->n_label; i++)
		fprintf(f, " {%s=%s %ld}", str(p, s->label[i]->key), str(p, s->label[i]->str),
			s->label[i]->num);
	fprintf(f, "\n");
}

/* What `go tool pprof -raw` would show, and the numbers. */
static char *describe(const Pprof__Profile *p)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < p->n_sample_type; i++)
		fprintf(f, "type %s/%s\n", str(p, p->sample_type[i]->type),
			str(p, p->sample_type[i]->unit));
	fprintf(f, "default %s\nperiod %ld %s/%s\ntime %ld duration %ld\n",
		str(p, p->default_sample_type), p->period, str(p, p->period_type->type),
		str(p, p->period_type->unit), p->time_nanos, p->duration_nanos);
	for (size_t i = 0; i < p->n_comment; i++)
		fprintf(f, "comment %s\n", str(p, p->comment[i]));
	for (size_t i = 0; i < p->n_mapping; i++) {
		const Pprof__Mapping *m = p->mapping[i];

		fprintf(f, "mapping %lu %#lx-%#lx@%#lx %s %s %d%d%d%d\n", m->id, m->memory_start,
			m->memory_limit, m->file_offset, str(p, m->filename), str(p, m->build_id),
			m->has_functions, m->has_filenames, m->has_line_numbers,
			m->has_inline_frames);
	}
	for (size_t i = 0; i < p->n_function; i++)
		fprintf(f, "function %lu %s %s\n", p->function[i]->id, str(p, p->function[i]->name),
			str(p, p->function[i]->filename));
	for (size_t i = 0; i < p->n_location; i++)
		print_location(f, p, p->location[i]);
	for (size_t i = 0; i < p->n_sample; i++)
		print_sample(f, p, p->sample[i]);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void test_golden(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	size_t size = 0, again = 0;
	struct profile p;

	(void)state;
	fixture_profile(&p, s);
	char *data = write_profile(&p, &size), *second = write_profile(&p, &again);
	Pprof__Profile *got = parse(data, size);
	char *have = describe(got);

	assert_string_equal(str(got, 0), "");
	golden_check("profile.pprof", have);
	/* Nothing in the file but the profile: no clock, no name of a file. */
	assert_int_equal(size, again);
	assert_memory_equal(data, second, size);
	pprof__profile__free_unpacked(got, NULL);
	free(have);
	free(data);
	free(second);
	profile_release(&p);
	symbols_free(s);
}

/* As Go's heap profile: four values, and the size of the objects as a label. */
static void test_heap(void **state)
{
	static const uint64_t stack[] = { AT(PC_HANDLE + 0x91), AT(PC_GOEXIT + 1) };
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;
	size_t size = 0;

	(void)state;
	fixture_profile(&p, s);
	p.types[0] = (struct profile_type){ "alloc_objects", "count" };
	p.types[1] = (struct profile_type){ "alloc_space", "bytes" };
	p.types[2] = (struct profile_type){ "inuse_objects", "count" };
	p.types[3] = (struct profile_type){ "inuse_space", "bytes" };
	p.n_types = 4;
	p.shown = 3;
	p.period_type = (struct profile_type){ "space", "bytes" };
	p.period = 524288;
	p.map_end = 0;
	p.samples.n = 1;
	p.samples.items[0] = (struct profile_sample){
		.pcs = stack,
		.n = 2,
		.values = { 31, 31 * 48, 7, 7 * 48 },
		.num_label = 48,
	};
	char *data = write_profile(&p, &size);
	Pprof__Profile *got = parse(data, size);
	const Pprof__Sample *sample = got->sample[0];

	assert_int_equal(got->n_mapping, 0);
	assert_int_equal(got->location[0]->mapping_id, 0);
	assert_string_equal(str(got, got->default_sample_type), "inuse_space");
	assert_int_equal(got->period, 524288);
	assert_int_equal(sample->n_value, 4);
	assert_int_equal(sample->value[3], 7 * 48);
	assert_int_equal(sample->n_location_id, 1);
	assert_int_equal(got->location[0]->n_line, 2);
	assert_string_equal(str(got, sample->label[0]->key), "bytes");
	assert_int_equal(sample->label[0]->num, 48);
	pprof__profile__free_unpacked(got, NULL);
	free(data);
	profile_release(&p);
	symbols_free(s);
}

/* More than any of the project's stacks; the rest is said to be missing. */
static void test_deep(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	static uint64_t pcs[1009];
	struct profile p;
	size_t size = 0;

	(void)state;
	fixture_profile(&p, s);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = AT(PC_MAIN + 1 + i % 97);
	p.samples.n = 1;
	p.samples.items[0].pcs = pcs;
	p.samples.items[0].n = ARRAY_SIZE(pcs);
	char *data = write_profile(&p, &size);
	Pprof__Profile *got = parse(data, size);
	const Pprof__Sample *sample = got->sample[0];
	const Pprof__Location *last =
		got->location[sample->location_id[sample->n_location_id - 1] - 1];

	assert_in_range(sample->n_location_id, 200, 256);
	assert_int_equal(got->n_location, 98);
	assert_string_equal(str(got, got->function[last->line[0]->function_id - 1]->name),
			    PROFILE_CUT);
	pprof__profile__free_unpacked(got, NULL);
	free(data);
	profile_release(&p);
	symbols_free(s);
}

static void test_full_disk(void **state)
{
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	fixture_profile(&p, s);
	assert_int_equal(profile_write_pprof(&p, f), -ENOSPC);
	fclose(f);
	profile_release(&p);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
