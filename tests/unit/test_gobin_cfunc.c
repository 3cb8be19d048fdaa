/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gobin/asm.h"
#include "gobin/cfunc.h"
#include "unit/cobject.h"

struct world {
	struct cobject o;
	struct elf *elf;
	struct csyms *syms;
	int fd;
};

static void world_open(struct world *w)
{
	w->fd = co_file(&w->o);
	assert_int_equal(elf_new(w->fd, &w->elf), 0);
	assert_int_equal(csyms_read(w->elf, &w->syms), 0);
}

static void world_close(struct world *w)
{
	csyms_free(w->syms);
	elf_free(w->elf);
	close(w->fd);
}

#define FUNCTION(w, is_exported, name, va, ...)                          \
	do {                                                             \
		static const uint8_t code[] = { __VA_ARGS__ };           \
		co_code(&(w)->o, va, code, sizeof(code));                \
		co_symbol(&(w)->o, is_exported, name, va, sizeof(code)); \
	} while (0)

static struct cfunc_entry entry_of(struct world *w, const char *name)
{
	struct cfunc_entry e = { 0 };

	assert_int_equal(cfunc_entry(w->elf, csyms_find(w->syms, name), &e), 0);
	return e;
}

static void a_call_is_seen_where_one_trap_does(_unused_ void **state)
{
	static struct world w;
	struct cfunc_entry e;

	co_init(&w.o);
	/* push %rbx; mov %rdi,%rbx; pop %rbx; ret */
	FUNCTION(&w, true, "push", 0x1000, 0x53, 0x48, 0x89, 0xfb, 0x5b, 0xc3);
	/* endbr64; sub $24,%rsp; test %rdi,%rdi; je +0; add $24,%rsp; ret */
	FUNCTION(&w, true, "sub", 0x1100, 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 0x18, 0x48,
		 0x85, 0xff, 0x74, 0x00, 0x48, 0x83, 0xc4, 0x18, 0xc3);
	/* mov %rsi,%rdi; push %rbx; pop %rbx; ret: an argument is gone at the push */
	FUNCTION(&w, true, "moved", 0x1200, 0x48, 0x89, 0xf7, 0x53, 0x5b, 0xc3);
	/* test %rdi,%rdi; push %rbx; pop %rbx; je -4 (to the push); ret */
	FUNCTION(&w, true, "loop", 0x1300, 0x48, 0x85, 0xff, 0x53, 0x5b, 0x74, 0xfc, 0xc3);
	world_open(&w);
	e = entry_of(&w, "push");
	assert_int_equal(e.va, 0x1000);
	assert_int_equal(e.file_off, 0x1000);
	assert_int_equal(e.ret_off, 0);
	assert_true(e.is_emulated);
	e = entry_of(&w, "sub");
	assert_int_equal(e.va, 0x110b);
	assert_int_equal(e.ret_off, 24);
	assert_true(e.is_emulated);
	e = entry_of(&w, "moved");
	assert_int_equal(e.va, 0x1200);
	assert_false(e.is_emulated);
	e = entry_of(&w, "loop");
	assert_int_equal(e.va, 0x1300);
	assert_false(e.is_emulated);
	world_close(&w);
}

static const struct cfunc_exit *exit_at(const struct cfunc_exits *x, uint64_t va)
{
	vec_for_each (&x->exits, e) {
		if (e->va == va)
			return e;
	}
	return NULL;
}

/* Into code without a name, but not into what others call or what has a probe of its own. */
static void jumps_out_are_followed(_unused_ void **state)
{
	static struct world w;
	struct cfunc_exits x = { 0 };
	const uint64_t stops[] = { 0x1500 };

	co_init(&w.o);
	/* test; je 0x1200; js 0x1400; jo 0x1500; jmp *%rax */
	FUNCTION(&w, true, "malloc", 0x1100, 0x48, 0x85, 0xff, 0x0f, 0x84, 0xf7, 0, 0, 0, 0x0f,
		 0x88, 0xf1, 0x02, 0, 0, 0x0f, 0x80, 0xeb, 0x03, 0, 0, 0xff, 0xe0);
	/* je +1; ret; ret: it reaches past its first return; then a call that does not return */
	static const uint8_t cold[] = { 0x74, 0x01, 0xc3, 0xc3 };
	co_code(&w.o, 0x1200, cold, sizeof(cold));
	FUNCTION(&w, true, "memcpy", 0x1400, 0xc3);
	FUNCTION(&w, true, "realloc", 0x1500, 0xc3);
	world_open(&w);
	const struct cfunc_opts o = { .syms = w.syms, .stops = stops, .n_stops = 1 };

	assert_int_equal(cfunc_exits(w.elf, csyms_find(w.syms, "malloc"), &o, &x), 0);
	assert_int_equal(x.unknown, 2); /* memcpy, the register */
	assert_int_equal(x.pieces.n, 2);
	assert_null(exit_at(&x, 0x1400));
	assert_null(exit_at(&x, 0x1500));
	assert_int_equal(x.exits.n, 2);
	/* Asked again, it knows them. */
	assert_int_equal(cfunc_exits(w.elf, csyms_find(w.syms, "malloc"), &o, &x), 0);
	assert_int_equal(x.exits.n, 2);
	cfunc_exits_release(&x);
	world_close(&w);
}

