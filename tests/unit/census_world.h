/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that does not exist, with goroutines and their stacks: for tests of what reads them.
 * A function begins at every multiple of 0x100 from CW_CODE on; a frame takes CW_DELTA bytes and
 * its return address, and has its frame pointer where Go puts it.
 */
#ifndef GOTIDE_TESTS_CENSUS_WORLD_H
#define GOTIDE_TESTS_CENSUS_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "census/census.h"
#include "census/unwind.h"
#include "fakemem.h"

#define CW_HEADER     0x5000u
#define CW_SCHED      0x6000u
#define CW_ARRAY      0x10000000u
#define CW_SUDOGS     0x20000000u
#define CW_MEMSTATS   0x30000000u
#define CW_GS	      0xc000000000u
#define CW_STACKS     0xd000000000u
#define CW_G_SIZE     480u
#define CW_STACK_SIZE 0x8000u
#define CW_SUDOG_SIZE 112u
#define CW_MAX	      64u

#define CW_CODE	    0x400000u
#define CW_INJECTED 0x4a0000u /* to 0x4affff: its caller was made to call it */
#define CW_NO_TABLE 0x4b0000u /* to 0x4bffff: nobody knows its frame's size */
#define CW_CODE_END 0x500000u
#define CW_GOEXIT   (CW_CODE_END - 0x100)
#define CW_TOP	    (CW_GOEXIT + 1)
#define CW_DELTA    24
#define CW_MAIN	    (CW_CODE + 0x100)
#define CW_SYSTEM   (CW_CODE + 0x200)

/* As in Go 1.26. */
static const struct offsets cw_offsets = {
	.g_stack_lo = 0,
	.g_stack_hi = 8,
	.g_sched_sp = 56,
	.g_sched_pc = 64,
	.g_sched_bp = 96,
	.g_syscallsp = 104,
	.g_syscallpc = 112,
	.g_syscallbp = 120,
	.g_atomicstatus = 144,
	.g_goid = 152,
	.g_waitsince = 168,
	.g_waitreason = 176,
	.g_trackingseq = 191,
	.g_parent_goid = 280,
	.g_gopc = 288,
	.g_startpc = 304,
	.g_waiting = 320,
	.sudog_g = 0,
	.sudog_c = 96,
	.mst_last_gc_unix = 0,
	.mst_last_gc_nanotime = 8,
	.mst_numgc = 16,
	.mst_pause_end = 24,
};

struct census_world {
	struct fakemem fm;
	uint64_t header[3];
	uint64_t goidgen;
	uint64_t memstats[3 + 256];
	uint64_t *array;
	uint8_t *gs, *stacks, *sudogs;
	struct census *census;
	struct census_result result;
	uint64_t data; /* the test's own */
};

/* The hook of fakemem has no argument of its own. */
static struct census_world *cw;

static inline uint64_t cw_g(size_t i)
{
	return CW_GS + i * CW_G_SIZE;
}

static inline uint64_t cw_hi(size_t i)
{
	return CW_STACKS + (i + 1) * CW_STACK_SIZE;
}

static inline void cw_put(size_t i, uint32_t offset, uint64_t value, size_t size)
{
	fakemem_put(&cw->fm, cw_g(i) + offset, value, size);
}

/* Builds a stack of n calls, at pcs[0] to begin with the innermost, and stops there. */
static inline void cw_stop(size_t i, const uint64_t *pcs, size_t n)
{
	uint64_t ret_at = cw_hi(i) - 16, bp = 0, sp = 0, pc = CW_TOP;

	while (n--) {
		fakemem_put(&cw->fm, ret_at, pc, 8);
		fakemem_put(&cw->fm, ret_at - 8, bp, 8);
		bp = ret_at - 8;
		sp = ret_at - CW_DELTA;
		ret_at = sp - 8;
		pc = pcs[n];
	}
	cw_put(i, cw_offsets.g_sched_sp, sp, 8);
	cw_put(i, cw_offsets.g_sched_pc, pc, 8);
	cw_put(i, cw_offsets.g_sched_bp, bp, 8);
}

/* n calls by functions that differ from one goroutine to the next. */
static inline void cw_stop_deep(size_t i, size_t n)
{
	uint64_t *pcs = calloc(n, sizeof(*pcs));

	for (size_t k = 0; k < n; k++)
		pcs[k] = CW_CODE + 0x1000 * (i + 1) + 0x100 * (k % 16) + 0x10;
	pcs[n - 1] = CW_MAIN + 0x10;
	cw_stop(i, pcs, n);
	free(pcs);
}

