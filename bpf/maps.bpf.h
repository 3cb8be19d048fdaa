/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps, and what every program does with them.  Weak, so that each source file may name them
 * and the linker keeps one of each.  Sizes are set from user space before loading.
 */
#ifndef GOTIDE_MAPS_BPF_H
#define GOTIDE_MAPS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32); /* tgid */
	__type(value, struct wire_target);
} targets SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32); /* slot */
	__type(value, struct wire_state);
} states SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring SEC(".maps") __weak;

const volatile __u64 ring_quarter_bytes __weak = 1024 * 1024;

/* Counts are exact on every kernel that has the rest: no fetch variant, which Linux 5.10 lacks. */
#define count_add(counter, n) ((void)__sync_fetch_and_add((counter), (n)))

static __always_inline void hdr_fill(struct wire_hdr *h, __u16 kind, __u16 size, __u32 tgid,
				     __u64 ts_ns)
{
	h->kind = kind;
	h->size = size;
	h->tgid = tgid;
	h->ts_ns = ts_ns;
}

struct tick {
	__u64 jiffies;
	__u64 ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tick);
} ticks SEC(".maps") __weak;

/*
 * The time as of this tick's first record, for what happens often: reading the clock costs as much
 * as the rest of a record.  Per CPU, and ns is stored before jiffies, so that no other CPU and no
 * preemption can leave an old time under a new tick.
 */
static __always_inline __u64 tick_ns(void)
{
	__u64 now = bpf_jiffies64();
	__u32 zero = 0;
	struct tick *t = bpf_map_lookup_elem(&ticks, &zero);

	if (!t)
		return bpf_ktime_get_ns();
	if (t->jiffies != now) {
		*(volatile __u64 *)&t->ns = bpf_ktime_get_ns();
		*(volatile __u64 *)&t->jiffies = now;
	}
	return t->ns;
}

/*
 * User space drains the ring on a timer; it is woken early only when a quarter is full.  A wake-up
 * costs an interrupt, many times the cost of a record, so callers ask this now and then.
 */
static __always_inline __u64 ring_wakeup(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > ring_quarter_bytes
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

#endif
