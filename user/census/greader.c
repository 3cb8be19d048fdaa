/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/greader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "census/marks.h"

#define STATUS_SCAN 0x1000 /* _Gscan: the collector is looking at its stack */

struct greader {
	const struct offsets *o;
	bool with_regs;
	uint32_t start, span; /* of a g, what is read */
	uint64_t goidgen; /* its address; 0: not known */
	uint64_t goid_max;
	struct marks marks;
	struct cluster *cluster;
	uint64_t addrs[CLUSTER_MAX];
	struct greader_slot *todo[CLUSTER_MAX];
};

/* A field and how many bytes of it are read. */
struct field {
	uint32_t offset, size;
	bool is_needed;
};

static int span_of(const struct field *fields, size_t n, uint32_t *ret_start, uint32_t *ret_size)
{
	uint32_t start = UINT32_MAX, end = 0;

	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];

		if (f->offset == OFFSET_NONE) {
			if (f->is_needed)
				return -ENOENT;
			continue;
		}
		if (f->offset > UINT32_MAX / 2)
			return -ENOENT;
		start = MIN(start, f->offset);
		end = MAX(end, f->offset + f->size);
	}
	if (end <= start || end - start > GREADER_SPAN_MAX)
		return -ENOENT;
	*ret_start = start;
	*ret_size = end - start;
	return 0;
}

/* The part of a g that holds every field that is looked at. */
static int find_span(struct greader *r)
{
	const struct offsets *o = r->o;
	const struct field fields[] = {
		{ o->g_atomicstatus, 4, true }, { o->g_goid, 8, true },
		{ o->g_gopc, 8, true },		{ o->g_startpc, 8, true },
		{ o->g_parent_goid, 8, false }, { o->g_waitsince, 8, false },
		{ o->g_waitreason, 1, false },	{ o->g_trackingseq, 1, false },
		{ o->g_stack_lo, 8, true },	{ o->g_stack_hi, 8, true },
		{ o->g_sched_sp, 8, true },	{ o->g_sched_pc, 8, true },
		{ o->g_sched_bp, 8, false },	{ o->g_syscallsp, 8, true },
		{ o->g_syscallpc, 8, true },	{ o->g_syscallbp, 8, false },
		{ o->g_waiting, 8, false },
	};
	const size_t without_regs = 8;

	return span_of(fields, r->with_regs ? ARRAY_SIZE(fields) : without_regs, &r->start,
		       &r->span);
}

