/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passes over a hash map of the kernel while programs keep adding to it.  Called by probe; knows
 * nothing of what the entries mean.
 */
#ifndef GOTIDE_PROBE_COUNTS_H
#define GOTIDE_PROBE_COUNTS_H

#include "base/err.h"

struct counts_map {
	int fd;
	size_t key_size, value_size;
	uint32_t max_entries;
};

/*
 * Calls fn for every entry: each that exists during the whole pass once, one that comes or goes
 * meanwhile at most once (or, on kernels without batch look-ups, perhaps twice).  fn must not
 * change the map.
 */
typedef void counts_fn(const void *key, const void *value, void *arg);
int counts_each(const struct counts_map *m, counts_fn *fn, void *arg) _must_check_;

/* Deletes every entry for which is_dead says so. */
typedef bool counts_dead_fn(const void *key, void *arg);
int counts_delete(const struct counts_map *m, counts_dead_fn *is_dead, void *arg) _must_check_;

#endif
