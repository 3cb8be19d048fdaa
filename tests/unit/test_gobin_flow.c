/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gobin/flow.h"

#define VA  0x401000
#define TAG 1

struct run {
	struct asm_func f;
	struct flow fl;
};

/* Runs the flow over code with the tag on the first argument. */
static void run(struct run *r, bool is_register_abi, const uint8_t *code, size_t n)
{
	struct flow_state entry = { 0 };

	*r = (struct run){ .fl = { .is_register_abi = is_register_abi } };
	assert_int_equal(asm_decode(code, n, VA, &r->f), 0);
	r->fl.func = &r->f;
	flow_tag_arg(&entry, is_register_abi, 0, TAG);
	assert_int_equal(flow_run(&r->fl, &entry), 0);
}

#define RUN(r, abi, ...)                                       \
	do {                                                   \
		static const uint8_t code[] = { __VA_ARGS__ }; \
		run(r, abi, code, sizeof(code));               \
	} while (0)

static void done(struct run *r)
{
	flow_release(&r->fl);
	asm_release(&r->f);
}

static void assert_at(const struct run *r, size_t i, enum wire_loc_kind kind, int value)
{
	struct wire_loc l = { 0 };
	int err = flow_locate(&r->fl, i, TAG, &l);

	assert_int_equal(err, kind == WIRE_LOC_NONE ? -ENOENT : 0);
	assert_int_equal(l.kind, kind);
	assert_int_equal(kind == WIRE_LOC_REG ? l.reg : l.off, value);
}

static void test_copies(void **state)
{
	struct run r;

	(void)state;
	/* mov %rax,%rcx; xor %eax,%eax; mov %rcx,%r9; mov %ecx,%ecx; xor %r9d,%r9d; ret */
	RUN(&r, true, 0x48, 0x89, 0xc1, 0x31, 0xc0, 0x49, 0x89, 0xc9, 0x89, 0xc9, 0x45, 0x31, 0xc9,
	    0xc3);
	assert_at(&r, 0, WIRE_LOC_REG, ASM_AX);
	assert_at(&r, 1, WIRE_LOC_REG, ASM_AX);
	assert_at(&r, 2, WIRE_LOC_REG, ASM_CX);
	assert_at(&r, 4, WIRE_LOC_REG, ASM_R9); /* half a pointer is none */
	assert_at(&r, 5, WIRE_LOC_NONE, 0);
	done(&r);
}

static void test_spill_over_call(void **state)
{
	struct run r;

	(void)state;
	/* push; sub $0x10,%rsp; mov %rax,0x20(%rsp); call; mov 0x20(%rsp),%rdx;
	 * movq $0,0x20(%rsp); xor %edx,%edx; ret */
	RUN(&r, true, 0x55, 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x44, 0x24, 0x20, 0xe8, 0, 1, 0, 0,
	    0x48, 0x8b, 0x54, 0x24, 0x20, 0x48, 0xc7, 0x44, 0x24, 0x20, 0, 0, 0, 0, 0x31, 0xd2,
	    0xc3);
	assert_at(&r, 3, WIRE_LOC_REG, ASM_AX);
	assert_at(&r, 4, WIRE_LOC_STACK, 0x20);
	assert_at(&r, 5, WIRE_LOC_REG, ASM_DX);
	assert_at(&r, 7, WIRE_LOC_NONE, 0);
	done(&r);
}

/* What only one of two ways holds is not held. */
static void test_join(void **state)
{
	struct run r;

	(void)state;
	/* je +3; mov %rax,%rcx; xor %eax,%eax (both); ret */
	RUN(&r, true, 0x74, 0x03, 0x48, 0x89, 0xc1, 0x31, 0xc0, 0xc3);
	assert_at(&r, 2, WIRE_LOC_REG, ASM_AX);
	assert_at(&r, 3, WIRE_LOC_NONE, 0);
	done(&r);
	/* A loop that destroys it: nop; xor %eax,%eax; jne back; ret */
	RUN(&r, true, 0x90, 0x31, 0xc0, 0x75, 0xfb, 0xc3);
	assert_at(&r, 0, WIRE_LOC_NONE, 0);
	done(&r);
	/* A stack pointer that depends on the way: je +1; push; ret */
	RUN(&r, true, 0x74, 0x01, 0x50, 0xc3);
	assert_false(r.fl.at[2].is_sp_known);
	done(&r);
}

