/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile memory: the fuzzer's input is all there is, at two addresses; it may be different at
 * each read, and some reads fail.
 */
#ifndef GOTIDE_TESTS_FUZZ_HOSTILE_H
#define GOTIDE_TESTS_FUZZ_HOSTILE_H

#include <stdlib.h>
#include <string.h>

#include "census/mem.h"

#define LOW  0x400000u
#define HIGH 0xc000000000u

struct hostile {
	uint8_t *bytes;
	size_t size;
	uint32_t seed;
	bool is_restless;
	uint64_t read; /* bytes asked for so far */
	uint64_t given; /* goroutines, where they are counted */
};

static inline uint32_t hostile_next(struct hostile *h)
{
	h->seed = h->seed * 1664525 + 1013904223;
	return h->seed >> 8;
}

static inline int hostile_read(void *arg, struct mem_range *ranges, size_t n)
{
	struct hostile *h = arg;

	if (n > MEM_BATCH_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		uint64_t at = ranges[i].addr >= HIGH ? ranges[i].addr - HIGH : ranges[i].addr - LOW;

		h->read += ranges[i].size;
		ranges[i].ok = at <= h->size && ranges[i].size <= h->size - at;
		if (h->is_restless && hostile_next(h) % 16 == 0)
			h->bytes[hostile_next(h) % h->size] = (uint8_t)hostile_next(h);
		if (h->is_restless && hostile_next(h) % 64 == 0)
			ranges[i].ok = false;
		if (ranges[i].ok)
			memcpy(ranges[i].buf, h->bytes + at, ranges[i].size);
	}
	return 0;
}

/* Of a function, by its address alone: what a program's tables would say. */
static inline bool hostile_is_odd(uint64_t pc, void *arg)
{
	(void)arg;
	return pc & 1;
}

#endif
