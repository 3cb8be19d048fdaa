/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codeimage.h"
#include "gobin/code.h"

/* The pieces of which Go's functions are made, cut short; jumps over them are the tests' own. */
#define CHECK(to)     "49 3b 66 10 76 " to /* cmp 0x10(%r14),%rsp; jbe */
#define FRAME	      "55 48 89 e5 48 83 ec 28" /* push %rbp; mov %rsp,%rbp; sub $0x28,%rsp */
#define FRAME_1_19    "48 83 ec 38 48 89 6c 24 30 48 8d 6c 24 30" /* sub; mov; lea */
#define LEAVE	      "48 83 c4 28 5d c3" /* add $0x28,%rsp; pop %rbp; ret */
#define MORESTACK(to) "e8 @runtime.morestack; eb " to
/* releasem: jne +0x12; cmpb $0,0xb1(%r14); je +8; movq $stackPreempt,0x10(%r14) */
#define RELEASEM "75 12 41 80 be b1 00 00 00 00 74 08 49 c7 46 10 de fa ff ff"
#define STUBS                                                          \
	{ "runtime.morestack", "c3" }, { "runtime.casgstatus", "c3" }, \
	{                                                              \
		"runtime.newproc.func1", "e8 @runtime.newproc1; c3"    \
	}

static void find(const struct ci_func *f, size_t n, int minor, struct code_sites *ret)
{
	struct goversion v = { .major = 1, .minor = (uint16_t)minor };
	static struct codeimage c;

	memset(&c, 0, sizeof(c));
	ci_open(&c, f, n);
	assert_int_equal(code_find_sites(c.elf, c.tab, &v, ret), 0);
	ci_close(&c);
}

static void find_birth(const char *newproc1, int minor, struct code_site *ret)
{
	const struct ci_func f[] = { { "runtime.newproc1", newproc1 }, STUBS };
	struct code_sites sites;

	find(f, ARRAY_SIZE(f), minor, &sites);
	*ret = sites.hook[WIRE_HOOK_BIRTH];
}

static void assert_site(const struct code_site *s, uint64_t func, uint64_t off, enum code_cost cost)
{
	if (!s->is_found)
		fail_msg("not found: %s", s->why);
	assert_int_equal(s->func_va, func);
	assert_int_equal(s->va - s->func_va, off);
	assert_int_equal(s->file_off, s->va - CI_BASE);
	assert_int_equal(s->cost, cost);
}

static void assert_loc(struct wire_loc l, enum wire_loc_kind kind, int value)
{
	assert_int_equal(l.kind, kind);
	assert_int_equal(kind == WIRE_LOC_REG ? l.reg : l.off, value);
}

static void test_birth(void **state)
{
	struct code_site s;

	(void)state;
	/* Go 1.22: the new g is in rax all along. */
	find_birth(CHECK("25") FRAME "83 fa 01" RELEASEM LEAVE MORESTACK("ce"), 22, &s);
	assert_site(&s, ci_va(0), 0x11, CODE_EMULATED);
	assert_loc(s.value, WIRE_LOC_REG, 0);
	assert_string_equal(s.function, "runtime.newproc1");
	assert_memory_equal(s.insn, "jne", 3);
	/* Built by profile: in rcx until the epilogue. */
	find_birth(CHECK("28") FRAME "83 fa 01" RELEASEM "48 89 c8" LEAVE MORESTACK("cb"), 22, &s);
	assert_site(&s, ci_va(0), 0x11, CODE_EMULATED);
	assert_loc(s.value, WIRE_LOC_REG, 1);
	/* In a stack slot until then. */
	find_birth(CHECK("2a") FRAME "83 fa 01" RELEASEM "48 8b 44 24 18" LEAVE MORESTACK("c9"), 22,
		   &s);
	assert_site(&s, ci_va(0), 0x11, CODE_EMULATED);
	assert_loc(s.value, WIRE_LOC_STACK, 0x18);
}