static void test_stack_abi(void **state)
{
	struct run r;

	(void)state;
	/* sub $0x18,%rsp; mov 0x20(%rsp),%rax; mov %rax,(%rsp); call; nop; ret */
	RUN(&r, false, 0x48, 0x83, 0xec, 0x18, 0x48, 0x8b, 0x44, 0x24, 0x20, 0x48, 0x89, 0x04, 0x24,
	    0xe8, 0, 1, 0, 0, 0x90, 0xc3);
	assert_at(&r, 0, WIRE_LOC_STACK, 8);
	assert_at(&r, 1, WIRE_LOC_STACK, 0x20);
	assert_at(&r, 2, WIRE_LOC_REG, ASM_AX);
	assert_at(&r, 4, WIRE_LOC_STACK, 0x20); /* the copy at 0(%rsp) is the callee's */
	done(&r);
	/* Writes through the frame pointer may hit any slot: mov %rbx,0x10(%rbp); ret */
	RUN(&r, false, 0x48, 0x89, 0x5d, 0x10, 0xc3);
	assert_at(&r, 1, WIRE_LOC_NONE, 0);
	done(&r);
}

/* Arguments of one byte are spilled to neighbouring bytes (Go 1.19, allocSpan). */
static void test_bytes(void **state)
{
	/* mov %cl,0x8(%rsp); mov %dil,0x9(%rsp); xor %ecx,%ecx; xor %edi,%edi; nop; */
	/* mov %ax,0x7(%rsp); ret */
	static const uint8_t code[] = {
		0x88, 0x4c, 0x24, 0x08, 0x40, 0x88, 0x7c, 0x24, 0x09, 0x31,
		0xc9, 0x31, 0xff, 0x90, 0x66, 0x89, 0x44, 0x24, 0x07, 0xc3
	};
	struct flow_state entry = { 0 };
	struct asm_func f = { 0 };
	struct flow fl = { .func = &f, .is_register_abi = true, .narrow = 3 };
	struct wire_loc l = { 0 };

	(void)state;
	assert_int_equal(asm_decode(code, sizeof(code), VA, &f), 0);
	flow_tag_arg(&entry, true, 2, 1);
	flow_tag_arg(&entry, true, 3, 2);
	assert_int_equal(flow_run(&fl, &entry), 0);
	assert_int_equal(flow_locate(&fl, 4, 1, &l), 0);
	assert_int_equal(l.kind, WIRE_LOC_STACK);
	assert_int_equal(l.off, 8);
	assert_int_equal(flow_locate(&fl, 4, 2, &l), 0);
	assert_int_equal(l.kind, WIRE_LOC_STACK);
	assert_int_equal(l.off, 9);
	/* Two bytes at 7 hit the one at 8, not the one at 9. */
	assert_int_equal(flow_locate(&fl, 6, 1, &l), -ENOENT);
	assert_int_equal(flow_locate(&fl, 6, 2, &l), 0);
	flow_release(&fl);
	asm_release(&f);
}

static void on_store(const struct flow_access *a, void *arg)
{
	*(struct flow_access *)arg = *a;
}

static uint16_t on_load(const struct flow_access *a, void *arg)
{
	(void)arg;
	return a->base & TAG && a->disp == 0x30 && a->size == 8 ? 2 : 0;
}

static void test_accesses(void **state)
{
	/* mov 0x30(%rax),%rcx; mov %rcx,0x98(%rdi); ret */
	static const uint8_t code[] = { 0x48, 0x8b, 0x48, 0x30, 0x48, 0x89,
					0x8f, 0x98, 0,	  0,	0,    0xc3 };
	struct flow_state entry = { 0 };
	struct flow_access a = { 0 };
	struct asm_func f = { 0 };
	struct flow fl = { .func = &f, .is_register_abi = true, .load = on_load };

	(void)state;
	assert_int_equal(asm_decode(code, sizeof(code), VA, &f), 0);
	flow_tag_arg(&entry, true, 0, TAG);
	assert_int_equal(flow_run(&fl, &entry), 0);
	flow_for_each_store(&fl, on_store, &a);
	assert_int_equal(a.value, 2);
	assert_int_equal(a.disp, 0x98);
	assert_int_equal(a.size, 8);
	assert_int_equal(a.base, 0);
	flow_release(&fl);
	asm_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies), cmocka_unit_test(test_spill_over_call),
		cmocka_unit_test(test_join),   cmocka_unit_test(test_stack_abi),
		cmocka_unit_test(test_bytes),  cmocka_unit_test(test_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
