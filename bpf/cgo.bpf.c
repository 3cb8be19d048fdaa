/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * C memory by call site: what runs where the C allocator is entered and left.  Programs and maps of
 * their own, loaded only when asked for.  An entry leaves a note of its thread's call; the return
 * at the same place of the stack ends it and knows the block.  As with spans, a block that is kept
 * is remembered with its stack until it is freed, and sums are kept per stack.
 */
#include "regs.bpf.h"

#include <bpf/bpf_core_read.h>

#include "keep.bpf.h"

/* What a thread is in: the outermost function of the allocator that has not returned. */
struct cgo_call {
	__u64 sp; /* where its return address is; 0: in none */
	__u64 ret;
	__u64 size;
	__u64 arg; /* POSIX_MEMALIGN: where the block's address goes; REALLOC: the old block */
	struct wire_cgo_block was; /* REALLOC: the old block, if it was kept */
	__u32 fn; /* enum wire_cgo_fn */
	__u32 period; /* as wire_cgo_block; CALL_NOT_KEPT */
};
#define CALL_NOT_KEPT (~0U)

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32); /* thread */
	__type(value, struct cgo_call);
} cgo_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32); /* slot */
	__type(value, struct wire_cgo_state);
} cgo_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct wire_span_key);
	__type(value, struct wire_cgo_block);
} cgo_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wire_span_site_key);
	__type(value, struct wire_cgo_site);
} cgo_sites SEC(".maps");

/* How far up a C frame may be from the one below it: past that a frame pointer is none. */
#define C_FRAME_MAX (1ULL << 20)

#if defined(__TARGET_ARCH_x86)
#define REGS_ARG1(ctx) REG_LOAD(ctx, struct pt_regs, di)
#define REGS_ARG2(ctx) REG_LOAD(ctx, struct pt_regs, si)
#define REGS_ARG3(ctx) REG_LOAD(ctx, struct pt_regs, dx)

/* What the kernel last set it to, as C's libraries let the kernel do. */
static __always_inline __u64 thread_pointer(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread.fsbase);
}

/* 0: always; else 1 + the lowest four bits of jcc: the last one negates. */
static __always_inline bool condition_holds(regs_t *ctx, __u8 cond)
{
	__u64 flags = REG_LOAD(ctx, struct pt_regs, flags);
	bool c = flags & 1, p = flags & 4, z = flags & 0x40, s = flags & 0x80, o = flags & 0x800;
	bool holds;

	if (!cond)
		return true;
	cond--;
	switch (cond >> 1) {
	case 0:
		holds = o;
		break;
	case 1:
		holds = c;
		break;
	case 2:
		holds = z;
		break;
	case 3:
		holds = c || z;
		break;
	case 4:
		holds = s;
		break;
	case 5:
		holds = p;
		break;
	case 6:
		holds = s != o;
		break;
	default:
		holds = z || s != o;
	}
	return holds != (cond & 1);
}
#else /* no decoder for the allocator's code, so nothing attaches */
#define REGS_ARG1(ctx) regs_get(ctx, 0)
#define REGS_ARG2(ctx) regs_get(ctx, 1)
#define REGS_ARG3(ctx) regs_get(ctx, 2)

static __always_inline __u64 thread_pointer(void)
{
	return 0;
}

static __always_inline bool condition_holds(regs_t *ctx, __u8 cond)
{
	return !cond;
}
#endif

/* ---- stacks ---- */

