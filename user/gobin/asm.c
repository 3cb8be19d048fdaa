/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/asm.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The check is within the first instructions; the block that grows the stack is short too. */
#define CHECK_INSNS_MAX	    12
#define MORESTACK_INSNS_MAX 40

int asm_reg_of(unsigned int cs_reg)
{
	static const unsigned short regs[ASM_REGS][4] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL },
		{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL },
		{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL },
		{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
		{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
		{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
		{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
		{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
	};

	for (int r = 0; r < ASM_REGS; r++) {
		for (size_t i = 0; i < ARRAY_SIZE(regs[r]); i++) {
			if (regs[r][i] == cs_reg)
				return r;
		}
	}
	return -1;
}

/*
 * What every kernel since 4.17 emulates for a uprobe (arch/x86/kernel/uprobes.c,
 * branch_setup_xol_ops and push_setup_xol_ops).  The long forms of nop (0f 1f) are left out:
 * kernels learnt them only lately, and Go has a call or a jump soon enough.
 */
static bool bytes_emulated(const uint8_t *b, size_t n)
{
	switch (n) {
	case 1:
		return (b[0] >= 0x50 && b[0] <= 0x57) || b[0] == 0x90;
	case 2:
		return (b[0] == 0x41 && b[1] >= 0x50 && b[1] <= 0x57) || /* push %r8..%r15 */
		       (b[0] >= 0x70 && b[0] <= 0x7f) || b[0] == 0xeb ||
		       (b[0] == 0x66 && b[1] == 0x90);
	case 5:
		return b[0] == 0xe8 || b[0] == 0xe9;
	case 6:
		return b[0] == 0x0f && b[1] >= 0x80 && b[1] <= 0x8f;
	default:
		return false;
	}
}

static enum asm_flow flow_of(const cs_insn *cs)
{
	bool is_direct =
		cs->detail->x86.op_count == 1 && cs->detail->x86.operands[0].type == X86_OP_IMM;

	switch (cs->id) {
	case X86_INS_CALL:
		return ASM_CALL;
	case X86_INS_JMP:
		return is_direct ? ASM_JUMP : ASM_JUMP_UNKNOWN;
	case X86_INS_RET:
	case X86_INS_RETF:
		return ASM_RETURN;
	case X86_INS_UD2:
	case X86_INS_INT3:
	case X86_INS_HLT:
		return ASM_STOP;
	case X86_INS_LJMP:
	case X86_INS_LCALL:
	case X86_INS_IRETQ:
		return ASM_JUMP_UNKNOWN;
	default:
		return is_direct && (cs->id == X86_INS_JRCXZ || cs->id == X86_INS_JECXZ ||
				     cs->id == X86_INS_LOOP || cs->mnemonic[0] == 'j')
			       ? ASM_BRANCH
			       : ASM_NEXT;
	}
}

static void insn_set(struct asm_insn *i, const cs_insn *cs, uint64_t va)
{
	i->off = (uint32_t)(cs->address - va);
	i->size = (uint8_t)cs->size;
	i->flow = (uint8_t)flow_of(cs);
	i->is_emulated = bytes_emulated(cs->bytes, cs->size);
	i->to = -1;
	if (cs->detail->x86.op_count == 1 && cs->detail->x86.operands[0].type == X86_OP_IMM &&
	    (i->flow == ASM_CALL || i->flow == ASM_BRANCH || i->flow == ASM_JUMP))
		i->target = (uint64_t)cs->detail->x86.operands[0].imm;
}

static int insn_compare(const void *key, const void *item)
{
	uint32_t off = *(const uint32_t *)key, other = ((const struct asm_insn *)item)->off;

	return off < other ? -1 : off > other;
}

/* Resolves jumps within the function (size bytes) to indices. */
static int link_jumps(struct asm_func *f, size_t size)
{
	const struct asm_insn *to;
	uint32_t off;

	for (size_t i = 0; i < f->n; i++) {
		f->returns += f->insn[i].flow == ASM_RETURN;
		f->has_unknown_jump |= f->insn[i].flow == ASM_JUMP_UNKNOWN;
		if (f->insn[i].flow != ASM_BRANCH && f->insn[i].flow != ASM_JUMP)
			continue;
		if (f->insn[i].target < f->va || f->insn[i].target - f->va >= size)
			continue;
		off = (uint32_t)(f->insn[i].target - f->va);
		to = bsearch(&off, f->insn, f->n, sizeof(*f->insn), insn_compare);
		if (!to)
			return -EBADMSG;
		f->insn[i].to = (int32_t)(to - f->insn);
	}
	return 0;
}

/* Whether the code from index i calls once and starts the function over: it grows the stack. */
static bool is_morestack(const struct asm_func *f, size_t i)
{
	size_t calls = 0;

	for (size_t k = 0; i < f->n && k < MORESTACK_INSNS_MAX; i++, k++) {
		if (f->insn[i].flow == ASM_JUMP)
			return calls == 1 && f->insn[i].to == 0;
		if (f->insn[i].flow == ASM_CALL)
			calls++;
		else if (f->insn[i].flow != ASM_NEXT)
			return false;
	}
	return false;
}

/*
 * The check (cmd/internal/obj/x86/obj6.go, stacksplit): one conditional jump to the block that
 * calls morestack, or two for very large frames.
 */
static void find_body(struct asm_func *f)
{
	for (size_t i = 0; i < f->n && i < CHECK_INSNS_MAX; i++) {
		if (f->insn[i].flow == ASM_BRANCH && f->insn[i].to > 0 &&
		    is_morestack(f, (size_t)f->insn[i].to)) {
			f->body = i + 1;
			f->has_check = true;
		} else if (f->insn[i].flow != ASM_NEXT) {
			return;
		}
	}
}

void asm_release(struct asm_func *f)
{
	if (f->cs)
		cs_free(f->cs, f->n);
	if (f->handle)
		cs_close(&f->handle);
	free(f->insn);
	*f = (struct asm_func){ 0 };
}

int asm_decode(const void *code, size_t n, uint64_t va, struct asm_func *ret)
{
	_cleanup_(asm_release) struct asm_func f = { .va = va };
	size_t end = 0;
	int err;

	if (n > ASM_FUNC_MAX)
		return -E2BIG;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &f.handle) != CS_ERR_OK)
		return -ENOMEM;
	if (cs_option(f.handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
	    cs_option(f.handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT) != CS_ERR_OK)
		return -ENOTSUP;
	f.n = cs_disasm(f.handle, code, n, va, 0, &f.cs);
	f.insn = calloc(f.n + 1, sizeof(*f.insn));
	if (!f.insn)
		return -ENOMEM;
	for (size_t i = 0; i < f.n; i++) {
		insn_set(&f.insn[i], &f.cs[i], va);
		end += f.cs[i].size;
	}
	if (!f.n || end != n)
		return -EBADMSG;
	err = link_jumps(&f, n);
	if (err)
		return err;
	find_body(&f);
	*ret = f;
	f = (struct asm_func){ 0 };
	return 0;
}

int asm_read(struct elf *e, const struct gofunc *g, struct asm_func *ret)
{
	_cleanup_free_ void *code = NULL;
	int err;

	if (g->size > ASM_FUNC_MAX)
		return -E2BIG;
	code = malloc(g->size + 1);
	if (!code)
		return -ENOMEM;
	err = elf_read(e, g->va, code, g->size);
	if (err)
		return err;
	return asm_decode(code, g->size, g->va, ret);
}

void asm_set_stop(struct asm_func *f, uint64_t va)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->insn[i].flow == ASM_CALL && f->insn[i].target == va)
			f->insn[i].flow = ASM_STOP;
	}
}

