/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/cfunc.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gobin/asm.h"
#include "gobin/cresult.h"

/* Instructions from the entry on among which a place is looked for. */
#define ENTRY_INSNS_MAX 12
/* Instructions before a jump to memset() among which its second argument is set. */
#define MEMSET_INSNS_MAX 8
#define WORD		 8
#define FRAME_MAX	 4096

void cfunc_exits_release(struct cfunc_exits *x)
{
	vec_release(&x->exits);
	vec_release(&x->pieces);
}

/* ---- how far a piece of code reaches ---- */

static uint64_t jump_target(const cs_insn *cs)
{
	const cs_x86 *x = &cs->detail->x86;

	return x->op_count == 1 && x->operands[0].type == X86_OP_IMM ? (uint64_t)x->operands[0].imm
								     : 0;
}

/* Nothing runs on from it to the next instruction. */
static bool is_end(const cs_insn *cs)
{
	return cs->id == X86_INS_RET || cs->id == X86_INS_JMP || cs->id == X86_INS_UD2 ||
	       cs->id == X86_INS_HLT || cs->id == X86_INS_INT3;
}

/*
 * Bytes from va to the first instruction that does not run on and that no jump before it leads
 * past, or to the end of all n if that is where the next function begins (is_whole): the last call
 * does not return then.  0: none of both.  Zeroes, which decode, are no code.
 */
static size_t piece_scan(csh handle, cs_insn *cs, const uint8_t *code, size_t n, uint64_t va,
			 bool is_whole)
{
	const uint64_t start = va, end = va + n;
	uint64_t reach = va;

	while (n >= 1 && (code[0] || (n > 1 && code[1])) &&
	       cs_disasm_iter(handle, &code, &n, &va, cs)) {
		uint64_t to = cs->id == X86_INS_CALL ? 0 : jump_target(cs);

		if (to > reach && to < end && cs->id != X86_INS_JMP)
			reach = to;
		if (is_end(cs) && va > reach)
			return va - start;
	}
	return !n && is_whole ? end - start : 0;
}

static int piece_size(const uint8_t *code, size_t n, uint64_t va, bool is_whole, size_t *ret)
{
	csh handle = 0;
	cs_insn *cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return -ENOMEM;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs = cs_malloc(handle);
	*ret = cs ? piece_scan(handle, cs, code, n, va, is_whole) : 0;
	if (cs)
		cs_free(cs, 1);
	cs_close(&handle);
	return !cs ? -ENOMEM : *ret ? 0 : -EBADMSG;
}

/* As many bytes as are in the file from va on, at most size. */
static size_t bytes_at(struct elf *e, uint64_t va, size_t size)
{
	const struct elf_segment *s;

	for (size_t i = 0, n = elf_segments(e, &s); i < n; i++) {
		if (va >= s[i].va && va - s[i].va < s[i].file_size)
			return MIN(s[i].file_size - (va - s[i].va), (uint64_t)size);
	}
	return 0;
}

/*
 * Decodes what begins at va: size bytes, or where that is 0 as far as it seems to reach, at most to
 * next, where another function begins.
 */
static int piece_read(struct elf *e, uint64_t va, uint64_t size, uint64_t next,
		      struct asm_func *ret)
{
	uint64_t most = size ? size : next - va;
	size_t n = bytes_at(e, va, MIN(most, (uint64_t)ASM_FUNC_MAX));
	_cleanup_free_ uint8_t *code = malloc(n + 1);
	int err;

	if (!code)
		return -ENOMEM;
	if (elf_machine(e) != ELF_MACHINE_AMD64)
		return -ENOTSUP;
	if (size > ASM_FUNC_MAX)
		return -E2BIG;
	if (!n || (size && n < size))
		return -EFAULT;
	err = elf_read(e, va, code, n);
	if (!err && !size)
		err = piece_size(code, n, va, n == most, &n);
	return err ? err : asm_decode(code, n, va, ret);
}

/* ---- the entry ---- */

/* Whether the instruction changes a register that carries an argument. */
static bool writes_argument(const cs_insn *cs)
{
	static const int args[] = { ASM_DI, ASM_SI, ASM_DX };
	const cs_x86 *x = &cs->detail->x86;

	for (uint8_t i = 0; i < x->op_count; i++) {
		if (x->operands[i].type != X86_OP_REG || !(x->operands[i].access & CS_AC_WRITE))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(args); k++) {
			if (asm_reg_of(x->operands[i].reg) == args[k])
				return true;
		}
	}
	for (uint8_t i = 0; i < cs->detail->regs_write_count; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(args); k++) {
			if (asm_reg_of(cs->detail->regs_write[i]) == args[k])
				return true;
		}
	}
	return false;
}

