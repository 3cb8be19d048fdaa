/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which C allocator a process uses, and where its functions are entered and left: the first object
 * in link order that exports malloc() and free(), or the executable itself.
 */
#ifndef GOTIDE_SESSION_ALLOCATOR_H
#define GOTIDE_SESSION_ALLOCATOR_H

#include "census/mem.h"
#include "probe/cgo.h"
#include "target/objects.h"

struct allocator {
	const struct object *object; /* borrowed from the objects */
	size_t n;
	struct cgo_place places[CGO_PLACES_MAX];
	bool is_stepped[WIRE_CGO_FN_MAX]; /* some entry of it costs two traps */
	unsigned int unknown_exits;
	char functions[160]; /* the names of those found, with blanks between */
};

/*
 * Says in words what failed.  -ENOENT: no object has the functions; -ENOTSUP: another machine; m
 * reads the process's memory.
 */
int allocator_find(struct objects *objects, struct mem *m, struct allocator *ret,
		   struct probe_error *ret_error) _must_check_;

#endif
