/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Registers of the probed thread by hardware number, and words of its memory.  The verifier forbids
 * a computed offset into the context, so each register is a load of its own; in assembly, because
 * the compiler would merge the loads into one with a computed offset.
 */
#ifndef GOTIDE_REGS_BPF_H
#define GOTIDE_REGS_BPF_H

#include "maps.bpf.h"

#define REG_LOAD(ctx, type, member)                                              \
	({                                                                       \
		__u64 _reg;                                                      \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                            \
			     : "=r"(_reg)                                        \
			     : "r"(ctx), "i"(__builtin_offsetof(type, member))); \
		_reg;                                                            \
	})

#define REG_CASE(n, type, member) \
	case n:                   \
		return REG_LOAD(ctx, type, member)

#if defined(__TARGET_ARCH_x86)

typedef struct pt_regs regs_t;

#define REGS_SP(ctx) REG_LOAD(ctx, struct pt_regs, sp)
#define REGS_BP(ctx) REG_LOAD(ctx, struct pt_regs, bp)
#define REGS_G(ctx)  REG_LOAD(ctx, struct pt_regs, r14)

static __always_inline __u64 regs_get(regs_t *ctx, __u8 reg)
{
	/* Go's first argument, and where newproc1 keeps its g unless profile-guided. */
	if (reg == 0)
		return REG_LOAD(ctx, struct pt_regs, ax);
	switch (reg) {
		REG_CASE(1, struct pt_regs, cx);
		REG_CASE(2, struct pt_regs, dx);
		REG_CASE(3, struct pt_regs, bx);
		REG_CASE(4, struct pt_regs, sp);
		REG_CASE(5, struct pt_regs, bp);
		REG_CASE(6, struct pt_regs, si);
		REG_CASE(7, struct pt_regs, di);
		REG_CASE(8, struct pt_regs, r8);
		REG_CASE(9, struct pt_regs, r9);
		REG_CASE(10, struct pt_regs, r10);
		REG_CASE(11, struct pt_regs, r11);
		REG_CASE(12, struct pt_regs, r12);
		REG_CASE(13, struct pt_regs, r13);
		REG_CASE(14, struct pt_regs, r14);
		REG_CASE(15, struct pt_regs, r15);
	}
	return 0;
}

#elif defined(__TARGET_ARCH_arm64)

typedef struct user_pt_regs regs_t;

#define REGS_SP(ctx) REG_LOAD(ctx, struct user_pt_regs, sp)
#define REGS_BP(ctx) REG_LOAD(ctx, struct user_pt_regs, regs[29])
#define REGS_G(ctx)  REG_LOAD(ctx, struct user_pt_regs, regs[28])

#define ARM_CASE(n) REG_CASE(n, struct user_pt_regs, regs[n])

static __always_inline __u64 regs_get(regs_t *ctx, __u8 reg)
{
	if (reg == 0)
		return REG_LOAD(ctx, struct user_pt_regs, regs[0]);
	switch (reg) {
		ARM_CASE(1);
		ARM_CASE(2);
		ARM_CASE(3);
		ARM_CASE(4);
		ARM_CASE(5);
		ARM_CASE(6);
		ARM_CASE(7);
		ARM_CASE(8);
		ARM_CASE(9);
		ARM_CASE(10);
		ARM_CASE(11);
		ARM_CASE(12);
		ARM_CASE(13);
		ARM_CASE(14);
		ARM_CASE(15);
		ARM_CASE(16);
		ARM_CASE(17);
		ARM_CASE(18);
		ARM_CASE(19);
		ARM_CASE(20);
		ARM_CASE(21);
		ARM_CASE(22);
		ARM_CASE(23);
		ARM_CASE(24);
		ARM_CASE(25);
		ARM_CASE(26);
		ARM_CASE(27);
		ARM_CASE(28);
		ARM_CASE(29);
		ARM_CASE(30);
	}
	return 0;
}

#else
#error "unknown architecture"
#endif

/* What a frame pointer points to. */
struct frame {
	__u64 next;
	__u64 ret;
};

static __always_inline __u64 user_u64(__u64 addr)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)addr);
	return value;
}

/* The value at a location, or 0: no location here is ever legitimately a null pointer. */
static __always_inline __u64 loc_read(regs_t *ctx, const struct wire_loc *loc)
{
	if (loc->kind == WIRE_LOC_REG)
		return regs_get(ctx, loc->reg);
	return loc->kind == WIRE_LOC_STACK ? user_u64(REGS_SP(ctx) + loc->off) : 0;
}

#endif
