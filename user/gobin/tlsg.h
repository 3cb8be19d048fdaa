/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a thread keeps the pointer to its g, for code that runs in C and so not in the register:
 * the offset of runtime.tlsg from the thread pointer (fs), taken from how runtime.asmcgocall reads
 * it.  Internal to gobin, but for the struct.  amd64 only.
 */
#ifndef GOTIDE_GOBIN_TLSG_H
#define GOTIDE_GOBIN_TLSG_H

#include "gobin/elf.h"
#include "gobin/pclntab.h"

struct asm_func;

struct tlsg {
	int64_t off; /* from the thread pointer, if slot_va is 0 */
	uint64_t slot_va; /* of the word that holds the offset once the program is linked; or 0 */
};

/* Whether off may be where a TLS variable of an executable is: below the thread pointer, near. */
static inline bool tlsg_is_offset(int64_t off)
{
	return off < 0 && off >= -(INT64_C(1) << 24) && !(off % 8);
}

/* -ENOENT: no such function, or it reads g in no known way; -ENOTSUP: another machine. */
int tlsg_find(struct elf *e, struct pclntab *t, struct tlsg *ret) _must_check_;
/* The same of that function, decoded. */
int tlsg_decode(const struct asm_func *f, struct tlsg *ret) _must_check_;

#endif
