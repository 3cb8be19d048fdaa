/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of buckets in a fake memory, laid out as Go 1.26 and Go 1.27 do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "census/buckets.h"
#include "fakemem.h"

#define GLOBALS	 0x100000u
#define MBUCKETS GLOBALS
#define RATE	 (GLOBALS + 8)
#define BUCKETS	 0xc000000000u
#define BYTES	 (16u << 12)
#define BUDGET	 (64u << 20)

struct world {
	struct fakemem fm;
	uint8_t globals[4096], buckets[BYTES];
	uint64_t end; /* of the buckets made */
	struct offsets o;
	struct heap_profile_source src;
	struct heap_profile got;
};

static struct world w;

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	memset(&w.o, 0xff, sizeof(w.o)); /* OFFSET_NONE */
	w.o.bkt_size = 48;
	w.o.bkt_allnext = 8;
	w.o.bkt_typ = 16;
	w.o.bkt_objsize = 32;
	w.o.bkt_nstk = 40;
	w.o.mrec_size = 128;
	w.o.mrec_allocs = 0;
	w.o.mrec_frees = 8;
	w.o.mrec_alloc_bytes = 16;
	w.o.mrec_free_bytes = 24;
	w.o.mrec_future = 32;
	w.src = (struct heap_profile_source){ MBUCKETS, RATE, &w.o, NULL };
	w.end = BUCKETS;
	fakemem_add(&w.fm, GLOBALS, w.globals, sizeof(w.globals));
	fakemem_add(&w.fm, BUCKETS, w.buckets, sizeof(w.buckets));
	fakemem_put(&w.fm, RATE, 524288, 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	heap_profile_release(&w.got);
	return 0;
}

static void offsets_of_1_27(void)
{
	w.o.mrec_size = 64;
	w.o.mrec_alloc_bytes = OFFSET_NONE;
	w.o.mrec_free_bytes = OFFSET_NONE;
	w.o.mrec_future = 16;
}

/* Where the memRecord of the bucket is; part 0 is active, the others are future. */
static uint64_t record_at(uint64_t bucket, unsigned int part)
{
	uint64_t nstk;

	memcpy(&nstk, fakemem_at(&w.fm, bucket + 40, 8), 8);
	return bucket + 48 + nstk * 8 + (uint64_t)part * w.o.mrec_future;
}

static void put_counts(uint64_t bucket, unsigned int part, uint64_t size, uint64_t allocs,
		       uint64_t frees)
{
	uint64_t r = record_at(bucket, part);

	fakemem_put(&w.fm, r, allocs, 8);
	fakemem_put(&w.fm, r + 8, frees, 8);
	if (w.o.mrec_alloc_bytes == OFFSET_NONE)
		return;
	fakemem_put(&w.fm, r + 16, allocs * size, 8);
	fakemem_put(&w.fm, r + 24, frees * size, 8);
}

/* A bucket in front of the list, with pcs first, first + 1, ... */
static uint64_t add_bucket(uint64_t first, uint64_t nstk, uint64_t size, uint64_t allocs,
			   uint64_t frees)
{
	uint64_t at = w.end, head;

	memcpy(&head, fakemem_at(&w.fm, MBUCKETS, 8), 8);
	fakemem_put(&w.fm, at + 8, head, 8);
	fakemem_put(&w.fm, at + 16, 1, 8);
	fakemem_put(&w.fm, at + 32, size, 8);
	fakemem_put(&w.fm, at + 40, nstk, 8);
	for (uint64_t i = 0; i < nstk; i++)
		fakemem_put(&w.fm, at + 48 + i * 8, first + i, 8);
	put_counts(at, 0, size, allocs, frees);
	fakemem_put(&w.fm, MBUCKETS, at, 8);
	w.end = record_at(at, 0) + w.o.mrec_size;
	return at;
}

static int read_budget(uint64_t budget)
{
	struct mem m = fakemem_open(&w.fm, budget);

	heap_profile_release(&w.got);
	return heap_profile_source_read(&m, &w.src, &w.got);
}

