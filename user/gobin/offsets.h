/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets of runtime struct fields for one Go version and architecture: from the executable's own
 * DWARF where it has it, else from the generated table (offsets_table.c, made by
 * scripts/gen-offsets.sh from Debian's toolchains), else not at all.  Nothing is ever guessed: a
 * field that a version lacks, or that nobody measured, is OFFSET_NONE.
 */
#ifndef GOTIDE_GOBIN_OFFSETS_H
#define GOTIDE_GOBIN_OFFSETS_H

#include "gobin/elf.h"
#include "gobin/version.h"

#define OFFSET_NONE 0xffffffffU

/* Field list, kept in one place for the struct, the generator and inspect: OFFSET(name, type,
 * field) */
#define OFFSETS_FIELDS(X)                                                   \
	X(g_size, "runtime.g", "")                                          \
	X(g_stack_lo, "runtime.g", "stack.lo")                              \
	X(g_stack_hi, "runtime.g", "stack.hi")                              \
	X(g_m, "runtime.g", "m")                                            \
	X(g_sched_sp, "runtime.g", "sched.sp")                              \
	X(g_sched_pc, "runtime.g", "sched.pc")                              \
	X(g_sched_bp, "runtime.g", "sched.bp")                              \
	X(g_syscallsp, "runtime.g", "syscallsp")                            \
	X(g_syscallpc, "runtime.g", "syscallpc")                            \
	X(g_syscallbp, "runtime.g", "syscallbp")                            \
	X(g_atomicstatus, "runtime.g", "atomicstatus")                      \
	X(g_goid, "runtime.g", "goid")                                      \
	X(g_waitsince, "runtime.g", "waitsince")                            \
	X(g_waitreason, "runtime.g", "waitreason")                          \
	X(g_trackingseq, "runtime.g", "trackingSeq")                        \
	X(g_parent_goid, "runtime.g", "parentGoid")                         \
	X(g_gopc, "runtime.g", "gopc")                                      \
	X(g_startpc, "runtime.g", "startpc")                                \
	X(g_lockedm, "runtime.g", "lockedm")                                \
	X(g_labels, "runtime.g", "labels")                                  \
	X(g_waiting, "runtime.g", "waiting")                                \
	X(sudog_g, "runtime.sudog", "g")                                    \
	X(sudog_c, "runtime.sudog", "c.maybeTraceablePtr.vu")               \
	X(m_size, "runtime.m", "")                                          \
	X(m_curg, "runtime.m", "curg")                                      \
	X(m_procid, "runtime.m", "procid")                                  \
	X(m_alllink, "runtime.m", "alllink")                                \
	X(p_size, "runtime.p", "")                                          \
	X(p_id, "runtime.p", "id")                                          \
	X(p_status, "runtime.p", "status")                                  \
	X(p_goidcache, "runtime.p", "goidcache")                            \
	X(p_goidcacheend, "runtime.p", "goidcacheend")                      \
	X(p_mcache, "runtime.p", "mcache")                                  \
	X(p_timers, "runtime.p", "timers")                                  \
	X(sched_goidgen, "runtime.schedt", "goidgen")                       \
	X(sched_lastpoll, "runtime.schedt", "lastpoll")                     \
	X(sched_lock, "runtime.schedt", "lock")                             \
	X(sched_midle, "runtime.schedt", "midle")                           \
	X(sched_nmidle, "runtime.schedt", "nmidle")                         \
	X(sched_mnext, "runtime.schedt", "mnext")                           \
	X(sched_maxmcount, "runtime.schedt", "maxmcount")                   \
	X(sched_nmsys, "runtime.schedt", "nmsys")                           \
	X(sched_ngsys, "runtime.schedt", "ngsys")                           \
	X(sched_pidle, "runtime.schedt", "pidle")                           \
	X(sched_npidle, "runtime.schedt", "npidle")                         \
	X(sched_nmspinning, "runtime.schedt", "nmspinning")                 \
	X(sched_runq_head, "runtime.schedt", "runq.head")                   \
	X(sched_runqsize, "runtime.schedt", "runqsize")                     \
	X(sched_gcwaiting, "runtime.schedt", "gcwaiting")                   \
	X(gcc_gcpercent, "runtime.gcControllerState", "gcPercent")          \
	X(gcc_memorylimit, "runtime.gcControllerState", "memoryLimit")      \
	X(gcc_heapgoal, "runtime.gcControllerState", "gcPercentHeapGoal")   \
	X(gcc_sweepmin, "runtime.gcControllerState", "sweepDistMinTrigger") \
	X(gcc_triggered, "runtime.gcControllerState", "triggered")          \
	X(gcc_heaplive, "runtime.gcControllerState", "heapLive")            \
	X(gcc_heapmarked, "runtime.gcControllerState", "heapMarked")        \
	X(gcc_heapinuse, "runtime.gcControllerState", "heapInUse")          \
	X(gcc_heapreleased, "runtime.gcControllerState", "heapReleased")    \
	X(gcc_heapfree, "runtime.gcControllerState", "heapFree")            \
	X(gcc_totalalloc, "runtime.gcControllerState", "totalAlloc")        \
	X(gcc_totalfree, "runtime.gcControllerState", "totalFree")          \
	X(gcc_mappedready, "runtime.gcControllerState", "mappedReady")      \
	X(mst_heapstats, "runtime.mstats", "heapStats.stats")               \
	X(mst_heap_live, "runtime.mstats", "heap_live")                     \
	X(mst_heap_marked, "runtime.mstats", "heap_marked")                 \
	X(mst_heap_inuse, "runtime.mstats", "heap_inuse")                   \
	X(mst_heap_idle, "runtime.mstats", "heap_idle")                     \
	X(mst_heap_released, "runtime.mstats", "heap_released")             \
	X(mst_stacks_inuse, "runtime.mstats", "stacks_inuse")               \
	X(mst_stacks_sys, "runtime.mstats", "stacks_sys")                   \
	X(mst_mspan_sys, "runtime.mstats", "mspan_sys")                     \
	X(mst_mcache_sys, "runtime.mstats", "mcache_sys")                   \
	X(mst_buckhash_sys, "runtime.mstats", "buckhash_sys")               \
	X(mst_gcmiscsys, "runtime.mstats", "gcMiscSys")                     \
	X(mst_other_sys, "runtime.mstats", "other_sys")                     \
	X(mst_last_gc_unix, "runtime.mstats", "last_gc_unix")               \
	X(mst_last_gc_nanotime, "runtime.mstats", "last_gc_nanotime")       \
	X(mst_pause_total_ns, "runtime.mstats", "pause_total_ns")           \
	X(mst_pause_ns, "runtime.mstats", "pause_ns")                       \
	X(mst_pause_end, "runtime.mstats", "pause_end")                     \
	X(mst_numgc, "runtime.mstats", "numgc")                             \
	X(mst_numforcedgc, "runtime.mstats", "numforcedgc")                 \
	X(mst_gc_cpu_fraction, "runtime.mstats", "gc_cpu_fraction")         \
	X(hsd_size, "runtime.heapStatsDelta", "")                           \
	X(hsd_committed, "runtime.heapStatsDelta", "committed")             \
	X(hsd_released, "runtime.heapStatsDelta", "released")               \
	X(hsd_inheap, "runtime.heapStatsDelta", "inHeap")                   \
	X(hsd_instacks, "runtime.heapStatsDelta", "inStacks")               \
	X(hsd_largealloccount, "runtime.heapStatsDelta", "largeAllocCount") \
	X(hsd_smallalloccount, "runtime.heapStatsDelta", "smallAllocCount") \
	X(hsd_tinyalloccount, "runtime.heapStatsDelta", "tinyAllocCount")   \
	X(hsd_largefreecount, "runtime.heapStatsDelta", "largeFreeCount")   \
	X(hsd_smallfreecount, "runtime.heapStatsDelta", "smallFreeCount")   \
	X(bkt_size, "runtime.bucket", "")                                   \
	X(bkt_allnext, "runtime.bucket", "allnext")                         \
	X(bkt_typ, "runtime.bucket", "typ")                                 \
	X(bkt_objsize, "runtime.bucket", "size")                            \
	X(bkt_nstk, "runtime.bucket", "nstk")                               \
	X(mrec_size, "runtime.memRecord", "")                               \
	X(mrec_allocs, "runtime.memRecord", "active.allocs")                \
	X(mrec_frees, "runtime.memRecord", "active.frees")                  \
	X(mrec_alloc_bytes, "runtime.memRecord", "active.alloc_bytes")      \
	X(mrec_free_bytes, "runtime.memRecord", "active.free_bytes")        \
	X(mrec_future, "runtime.memRecord", "future")                       \
	X(timers_heap, "runtime.timers", "heap")                            \
	X(twhen_size, "runtime.timerWhen", "")                              \
	X(twhen_timer, "runtime.timerWhen", "timer")                        \
	X(timer_size, "runtime.timer", "")                                  \
	X(timer_ts, "runtime.timer", "ts")                                  \
	X(timer_when, "runtime.timer", "when")                              \
	X(timer_period, "runtime.timer", "period")                          \
	X(timer_f, "runtime.timer", "f")                                    \
	X(timer_arg, "runtime.timer", "arg")                                \
	X(timer_nextwhen, "runtime.timer", "nextwhen")                      \
	X(timer_state, "runtime.timer", "state")                            \
	X(moduledata_gofunc, "runtime.moduledata", "gofunc")

struct offsets {
#define OFFSETS_MEMBER(name, type, field) uint32_t name;
	OFFSETS_FIELDS(OFFSETS_MEMBER)
#undef OFFSETS_MEMBER
};

enum offsets_source {
	OFFSETS_UNKNOWN = 0,
	OFFSETS_DWARF, /* the executable's own debug information */
	OFFSETS_TABLE, /* the generated table, this minor version */
	OFFSETS_NEAREST /* the generated table of the nearest minor version; valid only if checks
			   hold */
};

const char *offsets_source_str(enum offsets_source s);

/* Fields as (name, type, field, offset), for inspect.  i < offsets_count(). */
size_t offsets_count(void);
const char *offsets_name(size_t i);
uint32_t offsets_value(const struct offsets *o, size_t i);

/*
 * The offsets for this version and machine from the table.  *ret_source is OFFSETS_TABLE, or
 * OFFSETS_NEAREST when only a neighbouring minor version is known.  -ENOENT if none is.
 */
int offsets_from_table(const struct goversion *v, enum elf_machine machine, struct offsets *ret,
		       enum offsets_source *ret_source) _must_check_;

/* The offsets from the executable's DWARF (4 or 5, compressed or not).  -ENOENT if it has none. */
int offsets_from_dwarf(int fd, struct offsets *ret) _must_check_;

#endif
