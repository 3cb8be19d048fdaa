/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the records of a tape say (docs/tape.md).  Shared by the two ends, session/tapeout and
 * session/tapein.
 *
 * Structs of numbers are written as differences to what was written of them before: which fields
 * have changed, a bit each, and by how much.  Which fields these are is said by tables, to which
 * fields may only be added at the end; the tape says how many it has of each.
 */
#ifndef GOTIDE_SESSION_TAPECODE_H
#define GOTIDE_SESSION_TAPECODE_H

#include "base/pack.h"
#include "model/fact.h"

/* Numbers are never used for anything else; what is not known is skipped. */
enum tape_kind {
	TAPE_HEADER = 0, /* the first record */
	TAPE_STRING = 1,
	TAPE_PROCESS = 2,
	TAPE_EXITED = 3,
	TAPE_REMOVED = 4,
	TAPE_SITE_NAME = 5,
	TAPE_FRAMES = 6,
	TAPE_REASON = 7,
	TAPE_SITE = 8,
	TAPE_COUNTS = 9,
	TAPE_READING = 10,
	TAPE_CENSUS_BEGIN = 11,
	TAPE_CENSUS_SITE = 12,
	TAPE_CENSUS_END = 13,
	TAPE_CENSUS_DROP = 14,
	TAPE_EXAMPLE = 15,
	TAPE_STACK = 16,
	TAPE_OOM = 17,
	TAPE_AGES = 18,
	TAPE_RECORDS = 19,
	TAPE_TICK = 20,
	TAPE_OBSERVER = 21,
	TAPE_END = 22, /* the last record of a tape that was ended in order */
	TAPE_ALLOCS = 23,
	TAPE_GAP = 24,
	TAPE_NAMED = 25,
};

enum tape_table {
	TABLE_ACCOUNT = 0,
	TABLE_MEMORY,
	TABLE_ROLLUP,
	TABLE_FDS,
	TABLE_CGROUP,
	TABLE_STATE,
	TABLE_CENSUS,
	TABLE_CENSUS_END,
	TABLE_OBSERVER,
	TABLE_IO,
	TABLE_SOCKETS,
	TABLE_MACHINE,
	TABLE_ALLOC,
	TABLES,
};

/* Parts of a TAPE_READING. */
enum tape_part {
	PART_ACCOUNT = 1 << 0,
	PART_MEMORY = 1 << 1,
	PART_ROLLUP = 1 << 2,
	PART_FDS = 1 << 3,
	PART_CGROUP = 1 << 4,
	PART_TIMERS = 1 << 5,
	PART_TIMERS_AGAIN = 1 << 6, /* read, and as before */
	PART_CPU = 1 << 7,
	PART_IO = 1 << 8,
	PART_SOCKETS = 1 << 9,
	PART_MACHINE = 1 << 10,
};

enum tape_process_flag {
	TAPE_STRIPPED = 1 << 0,
	TAPE_PARK_WATCHED = 1 << 1,
	TAPE_FROM_START = 1 << 2,
};

enum tape_counts_flag {
	TAPE_COUNTED = 1 << 0, /* sites and parks */
	TAPE_STATE_READ = 1 << 1,
};

#define TAPE_CPU_PER_S 1e6 /* CPU time is written in microseconds */
#define TAPE_AGE_PER_S 1e2 /* ages of processes in clock ticks of user space */

/* What is taken for the last value of a field that has none yet, or of a tape that lacks it. */
void fields_init(enum tape_table table, void *of);
unsigned int fields_count(enum tape_table table);
/* Writes what has changed since *last, and moves that on. */
void fields_put(struct pack *p, enum tape_table table, const void *now, void *last);
/* n: how many fields the tape has.  b fails if a value is none that the field can have. */
void fields_get(struct bytes *b, enum tape_table table, unsigned int n, void *last);

/* Numbers of which most are 0, as pairs of distance and value. */
void sparse_put(struct pack *p, const uint32_t *v, uint32_t n);
void sparse_get(struct bytes *b, uint32_t *v, uint32_t n);

/* A stack's addresses. */
void pcs_put(struct pack *p, const uint64_t *pc, uint32_t n);
/* Returns how many; at most max, or b fails. */
uint32_t pcs_get(struct bytes *b, uint64_t *pc, uint32_t max);

#endif
