/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an executable's runtime.g (and gcControllerState) is laid out as a set of offsets says,
 * proved by its own code: newproc1 stores the creator's pc, the start pc, the goid and the parent's
 * goid of a new goroutine, gopark the wait reason, resetLive the bytes marked, and the
 * displacements of these stores are the offsets. Internal to gobin.  Holds in stripped executables
 * of versions that nobody measured.
 */
#ifndef GOTIDE_GOBIN_GLAYOUT_H
#define GOTIDE_GOBIN_GLAYOUT_H

#include "gobin/elf.h"
#include "gobin/offsets.h"
#include "gobin/pclntab.h"

enum glayout_fact {
	GLAYOUT_GOPC = 1 << 0,
	GLAYOUT_STARTPC = 1 << 1,
	GLAYOUT_GOID = 1 << 2, /* and p.goidcache */
	GLAYOUT_PARENT_GOID = 1 << 3,
	GLAYOUT_WAITREASON = 1 << 4,
	GLAYOUT_HEAPMARKED = 1 << 5, /* of gcControllerState */
};

struct glayout {
	unsigned int expected; /* enum glayout_fact: what these offsets let one look for */
	unsigned int seen; /* what the code confirms */
};

/* The functions looked into, as the function table has them. */
struct glayout_code {
	struct gofunc newproc1, gopark;
	struct gofunc reset_live; /* va 0 before Go 1.18 */
	/* runtime.gcWriteBarrier*: it keeps all registers but r11 (runtime/asm_amd64.s). */
	const uint64_t *barriers;
	size_t n_barriers;
	bool is_register_abi;
};

/* -EBADMSG and such: the functions do not decode. */
int glayout_check(struct elf *e, const struct glayout_code *code, const struct offsets *o,
		  struct glayout *ret) _must_check_;

#endif