static __always_inline __u64 hash_add(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/* What C keeps there need not be a frame pointer: user space looks at what it leads to. */
static __always_inline __u64 walk_c(struct wire_cgo_stack *to, __u64 sp, __u64 bp)
{
	struct frame f = { .ret = user_u64(sp) };
	__u64 hash = hash_add(0, f.ret);

	to->c_pc[0] = f.ret;
	to->c_depth = 1;
#pragma clang loop unroll(full)
	for (int i = 1; i < WIRE_CGO_C_DEPTH; i++) {
		if (bp <= sp || bp - sp > C_FRAME_MAX || (bp & 7) ||
		    bpf_probe_read_user(&f, sizeof(f), (void *)bp) || !f.ret)
			break;
		to->c_pc[i] = f.ret;
		to->c_depth = i + 1;
		hash = hash_add(hash, f.ret);
		sp = bp;
		bp = f.next;
	}
	return hash;
}

/*
 * C runs on the thread's system stack with g0; where the goroutine called it is in its g (see
 * stack_send_creator()).  Up to Go 1.22 what C called back leaves its own, deeper frame pointer
 * behind: below the stack pointer it leads through what is no stack any more.
 */
static __always_inline __u64 go_bp(const struct wire_cgo_state *st)
{
	__u64 tp, g, m, sp, bp;

	if (!st->tls_g || st->g_m == WIRE_NO_FIELD || st->m_curg == WIRE_NO_FIELD ||
	    st->g_sched_bp == WIRE_NO_FIELD || st->g_sched_sp == WIRE_NO_FIELD)
		return 0;
	tp = thread_pointer();
	g = tp ? user_u64(tp + st->tls_g) : 0;
	m = g ? user_u64(g + st->g_m) : 0;
	g = m ? user_u64(m + st->m_curg) : 0;
	if (!g)
		return 0;
	sp = user_u64(g + st->g_sched_sp);
	bp = user_u64(g + st->g_sched_bp);
	return sp && bp >= sp ? bp : 0;
}

static __always_inline __u64 walk_go(struct wire_cgo_stack *to, __u64 hash, __u64 bp)
{
	struct frame f;

#pragma clang loop unroll(full)
	for (int i = 0; i < WIRE_CGO_GO_DEPTH; i++) {
		if (!bp || bpf_probe_read_user(&f, sizeof(f), (void *)bp) || !f.ret) {
			bp = 0;
			break;
		}
		to->go_pc[i] = f.ret;
		to->go_depth = i + 1;
		hash = hash_add(hash, f.ret);
		bp = f.next > bp ? f.next : 0;
	}
	to->is_cut = bp != 0;
	return hash;
}

struct cgo_new {
	__u64 addr;
	__u64 sp, bp;
	__u32 slot;
	__u32 pad;
	struct wire_cgo_block block;
};

static const struct wire_cgo_site no_site;

/*
 * The site of this stack: an old one, a new one, or where there is no room the one of all others.
 * A new one is made empty and given its stack, since both do not fit beside each other here.
 */
static __noinline int cgo_site_find(struct wire_cgo_state *st, struct cgo_new *n)
{
	struct wire_cgo_stack stack = { 0 };
	struct wire_span_site_key key = { .slot = n->slot };
	struct wire_cgo_site *site;
	__u64 hash;

	if (!st)
		return 0;
	/* Kept in one piece: in registers, spilled, it takes half as much again. */
	asm volatile("" : : "r"(&stack) : "memory");
	hash = walk_go(&stack, walk_c(&stack, n->sp, n->bp), go_bp(st));
	if (!stack.go_depth)
		count_add(&st->no_go, 1);
	key.stack = hash ? hash : 1;
	site = bpf_map_lookup_elem(&cgo_sites, &key);
	if (!site) {
		bpf_map_update_elem(&cgo_sites, &key, &no_site, BPF_NOEXIST);
		/* Another CPU may have been first, with the same stack. */
		site = bpf_map_lookup_elem(&cgo_sites, &key);
		if (site) {
			site->stack = stack;
		} else {
			key.stack = 0;
			count_add(&st->sites_full, 1);
		}
	}
	n->block.stack = key.stack;
	return 0;
}

/* ---- sums ---- */

static __always_inline struct wire_cgo_count *count_of(struct wire_cgo_site *site,
						       const struct wire_cgo_block *b)
{
	return b->size >= WIRE_CGO_LARGE ? &site->large : &site->small;
}

/* A block stands for period / size of its size: together for period bytes. */
static __always_inline __u64 block_bytes(const struct wire_cgo_block *b)
{
	return b->period ? b->period : b->size;
}

static __always_inline __u64 block_units(const struct wire_cgo_block *b)
{
	return b->period && b->size ? (__u64)b->period * WIRE_CGO_UNIT / b->size : WIRE_CGO_UNIT;
}

/* Of size s and probability p: s * s * (1 - p) / (p * p). */
static __always_inline __u64 block_variance(const struct wire_cgo_block *b)
{
	return b->period ? (__u64)b->period * (b->period - b->size) / WIRE_CGO_VARIANCE_UNIT : 0;
}

static __always_inline void cgo_book_free(struct wire_cgo_state *st, __u32 slot,
					  const struct wire_cgo_block *b)
{
	struct wire_span_site_key key = { .slot = slot, .stack = b->stack };
	struct wire_cgo_site *site = bpf_map_lookup_elem(&cgo_sites, &key);
	struct wire_cgo_count *c;

	count_add(&st->freed, 1);
	if (!site)
		return;
	c = count_of(site, b);
	count_add(&c->frees, 1);
	count_add(&c->free_units, block_units(b));
	count_add(&c->free_bytes, block_bytes(b));
	count_add(&c->variance, -block_variance(b));
}

/* Takes the block at addr out, before its address can be another's.  False: it was not kept. */
static __always_inline bool cgo_take_out(__u32 slot, __u64 addr, struct wire_cgo_block *ret)
{
	struct wire_span_key key = { .slot = slot, .base = addr };
	struct wire_cgo_block *found;

	if (!addr)
		return false;
	found = bpf_map_lookup_elem(&cgo_blocks, &key);
	if (!found)
		return false;
	*ret = *found;
	return !bpf_map_delete_elem(&cgo_blocks, &key);
}

static __noinline int cgo_keep(struct wire_cgo_state *st, struct cgo_new *n)
{
	struct wire_span_site_key site_key = { .slot = n->slot };
	struct wire_span_key key = { .slot = n->slot, .base = n->addr };
	struct wire_cgo_block old;
	struct wire_cgo_site *site;
	struct wire_cgo_count *c;

	if (!st)
		return 0;
	site_key.stack = n->block.stack;
	if (cgo_take_out(n->slot, n->addr, &old)) {
		cgo_book_free(st, n->slot, &old);
		count_add(&st->overwritten, 1);
	}
	site = bpf_map_lookup_elem(&cgo_sites, &site_key);
	if (!site || bpf_map_update_elem(&cgo_blocks, &key, &n->block, BPF_ANY)) {
		count_add(&st->blocks_full, 1);
		count_add(&st->blocks_full_bytes, block_bytes(&n->block));
		return 0;
	}
	c = count_of(site, &n->block);
	count_add(&c->allocs, 1);
	count_add(&c->alloc_units, block_units(&n->block));
	count_add(&c->alloc_bytes, block_bytes(&n->block));
	count_add(&c->variance, block_variance(&n->block));
	count_add(&st->kept, 1);
	if (n->block.size >= WIRE_CGO_LARGE)
		count_add(&st->kept_large, 1);
	return 0;
}

/* ---- calls ---- */

/* Large blocks, and those that are no smaller than the period, are kept for certain. */
static __always_inline __u32 period_of(const struct wire_cgo_state *st, __u64 size)
{
	__u32 period = *(const volatile __u32 *)&st->period;

	if (size >= WIRE_CGO_LARGE || size >= period)
		return 0;
	return (bpf_get_prandom_u32() & (period - 1)) < size ? period : CALL_NOT_KEPT;
}

/* The thread's note, made if it is its first. */
static __always_inline struct cgo_call *call_get(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct cgo_call *c = bpf_map_lookup_elem(&cgo_calls, &tid);
	struct cgo_call none = { 0 };

	if (c)
		return c;
	bpf_map_update_elem(&cgo_calls, &tid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&cgo_calls, &tid);
}

/*
 * Whether the call that was noted goes on: one that is entered deeper, while the noted one's return
 * address still is in its place, was called by it, and one at the same place was jumped to.  A
 * function does not jump to its own beginning: then the end of the noted one was not seen.
 */
static __always_inline bool call_goes_on(const struct cgo_call *c, const struct cgo_call *in)
{
	if (!c->sp || c->sp < in->sp)
		return false;
	if (c->sp == in->sp)
		return c->fn != in->fn && c->ret == in->ret;
	return user_u64(c->sp) == c->ret;
}

static __noinline int cgo_enter(struct wire_cgo_state *st, __u32 slot, const struct cgo_call *in)
{
	struct cgo_call *c = call_get();

	if (!st || !in || !c)
		return 0;
	if (call_goes_on(c, in)) {
		count_add(&st->nested, 1);
		return 0;
	}
	if (c->sp) {
		count_add(&st->unmatched, 1);
		if (c->was.stack)
			cgo_book_free(st, slot, &c->was);
		c->sp = 0;
	}
	if (in->fn == WIRE_CGO_REALLOC || in->fn == WIRE_CGO_REALLOCARRAY) {
		struct wire_cgo_block was = { 0 };

		c->was.stack = 0;
		if (cgo_take_out(slot, in->arg, &was)) {
			if (in->size)
				c->was = was;
			else
				cgo_book_free(st, slot, &was);
		}
	} else {
		c->was.stack = 0;
	}
	if (!in->size) {
		count_add(&st->zero, 1);
		return 0;
	}
	count_add(&st->begun, 1);
	c->ret = in->ret;
	c->size = in->size;
	c->arg = in->arg;
	c->fn = in->fn;
	c->period = period_of(st, in->size);
	c->sp = in->sp;
	return 0;
}

static __noinline int cgo_failed(struct wire_cgo_state *st, __u32 slot, struct cgo_call *c)
{
	struct wire_span_key key = { .slot = slot };

	if (!st || !c)
		return 0;
	count_add(&st->failed, 1);
	/* realloc() has left the old block as it was. */
	key.base = c->arg;
	if (c->was.stack && bpf_map_update_elem(&cgo_blocks, &key, &c->was, BPF_NOEXIST))
		cgo_book_free(st, slot, &c->was);
	return 0;
}

static __noinline int cgo_exit(regs_t *ctx, struct wire_cgo_state *st, __u32 slot, __u64 cookie)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct cgo_call *c = bpf_map_lookup_elem(&cgo_calls, &tid);
	struct cgo_new n = { .bp = REGS_BP(ctx), .slot = slot };
	__u8 reg = WIRE_CGO_COOKIE_REG(cookie);

	n.sp = REGS_SP(ctx) + WIRE_CGO_COOKIE_OFF(cookie);
	if (!st || !c || c->sp != n.sp || !condition_holds(ctx, WIRE_CGO_COOKIE_COND(cookie)))
		return 0;
	c->sp = 0;
	if (reg != WIRE_CGO_NULL)
		n.addr = regs_get(ctx, reg) + WIRE_CGO_COOKIE_ADD(cookie);
	if (c->fn == WIRE_CGO_POSIX_MEMALIGN)
		n.addr = (__u32)n.addr ? 0 : user_u64(c->arg);
	if (!n.addr)
		return cgo_failed(st, slot, c);
	if (c->was.stack)
		cgo_book_free(st, slot, &c->was);
	count_add(&st->alloc_bytes, c->size);
	if (c->period == CALL_NOT_KEPT) {
		count_add(&st->sampled_out, 1);
		return 0;
	}
	n.block.size = c->size;
	n.block.period = c->period;
	cgo_site_find(st, &n);
	return cgo_keep(st, &n);
}