/* Go 1.15 returns on the stack: mov %rdx,0x90(%rsp); mov 0x58(%rsp),%rbp; add $0x60,%rsp; ret */
static void test_birth_stack_abi(void **state)
{
	struct code_site s;

	(void)state;
	find_birth("64 48 8b 0c 25 f8 ff ff ff 48 3b 61 10 76 37 48 83 ec 60 48 89 6c 24 58"
		   "48 8d 6c 24 58 83 fb 01" RELEASEM
		   "48 89 94 24 90 00 00 00 48 8b 6c 24 58 48 83 c4 60 c3" MORESTACK("b3"),
		   15, &s);
	assert_site(&s, ci_va(0), 0x20, CODE_EMULATED);
	assert_loc(s.value, WIRE_LOC_REG, 2);
}

static void test_birth_refused(void **state)
{
	struct code_site s;

	(void)state;
	find_birth(FRAME "75 06" LEAVE LEAVE, 22, &s); /* two returns */
	assert_false(s.is_found);
	assert_non_null(strstr(s.why, "returns"));
	find_birth(FRAME "83 fa 01" LEAVE, 22, &s); /* no jump at all */
	assert_false(s.is_found);
	/* After the jump rax is written on one of the ways: jne +2; xor %eax,%eax */
	find_birth(FRAME "75 02 31 c0" LEAVE, 22, &s);
	assert_false(s.is_found);
	/* The jump is in a loop: dec %ecx; jne to the dec */
	find_birth(FRAME "ff c9 75 fc" LEAVE, 22, &s);
	assert_false(s.is_found);
	find_birth(FRAME "ff e0" RELEASEM LEAVE, 22, &s); /* jmp *%rax */
	assert_false(s.is_found);
	find_birth(FRAME RELEASEM LEAVE "0f 04", 22, &s); /* not an instruction */
	assert_false(s.is_found);
	assert_non_null(strstr(s.why, "decode"));
}

/* newproc1 inlined by profile: then the g is an argument of the call of runqput. */
static void test_birth_inlined(void **state)
{
#define INLINED(...)                                                                       \
	{                                                                                  \
		{ "runtime.newproc1", FRAME RELEASEM LEAVE }, { "runtime.runqput", "c3" }, \
			{ "runtime.newproc.func1", __VA_ARGS__ },                          \
		{                                                                          \
			"runtime.first", "c3"                                              \
		}                                                                          \
	}
	const struct ci_func once[] = INLINED(FRAME "e8 @runtime.runqput;" LEAVE);
	const struct ci_func twice[] =
		INLINED(FRAME "e8 @runtime.runqput; e8 @runtime.runqput;" LEAVE);
	const struct ci_func maybe[] = INLINED(FRAME "75 05 e8 @runtime.runqput;" LEAVE);
	const struct ci_func none[] = INLINED(FRAME LEAVE);
	struct ci_func coroutines[] = INLINED(FRAME "e8 @runtime.runqput;" LEAVE);
	struct code_sites s;

	(void)state;
	find(once, ARRAY_SIZE(once), 22, &s);
	assert_site(&s.hook[WIRE_HOOK_BIRTH], ci_va(2), 8, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_BIRTH].value, WIRE_LOC_REG, 3);
	find(twice, ARRAY_SIZE(twice), 22, &s);
	assert_false(s.hook[WIRE_HOOK_BIRTH].is_found);
	find(maybe, ARRAY_SIZE(maybe), 22, &s);
	assert_false(s.hook[WIRE_HOOK_BIRTH].is_found);
	find(none, ARRAY_SIZE(none), 22, &s);
	assert_false(s.hook[WIRE_HOOK_BIRTH].is_found);
	assert_non_null(strstr(s.hook[WIRE_HOOK_BIRTH].why, "inlined"));
	coroutines[3].name = "runtime.newcoro";
	find(coroutines, ARRAY_SIZE(coroutines), 22, &s);
	assert_false(s.hook[WIRE_HOOK_BIRTH].is_found);
	assert_non_null(strstr(s.hook[WIRE_HOOK_BIRTH].why, "coroutines"));
}

