/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "event/tape.h"

#define RECORDS	  401
#define PER_FRAME 20

static char path[] = "/tmp/gotide-test-tape-XXXXXX";
static uint8_t whole[1 << 20];
static size_t whole_size;

/* The i-th record: of all sizes, now and then of none; what is in it is told by its number. */
static size_t record_size(int i)
{
	return i % 7 ? (size_t)(i % 113) : 0;
}

static void fill(uint8_t *buf, int i)
{
	for (size_t k = 0; k < record_size(i); k++)
		buf[k] = (uint8_t)(i + (int)k * (i % 3));
}

static int make_tape(void **state)
{
	struct tape_writer *w = NULL;
	uint8_t buf[128];

	(void)state;
	close(mkstemp(path));
	assert_int_equal(tape_create(path, &w), 0);
	for (int i = 0; i < RECORDS; i++) {
		fill(buf, i);
		assert_int_equal(tape_put(w, (uint32_t)i, buf, record_size(i)), 0);
		if (i % PER_FRAME == PER_FRAME - 1)
			assert_int_equal(tape_flush(w), 0);
	}
	assert_int_equal(tape_flush(w), 0);
	assert_int_equal(tape_flush(w), 0); /* of nothing */
	uint64_t written = tape_written(w);

	assert_int_equal(tape_close(w), 0);
	_cleanup_fclose_ FILE *f = fopen(path, "r");

	whole_size = fread(whole, 1, sizeof(whole), f);
	assert_int_equal(whole_size, written);
	return 0;
}

static int remove_tape(void **state)
{
	(void)state;
	return unlink(path);
}

/* Reads bytes as a tape: how many records are as they were made, and how it ended. */
static int read_tape(const void *data, size_t size, int *ret_end)
{
	int fd = memfd_create("tape", MFD_CLOEXEC), n = 0, end;
	struct tape_reader *r = NULL;
	struct tape_record rec;
	uint8_t buf[128];

	assert_int_equal(write(fd, data, size), size);
	lseek(fd, 0, SEEK_SET);
	*ret_end = tape_open(fd, &r);
	if (*ret_end)
		return -1;
	while ((end = tape_next(r, &rec)) == 1) {
		assert_int_equal(rec.kind, n);
		assert_int_equal(rec.data.size, record_size(n));
		fill(buf, n);
		if (rec.data.size)
			assert_memory_equal(rec.data.data, buf, rec.data.size);
		n++;
	}
	/* And so it stays. */
	assert_int_equal(tape_next(r, &rec), end);
	tape_reader_free(r);
	*ret_end = end;
	return n;
}

static void test_round_trip(void **state)
{
	int end;

	(void)state;
	assert_int_equal(read_tape(whole, whole_size, &end), RECORDS);
	assert_int_equal(end, 0);
	assert_true(tape_is(path));
	assert_false(tape_is("/"));
	assert_false(tape_is("/nowhere"));
	assert_false(tape_is("/proc/self/exe"));
}

/* Cut anywhere: all whole frames are there, and nothing else. */
static void test_cut(void **state)
{
	int last = 0;

	(void)state;
	for (size_t n = 0; n < whole_size; n++) {
		int end, got = read_tape(whole, n, &end);

		if (n < 16) {
			assert_int_equal(got, -1);
			assert_int_equal(end, -EBADMSG);
			continue;
		}
		assert_true(end == 0 || end == -ENODATA);
		assert_true(got >= last && got % PER_FRAME == 0);
		last = got;
	}
	assert_int_equal(last, RECORDS / PER_FRAME * PER_FRAME);
}

/* A bit that is not as it was: what was before it is read, what follows is not believed. */
static void test_flipped(void **state)
{
	(void)state;
	for (size_t i = 16; i < whole_size; i += 3) {
		uint8_t *bad = malloc(whole_size);
		int end, got;

		memcpy(bad, whole, whole_size);
		bad[i] ^= (uint8_t)(1 << i % 8);
		got = read_tape(bad, whole_size, &end);
		assert_true(end == -EBADMSG || end == -ENODATA);
		assert_true(got >= 0 && got < RECORDS && got % PER_FRAME == 0);
		free(bad);
	}
}

static void test_foreign(void **state)
{
	uint8_t newer[16];
	int end;

	(void)state;
	assert_int_equal(read_tape("\x1f\x8b, a gzip", 11, &end), -1);
	assert_int_equal(end, -EBADMSG);
	memcpy(newer, whole, sizeof(newer));
	newer[8]++;
	assert_int_equal(read_tape(newer, sizeof(newer), &end), -1);
	assert_int_equal(end, -EPROTONOSUPPORT);
	struct tape_reader *r = NULL;

	assert_int_equal(tape_open(open("/tmp", O_RDONLY), &r), -EISDIR);
}

static void test_too_large(void **state)
{
	struct tape_writer *w = NULL;
	uint8_t *large = calloc(1, TAPE_RECORD_MAX + 1);
	char other[] = "/tmp/gotide-test-tape-XXXXXX";

	(void)state;
	close(mkstemp(other));
	assert_int_equal(tape_create(other, &w), 0);
	assert_int_equal(tape_put(w, 1, large, TAPE_RECORD_MAX + 1), -E2BIG);
	for (int i = 0; i < 9; i++)
		assert_int_equal(tape_put(w, 1, large, TAPE_RECORD_MAX), 0);
	assert_int_equal(tape_close(w), 0);
	struct tape_reader *r = NULL;
	struct tape_record rec;
	int n = 0;

	assert_int_equal(tape_open(open(other, O_RDONLY), &r), 0);
	while (tape_next(r, &rec) == 1 && rec.data.size == TAPE_RECORD_MAX)
		n++;
	assert_int_equal(n, 9);
	tape_reader_free(r);
	unlink(other);
	free(large);
}

static void test_no_room(void **state)
{
	struct tape_writer *w = NULL;

	(void)state;
	assert_int_equal(tape_create("/nowhere/tape", &w), -ENOENT);
	assert_int_equal(tape_create("/dev/full", &w), -ENOSPC);
	assert_int_equal(tape_close(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flipped),	   cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_too_large),  cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, make_tape, remove_tape);
}