static void cleared_memory_may_end_in_memset(_unused_ void **state)
{
	static struct world w;
	struct cfunc_exits x = { 0 };

	co_init(&w.o);
	/* test; je +4; xor %esi,%esi; jmp 0x1800; mov %rdi,%rax; ret */
	FUNCTION(&w, true, "calloc", 0x1100, 0x48, 0x85, 0xff, 0x74, 0x07, 0x31, 0xf6, 0xe9, 0xf4,
		 0x06, 0, 0, 0x48, 0x89, 0xf8, 0xc3);
	world_open(&w);
	const struct cfunc_opts o = { .syms = w.syms, .zeroes = true };

	assert_int_equal(cfunc_exits(w.elf, csyms_find(w.syms, "calloc"), &o, &x), 0);
	assert_non_null(exit_at(&x, 0x1107));
	assert_int_equal(exit_at(&x, 0x1107)->reg, ASM_DI);
	assert_int_equal(x.unknown, 0);
	cfunc_exits_release(&x);
	world_close(&w);
}

/* Nothing is probed of what does not decode: a probe in the middle would destroy an instruction. */
static void what_does_not_decode_is_refused(_unused_ void **state)
{
	static struct world w;
	struct cfunc_exits x = { 0 };
	struct cfunc_entry e;

	co_init(&w.o);
	FUNCTION(&w, true, "bad", 0x1100, 0x74, 0x01, 0x48, 0x89, 0xf8, 0xc3); /* into the mov */
	FUNCTION(&w, true, "tail", 0x1200, 0xe9, 0xfb, 0x00, 0, 0); /* jmp 0x1300 */
	static const uint8_t zeroes[16] = { 0 };
	co_code(&w.o, 0x1300, zeroes, sizeof(zeroes));
	world_open(&w);
	const struct cfunc_opts o = { .syms = w.syms };
	struct csym outside = { .va = 0x9000, .name = "outside" };

	assert_int_equal(cfunc_entry(w.elf, csyms_find(w.syms, "bad"), &e), -EBADMSG);
	assert_int_equal(cfunc_exits(w.elf, csyms_find(w.syms, "bad"), &o, &x), -EBADMSG);
	assert_int_equal(cfunc_entry(w.elf, &outside, &e), -EFAULT);
	assert_int_equal(cfunc_exits(w.elf, csyms_find(w.syms, "tail"), &o, &x), 0);
	assert_int_equal(x.unknown, 1);
	assert_int_equal(x.exits.n, 0);
	cfunc_exits_release(&x);
	world_close(&w);
}

static void return_addresses_follow_calls(_unused_ void **state)
{
	static const struct {
		uint8_t before[CFUNC_CALL_MAX];
		bool is_call;
	} cases[] = {
		{ { 0x90, 0x90, 0xe8, 1, 2, 3, 4 }, true },
		{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0 }, true }, /* *%rax */
		{ { 0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd4 }, true }, /* *%r12 */
		{ { 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x18 }, true }, /* *24(%rax) */
		{ { 0x90, 0xff, 0x15, 1, 2, 3, 4 }, true }, /* *(%rip) */
		{ { 0xff, 0x94, 0x24, 1, 2, 3, 4 }, true }, /* *disp32(%rsp) */
		{ { 0x90, 0x90, 0x90, 0x90, 0xff, 0x14, 0xc8 }, true }, /* *(%rax,%rcx,8) */
		{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0 }, false }, /* jmp *%rax */
		{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cfunc_is_after_call(cases[i].before), cases[i].is_call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_seen_where_one_trap_does),
		cmocka_unit_test(jumps_out_are_followed),
		cmocka_unit_test(cleared_memory_may_end_in_memset),
		cmocka_unit_test(what_does_not_decode_is_refused),
		cmocka_unit_test(return_addresses_follow_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
