/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap profile of the program of profile_fixture.h.
 */
#ifndef GOTIDE_TESTS_HEAP_FIXTURE_H
#define GOTIDE_TESTS_HEAP_FIXTURE_H

#include "unit/profile_fixture.h"

#include "view/heap.h"

struct heap_fixture {
	struct symbols *symbols;
	struct heap_profile profile;
	struct heap_sites sites;
	struct baseline base;
};

static inline void fixture_record(struct heap_fixture *f, const uint64_t *pcs, uint32_t n,
				  uint64_t size, int64_t allocs, int64_t frees)
{
	struct heap_record r = {
		.stack = n ? stacks_intern(f->profile.stacks, pcs, n, false) : STACKS_NONE,
		.size = size,
		.allocs = allocs,
		.frees = frees,
		.alloc_bytes = allocs * (int64_t)size,
		.free_bytes = frees * (int64_t)size,
	};

	assert_int_equal(vec_push(&f->profile.records, r), 0);
}

/* Nothing is scaled at a rate of 1: every allocation is a sample. */
static inline void fixture_heap_profile(struct heap_fixture *f)
{
	/* malloc, decode inlined into handle, called by Serve */
	static const uint64_t decode[] = { AT(PC_MALLOC + 5), AT(PC_HANDLE + 0x91),
					   AT(PC_SERVE + 3), AT(PC_GOEXIT + 1) };
	/* the same place, from main */
	static const uint64_t other[] = { AT(PC_MALLOC + 5), AT(PC_HANDLE + 0x91),
					  AT(PC_MAIN + 0x21) };
	static const uint64_t runtime[] = { AT(PC_MALLOC + 5), AT(PC_CHANRECV + 9) };

	memset(f, 0, sizeof(*f));
	f->symbols = fixture_symbols(NULL);
	f->profile.rate = 1;
	assert_int_equal(stacks_new(&f->profile.stacks), 0);
	fixture_record(f, decode, 4, 48, 1009, 307);
	fixture_record(f, other, 3, 4096, 97, 0);
	fixture_record(f, runtime, 2, 64, 11, 0);
	fixture_record(f, NULL, 0, 128, 3, 3);
}

static inline void fixture_heap_release(struct heap_fixture *f)
{
	heap_sites_release(&f->sites);
	heap_profile_release(&f->profile);
	baseline_release(&f->base);
	symbols_free(f->symbols);
}

/* The profile as a file that was written earlier, read again. */
static inline void fixture_heap_file(struct heap_fixture *f, char **ret, size_t *ret_size)
{
	struct profile p = { .symbols = f->symbols, .time_ns = INT64_C(1700000000000000001) };
	FILE *file;

	assert_int_equal(heap_sites_make(&f->profile, NULL, f->symbols, &f->sites), 0);
	assert_int_equal(heap_sites_profile(&f->profile, f->symbols, &p), 0);
	file = open_memstream(ret, ret_size);
	assert_non_null(file);
	assert_int_equal(profile_write_pprof(&p, file), 0);
	assert_int_equal(fclose(file), 0);
	profile_release(&p);
	heap_sites_release(&f->sites);
}

static inline int fixture_base_read(const void *data, size_t size, struct baseline *ret)
{
	static const char *const types[] = { "inuse_objects", "inuse_space" };
	FILE *f = fmemopen((void *)data, size, "r");

	assert_non_null(f);
	int err = baseline_read(f, types, ret);

	fclose(f);
	return err;
}

#endif
