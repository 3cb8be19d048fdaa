/* SPDX-License-Identifier: BSD-2-Clause */
#include "event/decode.h"

#include <string.h>

#include "base/text.h"

static bool decode_birth(const void *data, struct event *ev)
{
	const struct wire_birth *r = data;

	ev->go.goid = r->goid;
	ev->go.gopc = r->gopc;
	ev->go.startpc = r->startpc;
	ev->go.parent_goid = r->parent_goid;
	return true;
}

static bool decode_death(const void *data, struct event *ev)
{
	const struct wire_death *r = data;

	ev->go.goid = r->goid;
	ev->go.gopc = r->gopc;
	return true;
}

static bool decode_park(const void *data, struct event *ev)
{
	const struct wire_park *r = data;

	ev->go.goid = r->goid;
	ev->go.gopc = r->gopc;
	ev->go.reason = r->reason;
	return true;
}

static bool decode_stack(const void *data, struct event *ev)
{
	const struct wire_stack *r = data;

	if (r->hook != WIRE_HOOK_BIRTH && r->hook != WIRE_HOOK_PARK)
		return false;
	if (r->depth < 1 || r->depth > WIRE_STACK_DEPTH)
		return false;
	ev->stack.goid = r->goid;
	ev->stack.gopc = r->gopc;
	ev->stack.hook = r->hook;
	ev->stack.reason = r->reason;
	ev->stack.depth = r->depth;
	ev->stack.pc = r->pc;
	return true;
}

static bool decode_gc(const void *data, struct event *ev)
{
	const struct wire_gc *r = data;

	ev->gc.heap_live_bytes = r->heap_live;
	return r->heap_live <= INT64_MAX;
}

static bool decode_rss(const void *data, struct event *ev)
{
	const struct wire_rss_change *r = data;

	for (size_t i = 0; i < WIRE_RSS_MAX; i++) {
		if (r->bytes[i] < -1)
			return false;
		ev->rss.bytes[i] = r->bytes[i];
	}
	return true;
}

static bool decode_task(const void *data, struct event *ev)
{
	const struct wire_task *r = data;

	if (r->ppid > INT32_MAX)
		return false;
	ev->task.ppid = (pid_t)r->ppid;
	ev->task.exit_code = r->exit_code;
	text_scrub(ev->task.comm, sizeof(ev->task.comm), r->comm, sizeof(r->comm));
	return true;
}

static const struct {
	uint16_t size;
	bool (*decode)(const void *data, struct event *ev);
} kinds[WIRE_KIND_MAX] = {
	[WIRE_BIRTH] = { sizeof(struct wire_birth), decode_birth },
	[WIRE_DEATH] = { sizeof(struct wire_death), decode_death },
	[WIRE_PARK] = { sizeof(struct wire_park), decode_park },
	[WIRE_READY] = { sizeof(struct wire_park), decode_park },
	[WIRE_STACK] = { sizeof(struct wire_stack), decode_stack },
	[WIRE_GC_START] = { sizeof(struct wire_gc), decode_gc },
	[WIRE_MARK_END] = { sizeof(struct wire_gc), decode_gc },
	[WIRE_GC_END] = { sizeof(struct wire_gc), decode_gc },
	[WIRE_RSS] = { sizeof(struct wire_rss_change), decode_rss },
	[WIRE_EXEC] = { sizeof(struct wire_task), decode_task },
	[WIRE_EXIT] = { sizeof(struct wire_task), decode_task },
	[WIRE_OOM] = { sizeof(struct wire_task), decode_task },
};

int decode_record(const void *data, size_t size, struct event *ret)
{
	struct event ev = { 0 };
	struct wire_hdr hdr;

	if (size < sizeof(hdr))
		return -EBADMSG;
	memcpy(&hdr, data, sizeof(hdr));
	if (hdr.kind >= WIRE_KIND_MAX || !kinds[hdr.kind].decode)
		return -EBADMSG;
	if (hdr.size != kinds[hdr.kind].size || size < hdr.size)
		return -EBADMSG;
	if (!hdr.tgid || hdr.tgid > INT32_MAX)
		return -EBADMSG;
	ev.kind = hdr.kind;
	ev.pid = (pid_t)hdr.tgid;
	ev.ts_ns = hdr.ts_ns;
	if (!kinds[hdr.kind].decode(data, &ev))
		return -EBADMSG;
	*ret = ev;
	return 0;
}