static void test_plain(void **state)
{
	const struct ci_func f[] = {
		{ "runtime.gdestroy", CHECK("0e") FRAME LEAVE MORESTACK("e5") },
		{ "runtime.goexit0", FRAME "e8 @runtime.gdestroy;" LEAVE },
		{ "runtime.gopark", CHECK("0e") FRAME LEAVE MORESTACK("e5") },
		{ "runtime.ready", FRAME LEAVE },
		{ "runtime.(*gcControllerState).startCycle", FRAME LEAVE },
		{ "runtime.(*gcControllerState).resetLive", FRAME LEAVE },
		{ "runtime.gcSweep", FRAME "75 06" LEAVE LEAVE },
		STUBS,
		{ "runtime.newproc1", FRAME RELEASEM LEAVE },
	};
	struct code_sites s;

	(void)state;
	find(f, ARRAY_SIZE(f), 27, &s);
	assert_site(&s.hook[WIRE_HOOK_DEATH], ci_va(0), 6, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_DEATH].value, WIRE_LOC_REG, 0);
	assert_site(&s.hook[WIRE_HOOK_PARK], ci_va(2), 6, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_PARK].value, WIRE_LOC_REG, 1);
	assert_loc(s.hook[WIRE_HOOK_PARK].g, WIRE_LOC_REG, 14);
	assert_int_equal(s.hook[WIRE_HOOK_PARK].ret_off, 0);
	assert_site(&s.hook[WIRE_HOOK_READY], ci_va(3), 0, CODE_EMULATED);
	assert_site(&s.hook[WIRE_HOOK_GC_START], ci_va(4), 0, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_MARK_END].value, WIRE_LOC_REG, 3);
	assert_site(&s.hook[WIRE_HOOK_GC_END], ci_va(6), 0, CODE_EMULATED);
}

/* Go 1.19 has no push: the first call, nop or jump from which the argument is still in sight. */
static void test_no_push(void **state)
{
	const struct ci_func f[] = {
		/* mov %rax,0x40(%rsp); mov $2,%ebx; nopl 0(%rax) (stepped by older kernels); call
		 */
		{ "runtime.goexit0", CHECK("26") FRAME_1_19
		  "48 89 44 24 40 bb 02 00 00 00 0f 1f 40 00 e8 @runtime.casgstatus;"
		  "48 83 c4 38 c3" MORESTACK("cd") },
		/* mov 0x30(%r14),%rdx; nop */
		{ "runtime.gopark", FRAME_1_19 "49 8b 56 30 90 48 83 c4 38 c3" },
		/* mov %rax,0x40(%rsp); xor %eax,%eax; jne: only the slot is left */
		{ "runtime.ready", FRAME_1_19 "48 89 44 24 40 31 c0 75 00 48 83 c4 38 c3" },
		/* a loop: the jump runs more than once */
		{ "runtime.(*gcControllerState).startCycle",
		  FRAME_1_19 "ff c9 75 fc 48 83 c4 38 c3" },
		/* xor %ebx,%ebx before the only jump: the argument is lost there */
		{ "runtime.(*gcControllerState).resetLive",
		  FRAME_1_19 "31 db 75 00 48 83 c4 38 c3" },
		/* the nop is jumped over: jne is first, and runs once */
		{ "runtime.gcSweep", FRAME_1_19 "75 01 90 48 83 c4 38 c3" },
		STUBS,
		{ "runtime.newproc1", FRAME RELEASEM LEAVE },
	};
	struct code_sites s;

	(void)state;
	find(f, ARRAY_SIZE(f), 19, &s);
	assert_site(&s.hook[WIRE_HOOK_DEATH], ci_va(0), 0x22, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_DEATH].value, WIRE_LOC_REG, 0);
	assert_site(&s.hook[WIRE_HOOK_PARK], ci_va(1), 0x12, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_PARK].value, WIRE_LOC_REG, 1);
	assert_int_equal(s.hook[WIRE_HOOK_PARK].ret_off, 0x38);
	assert_site(&s.hook[WIRE_HOOK_READY], ci_va(2), 0x15, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_READY].value, WIRE_LOC_STACK, 0x40);
	assert_site(&s.hook[WIRE_HOOK_GC_START], ci_va(3), 0, CODE_STEPPED);
	assert_site(&s.hook[WIRE_HOOK_MARK_END], ci_va(4), 0, CODE_STEPPED);
	assert_loc(s.hook[WIRE_HOOK_MARK_END].value, WIRE_LOC_REG, 3);
	assert_site(&s.hook[WIRE_HOOK_GC_END], ci_va(5), 0x0e, CODE_EMULATED);
}

