/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "event/decode.h"

#define HDR(k, type)                                                                    \
	{                                                                               \
		.kind = (k), .size = sizeof(type), .tgid = 4711, .ts_ns = 1234567890123 \
	}

static void births_and_deaths(_unused_ void **state)
{
	const struct wire_birth b = {
		.hdr = HDR(WIRE_BIRTH, b), .goid = 1, .gopc = 2, .startpc = 3, .parent_goid = 4
	};
	const struct wire_death d = { .hdr = HDR(WIRE_DEATH, d), .goid = 5, .gopc = 6 };
	struct event ev;

	assert_int_equal(decode_record(&b, sizeof(b), &ev), 0);
	assert_int_equal(ev.kind, WIRE_BIRTH);
	assert_int_equal(ev.pid, 4711);
	assert_int_equal(ev.ts_ns, 1234567890123);
	assert_int_equal(ev.go.goid, 1);
	assert_int_equal(ev.go.gopc, 2);
	assert_int_equal(ev.go.startpc, 3);
	assert_int_equal(ev.go.parent_goid, 4);
	assert_int_equal(decode_record(&d, sizeof(d), &ev), 0);
	assert_int_equal(ev.kind, WIRE_DEATH);
	assert_int_equal(ev.go.goid, 5);
	assert_int_equal(ev.go.gopc, 6);
	assert_int_equal(ev.go.startpc, 0);
}

static void parks_and_readies(_unused_ void **state)
{
	struct wire_park p = { .hdr = HDR(WIRE_PARK, p), .goid = 1, .gopc = 2, .reason = 14 };
	struct event ev;

	assert_int_equal(decode_record(&p, sizeof(p), &ev), 0);
	assert_int_equal(ev.go.reason, 14);
	p.hdr.kind = WIRE_READY;
	assert_int_equal(decode_record(&p, sizeof(p), &ev), 0);
	assert_int_equal(ev.kind, WIRE_READY);
	assert_int_equal(ev.go.goid, 1);
}

static void stacks_are_borrowed_and_bounded(_unused_ void **state)
{
	struct wire_stack s = { .hdr = HDR(WIRE_STACK, s),
				.goid = 1,
				.gopc = 2,
				.hook = WIRE_HOOK_PARK,
				.reason = 3,
				.depth = WIRE_STACK_DEPTH };
	struct event ev;

	s.pc[WIRE_STACK_DEPTH - 1] = 99;
	assert_int_equal(decode_record(&s, sizeof(s), &ev), 0);
	assert_int_equal(ev.stack.depth, WIRE_STACK_DEPTH);
	assert_int_equal(ev.stack.hook, WIRE_HOOK_PARK);
	assert_int_equal(ev.stack.reason, 3);
	assert_ptr_equal(ev.stack.pc, s.pc);
	s.depth = WIRE_STACK_DEPTH + 1;
	assert_int_equal(decode_record(&s, sizeof(s), &ev), -EBADMSG);
	s.depth = 0;
	assert_int_equal(decode_record(&s, sizeof(s), &ev), -EBADMSG);
	s.depth = 1;
	s.hook = WIRE_HOOK_DEATH;
	assert_int_equal(decode_record(&s, sizeof(s), &ev), -EBADMSG);
}

static void collections(_unused_ void **state)
{
	static const enum wire_kind kinds[] = { WIRE_GC_START, WIRE_MARK_END, WIRE_GC_END };
	struct event ev;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct wire_gc g = { .hdr = HDR(kinds[i], g), .heap_live = 1ULL << 40 };

		assert_int_equal(decode_record(&g, sizeof(g), &ev), 0);
		assert_int_equal(ev.kind, kinds[i]);
		assert_int_equal(ev.gc.heap_live_bytes, 1ULL << 40);
	}
}

static void a_heap_is_not_larger_than_memory(_unused_ void **state)
{
	struct wire_gc r = { .hdr = HDR(WIRE_MARK_END, r), .heap_live = INT64_MAX };
	struct event ev;

	assert_int_equal(decode_record(&r, sizeof(r), &ev), 0);
	r.heap_live++;
	assert_int_equal(decode_record(&r, sizeof(r), &ev), -EBADMSG);
}

static void resident_memory_may_be_unknown_but_not_negative(_unused_ void **state)
{
	struct wire_rss_change r = { .hdr = HDR(WIRE_RSS, r), .bytes = { -1, 4096, 0, -1 } };
	struct event ev;

	assert_int_equal(decode_record(&r, sizeof(r), &ev), 0);
	assert_int_equal(ev.rss.bytes[WIRE_RSS_FILE], -1);
	assert_int_equal(ev.rss.bytes[WIRE_RSS_ANON], 4096);
	r.bytes[WIRE_RSS_SWAP] = -2;
	assert_int_equal(decode_record(&r, sizeof(r), &ev), -EBADMSG);
}

