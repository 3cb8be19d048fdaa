/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Stacks of goroutines by frame pointer, which Go keeps on amd64 since 1.7 and on arm64 since
 * 1.12.  Rare by design (stack_due() in hooks.bpf.c), so in functions of its own that the usual
 * path jumps over.
 */
#ifndef GOTIDE_STACK_BPF_H
#define GOTIDE_STACK_BPF_H

#include "regs.bpf.h"

/* Fills r->pc from entry depth on, following bp; stacks grow down, so frames must rise. */
static __noinline int stack_walk(struct wire_stack *r, __u32 depth, __u64 bp)
{
	struct frame f;
	__u32 i;

	if (!r)
		return 0;
	for (i = 0; i < WIRE_STACK_DEPTH; i++) {
		if (i < depth)
			continue;
		r->pc[i] = 0;
		if (!bp || bpf_probe_read_user(&f, sizeof(f), (void *)bp) || !f.ret) {
			bp = 0;
			continue;
		}
		r->pc[i] = f.ret;
		depth = i + 1;
		bp = f.next > bp ? f.next : 0;
	}
	return depth;
}

static __noinline int stack_send_creator(regs_t *ctx, struct wire_target *t, struct wire_state *st,
					 __u32 tgid, __u64 gopc)
{
	struct wire_stack *r;
	__u64 m, curg;

	if (!(t->flags & WIRE_TARGET_GREG) || t->g_m == WIRE_NO_FIELD ||
	    t->m_curg == WIRE_NO_FIELD || t->g_sched_bp == WIRE_NO_FIELD)
		return 0;
	/*
	 * newproc1 runs on the thread's system stack (runtime/proc.go, newproc): the register
	 * holds g0, and the creator's registers were saved in its g when the stacks were switched
	 * (runtime/asm_amd64.s, gosave_systemstack_switch).  Go 1.19 to 1.27.
	 */
	m = user_u64(REGS_G(ctx) + t->g_m);
	curg = m ? user_u64(m + t->m_curg) : 0;
	if (!curg)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		count_add(&st->stacks_lost, 1);
		return 0;
	}
	hdr_fill(&r->hdr, WIRE_STACK, sizeof(*r), tgid, tick_ns());
	r->goid = user_u64(curg + t->g_goid);
	r->gopc = gopc;
	r->hook = WIRE_HOOK_BIRTH;
	r->reason = 0;
	r->pad = 0;
	r->depth = stack_walk(r, 0, user_u64(curg + t->g_sched_bp));
	if (r->depth)
		bpf_ringbuf_submit(r, ring_wakeup());
	else
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
	return 0;
}

struct parked {
	__u64 goid, gopc;
	__u32 reason, tgid;
};

static __noinline int stack_send_parked(regs_t *ctx, struct wire_target *t, struct wire_state *st,
					const struct parked *p)
{
	struct wire_stack *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		count_add(&st->stacks_lost, 1);
		return 0;
	}
	hdr_fill(&r->hdr, WIRE_STACK, sizeof(*r), p->tgid, tick_ns());
	r->goid = p->goid;
	r->gopc = p->gopc;
	r->hook = WIRE_HOOK_PARK;
	r->reason = p->reason;
	r->pad = 0;
	/* gopark has not set up its frame yet: its caller's is still the innermost. */
	r->pc[0] = user_u64(REGS_SP(ctx) + t->park_ret);
	r->depth = stack_walk(r, 1, REGS_BP(ctx));
	bpf_ringbuf_submit(r, ring_wakeup());
	return 0;
}

#endif