/* Go 1.15: g from fs, the reason in the caller's frame. */
static void test_park_stack_abi(void **state)
{
	const struct ci_func f[] = {
		{ "runtime.gopark", "48 83 ec 18 48 89 6c 24 10 48 8d 6c 24 10"
				    "64 48 8b 04 25 f8 ff ff ff 90 48 83 c4 18 c3" },
		/* mov %rax,(%rsp) is an argument: lost after the call; push is no place here */
		{ "runtime.ready", "48 83 ec 18 75 00 48 83 c4 18 c3" },
		STUBS,
		{ "runtime.newproc1", "c3" },
	};
	struct code_sites s;

	(void)state;
	find(f, ARRAY_SIZE(f), 15, &s);
	assert_site(&s.hook[WIRE_HOOK_PARK], ci_va(0), 0x17, CODE_EMULATED);
	assert_loc(s.hook[WIRE_HOOK_PARK].value, WIRE_LOC_STACK, 0x30);
	assert_loc(s.hook[WIRE_HOOK_PARK].g, WIRE_LOC_REG, 0);
	assert_int_equal(s.hook[WIRE_HOOK_PARK].ret_off, 0x18);
	assert_loc(s.hook[WIRE_HOOK_READY].value, WIRE_LOC_STACK, 0x20);
	assert_false(s.hook[WIRE_HOOK_MARK_END].is_found);
	assert_non_null(strstr(s.hook[WIRE_HOOK_MARK_END].why, "not in this executable"));
}

static void test_death_by_profile(void **state)
{
	const struct ci_func gone[] = { { "runtime.goexit0", FRAME LEAVE },
					STUBS,
					{ "runtime.newproc1", "c3" } };
	const struct ci_func both[] = { { "runtime.goexit0", FRAME LEAVE },
					STUBS,
					{ "runtime.newproc1", "c3" },
					{ "runtime.gdestroy", FRAME LEAVE } };
	struct code_sites s;

	(void)state;
	find(gone, ARRAY_SIZE(gone), 22, &s);
	assert_site(&s.hook[WIRE_HOOK_DEATH], ci_va(0), 0, CODE_EMULATED);
	assert_string_equal(s.hook[WIRE_HOOK_DEATH].function, "runtime.goexit0");
	find(both, ARRAY_SIZE(both), 22, &s);
	assert_false(s.hook[WIRE_HOOK_DEATH].is_found);
	assert_non_null(strstr(s.hook[WIRE_HOOK_DEATH].why, "inlined"));
}

#define INIT_SPAN "runtime.(*mheap).initSpan"
#define SET_SPANS "runtime.(*mheap).setSpans"
#define FREE	  "runtime.(*pageAlloc).free"

static void test_spans(void **state)
{
	struct ci_func f[] = {
		{ INIT_SPAN, CHECK("0e") FRAME LEAVE MORESTACK("e5") },
		{ "runtime.(*mheap).allocSpan", FRAME "e8 @" INIT_SPAN ";" LEAVE },
		{ FREE, CHECK("0e") FRAME LEAVE MORESTACK("e5") },
		{ "runtime.(*mheap).freeSpanLocked", FRAME "e8 @" FREE ";" LEAVE },
		{ "runtime.(*mheap).alloc.func1", FRAME "e8 @runtime.(*mheap).allocSpan;" LEAVE },
		STUBS,
		{ "runtime.newproc1", "c3" },
	};
	struct code_sites s;
	const struct code_site *alloc = &s.hook[WIRE_HOOK_SPAN_ALLOC];
	const struct code_site *free_ = &s.hook[WIRE_HOOK_SPAN_FREE];

	(void)state;
	find(f, ARRAY_SIZE(f), 21, &s);
	assert_site(alloc, ci_va(0), 6, CODE_EMULATED);
	assert_loc(alloc->value, WIRE_LOC_REG, 6);
	assert_loc(alloc->pages, WIRE_LOC_REG, 8);
	assert_loc(alloc->type, WIRE_LOC_REG, 1);
	assert_loc(alloc->sizeclass, WIRE_LOC_REG, 7);
	assert_site(free_, ci_va(2), 6, CODE_EMULATED);
	assert_loc(free_->value, WIRE_LOC_REG, 3);
	/* Inlined, a probe in it would miss what its caller frees. */
	f[3].code = FRAME LEAVE;
	find(f, ARRAY_SIZE(f), 21, &s);
	assert_false(free_->is_found);
	assert_non_null(strstr(free_->why, "inlined"));
	assert_true(alloc->is_found);
	f[4].code = FRAME LEAVE;
	find(f, ARRAY_SIZE(f), 21, &s);
	assert_false(alloc->is_found);
	assert_non_null(strstr(alloc->why, "inlined into runtime.(*mheap).alloc.func1"));
	find(f, ARRAY_SIZE(f), 16, &s);
	assert_false(alloc->is_found);
	assert_false(free_->is_found);
	assert_non_null(strstr(alloc->why, "Go 1.16"));
}