static void assert_record(size_t i, uint64_t pc, uint32_t n, uint64_t size, int64_t allocs,
			  int64_t frees)
{
	const struct heap_record *r = &w.got.records.items[i];
	struct stack s;

	assert_true(i < w.got.records.n);
	assert_true(r->stack != STACKS_NONE);
	s = stacks_get(w.got.stacks, r->stack);
	assert_int_equal(s.n, n);
	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(s.pcs[k], pc + k);
	assert_int_equal(r->size, size);
	assert_int_equal(r->allocs, allocs);
	assert_int_equal(r->frees, frees);
	assert_int_equal(r->alloc_bytes, allocs * (int64_t)size);
	assert_int_equal(r->free_bytes, frees * (int64_t)size);
}

static void test_list(void **state)
{
	(void)state;
	for (int is_1_27 = 0; is_1_27 < 2; is_1_27++) {
		setup(NULL);
		if (is_1_27)
			offsets_of_1_27();
		add_bucket(0x401000, 3, 48, 211, 7);
		/* Not published: not counted. */
		put_counts(add_bucket(0x402000, 5, 1024, 13, 13), 1, 1024, 17, 0);
		assert_int_equal(read_budget(BUDGET), 0);
		assert_int_equal(w.got.records.n, 2);
		assert_record(0, 0x402000, 5, 1024, 13, 13);
		assert_record(1, 0x401000, 3, 48, 211, 7);
		assert_int_equal(w.got.rate, 524288);
		assert_int_equal(w.got.bad, 0);
		assert_false(w.got.is_partial);
		teardown(NULL);
	}
}

/* As runtime.MemProfile() does when no collection has published anything. */
static void test_before_first_gc(void **state)
{
	uint64_t at;

	(void)state;
	at = add_bucket(0x401000, 2, 64, 0, 0);
	put_counts(at, 1, 64, 3, 0);
	put_counts(at, 2, 64, 5, 1);
	put_counts(at, 3, 64, 7, 0);
	add_bucket(0x402000, 2, 64, 0, 0);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 2);
	assert_record(0, 0x402000, 2, 64, 0, 0);
	assert_record(1, 0x401000, 2, 64, 15, 1);
}

static void test_none(void **state)
{
	(void)state;
	/* On, and nothing sampled yet. */
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 0);
	/* Off: disabled by the linker, or by the program. */
	fakemem_put(&w.fm, RATE, 0, 8);
	assert_int_equal(read_budget(BUDGET), -ENODATA);
	fakemem_put(&w.fm, RATE, (uint64_t)-1, 8);
	assert_int_equal(read_budget(BUDGET), -ENODATA);
	/* Go 1.25 on samples one object before it turns the profile off. */
	add_bucket(0x401000, 3, 48, 1, 0);
	assert_int_equal(read_budget(BUDGET), -ENODATA);
	/* Turned off later: what was sampled is true. */
	add_bucket(0x402000, 3, 48, 1, 0);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 2);
	assert_int_equal(w.got.rate, 0);
	/* A rate that is not known. */
	w.src.rate = 0;
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.rate, -1);
	fakemem_put(&w.fm, MBUCKETS, 0, 8);
	assert_int_equal(read_budget(BUDGET), -ENODATA);
}

static void test_unknown(void **state)
{
	static const size_t needed[] = {
		offsetof(struct offsets, bkt_size),    offsetof(struct offsets, bkt_allnext),
		offsetof(struct offsets, bkt_typ),     offsetof(struct offsets, bkt_objsize),
		offsetof(struct offsets, bkt_nstk),    offsetof(struct offsets, mrec_size),
		offsetof(struct offsets, mrec_allocs), offsetof(struct offsets, mrec_frees),
		offsetof(struct offsets, mrec_future),
	};
	const struct offsets good = w.o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		memset((char *)&w.o + needed[i], 0xff, sizeof(uint32_t));
		assert_int_equal(read_budget(BUDGET), -ENOENT);
		w.o = good;
	}
	w.src.mbuckets = 0;
	assert_int_equal(read_budget(BUDGET), -ENOENT);
}

