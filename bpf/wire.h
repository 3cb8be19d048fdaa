/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract between the programs in the kernel and user space: per-target configuration,
 * counters, and the records of the ring.  The only header that both sides include.
 *
 * Append-only: numbers are explicit and never reused, fields are never moved, every struct is
 * padded by hand and its size asserted.  To retire something, leave a hole.  Each includer brings
 * the fixed-width kernel types (__u8 .. __s64) first.
 */
#ifndef GOTIDE_WIRE_H
#define GOTIDE_WIRE_H

#define WIRE_VERSION 1

/* ---- hooks: the places in the Go runtime that are probed ---- */

enum wire_hook {
	WIRE_HOOK_BIRTH = 0, /* runtime.newproc1, where the new g is known */
	WIRE_HOOK_DEATH = 1, /* runtime.gdestroy, or goexit0 up to Go 1.21 */
	WIRE_HOOK_PARK = 2, /* runtime.gopark */
	WIRE_HOOK_READY = 3, /* runtime.ready */
	WIRE_HOOK_GC_START = 4, /* runtime.(*gcControllerState).startCycle */
	WIRE_HOOK_MARK_END = 5, /* runtime.(*gcControllerState).resetLive */
	WIRE_HOOK_GC_END = 6, /* runtime.gcSweep */
	WIRE_HOOK_BOOKED = 7, /* those before it have a place in wire_target and wire_state */
	/* Off unless asked for, with a state of their own: wire_span_state. */
	WIRE_HOOK_SPAN_ALLOC = 7, /* runtime.(*mheap).initSpan, or allocSpan up to Go 1.19 */
	WIRE_HOOK_SPAN_FREE = 8, /* runtime.(*pageAlloc).free */
	WIRE_HOOK_MAX = 9,
};

/* Where a value is found when a probe fires. */
enum wire_loc_kind {
	WIRE_LOC_NONE = 0,
	WIRE_LOC_REG = 1, /* register reg */
	WIRE_LOC_STACK = 2, /* the 8 bytes at stack pointer + off */
};

/* Hardware numbers: amd64 ax 0, cx 1, dx 2, bx 3, sp 4, bp 5, si 6, di 7, r8..r15; arm64 x0..x30 */
struct wire_loc {
	__u8 kind; /* enum wire_loc_kind */
	__u8 reg;
	__s16 off;
};
_Static_assert(sizeof(struct wire_loc) == 4, "wire_loc");

/*
 * ---- map "targets": tgid -> struct wire_target ----
 *
 * Written by user space, read by every probe; deleted by the kernel side when the process execs
 * or ends, since what it says is about one image of one process.
 */

#define WIRE_NO_FIELD 0xffff

enum wire_target_flag {
	/*
	 * runtime.g is laid out as in every Go from 1.15 to 1.27, so that one read fetches all:
	 * waitreason at goid + 24, gopc at goid + 128, 136 or 144, parentGoid (if any) at
	 * gopc - 8, startpc at gopc + 16
	 */
	WIRE_TARGET_NEAR = 1 << 0,
	/* a register holds the running g: amd64 r14 (Go 1.17 on), arm64 x28 */
	WIRE_TARGET_GREG = 1 << 1,
	/* of the image that the process's next exec brings, which clears this flag */
	WIRE_TARGET_AT_EXEC = 1 << 2,
};

struct wire_target {
	__u32 slot; /* index into map "states" */
	__u32 flags; /* enum wire_target_flag */
	/* offsets in bytes within runtime.g, WIRE_NO_FIELD if this Go has no such field */
	__u16 g_goid;
	__u16 g_gopc;
	__u16 g_startpc;
	__u16 g_parent_goid; /* Go 1.21 on */
	__u16 g_waitreason;
	__u16 g_m;
	__u16 g_sched_bp;
	__u16 m_curg; /* within runtime.m */
	struct wire_loc
		loc[WIRE_HOOK_BOOKED]; /* BIRTH, DEATH, READY: the g; PARK: the wait reason; */
	/* MARK_END: live heap bytes */
	struct wire_loc park_g; /* PARK: the parking g */
	__u16 park_ret; /* PARK: bytes from the stack pointer to the return address */
	__u16 pad[3];
};
_Static_assert(sizeof(struct wire_target) == 64, "wire_target");