static inline void cw_sudog(size_t i, uint64_t g, uint64_t channel)
{
	uint64_t at = CW_SUDOGS + i * CW_SUDOG_SIZE;

	fakemem_put(&cw->fm, at + cw_offsets.sudog_g, g, 8);
	fakemem_put(&cw->fm, at + cw_offsets.sudog_c, channel, 8);
	cw_put(i, cw_offsets.g_waiting, at, 8);
}

static inline int cw_lookup(uint64_t pc, void *arg, struct unwind_pc *ret)
{
	(void)arg;
	if (pc < CW_CODE || pc >= CW_CODE_END)
		return -ENOENT;
	*ret = (struct unwind_pc){ .kind = UNWIND_CALL, .sp_delta = CW_DELTA };
	if (pc == CW_TOP)
		ret->kind = UNWIND_TOP;
	else if (pc % 0x100 == 0)
		*ret = (struct unwind_pc){ .kind = UNWIND_ENTRY, .sp_delta = 0 };
	else if (pc >= CW_INJECTED && pc < CW_INJECTED + 0x10000)
		ret->kind = UNWIND_INJECTED;
	else if (pc >= CW_NO_TABLE && pc < CW_NO_TABLE + 0x10000)
		ret->sp_delta = -1;
	return 0;
}

static inline bool cw_is_system(uint64_t startpc, void *arg)
{
	(void)arg;
	return startpc == CW_SYSTEM;
}

/* n goroutines, ids 1 to n, that wait three calls deep; the first is a system one. */
static inline void cw_init(struct census_world *w, size_t n)
{
	*w = (struct census_world){ .header = { CW_ARRAY, n, CW_MAX }, .goidgen = 1000 };
	cw = w;
	w->array = calloc(CW_MAX, 8);
	w->gs = calloc(CW_MAX, CW_G_SIZE);
	w->stacks = calloc(CW_MAX, CW_STACK_SIZE);
	w->sudogs = calloc(CW_MAX, CW_SUDOG_SIZE);
	fakemem_add(&w->fm, CW_HEADER, w->header, sizeof(w->header));
	fakemem_add(&w->fm, CW_SCHED, &w->goidgen, sizeof(w->goidgen));
	fakemem_add(&w->fm, CW_MEMSTATS, w->memstats, sizeof(w->memstats));
	fakemem_add(&w->fm, CW_ARRAY, w->array, CW_MAX * 8);
	fakemem_add(&w->fm, CW_GS, w->gs, CW_MAX * (size_t)CW_G_SIZE);
	fakemem_add(&w->fm, CW_STACKS, w->stacks, CW_MAX * (size_t)CW_STACK_SIZE);
	fakemem_add(&w->fm, CW_SUDOGS, w->sudogs, CW_MAX * (size_t)CW_SUDOG_SIZE);
	for (size_t i = 0; i < n; i++) {
		w->array[i] = cw_g(i);
		cw_put(i, cw_offsets.g_stack_lo, cw_hi(i) - CW_STACK_SIZE, 8);
		cw_put(i, cw_offsets.g_stack_hi, cw_hi(i), 8);
		cw_put(i, cw_offsets.g_atomicstatus, WALK_WAITING, 4);
		cw_put(i, cw_offsets.g_goid, i + 1, 8);
		cw_put(i, cw_offsets.g_gopc, CW_MAIN + 0x20, 8);
		cw_put(i, cw_offsets.g_startpc, i ? CW_MAIN : CW_SYSTEM, 8);
		cw_stop_deep(i, 3);
	}
}

/* Collections that ended at first, first + 1, ..., by either clock. */
static inline void cw_collections(uint64_t first, size_t n)
{
	cw->memstats[0] = cw->memstats[1] = first + n - 1;
	cw->memstats[2] = n;
	for (size_t i = 0; i < n; i++)
		cw->memstats[3 + i] = first + i;
}

static inline void cw_release(struct census_world *w)
{
	census_free(w->census);
	free(w->array);
	free(w->gs);
	free(w->stacks);
	free(w->sudogs);
	cw = NULL;
}

static inline int cw_open_with(const struct offsets *o)
{
	const struct walk_source src = { CW_HEADER, o, cw_is_system, NULL, CW_SCHED, CW_MEMSTATS };
	const struct unwind_code code = { cw_lookup, NULL };
	const struct mem m = fakemem_open(&cw->fm, 0);

	return census_new_source(&src, &code, &m, &cw->census);
}

static inline int cw_run_with(const struct census_opts *opts)
{
	int err = cw->census ? 0 : cw_open_with(&cw_offsets);

	cw->fm.calls = 0;
	return err ? err : census_run(cw->census, opts, &cw->result);
}

static inline int cw_run(void)
{
	return cw_run_with(&(struct census_opts){ .want_stacks = true });
}

#endif