static void test_depth(void **state)
{
	const struct heap_record *r;
	uint64_t at;

	(void)state;
	add_bucket(0x401000, 0, 48, 3, 1);
	add_bucket(0x402000, STACKS_DEPTH_MAX + 2, 48, 5, 1); /* Go 1.27 keeps so many */
	at = add_bucket(0x403000, BUCKETS_DEPTH_MAX, 48, 7, 1);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 3);
	assert_record(0, 0x403000, STACKS_DEPTH_MAX, 48, 7, 1);
	assert_record(1, 0x402000, STACKS_DEPTH_MAX, 48, 5, 1);
	assert_true(stacks_get(w.got.stacks, w.got.records.items[1].stack).is_cut);
	r = &w.got.records.items[2];
	assert_int_equal(r->stack, STACKS_NONE);
	assert_int_equal(r->allocs, 3);
	/* Deeper than the runtime goes: no bucket, and nothing to follow. */
	fakemem_put(&w.fm, at + 40, BUCKETS_DEPTH_MAX + 1, 8);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
}

static void test_circle(void **state)
{
	uint64_t first, at = 0;

	(void)state;
	first = add_bucket(0x401000, 3, 48, 3, 1);
	fakemem_put(&w.fm, first + 8, first, 8);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
	for (unsigned int i = 0; i < 37; i++)
		at = add_bucket(0x402000 + i * 16, 3, 48, 3, 1);
	fakemem_put(&w.fm, first + 8, at, 8);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
}

/* What is behind the first bucket makes no sense: the walk ends with what it has. */
static void test_broken(void **state)
{
	static const struct {
		uint64_t offset, value;
		bool is_in_second;
	} cases[] = {
		{ 8, 0x1234, false }, /* points to nothing */
		{ 8, BUCKETS + 4, false }, /* not aligned */
		{ 8, UINT64_MAX - 7, false },
		{ 8, BUCKETS + BYTES - 16, false }, /* its end cannot be read */
		{ 16, 2, true }, /* blockProfile */
		{ 40, 0xffffffffffff, true },
		{ 40, UINT64_MAX, true },
		{ 32, UINT64_MAX, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t first, second;

		setup(NULL);
		second = add_bucket(0x401000, 3, 48, 3, 1);
		first = add_bucket(0x402000, 3, 48, 5, 1);
		fakemem_put(&w.fm, (cases[i].is_in_second ? second : first) + cases[i].offset,
			    cases[i].value, 8);
		assert_int_equal(read_budget(BUDGET), 0);
		assert_int_equal(w.got.records.n, 1);
		assert_record(0, 0x402000, 3, 48, 5, 1);
		assert_int_equal(w.got.bad, 1);
		assert_true(w.got.is_partial);
		teardown(NULL);
	}
	fakemem_put(&w.fm, MBUCKETS, 0x1238, 8);
	assert_int_equal(read_budget(BUDGET), -EBADMSG);
}

/* Counters that make no sense cost their record only. */
static void test_counters(void **state)
{
	(void)state;
	add_bucket(0x401000, 3, 48, 3, 1);
	add_bucket(0x402000, 3, 48, 3, 4);
	add_bucket(0x403000, 3, 48, UINT64_MAX / 2, 4);
	add_bucket(0x404000, 3, 48, UINT64_MAX, UINT64_MAX);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 1);
	assert_int_equal(w.got.bad, 3);
	assert_false(w.got.is_partial);
	/* Bytes that would not fit, where the count and the size have to do. */
	teardown(NULL);
	setup(NULL);
	offsets_of_1_27();
	add_bucket(0x401000, 3, UINT64_C(1) << 47, 1u << 20, 0);
	add_bucket(0x402000, 3, 48, 3, 1);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, 1);
	assert_int_equal(w.got.bad, 1);
}

