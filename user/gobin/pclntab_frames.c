/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a pc to what people read: file and line, and the calls that were inlined there.  The pc
 * value tables are pairs of varints, value delta and pc delta, from the function's entry on
 * (runtime/symtab.go, pcvalue and step).
 */
#include <string.h>

#include "base/text.h"
#include "gobin/pclntab_priv.h"

/* Pairs of one pc value table: the largest generated functions have some ten thousand. */
#define PCVALUE_STEPS_MAX (1UL << 18)
/* Calls inlined into one another at one place; the compiler's budget allows far fewer. */
#define INLINE_DEPTH_MAX 64
/* Names with their type arguments; only what is left without those is kept. */
#define FRAME_NAME_MAX 4096
/* A varint of 32 bits takes five bytes. */
#define VARINT_BYTES_MAX 5

/* Go numbers, internal/abi/symtab.go (runtime/funcdata.h before). */
#define PCDATA_INL_TREE_INDEX  2
#define FUNCDATA_INL_TREE      3
#define FUNCDATA_INL_TREE_1_15 4
#define FUNCDATA_NONE	       0xffffffffU

struct stream {
	struct elf *elf;
	uint64_t va; /* of the byte after the buffer */
	uint8_t buf[128];
	size_t pos, n;
};

static int stream_u8(struct stream *s, uint8_t *ret)
{
	if (s->pos == s->n) {
		/* Smaller and smaller towards the end of a segment. */
		for (s->n = sizeof(s->buf); s->n; s->n /= 2) {
			if (!elf_read(s->elf, s->va, s->buf, s->n))
				break;
		}
		if (!s->n)
			return -EBADMSG;
		s->va += s->n;
		s->pos = 0;
	}
	*ret = s->buf[s->pos++];
	return 0;
}

