/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What every program at a uprobe begins with.
 */
#ifndef GOTIDE_KEEP_BPF_H
#define GOTIDE_KEEP_BPF_H

#include "regs.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nowhere SEC(".maps") __weak;

/* Always false, which the compiler must not know, but the verifier does. */
const volatile bool use_tail_call __weak = false;

/*
 * Keeps the program on the stack of the thread that hit the probe.  Linux from 6.13 on gives a
 * program that has 64 bytes of locals a stack per CPU, on the ground that it cannot run twice on
 * one CPU; but at a uprobe it can: nothing stops another thread from preempting this one and
 * running the program over its locals, and goroutines are counted at the wrong site.  Programs that
 * contain a tail call are exempt (kernel/bpf/verifier.c, check_max_stack_depth()).
 */
static __always_inline void stack_keep(regs_t *ctx)
{
	if (use_tail_call)
		bpf_tail_call(ctx, &nowhere, 0);
}

#endif