/* Read in parts it is the same; what is listed meanwhile is newer and not in it. */
static void test_parts(void **state)
{
	struct heap_walk *walk = NULL;
	struct mem m = fakemem_open(&w.fm, BUDGET);
	unsigned int steps = 0;
	int err;

	(void)state;
	for (unsigned int i = 0; i < 101; i++)
		add_bucket(0x401000 + i * 16, 3, 48, 0, 0);
	/* Not published, so that the list is walked twice. */
	put_counts(add_bucket(0x402000, 3, 48, 0, 0), 1, 48, 7, 2);
	assert_int_equal(heap_walk_new_source(&m, &w.src, &walk), 0);
	while ((err = heap_walk_step(walk, 10)) == -EAGAIN && steps++ < 100)
		add_bucket(0x403000, 3, 48, 0, 0);
	assert_int_equal(err, 0);
	assert_in_range(steps, 20, 24);
	heap_walk_take(walk, &w.got);
	heap_walk_free(walk);
	/* The second walk finds what the first one could not know. */
	assert_in_range(w.got.records.n, 102 + 9, 102 + 13);
	assert_record(w.got.records.n - 102, 0x402000, 3, 48, 7, 2);
	assert_record(w.got.records.n - 1, 0x401000, 3, 48, 0, 0);
	assert_false(w.got.is_partial);
	/* Given up half-way. */
	assert_int_equal(heap_walk_new_source(&m, &w.src, &walk), 0);
	assert_int_equal(heap_walk_step(walk, 50), -EAGAIN);
	heap_walk_free(walk);
}

static void test_budget(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 101; i++)
		add_bucket(0x401000 + i * 16, 3, 48, 3, 1);
	assert_int_equal(read_budget(2 * 4096 + 16), 0);
	assert_true(w.got.is_partial);
	assert_in_range(w.got.records.n, 20, 60);
	assert_int_equal(w.got.bad, 0);
	w.fm.err = -ESRCH;
	assert_int_equal(read_budget(BUDGET), -ESRCH);
}

/* Buckets that lie in one another cost little to read, and each has all the frames there are. */
static void test_frames(void **state)
{
	const uint64_t n = BUCKETS_FRAMES_MAX / BUCKETS_DEPTH_MAX + 3, stride = 256;
	uint8_t *data = calloc(n + 64, stride);

	(void)state;
	assert_non_null(data);
	w.fm.n = 1; /* the globals */
	fakemem_add(&w.fm, BUCKETS, data, (n + 64) * stride);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = BUCKETS + i * stride;

		fakemem_put(&w.fm, at + 8, i + 1 < n ? at + stride : 0, 8);
		fakemem_put(&w.fm, at + 16, 1, 8);
		fakemem_put(&w.fm, at + 40, BUCKETS_DEPTH_MAX, 8);
		put_counts(at, 0, 0, 1, 0);
	}
	fakemem_put(&w.fm, MBUCKETS, BUCKETS, 8);
	assert_int_equal(read_budget(BUDGET), 0);
	assert_int_equal(w.got.records.n, n - 3);
	assert_true(w.got.is_partial);
	assert_int_equal(w.got.bad, 0);
	free(data);
}

/* Of runtime/pprof, scaleHeapSample. */
static void test_scale(void **state)
{
	static const struct {
		int64_t count, bytes, rate, want_count, want_bytes;
	} cases[] = {
		{ 0, 48, 512, 0, 0 },
		{ 3, 0, 512, 0, 0 },
		{ 3, 144, 1, 3, 144 },
		{ 3, 144, 0, 3, 144 },
		{ 3, 144, -1, 3, 144 },
		{ 1, 524288, 524288, 1, 829411 },
		{ 7, 336, 524288, 76462, 3670184 },
		{ 101, 103424, 4093, 456, 467258 },
		{ INT64_MAX, 1, 524288, INT64_MAX, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t count, bytes;

		heap_scale(cases[i].count, cases[i].bytes, cases[i].rate, &count, &bytes);
		assert_int_equal(count, cases[i].want_count);
		assert_int_equal(bytes, cases[i].want_bytes);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list),   TEST(before_first_gc), TEST(none),   TEST(unknown),
		TEST(depth),  TEST(circle),	     TEST(broken), TEST(counters),
		TEST(budget), TEST(parts),	     TEST(frames), TEST(scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