/* ---- map "states": slot -> struct wire_state; mapped into user space ---- */

enum wire_rss {
	WIRE_RSS_FILE = 0,
	WIRE_RSS_ANON = 1,
	WIRE_RSS_SWAP = 2,
	WIRE_RSS_SHMEM = 3,
	WIRE_RSS_MAX = 4,
};

/*
 * What sampling goes by.  Ids come in near order and programs make goroutines in regular turns, so
 * neighbouring ids must fall anywhere: one multiplication alone has near-periods (the finaliser of
 * splitmix64 has none).
 */
static inline __u64 wire_goid_hash(__u64 goid)
{
	goid *= 0x9e3779b97f4a7c15ULL;
	goid = (goid ^ (goid >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return goid ^ (goid >> 31);
}

/*
 * Every hit of a hook adds one to exactly one of streamed, sampled_out, lost and bad, so their sum
 * is the exact number of hits.  Counters only grow while a slot has an owner.
 */
struct wire_state {
	__s64 tokens; /* records this process may still stream; refilled by user space */
	__u64 sample_mask; /* a goroutine is streamed when (wire_goid_hash() & mask) == 0 */
	__u64 streamed[8]; /* by enum wire_hook */
	__u64 sampled_out[8];
	__u64 lost[8]; /* the ring was full */
	__u64 bad[8]; /* the runtime's memory could not be read */
	__u64 births_other; /* not counted by site: "sites" was full, or this slot's share */
	__u64 deaths_other;
	__u64 parks_other;
	__u64 readies_other;
	__u64 heap_live; /* bytes, as of the latest mark end */
	__u64 gc_start_ns;
	__u64 mark_end_ns;
	__u64 gc_end_ns;
	__s64 rss_bytes[WIRE_RSS_MAX]; /* latest known, -1 before the first event */
	__s64 rss_sent[WIRE_RSS_MAX];
	__u64 rss_sent_ns;
	__u64 rss_events;
	__u64 stacks_lost; /* stacks that were due but found the ring full */
	__u64 sites_own; /* entries of the map "sites" made for this slot ... */
	__u64 parks_own; /* ... and of "parks"; neither may hold more than its share */
	__u64 pad[9];
};
_Static_assert(sizeof(struct wire_state) == 512, "wire_state");

/* ---- map "sites": struct wire_site_key -> struct wire_site ---- */

/* A creation site: the return address of the go statement's call (runtime.g.gopc), as in memory. */
struct wire_site_key {
	__u32 slot;
	__u32 pad;
	__u64 gopc;
};
_Static_assert(sizeof(struct wire_site_key) == 16, "wire_site_key");

struct wire_site {
	__u64 births;
	__u64 deaths;
	__u64 startpc; /* of the first goroutine seen born here; 0 if none was */
	__u64 pad;
};
_Static_assert(sizeof(struct wire_site) == 32, "wire_site");

/* ---- map "parks": struct wire_park_key -> struct wire_park_count ---- */

struct wire_park_key {
	__u32 slot;
	__u32 reason; /* runtime.waitReason: its meaning depends on the Go version */
	__u64 gopc;
};
_Static_assert(sizeof(struct wire_park_key) == 16, "wire_park_key");

struct wire_park_count {
	__u64 parks;
	__u64 readies; /* wake-ups through runtime.ready; the network poller wakes without it */
};
_Static_assert(sizeof(struct wire_park_count) == 16, "wire_park_count");

/*
 * ---- map "span_states": slot -> struct wire_span_state; mapped into user space ----
 *
 * A span is what the runtime's heap hands out: whole pages for one large object, or for many small
 * objects of one size class.  Pages are the runtime's, of 8192 bytes (runtime/sizeclasses.go,
 * Go 1.15 to 1.27).
 */
#define WIRE_SPAN_HEAP 0 /* runtime.spanAllocHeap; other types are stacks and the runtime's own */

struct wire_span_state {
	/* Written by user space, before the probes are on: where SPAN_ALLOC finds its values ... */
	struct wire_loc base;
	struct wire_loc pages;
	struct wire_loc type; /* the lowest byte: runtime.spanAllocType */
	struct wire_loc sizeclass; /* the lowest byte: runtime.spanClass, twice the size class */
	struct wire_loc free_base; /* ... and SPAN_FREE */
	__u32 sample_shift; /* of the small spans one in 2^shift is kept; may be changed at any time
			     */
	/*
	 * Every hit of SPAN_ALLOC adds one to exactly one of others, kept, sampled_out, spans_full
	 * and bad.
	 */
	__u64 others; /* no heap span */
	__u64 kept;
	__u64 sampled_out;
	__u64 spans_full; /* not kept, and missing from all sums, since the map "spans" was full */
	__u64 bad; /* a value was not read, or makes no sense */
	__u64 spans_full_pages; /* of spans_full, each standing for as many as sampling says */
	__u64 sites_full; /* kept under stack 0, since the map "span_sites" was full */
	__u64 frees; /* hits of SPAN_FREE, of spans of any kind */
	__u64 freed; /* of them, spans that had been kept */
	__u64 overwritten; /* kept though one at the same address had not been seen to go */
	__u64 alloc_pages; /* of all heap spans, kept or not */
	__u64 pad[2];
};
_Static_assert(sizeof(struct wire_span_state) == 128, "wire_span_state");

/* ---- map "spans": struct wire_span_key -> struct wire_span; those kept that are in use ---- */

struct wire_span_key {
	__u32 slot;
	__u32 pad;
	__u64 base;
};
_Static_assert(sizeof(struct wire_span_key) == 16, "wire_span_key");

struct wire_span {
	__u64 stack;
	__u32 pages;
	__u8 shift; /* it stands for 2^shift spans */
	__u8 is_large; /* one object */
	__u8 pad[2];
};
_Static_assert(sizeof(struct wire_span) == 16, "wire_span");

/* ---- map "span_sites": struct wire_span_site_key -> struct wire_span_site ---- */

struct wire_span_site_key {
	__u32 slot;
	__u32 pad;
	__u64 stack; /* hash of its addresses; 0: of stacks that found the map full */
};
_Static_assert(sizeof(struct wire_span_site_key) == 16, "wire_span_site_key");

struct wire_span_count {
	__u64 allocs, frees; /* spans kept, and those of them that were freed */
	__u64 alloc_spans, free_spans; /* what they stand for */
	__u64 alloc_pages, free_pages;
	/*
	 * Of alloc_pages - free_pages as an estimate, in pages squared: a span that is kept with
	 * probability 1/w and stands for w adds w * (w - 1) times its pages squared while in use.
	 */
	__u64 variance;
};
_Static_assert(sizeof(struct wire_span_count) == 56, "wire_span_count");

#define WIRE_SPAN_DEPTH 32

struct wire_span_site {
	struct wire_span_count large; /* one object each; always kept, so exact */
	struct wire_span_count small;
	__u32 depth; /* valid entries of pc */
	__u32 is_cut; /* the stack is deeper */
	__u64 pc[WIRE_SPAN_DEPTH]; /* return addresses, innermost first */
};
_Static_assert(sizeof(struct wire_span_site) == 376, "wire_span_site");

/*
 * ---- map "cgo_states": slot -> struct wire_cgo_state; mapped into user space ----
 *
 * Blocks that the C allocator of a process hands out and takes back.
 */

/* Functions of the allocator, by what their arguments mean. */
enum wire_cgo_fn {
	WIRE_CGO_EXIT = 0, /* a return of any of them, or a jump that ends it */
	WIRE_CGO_MALLOC = 1, /* size */
	WIRE_CGO_CALLOC = 2, /* count, size */
	WIRE_CGO_REALLOC = 3, /* block, size */
	WIRE_CGO_REALLOCARRAY = 4, /* block, count, size */
	WIRE_CGO_MEMALIGN = 5, /* alignment, size */
	WIRE_CGO_ALIGNED_ALLOC = 6, /* alignment, size */
	WIRE_CGO_POSIX_MEMALIGN = 7, /* where the block's address goes, alignment, size */
	WIRE_CGO_VALLOC = 8, /* size */
	WIRE_CGO_PVALLOC = 9, /* size */
	WIRE_CGO_FREE = 10, /* block */
	WIRE_CGO_EXIT_EARLY = 11, /* where the result is known before the return */
	WIRE_CGO_FN_MAX = 12,
};

/*
 * A probe's cookie: the function, and the bytes from the stack pointer to the return address.  Of
 * an exit besides: the register that holds the result, or WIRE_CGO_NULL; what is to be added to
 * that; the condition, 1 + the processor's number, on which it is an exit (0: always).
 */
#define WIRE_CGO_COOKIE(fn, ret_off) ((__u64)(__u16)(ret_off) << 32 | (fn))
#define WIRE_CGO_COOKIE_EXIT(fn, ret_off, reg, add, cond)                                     \
	(WIRE_CGO_COOKIE(fn, ret_off) | (__u64)(__u16)(add) << 48 | (__u64)(__u8)(reg) << 8 | \
	 (__u64)(__u8)(cond) << 16)
#define WIRE_CGO_COOKIE_FN(cookie)   ((__u32)(cookie)&0xff)
#define WIRE_CGO_COOKIE_OFF(cookie)  ((__u16)((cookie) >> 32))
#define WIRE_CGO_COOKIE_REG(cookie)  ((__u8)((cookie) >> 8))
#define WIRE_CGO_COOKIE_COND(cookie) ((__u8)((cookie) >> 16))
#define WIRE_CGO_COOKIE_ADD(cookie)  ((__s16)((cookie) >> 48))
#define WIRE_CGO_NULL		     16

/* Blocks of this size and more are always kept. */
#define WIRE_CGO_LARGE 65536

struct wire_cgo_state {
	/* Written by user space ... */
	__u64 is_on; /* once all probes are in */
	__s64 tls_g; /* offset of the running g from the thread pointer; 0: not known */
	__u16 g_m; /* offsets within runtime.g and runtime.m, or WIRE_NO_FIELD */
	__u16 g_sched_sp;
	__u16 g_sched_bp;
	__u16 m_curg;
	/* A smaller block is kept with probability size / period; a power of two, at most 2^20. */
	__u32 period;
	__u32 pad0;
	/* ... and by the kernel.  Hits: */
	__u64 hits[16]; /* by enum wire_cgo_fn */
	/*
	 * Every hit of a function that is no exit and not FREE adds one to exactly one of nested,
	 * zero and begun; every one begun in the end to one of kept, sampled_out, blocks_full,
	 * failed and unmatched, unless it goes on.
	 */
	__u64 nested; /* called by another function of the allocator */
	__u64 zero; /* for no bytes */
	__u64 begun;
	__u64 kept;
	__u64 kept_large; /* of them, those that are always kept */
	__u64 sampled_out;
	__u64 blocks_full; /* missing from all sums, since the map "cgo_blocks" was full */
	__u64 blocks_full_bytes; /* what they stand for */
	__u64 failed; /* no memory */
	__u64 unmatched; /* whose end was not seen */
	__u64 sites_full; /* kept under stack 0, since the map "cgo_sites" was full */
	__u64 freed; /* of those kept, by free() or realloc() */
	__u64 overwritten; /* kept though one at the same address had not been seen to go */
	__u64 alloc_bytes; /* of all blocks that were handed out, kept or not */
	__u64 no_go; /* kept without a goroutine's stack */
	__u64 pad[5];
};
_Static_assert(sizeof(struct wire_cgo_state) == 320, "wire_cgo_state");

/* ---- map "cgo_blocks": struct wire_span_key -> struct wire_cgo_block; kept and in use ---- */

struct wire_cgo_block {
	__u64 stack;
	__u64 size;
	__u32 period; /* it was kept with probability size / period; 0: for certain */
	__u32 pad;
};
_Static_assert(sizeof(struct wire_cgo_block) == 24, "wire_cgo_block");

/* ---- map "cgo_sites": struct wire_span_site_key -> struct wire_cgo_site ---- */

/* A block kept with probability p stands for 1 / p blocks of its size. */
#define WIRE_CGO_UNIT	       1024 /* what a block counts that stands for itself */
#define WIRE_CGO_VARIANCE_UNIT 256 /* bytes squared */

struct wire_cgo_count {
	__u64 allocs, frees; /* blocks kept, and those of them that were freed */
	__u64 alloc_units, free_units; /* what they stand for, in parts of WIRE_CGO_UNIT */
	__u64 alloc_bytes, free_bytes;
	__u64 variance; /* of alloc_bytes - free_bytes, in WIRE_CGO_VARIANCE_UNIT */
};
_Static_assert(sizeof(struct wire_cgo_count) == 56, "wire_cgo_count");

#define WIRE_CGO_C_DEPTH  8
#define WIRE_CGO_GO_DEPTH 24

struct wire_cgo_stack {
	__u16 c_depth; /* valid entries of c_pc */
	__u16 go_depth; /* ... and of go_pc */
	__u32 is_cut; /* the goroutine's stack is deeper */
	__u64 c_pc[WIRE_CGO_C_DEPTH]; /* return addresses, innermost first */
	__u64 go_pc[WIRE_CGO_GO_DEPTH];
};
_Static_assert(sizeof(struct wire_cgo_stack) == 264, "wire_cgo_stack");

struct wire_cgo_site {
	struct wire_cgo_count large; /* of WIRE_CGO_LARGE and more: exact */
	struct wire_cgo_count small;
	struct wire_cgo_stack stack;
};
_Static_assert(sizeof(struct wire_cgo_site) == 376, "wire_cgo_site");

/* ---- ring records ---- */

enum wire_kind {
	WIRE_BIRTH = 1,
	WIRE_DEATH = 2,
	WIRE_PARK = 3,
	WIRE_READY = 4,
	WIRE_STACK = 5,
	WIRE_GC_START = 6,
	WIRE_MARK_END = 7,
	WIRE_GC_END = 8,
	WIRE_RSS = 9,
	WIRE_EXEC = 10,
	WIRE_EXIT = 11,
	WIRE_OOM = 12,
	WIRE_KIND_MAX = 13,
};

struct wire_hdr {
	__u16 kind; /* enum wire_kind */
	__u16 size; /* of the whole record, in bytes */
	__u32 tgid; /* as the initial pid namespace numbers it */
	/* CLOCK_MONOTONIC; of a birth, death, park or ready as of the latest tick (1 to 10 ms ago)
	 */
	__u64 ts_ns;
};
_Static_assert(sizeof(struct wire_hdr) == 16, "wire_hdr");

struct wire_birth {
	struct wire_hdr hdr;
	__u64 goid;
	__u64 gopc;
	__u64 startpc;
	__u64 parent_goid; /* 0 if unknown */
};
_Static_assert(sizeof(struct wire_birth) == 48, "wire_birth");

struct wire_death {
	struct wire_hdr hdr;
	__u64 goid;
	__u64 gopc;
};
_Static_assert(sizeof(struct wire_death) == 32, "wire_death");

/* WIRE_PARK and WIRE_READY */
struct wire_park {
	struct wire_hdr hdr;
	__u64 goid;
	__u64 gopc;
	__u32 reason;
	__u32 pad;
};
_Static_assert(sizeof(struct wire_park) == 40, "wire_park");

#define WIRE_STACK_DEPTH 32

struct wire_stack {
	struct wire_hdr hdr;
	__u64 goid; /* of the goroutine whose stack it is (BIRTH: the creator, 0 if unknown) */
	__u64 gopc; /* the site it belongs to (BIRTH: of the goroutine born) */
	__u32 hook; /* enum wire_hook: BIRTH or PARK */
	__u32 reason; /* PARK */
	__u32 depth; /* valid entries of pc, 1..WIRE_STACK_DEPTH */
	__u32 pad;
	__u64 pc[WIRE_STACK_DEPTH]; /* return addresses, innermost first */
};
_Static_assert(sizeof(struct wire_stack) == 304, "wire_stack");

/* WIRE_GC_START, WIRE_MARK_END, WIRE_GC_END */
struct wire_gc {
	struct wire_hdr hdr;
	__u64 heap_live; /* MARK_END: bytes marked live */
};
_Static_assert(sizeof(struct wire_gc) == 24, "wire_gc");

struct wire_rss_change {
	struct wire_hdr hdr;
	__s64 bytes[WIRE_RSS_MAX];
};
_Static_assert(sizeof(struct wire_rss_change) == 48, "wire_rss_change");

/* WIRE_EXEC, WIRE_EXIT, WIRE_OOM */
struct wire_task {
	struct wire_hdr hdr;
	__u32 ppid;
	__s32 exit_code; /* WIRE_EXIT: as wait(2) gives it */
	char comm[16];
};
_Static_assert(sizeof(struct wire_task) == 40, "wire_task");

#endif