static int stream_varint(struct stream *s, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < VARINT_BYTES_MAX; i++) {
		uint8_t c = 0;
		int err = stream_u8(s, &c);

		if (err)
			return err;
		v |= (uint32_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/* The value at pc of the table at offset off; -ENOENT where the table ends before pc. */
static int pcvalue(struct pclntab *t, uint32_t off, uint64_t entry, uint64_t pc, int32_t *ret)
{
	struct stream s = { .elf = t->elf, .va = t->pctab + off };
	uint32_t value = UINT32_MAX; /* -1; wraps like the runtime's int32 */
	uint64_t at = entry;

	if (!off)
		return -ENOENT;
	for (size_t i = 0; i < PCVALUE_STEPS_MAX; i++) {
		uint32_t dv = 0, dpc = 0;
		int err = stream_varint(&s, &dv);

		if (err)
			return err;
		if (!dv && i)
			return -ENOENT;
		err = stream_varint(&s, &dpc);
		if (err)
			return err;
		value += dv & 1 ? ~(dv >> 1) : dv >> 1;
		at += (uint64_t)dpc * t->quantum;
		if (pc < at) {
			*ret = (int32_t)value;
			return 0;
		}
	}
	return -EBADMSG;
}

/* ---- file and line ---- */

static int file_name_va(struct pclntab *t, const struct func_record *f, int32_t number,
			uint64_t *ret)
{
	uint64_t slot, base = t->filetab;
	uint32_t off = 0;
	int err;

	if (number < 0)
		return -ENOENT;
	if (t->version == PCLNTAB_1_2) {
		slot = t->filetab + (uint64_t)number * 4;
		base = t->va;
	} else {
		slot = t->cutab + ((uint64_t)f->cu_off + (uint64_t)number) * 4;
	}
	err = elf_read(t->elf, slot, &off, sizeof(off));
	if (err)
		return err;
	if (off == UINT32_MAX)
		return -ENOENT;
	*ret = base + off;
	return 0;
}

/* Fills in what is known; the rest stays empty. */
static void take_place(struct pclntab *t, const struct func_record *f, uint64_t pc,
		       struct goframe *frame)
{
	char raw[PCLNTAB_NAME_MAX];
	uint64_t va = 0;
	int32_t file = 0, line = 0;

	frame->line = 0;
	frame->file[0] = '\0';
	if (!pcvalue(t, f->pcln, f->entry, pc, &line) && line > 0)
		frame->line = (uint32_t)line;
	if (pcvalue(t, f->pcfile, f->entry, pc, &file) || file_name_va(t, f, file, &va))
		return;
	int n = pclntab_string(t, va, raw, sizeof(raw));

	if (n > 0)
		(void)text_scrub(frame->file, sizeof(frame->file), raw, (size_t)n);
}

/*
 * As Go itself prints names from 1.21 on (runtime/traceback.go, funcNameForPrint): type arguments
 * become "[...]".  They may be whole struct types, which would push the method's name out.
 */
static size_t elide_type_arguments(char *name, size_t n, size_t size)
{
	static const char elided[] = "[...]";
	char *open = memchr(name, '[', n);
	char *close = open ? memrchr(open, ']', n - (size_t)(open - name)) : NULL;
	size_t head, tail;

	if (!close || n + sizeof(elided) > size)
		return n;
	head = (size_t)(open - name);
	tail = n - (size_t)(close + 1 - name);
	memmove(open + sizeof(elided) - 1, close + 1, tail);
	memcpy(open, elided, sizeof(elided) - 1);
	return head + sizeof(elided) - 1 + tail;
}

static void take_name(struct pclntab *t, int32_t name_off, struct goframe *frame)
{
	char raw[FRAME_NAME_MAX];
	int n = name_off < 0 ? -ENOENT
			     : pclntab_string(t, t->names + (uint64_t)name_off, raw, sizeof(raw));

	frame->function[0] = '\0';
	if (n > 0)
		(void)text_scrub(frame->function, sizeof(frame->function), raw,
				 elide_type_arguments(raw, (size_t)n, sizeof(raw)));
}

/* ---- inlining ---- */

struct inlined {
	uint8_t func_id;
	int32_t name_off;
	int32_t parent_pc; /* offset from the function's entry of a place in the caller */
};

/*
 * One entry of the inline tree (runtime/symtabinl.go, inlinedCall): up to 1.19 parent int16, funcID
 * uint8, padding, file, line, func, parentPc; from 1.20 on funcID uint8, padding, nameOff,
 * parentPc, startLine.
 */
static int inlined_read(struct pclntab *t, uint64_t tree, int32_t index, struct inlined *ret)
{
	bool is_new = t->version >= PCLNTAB_1_20;
	size_t size = is_new ? 16 : 20;
	uint8_t raw[20];
	int err = elf_read(t->elf, tree + (uint64_t)index * size, raw, size);

	if (err)
		return err;
	ret->func_id = raw[is_new ? 0 : 2];
	memcpy(&ret->name_off, raw + (is_new ? 4 : 12), 4);
	memcpy(&ret->parent_pc, raw + (is_new ? 8 : 16), 4);
	return 0;
}

/* Address of the function's inline tree, 0 if it has none. */
static uint64_t inline_tree(struct pclntab *t, const struct func_record *f)
{
	uint32_t number = t->version == PCLNTAB_1_2 ? FUNCDATA_INL_TREE_1_15 : FUNCDATA_INL_TREE;
	uint64_t at = f->va + f->size + (uint64_t)f->n_pcdata * 4;
	uint64_t tree = 0;
	uint32_t off = 0;

	if (f->n_pcdata <= PCDATA_INL_TREE_INDEX || f->n_funcdata <= number)
		return 0;
	if (t->version < PCLNTAB_1_18) {
		/* Pointers, aligned. */
		at = (at + 7) & ~7UL;
		return elf_read_ptr(t->elf, at + (uint64_t)number * 8, &tree) ? 0 : tree;
	}
	if (!t->has_moduledata || elf_read(t->elf, at + (uint64_t)number * 4, &off, sizeof(off)) ||
	    off == FUNCDATA_NONE)
		return 0;
	return t->moduledata.gofunc + off;
}

/* Index into the inline tree of the innermost call at pc; negative if nothing was inlined. */
static int32_t inline_index(struct pclntab *t, const struct func_record *f, uint64_t pc)
{
	uint32_t table = 0;
	int32_t index = -1;

	if (elf_read(t->elf, f->va + f->size + PCDATA_INL_TREE_INDEX * 4, &table, sizeof(table)) ||
	    pcvalue(t, table, f->entry, pc, &index))
		return -1;
	return index;
}

static bool is_wrapper(const struct pclntab *t, uint8_t func_id)
{
	return t->wrapper_id >= 0 && func_id == t->wrapper_id;
}

/* Frames inlined at *pc; moves *pc out to the place in the physical function. */
static size_t take_inlined(struct pclntab *t, const struct func_record *f, uint64_t *pc,
			   struct goframe *frames, size_t max)
{
	uint64_t tree = inline_tree(t, f);
	size_t n = 0;

	if (!tree)
		return 0;
	for (size_t depth = 0; depth < INLINE_DEPTH_MAX && n < max; depth++) {
		struct inlined call;
		int32_t index = inline_index(t, f, *pc);

		if (index < 0 || inlined_read(t, tree, index, &call))
			break;
		take_place(t, f, *pc, &frames[n]);
		take_name(t, call.name_off, &frames[n]);
		frames[n].is_inlined = true;
		frames[n].is_wrapper = is_wrapper(t, call.func_id);
		n++;
		*pc = f->entry + (uint64_t)(int64_t)call.parent_pc;
	}
	return n;
}

static int record_at(struct pclntab *t, uint64_t pc, struct func_record *ret)
{
	uint64_t i = 0, start = 0, func = 0;
	int err = pclntab_index(t, pc, &i);

	if (!err)
		err = pclntab_entry(t, i, &start, &func);
	return err ? err : pclntab_record(t, func, ret);
}

int pclntab_frames(struct pclntab *t, uint64_t pc, bool is_return, struct goframe *frames,
		   size_t max)
{
	struct func_record f = { 0 };
	size_t n;
	int err;

	if (is_return)
		pc--;
	err = record_at(t, pc, &f);
	if (err)
		return err;
	n = take_inlined(t, &f, &pc, frames, max);
	if (n < max) {
		take_place(t, &f, pc, &frames[n]);
		take_name(t, f.name_off, &frames[n]);
		frames[n].is_inlined = false;
		frames[n].is_wrapper = is_wrapper(t, f.func_id);
		n++;
	}
	return (int)n;
}

int pclntab_sp_delta(struct pclntab *t, uint64_t pc, int32_t *ret)
{
	struct func_record f = { 0 };
	int err = record_at(t, pc, &f);

	return err ? err : pcvalue(t, f.pcsp, f.entry, pc, ret);
}
