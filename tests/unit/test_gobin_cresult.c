/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gobin/cresult.h"

#define VA 0x401000

struct decoded {
	struct asm_func f;
	struct cresult places[CRESULT_MAX];
	size_t n;
};

static void find(struct decoded *d, const uint8_t *code, size_t n)
{
	assert_int_equal(asm_decode(code, n, VA, &d->f), 0);
	assert_int_equal(d->f.insn[d->f.n - 1].flow, ASM_RETURN);
	d->n = cresult_find(&d->f, d->f.n - 1, d->places);
}

#define FIND(d, ...)                                           \
	do {                                                   \
		static const uint8_t code[] = { __VA_ARGS__ }; \
		find(d, code, sizeof(code));                   \
	} while (0)

/* As malloc's short way in glibc: a check that never fails, then the return. */
static void the_check_before_the_end_will_do(_unused_ void **state)
{
	struct decoded d = { 0 };

	/* push %rbx; test $15,%al; jne -5 (the entry); add $16,%rsp; pop %rbx; ret */
	FIND(&d, 0x53, 0xa8, 0x0f, 0x75, 0xfb, 0x48, 0x83, 0xc4, 0x10, 0x5b, 0xc3);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.f.insn[d.places[0].insn].off, 3);
	assert_int_equal(d.places[0].reg, ASM_AX);
	assert_int_equal(d.places[0].cond, 1 + 4); /* not taken: equal */
	assert_int_equal(d.places[0].ret_off, 24);
	asm_release(&d.f);
}

static void the_result_is_followed_through_registers(_unused_ void **state)
{
	struct decoded d = { 0 };

	/* push %rbx; je +0; lea 16(%rbx),%r12; mov %r12,%rax; pop %rbx; ret */
	FIND(&d, 0x53, 0x74, 0x00, 0x4c, 0x8d, 0x63, 0x10, 0x4c, 0x89, 0xe0, 0x5b, 0xc3);
	/* Both ways of the jump lead on. */
	assert_int_equal(d.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(d.f.insn[d.places[i].insn].off, 1);
		assert_int_equal(d.places[i].reg, ASM_BX);
		assert_int_equal(d.places[i].add, 16);
		assert_int_equal(d.places[i].ret_off, 8);
	}
	assert_int_equal(d.places[0].cond, 1 + 4);
	assert_int_equal(d.places[1].cond, 1 + 5);
	asm_release(&d.f);
}

static void every_way_is_covered(_unused_ void **state)
{
	struct decoded d = { 0 };

	/*
	 * 0 test %rdi,%rdi; 3 je 10; 5 mov (%rdi),%rax; 8 jmp 14; 10 mov %rbx,%rax; 13 nop; 14 ret
	 */
	FIND(&d, 0x48, 0x85, 0xff, 0x74, 0x05, 0x48, 0x8b, 0x07, 0xeb, 0x04, 0x48, 0x89, 0xd8, 0x90,
	     0xc3);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.f.insn[d.places[0].insn].off, 8);
	assert_int_equal(d.places[0].cond, 0);
	assert_int_equal(d.f.insn[d.places[1].insn].off, 13);
	asm_release(&d.f);
}

/* What failed is told where that is set, not where everybody passes. */
static void no_memory_is_a_rare_way(_unused_ void **state)
{
	struct decoded d = { 0 };

	/* test %rdi,%rdi; jns -5; xor %eax,%eax; ret */
	FIND(&d, 0x48, 0x85, 0xff, 0x79, 0xfb, 0x31, 0xc0, 0xc3);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.f.insn[d.places[0].insn].off, 5);
	assert_int_equal(d.places[0].reg, CRESULT_NULL);
	asm_release(&d.f);
}

/* A call changes rax, but not rbx. */
static void calls_keep_some_registers(_unused_ void **state)
{
	struct decoded d = { 0 };

	/* push %rbx; call +0; mov %rbx,%rax; pop %rbx; ret */
	FIND(&d, 0x53, 0xe8, 0, 0, 0, 0, 0x48, 0x89, 0xd8, 0x5b, 0xc3);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.f.insn[d.places[0].insn].off, 1);
	assert_int_equal(d.places[0].reg, ASM_BX);
	assert_int_equal(d.places[0].ret_off, 8);
	asm_release(&d.f);
	/* push %rbx; call +0; pop %rbx; ret */
	FIND(&d, 0x53, 0xe8, 0, 0, 0, 0, 0x5b, 0xc3);
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
}

static void otherwise_the_return_is_taken(_unused_ void **state)
{
	struct decoded d = { 0 };

	FIND(&d, 0x48, 0x89, 0xf8, 0xc3); /* mov %rdi,%rax; ret: reached from the entry alone */
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
	FIND(&d, 0x74, 0x00, 0x48, 0x8b, 0x07, 0xc3); /* je +0; mov (%rdi),%rax; ret */
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
	FIND(&d, 0x74, 0x00, 0xc9, 0xc3); /* je +0; leave; ret */
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
	FIND(&d, 0x74, 0x02, 0xff, 0xe0, 0xc3); /* je +2; jmp *%rax; ret */
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
	FIND(&d, 0x74, 0x00, 0x89, 0xd8, 0xc3); /* je +0; mov %ebx,%eax; ret: half of it */
	assert_int_equal(d.n, 0);
	asm_release(&d.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_check_before_the_end_will_do),
		cmocka_unit_test(the_result_is_followed_through_registers),
		cmocka_unit_test(every_way_is_covered),
		cmocka_unit_test(no_memory_is_a_rare_way),
		cmocka_unit_test(calls_keep_some_registers),
		cmocka_unit_test(otherwise_the_return_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