/* What the instruction adds to the distance from the stack pointer to the return address. */
static bool moves_stack(const cs_insn *cs, int *off)
{
	const cs_x86 *x = &cs->detail->x86;
	const cs_x86_op *src = &x->operands[0], *dst = &x->operands[1];
	bool is_sp = x->op_count == 2 && dst->type == X86_OP_REG && asm_reg_of(dst->reg) == ASM_SP;

	if (cs->id == X86_INS_PUSH) {
		*off += WORD;
		return x->op_count == 1 && x->operands[0].type == X86_OP_REG &&
		       asm_reg_of(x->operands[0].reg) >= 0;
	}
	if (is_sp && cs->id == X86_INS_SUB && src->type == X86_OP_IMM) {
		*off += (int)src->imm;
		return src->imm >= 0 && src->imm < FRAME_MAX;
	}
	for (uint8_t i = 0; i < cs->detail->regs_write_count; i++) {
		if (asm_reg_of(cs->detail->regs_write[i]) == ASM_SP)
			return false;
	}
	return !is_sp || !(dst->access & CS_AC_WRITE);
}

static bool is_jumped_to(const struct asm_func *f, size_t first, size_t last)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->insn[i].to >= (int32_t)first && f->insn[i].to <= (int32_t)last)
			return true;
	}
	return false;
}

/*
 * The first instruction that the kernel emulates, if all ways into the function lead through it
 * once and the arguments are untouched; else the first of all.
 */
static void entry_choose(const struct asm_func *f, struct cfunc_entry *ret)
{
	int off = 0;

	*ret = (struct cfunc_entry){ .va = f->va, .is_emulated = f->insn[0].is_emulated };
	for (size_t i = 0; i < f->n && i < ENTRY_INSNS_MAX; i++) {
		if (i && is_jumped_to(f, 1, i))
			return;
		if (f->insn[i].is_emulated) {
			*ret = (struct cfunc_entry){ .va = f->va + f->insn[i].off,
						     .ret_off = (uint16_t)off,
						     .is_emulated = true };
			return;
		}
		if (f->insn[i].flow != ASM_NEXT || writes_argument(&f->cs[i]) ||
		    !moves_stack(&f->cs[i], &off))
			return;
	}
}

int cfunc_entry(struct elf *e, const struct csym *sym, struct cfunc_entry *ret)
{
	_cleanup_(asm_release) struct asm_func f = { 0 };
	struct cfunc_entry found;
	int err = piece_read(e, sym->va, sym->size, UINT64_MAX, &f);

	if (err)
		return err;
	entry_choose(&f, &found);
	err = elf_file_offset(e, found.va, &found.file_off);
	if (!err)
		*ret = found;
	return err;
}

/* ---- exits ---- */

/* Every function decodes to its end, so an address inside a piece has been decoded with it. */
static bool is_known_piece(const struct cfunc_exits *x, uint64_t va)
{
	vec_for_each (&x->pieces, p) {
		if (va >= p->va && va - p->va < p->size)
			return true;
	}
	return false;
}

static bool is_stop(const struct cfunc_opts *o, uint64_t va)
{
	for (size_t i = 0; i < o->n_stops; i++) {
		if (o->stops[i] == va)
			return true;
	}
	return false;
}

static int exit_add(struct elf *e, struct cfunc_exits *x, struct cfunc_exit exit)
{
	int err;

	vec_for_each (&x->exits, have) {
		if (have->va == exit.va && have->cond == exit.cond)
			return 0;
	}
	if (x->exits.n == CFUNC_EXITS_MAX)
		return -E2BIG;
	err = elf_file_offset(e, exit.va, &exit.file_off);
	return err ? err : vec_push(&x->exits, exit);
}

/* A return, or what can stand for it. */
static int return_add(struct elf *e, const struct asm_func *f, size_t i, const struct cfunc_opts *o,
		      struct cfunc_exits *x)
{
	struct cresult places[CRESULT_MAX];
	size_t n = o->at_return ? 0 : cresult_find(f, i, places);
	int err = 0;

	if (!n)
		return exit_add(e, x,
				(struct cfunc_exit){ .va = f->va + f->insn[i].off, .reg = ASM_AX });
	for (size_t k = 0; k < n && !err; k++)
		err = exit_add(e, x,
			       (struct cfunc_exit){
				       .va = f->va + f->insn[places[k].insn].off,
				       .reg = places[k].reg,
				       .cond = places[k].cond,
				       .add = places[k].add,
				       .ret_off = places[k].ret_off,
				       .is_emulated = f->insn[places[k].insn].is_emulated,
			       });
	return err;
}

