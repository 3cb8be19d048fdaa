/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What runs at tracepoints of the kernel: resident memory, exec, exit, the OOM killer.  Raw
 * tracepoints, because attaching them needs no more than CAP_PERFMON; the arguments that changed
 * between kernels are not used.
 */
#include "maps.bpf.h"

#include <bpf/bpf_core_read.h>

#define RSS_STEP_BYTES (1024 * 1024)
#define RSS_PERIOD_NS  1000000000ULL

const volatile __u64 page_bytes = 4096;
/* Report every exec on the machine, not only those of targets. */
const volatile bool use_exec = true;

/*
 * Pages of one kind, or -1 if this kernel keeps them in no way known here.  From Linux 6.2 on the
 * number lacks what each CPU has not handed in yet: up to max(32, 2 * CPUs) pages per CPU.
 */
static __always_inline __s64 rss_pages(struct mm_struct *mm, __u32 member)
{
	struct mm_struct___old *old = (void *)mm;
	struct percpu_counter *c;
	__s64 pages = -1;

	if (bpf_core_field_exists(old->rss_stat.count)) {
		bpf_probe_read_kernel(
			&pages, sizeof(pages),
			&__builtin_preserve_access_index(old)->rss_stat.count[member]);
	} else if (bpf_core_field_exists(mm->rss_stat)) {
		/* The element's size in the running kernel, not in our cut-down type. */
		c = (void *)mm + bpf_core_field_offset(mm->rss_stat) +
		    member * bpf_core_type_size(struct percpu_counter);
		pages = BPF_CORE_READ(c, count);
		if (pages < 0)
			pages = 0;
	}
	return pages;
}

/* Memory changes hands: reclaim and exec touch what is not current's.  0 if nobody is known. */
static __always_inline __u32 mm_tgid(struct mm_struct *mm)
{
	struct task_struct *current;

	if (bpf_core_field_exists(mm->owner))
		return BPF_CORE_READ(mm, owner, tgid);
	current = (void *)bpf_get_current_task();
	return BPF_CORE_READ(current, mm) == mm ? BPF_CORE_READ(current, tgid) : 0;
}

static __always_inline bool rss_is_due(struct wire_state *st, __u32 member, __s64 bytes, __u64 now)
{
	__s64 sent = st->rss_sent[member] < 0 ? 0 : st->rss_sent[member];
	__s64 moved = bytes > sent ? bytes - sent : sent - bytes;

	if (moved >= RSS_STEP_BYTES && moved >= sent >> 6)
		return true;
	return bytes != st->rss_sent[member] && now - st->rss_sent_ns >= RSS_PERIOD_NS;
}

static __always_inline void rss_submit(struct wire_state *st, __u32 tgid, __u64 now)
{
	struct wire_rss_change *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	/* Nothing is lost for good: the state holds the value, and the next event tries again. */
	if (!r)
		return;
	hdr_fill(&r->hdr, WIRE_RSS, sizeof(*r), tgid, now);
	for (int i = 0; i < WIRE_RSS_MAX; i++) {
		r->bytes[i] = st->rss_bytes[i];
		st->rss_sent[i] = st->rss_bytes[i];
	}
	st->rss_sent_ns = now;
	bpf_ringbuf_submit(r, ring_wakeup());
}

SEC("raw_tp/rss_stat")
int on_rss_stat(struct bpf_raw_tracepoint_args *ctx)
{
	struct mm_struct *mm = (void *)ctx->args[0];
	__u32 member = ctx->args[1];
	struct wire_target *t;
	struct wire_state *st;
	__u32 tgid, slot;
	__s64 pages;
	__u64 now;

	if (member >= WIRE_RSS_MAX)
		return 0;
	tgid = mm_tgid(mm);
	t = bpf_map_lookup_elem(&targets, &tgid);
	if (!t)
		return 0;
	slot = t->slot;
	st = bpf_map_lookup_elem(&states, &slot);
	if (!st)
		return 0;
	pages = rss_pages(mm, member);
	if (pages < 0)
		return 0;
	st->rss_bytes[member] = pages * page_bytes;
	count_add(&st->rss_events, 1);
	now = bpf_ktime_get_ns();
	if (rss_is_due(st, member, st->rss_bytes[member], now))
		rss_submit(st, tgid, now);
	return 0;
}

/* Exec, exit and OOM records that found the ring full: user space must look round for itself. */
__u64 tasks_lost = 0;

static __always_inline void task_submit(__u16 kind, __u32 tgid, struct task_struct *task)
{
	struct wire_task *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		count_add(&tasks_lost, 1);
		return;
	}
	hdr_fill(&r->hdr, kind, sizeof(*r), tgid, bpf_ktime_get_ns());
	r->ppid = BPF_CORE_READ(task, real_parent, tgid);
	r->exit_code = kind == WIRE_EXIT ? BPF_CORE_READ(task, exit_code) : 0;
	BPF_CORE_READ_STR_INTO(&r->comm, task, group_leader, comm);
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}

/*
 * The old image's offsets do not hold in the new one, so counting ends here; or begins, where the
 * target was made for the image that has just come.
 */
SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct wire_target *t = bpf_map_lookup_elem(&targets, &tgid);

	if (t && (t->flags & WIRE_TARGET_AT_EXEC))
		t->flags &= ~WIRE_TARGET_AT_EXEC;
	else if (bpf_map_delete_elem(&targets, &tgid) && !use_exec)
		return 0;
	task_submit(WIRE_EXEC, tgid, task);
	return 0;
}

/* Of two threads that end at once both may find themselves the last; one of them deletes. */
SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	if (bpf_map_delete_elem(&targets, &tgid))
		return 0;
	task_submit(WIRE_EXIT, tgid, task);
	return 0;
}

/* Up to Linux 6.7 the argument is a pid, from 6.8 on a task; they cannot be mistaken. */
SEC("raw_tp/mark_victim")
int on_oom(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = NULL;
	__u32 tgid = ctx->args[0];

	if (ctx->args[0] >> 32) {
		task = (void *)ctx->args[0];
		tgid = BPF_CORE_READ(task, tgid);
	}
	if (!bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	task_submit(WIRE_OOM, tgid, task);
	return 0;
}

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
