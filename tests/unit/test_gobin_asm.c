/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gobin/asm.h"

#define VA 0x401000

#define DECODE(ret, ...)                                                      \
	do {                                                                  \
		static const uint8_t code[] = { __VA_ARGS__ };                \
		assert_int_equal(asm_decode(code, sizeof(code), VA, ret), 0); \
	} while (0)

static void test_jumps(void **state)
{
	struct asm_func f = { 0 };

	(void)state;
	/* push; je +1; nop; call +0; jmp out; jmp *%rax; ret; int3 */
	DECODE(&f, 0x55, 0x74, 0x01, 0x90, 0xe8, 0, 0, 0, 0, 0xe9, 0, 1, 0, 0, 0xff, 0xe0, 0xc3,
	       0xcc);
	assert_int_equal(f.n, 8);
	assert_int_equal(f.insn[1].flow, ASM_BRANCH);
	assert_int_equal(f.insn[1].to, 3);
	assert_int_equal(f.insn[3].flow, ASM_CALL);
	assert_int_equal(f.insn[3].target, VA + 9);
	assert_int_equal(f.insn[4].flow, ASM_JUMP);
	assert_int_equal(f.insn[4].to, -1);
	assert_int_equal(f.insn[5].flow, ASM_JUMP_UNKNOWN);
	assert_int_equal(f.insn[6].flow, ASM_RETURN);
	assert_int_equal(f.insn[7].flow, ASM_STOP);
	assert_int_equal(f.returns, 1);
	assert_true(f.has_unknown_jump);
	assert_true(asm_calls(&f, VA + 9));
	assert_false(asm_calls(&f, VA));
	asm_set_stop(&f, VA + 9);
	assert_int_equal(f.insn[3].flow, ASM_STOP);
	asm_release(&f);
}

/* The kernel single-steps everything else (arch/x86/kernel/uprobes.c). */
static void test_emulated(void **state)
{
	static const bool want[] = {
		true, true, true, true, true, true, false, false, false, false
	};
	struct asm_func f = { 0 };

	(void)state;
	/* push %rbp; push %r12; nop; xchg %ax,%ax; jne; jne near; nopl; nopw; sub; ret */
	DECODE(&f, 0x55, 0x41, 0x54, 0x90, 0x66, 0x90, 0x75, 0x00, 0x0f, 0x85, 0, 0, 0, 0, 0x0f,
	       0x1f, 0x00, 0x66, 0x0f, 0x1f, 0x44, 0, 0, 0x48, 0x83, 0xec, 0x28, 0xc3);
	assert_int_equal(f.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(f.insn[i].is_emulated, want[i]);
	asm_release(&f);
}

static void test_body(void **state)
{
	struct asm_func f = { 0 };

	(void)state;
	/* cmp 0x10(%r14),%rsp; jbe; push; ret; call; jmp to the start */
	DECODE(&f, 0x49, 0x3b, 0x66, 0x10, 0x76, 0x02, 0x55, 0xc3, 0xe8, 0, 0, 0, 0, 0xeb, 0xf1);
	assert_true(f.has_check);
	assert_int_equal(f.body, 2);
	assert_true(asm_runs_once(&f, 2));
	assert_false(asm_runs_once(&f, 1)); /* again when the stack has grown */
	asm_release(&f);
	/* A jump to a block that does not start over is no check. */
	DECODE(&f, 0x49, 0x3b, 0x66, 0x10, 0x76, 0x02, 0x55, 0xc3, 0xe8, 0, 0, 0, 0, 0xc3);
	assert_false(f.has_check);
	assert_int_equal(f.body, 0);
	asm_release(&f);
}

static void test_once(void **state)
{
	struct asm_func f = { 0 };

	(void)state;
	/* 0 push; 1 je to 3; 2 nop; 3 dec %ecx; 4 jne to 3; 5 nop; 6 je to 8; 7 ud2; 8 ret */
	DECODE(&f, 0x55, 0x74, 0x01, 0x90, 0xff, 0xc9, 0x75, 0xfc, 0x90, 0x74, 0x02, 0x0f, 0x0b,
	       0xc3);
	assert_true(asm_runs_once(&f, 0));
	assert_true(asm_runs_once(&f, 1));
	assert_false(asm_runs_once(&f, 2)); /* jumped over */
	assert_true(asm_runs_at_most_once(&f, 2));
	assert_false(asm_runs_at_most_once(&f, 3));
	assert_false(asm_runs_once(&f, 3)); /* a loop */
	assert_false(asm_runs_once(&f, 4));
	assert_true(asm_runs_once(&f, 5));
	assert_true(asm_runs_once(&f, 6));
	assert_false(asm_runs_once(&f, 7));
	assert_true(asm_runs_once(&f, 8));
	asm_release(&f);
}

static void test_refused(void **state)
{
	static const uint8_t middle[] = { 0x75, 0x01, 0x48, 0x89, 0xc8, 0xc3 };
	static const uint8_t broken[] = { 0x55, 0x48 };
	static uint8_t large[ASM_FUNC_MAX + 1];
	struct asm_func f = { .n = 7 };

	(void)state;
	assert_int_equal(asm_decode(middle, sizeof(middle), VA, &f), -EBADMSG);
	assert_int_equal(asm_decode(broken, sizeof(broken), VA, &f), -EBADMSG);
	assert_int_equal(asm_decode(broken, 0, VA, &f), -EBADMSG);
	memset(large, 0x90, sizeof(large));
	assert_int_equal(asm_decode(large, sizeof(large), VA, &f), -E2BIG);
	assert_int_equal(f.n, 7);
}

/* Whatever the bytes: an answer or a refusal. */
static void test_noise(void **state)
{
	struct asm_func f = { 0 };
	uint8_t code[64];
	size_t decoded = 0;

	(void)state;
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = (uint8_t)random();
		if (asm_decode(code, 1 + (size_t)round % sizeof(code), VA, &f))
			continue;
		for (size_t i = 0; i < f.n; i++)
			(void)asm_runs_once(&f, i);
		decoded++;
		asm_release(&f);
	}
	assert_true(decoded > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jumps),	cmocka_unit_test(test_emulated),
		cmocka_unit_test(test_body),	cmocka_unit_test(test_once),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