/* A jump at index i with the second argument zeroed just before, whatever way led there. */
static bool is_memset_jump(const struct asm_func *f, size_t i)
{
	for (size_t k = i, n = 0; k-- > 0 && n < MEMSET_INSNS_MAX; n++) {
		const cs_x86 *x = &f->cs[k].detail->x86;

		if (f->insn[k].flow != ASM_NEXT)
			return false;
		if (x->op_count != 2 || x->operands[1].type != X86_OP_REG ||
		    asm_reg_of(x->operands[1].reg) != ASM_SI)
			continue;
		return !is_jumped_to(f, k + 1, i) && f->cs[k].id == X86_INS_XOR &&
		       x->operands[0].type == X86_OP_REG &&
		       asm_reg_of(x->operands[0].reg) == ASM_SI;
	}
	return false;
}

static bool is_memset(const struct cfunc_opts *o, uint64_t va)
{
	const struct csym *s = csyms_at(o->syms, va);

	return s && s->va == va && !strcmp(s->name, "memset");
}

/* Code that other functions of the object's users run too: a probe there would cost them. */
static bool is_foreign(const struct cfunc_opts *o, uint64_t va)
{
	const struct csym *s = csyms_at(o->syms, va);

	return s && s->va == va && s->is_exported;
}

static int leave(struct elf *e, const struct asm_func *f, size_t i, const struct cfunc_opts *o,
		 struct cfunc_exits *x, uint64_t *todo, size_t *n_todo)
{
	uint64_t to = f->insn[i].target;

	if (o->zeroes && f->insn[i].flow == ASM_JUMP && (is_memset(o, to) || is_memset_jump(f, i)))
		return exit_add(e, x,
				(struct cfunc_exit){ .va = f->va + f->insn[i].off,
						     .reg = ASM_DI,
						     .is_emulated = f->insn[i].is_emulated });
	if (is_stop(o, to) || is_known_piece(x, to))
		return 0;
	if (is_foreign(o, to) || *n_todo == CFUNC_PIECES_MAX)
		x->unknown++;
	else
		todo[(*n_todo)++] = to;
	return 0;
}

static int piece_exits(struct elf *e, const struct asm_func *f, const struct cfunc_opts *o,
		       struct cfunc_exits *x, uint64_t *todo, size_t *n_todo)
{
	int err = 0;

	for (size_t i = 0; i < f->n && !err; i++) {
		const struct asm_insn *insn = &f->insn[i];

		if (insn->flow == ASM_RETURN)
			err = return_add(e, f, i, o, x);
		else if (insn->flow == ASM_JUMP_UNKNOWN)
			x->unknown++;
		else if ((insn->flow == ASM_JUMP || insn->flow == ASM_BRANCH) && insn->to < 0)
			err = leave(e, f, i, o, x, todo, n_todo);
	}
	return err;
}

static int piece_add(struct cfunc_exits *x, const struct asm_func *f)
{
	const struct asm_insn *last = &f->insn[f->n - 1];
	struct cfunc_piece p = { .va = f->va, .size = last->off + last->size };

	return vec_push(&x->pieces, p);
}

int cfunc_exits(struct elf *e, const struct csym *sym, const struct cfunc_opts *o,
		struct cfunc_exits *x)
{
	uint64_t todo[CFUNC_PIECES_MAX] = { sym->va };
	size_t n_todo = 1, done = 0;
	int err = 0;

	if (x->pieces.n && is_known_piece(x, sym->va))
		return 0;
	for (; done < n_todo && !err; done++) {
		_cleanup_(asm_release) struct asm_func f = { 0 };

		if (done && is_known_piece(x, todo[done]))
			continue;
		err = piece_read(e, todo[done], done ? 0 : sym->size,
				 csyms_next(o->syms, todo[done]), &f);
		/* What is jumped to and does not decode is no way out that can be watched. */
		if (err && done && err != -ENOMEM) {
			x->unknown++;
			err = 0;
			continue;
		}
		if (!err)
			err = piece_add(x, &f);
		if (!err)
			err = piece_exits(e, &f, o, x, todo, &n_todo);
	}
	return err;
}

/* ---- return addresses ---- */

/* A call through a register or memory: ff /2, with the length its operand asks for. */
static bool is_indirect_call(const uint8_t *b, size_t n)
{
	unsigned int mod = b[1] >> 6, rm = b[1] & 7;
	size_t size = 2;

	if (b[0] != 0xff || (b[1] >> 3 & 7) != 2)
		return false;
	if (mod != 3 && rm == 4) {
		size++;
		if (mod == 0 && n > 2 && (b[2] & 7) == 5)
			size += 4;
	}
	if (mod == 1)
		size += 1;
	else if (mod == 2 || (mod == 0 && rm == 5))
		size += 4;
	return size == n;
}

bool cfunc_is_after_call(const uint8_t before[static CFUNC_CALL_MAX])
{
	if (before[CFUNC_CALL_MAX - 5] == 0xe8)
		return true;
	for (size_t n = 2; n <= CFUNC_CALL_MAX; n++) {
		if (is_indirect_call(before + CFUNC_CALL_MAX - n, n))
			return true;
	}
	return false;
}
