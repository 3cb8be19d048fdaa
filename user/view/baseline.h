/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap profile of earlier, read from a file: gotide's own, or what a program gave at
 * /debug/pprof/heap.  The file may be anybody's: it is unpacked and parsed within limits, and a
 * number in it that points nowhere costs that sample.
 */
#ifndef GOTIDE_VIEW_BASELINE_H
#define GOTIDE_VIEW_BASELINE_H

#include <stdio.h>

#include "base/err.h"
#include "base/vec.h"

/* Limits on a file: unpacked, and in memory once parsed. */
#define BASELINE_BYTES_MAX  (UINT64_C(64) << 20)
#define BASELINE_MEMORY_MAX (UINT64_C(512) << 20)

#define BASELINE_VALUES 2

/* One sample: the innermost frame that is not the runtime's.  A site may come several times. */
struct baseline_site {
	const char *function, *file; /* owned by the baseline; "" if unknown */
	uint32_t line;
	int64_t values[BASELINE_VALUES];
};

struct baseline {
	VEC(struct baseline_site) sites;
	int64_t time_ns; /* CLOCK_REALTIME at which it was made; 0: unknown */
	uint64_t bad; /* samples that made no sense */
	const char *exe, *build_id; /* of the program, owned by the baseline; "" if unknown */
	void *message; /* what the texts point into */
	struct baseline_memory *memory;
};

/*
 * Reads f to its end; types are those of the values wanted, as "inuse_space".  -EBADMSG: no
 * profile, or a damaged one; -ENODATA: it has no values of those types; -EFBIG: over a limit;
 * -ENOMEM, or -errno of the stream.
 */
int baseline_read(FILE *f, const char *const types[static BASELINE_VALUES],
		  struct baseline *ret) _must_check_;
void baseline_release(struct baseline *b);

/*
 * Whether it was made of another executable than this one: by the build id, or if one of them has
 * none by the file's name without its folders.  False where neither is known.
 */
bool baseline_is_other(const struct baseline *b, const char *exe, const char *build_id);

#endif