int greader_new(const struct offsets *o, bool with_regs, struct greader **ret)
{
	struct greader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->o = o;
	r->with_regs = with_regs;
	r->goid_max = INT64_MAX;
	err = find_span(r);
	if (!err)
		err = cluster_new(r->start, r->span, &r->cluster);
	if (err) {
		greader_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void greader_free(struct greader *r)
{
	if (!r)
		return;
	cluster_free(r->cluster);
	free(r);
}

void greader_bound_goids(struct greader *r, uint64_t goidgen)
{
	r->goidgen = goidgen;
	r->goid_max = INT64_MAX;
}

void greader_read_marks(struct greader *r, struct mem *m, uint64_t memstats)
{
	marks_read(m, memstats, r->o, &r->marks);
}

bool greader_has_seq(const struct greader *r)
{
	return r->o->g_trackingseq != OFFSET_NONE;
}

/* find_span() has seen to it that every known offset lies in the span. */
static uint64_t field(const struct greader *r, const uint8_t *span, uint32_t offset, size_t size)
{
	uint64_t v = 0;

	if (offset == OFFSET_NONE)
		return 0;
	assert(offset >= r->start && offset - r->start + size <= r->span);
	memcpy(&v, span + (offset - r->start), size);
	return v;
}

static enum greader_verdict judge_status(uint32_t status)
{
	switch (status) {
	case WALK_RUNNABLE:
	case WALK_RUNNING:
	case WALK_SYSCALL:
	case WALK_WAITING:
	case WALK_COPYSTACK:
	case WALK_PREEMPTED:
	case WALK_LEAKED:
		return GREADER_LIVE;
	case WALK_IDLE:
	case WALK_DEAD:
	case WALK_DEAD_EXTRA:
		return GREADER_DEAD;
	default:
		return GREADER_ODD;
	}
}

/* In a system call sched is of an older stop; syscallbp is there from Go 1.23 on. */
static void decode_regs(const struct greader *r, const uint8_t *span, enum walk_status status,
			struct greader_regs *ret)
{
	const struct offsets *o = r->o;
	uint64_t syscallsp = field(r, span, o->g_syscallsp, 8);

	ret->stack_lo = field(r, span, o->g_stack_lo, 8);
	ret->stack_hi = field(r, span, o->g_stack_hi, 8);
	if (status == WALK_SYSCALL && syscallsp) {
		ret->sp = syscallsp;
		ret->pc = field(r, span, o->g_syscallpc, 8);
		ret->bp = field(r, span, o->g_syscallbp, 8);
	} else {
		ret->sp = field(r, span, o->g_sched_sp, 8);
		ret->pc = field(r, span, o->g_sched_pc, 8);
		ret->bp = field(r, span, o->g_sched_bp, 8);
	}
	ret->waiting = field(r, span, o->g_waiting, 8);
}

static enum greader_verdict decode(const struct greader *r, const uint8_t *span,
				   struct greader_slot *s)
{
	const struct offsets *o = r->o;
	uint32_t status = (uint32_t)field(r, span, o->g_atomicstatus, 4) & ~STATUS_SCAN;
	enum greader_verdict v = judge_status(status);
	struct walk_goroutine *g = &s->g;

	if (v != GREADER_LIVE)
		return v;
	*g = (struct walk_goroutine){
		.goid = field(r, span, o->g_goid, 8),
		.gopc = field(r, span, o->g_gopc, 8),
		.startpc = field(r, span, o->g_startpc, 8),
		.parent_goid = field(r, span, o->g_parent_goid, 8),
		.status = status,
		.wait_reason = (uint8_t)field(r, span, o->g_waitreason, 1),
		.tracking_seq = (uint8_t)field(r, span, o->g_trackingseq, 1),
		.waitsince_ns = (int64_t)field(r, span, o->g_waitsince, 8),
	};
	g->waits_since_ns = marks_waits_since(&r->marks, g->waitsince_ns);
	/* Between the status and the id of a newborn there is a moment (newproc1). */
	if (!g->goid || g->goid > r->goid_max)
		return GREADER_ODD;
	if (g->gopc >= MEM_ADDRESS_END || g->startpc >= MEM_ADDRESS_END)
		return GREADER_ODD;
	s->regs.seq = g->tracking_seq;
	if (r->with_regs)
		decode_regs(r, span, status, &s->regs);
	return GREADER_LIVE;
}

/* After the gs, so that the bound is not older than they are. */
static int read_bound(struct greader *r, struct mem *m)
{
	uint64_t goidgen = 0;
	int err = r->goidgen ? mem_read_u64(m, r->goidgen, &goidgen) : 0;

	if (err == -EFAULT)
		err = 0;
	r->goid_max = goidgen && goidgen <= INT64_MAX ? goidgen : INT64_MAX;
	return err;
}

/* Reads todo[0..n).  *ret_n: how many of them, at the front, are left to be read again. */
static int read_round(struct greader *r, struct mem *m, size_t n, bool shared, size_t *ret_n)
{
	size_t left = 0;
	int err;

	for (size_t i = 0; i < n; i++)
		r->addrs[i] = r->todo[i]->addr;
	err = cluster_read(r->cluster, m, r->addrs, n, shared);
	if (!err)
		err = read_bound(r, m);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct greader_slot *s = r->todo[i];
		const uint8_t *span = cluster_at(r->cluster, i);

		s->verdict = span ? decode(r, span, s) : GREADER_UNREAD;
		if (s->verdict == GREADER_ODD || s->verdict == GREADER_UNREAD)
			r->todo[left++] = s;
	}
	*ret_n = left;
	return 0;
}

int greader_read(struct greader *r, struct mem *m, struct greader_slot *const *slots, size_t n)
{
	size_t left = 0;
	int err = 0;

	assert(n <= CLUSTER_MAX);
	for (size_t i = 0; i < n; i++) {
		slots[i]->verdict = GREADER_UNREAD;
		if (mem_is_pointer(slots[i]->addr))
			r->todo[left++] = slots[i];
	}
	if (left)
		err = read_round(r, m, left, true, &left);
	if (!err && left)
		err = read_round(r, m, left, false, &left);
	return err;
}
