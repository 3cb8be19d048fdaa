/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which the dynamic linker looks for a symbol: its list of loaded objects, read from
 * the process's memory.  The same in glibc and musl (link.h: struct r_debug, struct link_map).
 */
#ifndef GOTIDE_CENSUS_LINKMAP_H
#define GOTIDE_CENSUS_LINKMAP_H

#include "census/mem.h"

#define LINKMAP_MAX 1024

/*
 * The load biases of all objects, the executable's first.  dynamic: address in memory of the
 * executable's dynamic section.  *ret_n: how many, at most max.  -ENOENT: there is no list;
 * otherwise as mem_read().
 */
int linkmap_read(struct mem *m, uint64_t dynamic, uint64_t *biases, size_t max,
		 size_t *ret_n) _must_check_;

#endif
