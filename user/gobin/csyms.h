/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that an ELF object names, of C and whatever else: from .dynsym and .symtab.  For
 * finding an allocator and for naming what called it.  Bounded in number and in memory; a symbol
 * that makes no sense is left out.
 */
#ifndef GOTIDE_GOBIN_CSYMS_H
#define GOTIDE_GOBIN_CSYMS_H

#include "gobin/elf.h"

/* Symbols read of one object, and bytes of their names. */
#define CSYMS_MAX	(1u << 20)
#define CSYMS_NAMES_MAX (UINT64_C(64) << 20)
/* The longest name; longer ones, which C++ has, are cut. */
#define CSYM_NAME_MAX 256

struct csym {
	uint64_t va, size; /* size 0: not said */
	bool is_exported; /* other objects are bound to it: global or weak, in .dynsym */
	const char *name; /* as in the file, terminated; owned by the csyms */
};

struct csyms;

/* 0 also if the object names no function at all.  -ENOMEM, or an error of reading. */
int csyms_read(struct elf *e, struct csyms **ret) _must_check_;
void csyms_free(struct csyms *s); /* NULL is fine */

size_t csyms_count(const struct csyms *s);

/* A function by name; of several an exported one.  NULL.  Borrowed. */
const struct csym *csyms_find(const struct csyms *s, const char *name);

/* The function that va lies in: the nearest before it, if it does not end before va.  NULL. */
const struct csym *csyms_at(const struct csyms *s, uint64_t va);

/* Where the next function after va begins; UINT64_MAX: none is known. */
uint64_t csyms_next(const struct csyms *s, uint64_t va);

#endif