static void find_span(const char *alloc_span, struct code_site *ret)
{
	const struct ci_func f[] = {
		{ "runtime.(*mheap).allocSpan", alloc_span },
		{ SET_SPANS, "c3" },
		STUBS,
		{ "runtime.newproc1", "c3" },
	};
	struct code_sites s;

	find(f, ARRAY_SIZE(f), 19, &s);
	*ret = s.hook[WIRE_HOOK_SPAN_ALLOC];
}

/* Go 1.19: no initSpan; the arguments are spilled, and setSpans is called where there is a span. */
static void test_spans_without_init(void **state)
{
/* mov %cl,0x50(%rsp); mov %dil,0x51(%rsp) */
#define SPILL "88 4c 24 50 40 88 7c 24 51"
#define END   "48 83 c4 38 c3"
	struct code_site s;

	(void)state;
	/* je +5, over the call: a call that gets no span */
	find_span(FRAME_1_19 SPILL "74 05 e8 @" SET_SPANS ";" END, &s);
	assert_site(&s, ci_va(0), 0x19, CODE_EMULATED);
	assert_loc(s.value, WIRE_LOC_REG, 3);
	assert_loc(s.pages, WIRE_LOC_REG, 1);
	assert_loc(s.type, WIRE_LOC_STACK, 0x50);
	assert_loc(s.sizeclass, WIRE_LOC_STACK, 0x51);
	/* Twice; in a loop; not at all; with no trace of the arguments */
	find_span(FRAME_1_19 SPILL "e8 @" SET_SPANS "; e8 @" SET_SPANS ";" END, &s);
	assert_false(s.is_found);
	find_span(FRAME_1_19 SPILL "e8 @" SET_SPANS "; 75 f9" END, &s);
	assert_false(s.is_found);
	find_span(FRAME_1_19 SPILL END, &s);
	assert_false(s.is_found);
	assert_non_null(strstr(s.why, "inlined"));
	find_span(FRAME_1_19 "e8 @" SET_SPANS ";" END, &s);
	assert_false(s.is_found);
	assert_non_null(strstr(s.why, "lost"));
}

static void test_hook_names(void **state)
{
	(void)state;
	assert_string_equal(code_hook_name(WIRE_HOOK_BIRTH), "birth");
	assert_string_equal(code_hook_name(WIRE_HOOK_GC_END), "gc-end");
	assert_string_equal(code_hook_name(WIRE_HOOK_SPAN_FREE), "span-free");
	assert_string_equal(code_hook_name(WIRE_HOOK_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_birth),	       cmocka_unit_test(test_birth_stack_abi),
		cmocka_unit_test(test_birth_refused),  cmocka_unit_test(test_birth_inlined),
		cmocka_unit_test(test_plain),	       cmocka_unit_test(test_no_push),
		cmocka_unit_test(test_park_stack_abi), cmocka_unit_test(test_death_by_profile),
		cmocka_unit_test(test_spans),	       cmocka_unit_test(test_spans_without_init),
		cmocka_unit_test(test_hook_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
