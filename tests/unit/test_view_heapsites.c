/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/heap_fixture.h"

static const struct heap_site *site_of(const struct heap_fixture *f, const char *function)
{
	vec_for_each (&f->sites.sites, s) {
		if (!strcmp(s->function, function))
			return s;
	}
	return NULL;
}

static void test_sites(void **state)
{
	const struct heap_site *s;
	struct heap_fixture f;

	(void)state;
	fixture_heap_profile(&f);
	assert_int_equal(heap_sites_make(&f.profile, NULL, f.symbols, &f.sites), 0);
	assert_int_equal(f.sites.sites.n, 3);
	/* Two stacks to one place, which is inlined: the innermost that is not the runtime's. */
	s = &f.sites.sites.items[0];
	assert_string_equal(s->function, "main.decode");
	assert_string_equal(s->file, "/src/decode.go");
	assert_int_equal(s->line, 3);
	assert_int_equal(s->inuse_objects, 1009 - 307 + 97);
	assert_int_equal(s->inuse_bytes, (1009 - 307) * 48 + 97 * 4096);
	assert_int_equal(s->alloc_bytes, 1009 * 48 + 97 * 4096);
	assert_int_equal(s->stack_bytes, 97 * 4096);
	/* Not a function that hands out memory, though all of the stack is the runtime's. */
	s = site_of(&f, "runtime.chanrecv");
	assert_non_null(s);
	assert_int_equal(s->inuse_bytes, 11 * 64);
	s = site_of(&f, PROFILE_UNKNOWN);
	assert_non_null(s);
	assert_int_equal(s->inuse_bytes, 0);
	assert_int_equal(s->alloc_objects, 3);
	assert_int_equal(f.sites.inuse_bytes, (1009 - 307) * 48 + 97 * 4096 + 11 * 64);
	fixture_heap_release(&f);
}

static void test_profile(void **state)
{
	struct heap_fixture f;
	struct profile p = { 0 };

	(void)state;
	fixture_heap_profile(&f);
	assert_int_equal(heap_sites_make(&f.profile, NULL, f.symbols, &f.sites), 0);
	assert_int_equal(heap_sites_profile(&f.profile, f.symbols, &p), 0);
	p.symbols = f.symbols;
	assert_int_equal(p.n_types, 4);
	assert_string_equal(p.types[p.shown].type, "inuse_space");
	assert_int_equal(p.samples.items[0].values[0], 1009);
	assert_int_equal(p.samples.items[0].values[3], (1009 - 307) * 48);
	assert_int_equal(p.samples.items[0].num_label, 48);
	char *have = CAPTURE(out, assert_int_equal(profile_write_folded(&p, out), 0));

	assert_string_equal(have, "example.org/web/v2.(*Mux[...]).Serve;main.(*server).handle;"
				  "main.decode 33696\n"
				  "main.main;main.(*server).handle;main.decode 397312\n"
				  "runtime.chanrecv;runtime.mallocgc 704\n");
	free(have);
	profile_release(&p);
	fixture_heap_release(&f);
}

/* What has grown since a file was written, what is new, and what has gone. */
static void test_growth(void **state)
{
	static const uint64_t fresh[] = { AT(PC_MALLOC + 5), AT(PC_SERVE + 9) };
	const struct heap_site *s;
	struct heap_fixture f;
	char *file = NULL;
	size_t size = 0;

	(void)state;
	fixture_heap_profile(&f);
	fixture_heap_file(&f, &file, &size);
	assert_int_equal(fixture_base_read(file, size, &f.base), 0);
	f.profile.records.items[0].allocs += 13;
	f.profile.records.items[0].alloc_bytes += 13 * 48;
	f.profile.records.items[2].frees = 11;
	f.profile.records.items[2].free_bytes = 11 * 64;
	fixture_record(&f, fresh, 2, 17, 1, 0);
	assert_int_equal(heap_sites_make(&f.profile, &f.base, f.symbols, &f.sites), 0);
	s = &f.sites.sites.items[0];
	assert_string_equal(s->function, "main.decode");
	assert_int_equal(s->inuse_bytes - s->base_bytes, 13 * 48);
	assert_int_equal(s->inuse_objects - s->base_objects, 13);
	assert_string_equal(f.sites.sites.items[1].function,
			    "example.org/web/v2.(*Mux[...]).Serve");
	assert_int_equal(f.sites.sites.items[1].base_bytes, 0);
	s = &f.sites.sites.items[f.sites.sites.n - 1];
	assert_string_equal(s->function, "runtime.chanrecv");
	assert_int_equal(s->inuse_bytes - s->base_bytes, -11 * 64);
	free(file);
	fixture_heap_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