bool asm_calls(const struct asm_func *f, uint64_t va)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->insn[i].flow == ASM_CALL && f->insn[i].target == va)
			return true;
	}
	return false;
}

/* A walk over the graph of a function: which instructions were reached, which are to be visited. */
struct walk {
	bool *seen;
	size_t *todo;
	size_t n_todo;
	bool exits; /* a return, or a jump out of the function, was reached */
};

static void walk_push(struct walk *w, size_t i)
{
	if (w->seen[i])
		return;
	w->seen[i] = true;
	w->todo[w->n_todo++] = i;
}

static void walk_step(struct walk *w, const struct asm_func *f, size_t i)
{
	const struct asm_insn *insn = &f->insn[i];

	if (insn->flow == ASM_RETURN || insn->flow == ASM_JUMP_UNKNOWN)
		w->exits = true;
	if (insn->flow == ASM_BRANCH || insn->flow == ASM_JUMP) {
		if (insn->to < 0)
			w->exits = true;
		else if (insn->to > 0 || !f->has_check)
			walk_push(w, (size_t)insn->to);
		/* else: starts over with a larger stack, before anything but the check ran */
	}
	if (insn->flow == ASM_NEXT || insn->flow == ASM_CALL || insn->flow == ASM_BRANCH) {
		if (i + 1 < f->n)
			walk_push(w, i + 1);
		else
			w->exits = true;
	}
}

static void walk_run(struct walk *w, const struct asm_func *f)
{
	while (w->n_todo)
		walk_step(w, f, w->todo[--w->n_todo]);
}

/* Whether any way from instruction i leads back to it. */
static bool is_in_loop(const struct asm_func *f, size_t i, struct walk *w)
{
	memset(w->seen, 0, f->n * sizeof(*w->seen));
	w->n_todo = 0;
	walk_step(w, f, i);
	walk_run(w, f);
	return w->seen[i];
}

bool asm_runs_once(const struct asm_func *f, size_t i)
{
	_cleanup_free_ bool *seen = calloc(f->n, sizeof(*seen));
	_cleanup_free_ size_t *todo = calloc(f->n, sizeof(*todo));
	struct walk w = { .seen = seen, .todo = todo };

	if (!seen || !todo || f->has_unknown_jump || i < f->body)
		return false;
	/* Not around it: with it taken away, no way leads out. */
	seen[i] = true;
	walk_push(&w, f->body);
	walk_run(&w, f);
	return !w.exits && !is_in_loop(f, i, &w);
}

bool asm_runs_at_most_once(const struct asm_func *f, size_t i)
{
	_cleanup_free_ bool *seen = calloc(f->n, sizeof(*seen));
	_cleanup_free_ size_t *todo = calloc(f->n, sizeof(*todo));
	struct walk w = { .seen = seen, .todo = todo };

	return seen && todo && !f->has_unknown_jump && i >= f->body && !is_in_loop(f, i, &w);
}
