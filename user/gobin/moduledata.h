/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime.firstmoduledata, found without symbols: the one word in the data segments that points to
 * the pclntab and is followed by a pointer into it (runtime/symtab.go, type moduledata).  Gives the
 * ranges of the program's text and data.
 */
#ifndef GOTIDE_GOBIN_MODULEDATA_H
#define GOTIDE_GOBIN_MODULEDATA_H

#include "gobin/elf.h"

struct pclntab;

struct moduledata {
	uint64_t va; /* of firstmoduledata itself */
	uint64_t text, etext;
	uint64_t noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t gofunc; /* base of func data, Go 1.18 on; else 0 */
};

/* Lowest and past-highest address of the data and bss ranges. */
static inline uint64_t moduledata_data_start(const struct moduledata *m)
{
	return m->noptrdata < m->data ? m->noptrdata : m->data;
}

static inline uint64_t moduledata_data_end(const struct moduledata *m)
{
	return m->ebss > m->enoptrbss ? m->ebss : m->enoptrbss;
}

/*
 * The module that owns this function table, checked field by field against the table's header.
 * -ENOENT if no word in the data segments begins one.
 */
int moduledata_find(struct elf *e, const struct pclntab *t, struct moduledata *ret) _must_check_;

#endif