static __always_inline int cgo_free(struct wire_cgo_state *st, __u32 slot, __u64 addr)
{
	struct wire_cgo_block was;

	if (cgo_take_out(slot, addr, &was))
		cgo_book_free(st, slot, &was);
	return 0;
}

/* More than there is if the product does not fit, or nearly not: such a call fails. */
static __always_inline __u64 product(__u64 a, __u64 b)
{
	bool fits = !((a | b) >> 32) || (!(a >> 16) && !(b >> 48)) || (!(a >> 48) && !(b >> 16));

	return fits ? a * b : ~0ULL;
}

/* Which process, and what is known of it. */
static __always_inline struct wire_cgo_state *cgo_wanted(__u32 *ret_slot)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, slot;
	struct wire_target *t = bpf_map_lookup_elem(&targets, &tgid);
	struct wire_cgo_state *st;

	if (!t)
		return NULL;
	*ret_slot = slot = t->slot;
	st = bpf_map_lookup_elem(&cgo_states, &slot);
	return st && *(volatile __u64 *)&st->is_on ? st : NULL;
}

static __noinline int cgo_entry(regs_t *ctx, struct wire_cgo_state *st, __u32 slot, __u64 cookie)
{
	__u64 a = REGS_ARG1(ctx), b = REGS_ARG2(ctx), d = REGS_ARG3(ctx);
	struct cgo_call in = { .arg = a, .fn = WIRE_CGO_COOKIE_FN(cookie) };

	if (!st)
		return 0;
	in.sp = REGS_SP(ctx) + WIRE_CGO_COOKIE_OFF(cookie);
	in.ret = user_u64(in.sp);
	switch (in.fn) {
	case WIRE_CGO_CALLOC:
		in.size = product(a, b);
		break;
	case WIRE_CGO_REALLOCARRAY:
		in.size = product(b, d);
		break;
	case WIRE_CGO_POSIX_MEMALIGN:
		in.size = d;
		break;
	case WIRE_CGO_REALLOC:
	case WIRE_CGO_MEMALIGN:
	case WIRE_CGO_ALIGNED_ALLOC:
		in.size = b;
		break;
	default:
		in.size = a;
	}
	return cgo_enter(st, slot, &in);
}

SEC("uprobe")
int cgo_any(regs_t *ctx)
{
	struct wire_cgo_state *st;
	__u64 cookie;
	__u32 slot, fn;

	stack_keep(ctx);
	st = cgo_wanted(&slot);
	if (!st)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	fn = WIRE_CGO_COOKIE_FN(cookie);
	count_add(&st->hits[fn & 15], 1);
	switch (fn) {
	case WIRE_CGO_EXIT:
	case WIRE_CGO_EXIT_EARLY:
		return cgo_exit(ctx, st, slot, cookie);
	case WIRE_CGO_FREE:
		return cgo_free(st, slot, REGS_ARG1(ctx));
	default:
		return cgo_entry(ctx, st, slot, cookie);
	}
}

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
