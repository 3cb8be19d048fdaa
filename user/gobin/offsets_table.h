/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape of the generated offsets_table.c: for each machine, fields (in the order of
 * OFFSETS_FIELDS) by Go releases.  Read only by offsets.c.
 */
#ifndef GOTIDE_GOBIN_OFFSETS_TABLE_H
#define GOTIDE_GOBIN_OFFSETS_TABLE_H

#include "gobin/offsets.h"

struct offsets_release {
	uint16_t minor; /* of Go 1.minor */
	const char *name; /* the release measured: "go1.22.12" */
};

struct offsets_table {
	enum elf_machine machine;
	size_t n_releases; /* ascending by minor */
	const struct offsets_release *releases;
	const uint32_t *offsets; /* [field][release] */
};

extern const struct offsets_table offsets_tables[];
extern const size_t offsets_tables_n;

#endif