static void names_of_tasks_are_scrubbed(_unused_ void **state)
{
	struct wire_task t = {
		.hdr = HDR(WIRE_EXIT, t), .ppid = 1, .exit_code = 9, .comm = "a\x1b[2Jb\nc"
	};
	struct event ev;

	assert_int_equal(decode_record(&t, sizeof(t), &ev), 0);
	assert_int_equal(ev.task.ppid, 1);
	assert_int_equal(ev.task.exit_code, 9);
	assert_null(strpbrk(ev.task.comm, "\x1b\n"));
	memset(t.comm, 'x', sizeof(t.comm));
	assert_int_equal(decode_record(&t, sizeof(t), &ev), 0);
	assert_in_range(strlen(ev.task.comm), 1, sizeof(ev.task.comm) - 1);
	t.ppid = 0x80000000U;
	assert_int_equal(decode_record(&t, sizeof(t), &ev), -EBADMSG);
}

/* A record of each kind, as long as the longest. */
static size_t record_make(enum wire_kind kind, uint8_t buf[static sizeof(struct wire_stack)])
{
	static const uint16_t sizes[WIRE_KIND_MAX] = {
		[WIRE_BIRTH] = sizeof(struct wire_birth),
		[WIRE_DEATH] = sizeof(struct wire_death),
		[WIRE_PARK] = sizeof(struct wire_park),
		[WIRE_READY] = sizeof(struct wire_park),
		[WIRE_STACK] = sizeof(struct wire_stack),
		[WIRE_GC_START] = sizeof(struct wire_gc),
		[WIRE_MARK_END] = sizeof(struct wire_gc),
		[WIRE_GC_END] = sizeof(struct wire_gc),
		[WIRE_RSS] = sizeof(struct wire_rss_change),
		[WIRE_EXEC] = sizeof(struct wire_task),
		[WIRE_EXIT] = sizeof(struct wire_task),
		[WIRE_OOM] = sizeof(struct wire_task),
	};
	const struct wire_hdr hdr = { .kind = (uint16_t)kind, .size = sizes[kind], .tgid = 1 };

	memset(buf, 0, sizeof(struct wire_stack));
	memcpy(buf, &hdr, sizeof(hdr));
	buf[offsetof(struct wire_stack, depth)] = 1; /* past the end of every other kind */
	return sizes[kind];
}

static void sizes_must_be_exact(_unused_ void **state)
{
	uint8_t buf[sizeof(struct wire_stack) + 1] = { 0 };
	struct event ev, untouched;

	memset(&untouched, 0x5a, sizeof(untouched));
	for (enum wire_kind k = WIRE_BIRTH; k < WIRE_KIND_MAX; k++) {
		size_t size = record_make(k, buf);
		struct wire_hdr hdr;

		assert_int_equal(decode_record(buf, size, &ev), 0);
		ev = untouched;
		for (size_t n = 0; n < size; n++)
			assert_int_equal(decode_record(buf, n, &ev), -EBADMSG);
		memcpy(&hdr, buf, sizeof(hdr));
		hdr.size++;
		memcpy(buf, &hdr, sizeof(hdr));
		assert_int_equal(decode_record(buf, sizeof(buf), &ev), -EBADMSG);
		assert_memory_equal(&ev, &untouched, sizeof(ev));
	}
}

static void headers_are_not_believed(_unused_ void **state)
{
	struct wire_death d = { .hdr = HDR(WIRE_DEATH, d) };
	struct event ev;

	d.hdr.kind = 0;
	assert_int_equal(decode_record(&d, sizeof(d), &ev), -EBADMSG);
	d.hdr.kind = WIRE_KIND_MAX;
	assert_int_equal(decode_record(&d, sizeof(d), &ev), -EBADMSG);
	d.hdr.kind = UINT16_MAX;
	assert_int_equal(decode_record(&d, sizeof(d), &ev), -EBADMSG);
	d.hdr.kind = WIRE_DEATH;
	d.hdr.tgid = 0;
	assert_int_equal(decode_record(&d, sizeof(d), &ev), -EBADMSG);
	d.hdr.tgid = 0x80000000U;
	assert_int_equal(decode_record(&d, sizeof(d), &ev), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(births_and_deaths),
		cmocka_unit_test(parks_and_readies),
		cmocka_unit_test(stacks_are_borrowed_and_bounded),
		cmocka_unit_test(collections),
		cmocka_unit_test(a_heap_is_not_larger_than_memory),
		cmocka_unit_test(resident_memory_may_be_unknown_but_not_negative),
		cmocka_unit_test(names_of_tasks_are_scrubbed),
		cmocka_unit_test(sizes_must_be_exact),
		cmocka_unit_test(headers_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
