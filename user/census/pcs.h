/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unwinding must know of a pc, from the executable's function table, remembered: a program
 * has millions of frames and some thousand places.  A fixed amount of memory.  Used by census.
 */
#ifndef GOTIDE_CENSUS_PCS_H
#define GOTIDE_CENSUS_PCS_H

#include "census/unwind.h"
#include "gobin/gobin.h"

struct pcs;

/* bin is borrowed and must outlive it; bias is of the process whose pcs these are. */
int pcs_new(struct gobin *bin, uint64_t bias, struct pcs **ret) _must_check_;
void pcs_free(struct pcs *p); /* NULL is fine */

/* For unwind(); valid as long as p.  lookup is NULL for a machine whose stacks are not unwound. */
struct unwind_code pcs_code(struct pcs *p);

#endif
