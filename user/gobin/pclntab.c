/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/pclntab.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "gobin/pclntab_priv.h"

/* Functions of a candidate that are looked at before it is believed. */
#define CHECK_FUNCTIONS 64
/* Words that look like a header; each costs one more look. */
#define CANDIDATES_MAX 256
/* Tables that pass all checks but belong to no module; each costs a pass over the data. */
#define ORPHANS_MAX 8
/* Offsets in the table are 32 bits wide; no real one comes near. */
#define TABLE_BYTES_MAX (2UL << 30)

#define SCAN_BYTES (256UL * 1024)
#define SCAN_MAX   (512UL << 20)

/* internal/abi/symtab.go, PCLnTabMagic; up to Go 1.19 cmd/link/internal/ld/pcln.go. */
static const struct {
	uint32_t magic;
	enum pclntab_version version;
} magics[] = {
	{ 0xfffffffb, PCLNTAB_1_2 },
	{ 0xfffffffa, PCLNTAB_1_16 },
	{ 0xfffffff0, PCLNTAB_1_18 },
	{ 0xfffffff1, PCLNTAB_1_20 },
};

/*
 * FuncIDWrapper, the last of an enumeration that grows in the middle (runtime/symtab.go,
 * internal/abi/symtab.go), read from the sources of 1.15, 1.19 and 1.21 to 1.27; 1.20 lies between
 * two that agree.  Other versions: unknown.
 */
static const struct {
	uint16_t minor_from, minor_to;
	int id;
} wrapper_ids[] = {
	{ 15, 15, 22 },
	{ 19, 21, 21 },
	{ 22, 24, 22 },
	{ 25, 27, 23 },
};

static int wrapper_id_of(const struct goversion *v)
{
	for (size_t i = 0; v && v->major == 1 && i < ARRAY_SIZE(wrapper_ids); i++) {
		if (v->minor >= wrapper_ids[i].minor_from && v->minor <= wrapper_ids[i].minor_to)
			return wrapper_ids[i].id;
	}
	return -1;
}

/* ---- header ---- */

/* The first 8 bytes: magic, two zeroes, quantum, pointer size. */
static bool parse_magic(uint64_t word, enum elf_machine machine, struct pclntab *t)
{
	uint8_t quantum = word >> 48;

	if ((word >> 32 & 0xffff) || word >> 56 != 8)
		return false;
	if (quantum != (machine == ELF_MACHINE_AMD64 ? 1 : 4))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if ((uint32_t)word == magics[i].magic) {
			t->version = magics[i].version;
			t->quantum = quantum;
			return true;
		}
	}
	return false;
}

/* magic, functab length, functab; all offsets count from the table's start. */
static int parse_header_1_2(struct pclntab *t)
{
	uint32_t files_off = 0;
	int err;

	t->functab = t->va + 16;
	t->funcs = t->names = t->pctab = t->cutab = t->va;
	err = elf_read(t->elf, t->functab + t->functions * 16 + 8, &files_off, 4);
	if (err)
		return err;
	t->filetab = t->va + files_off;
	return 0;
}

/*
 * Words after the magic: functions, files, [from 1.18 textStart], then the offsets of function
 * names, compilation units, files, pc values, and functab, in which order they lie in the file.
 */
static int parse_header_1_16(struct pclntab *t)
{
	size_t first = t->version == PCLNTAB_1_16 ? 2 : 3;
	uint64_t w[8] = { 0 };
	int err = elf_read(t->elf, t->va + 8, w, (first + 5) * sizeof(w[0]));

	if (err)
		return err;
	if (w[first] < 8 * (first + 6))
		return -EBADMSG;
	for (size_t i = first; i < first + 4; i++) {
		if (w[i] > w[i + 1] || w[i + 1] > TABLE_BYTES_MAX)
			return -EBADMSG;
	}
	t->names = t->va + w[first];
	t->names_size = w[first + 1] - w[first];
	t->cutab = t->va + w[first + 1];
	t->filetab = t->va + w[first + 2];
	t->pctab = t->va + w[first + 3];
	t->functab = t->funcs = t->va + w[first + 4];
	/* A relocated word in a PIE; 0 from 1.26 on. */
	return first == 3 ? elf_read_ptr(t->elf, t->va + 24, &t->text) : 0;
}

static int parse_header(struct pclntab *t)
{
	uint64_t top;
	int err = elf_read(t->elf, t->va + 8, &t->functions, sizeof(t->functions));

	if (err)
		return err;
	if (!t->functions || t->functions > PCLNTAB_FUNCTIONS_MAX ||
	    __builtin_add_overflow(t->va, TABLE_BYTES_MAX, &top))
		return -EBADMSG;
	return t->version == PCLNTAB_1_2 ? parse_header_1_2(t) : parse_header_1_16(t);
}

/* ---- one function ---- */

int pclntab_entry(struct pclntab *t, uint64_t i, uint64_t *ret_pc, uint64_t *ret_func)
{
	bool is_last = i >= t->functions;
	uint64_t off = 0;
	int err;

	if (t->version >= PCLNTAB_1_18) {
		uint32_t w[2] = { 0 };

		err = elf_read(t->elf, t->functab + i * 8, w, is_last ? 4 : 8);
		if (err)
			return err;
		*ret_pc = t->text + w[0];
		off = w[1];
	} else {
		err = elf_read_ptr(t->elf, t->functab + i * 16, ret_pc);
		if (!err && !is_last)
			err = elf_read(t->elf, t->functab + i * 16 + 8, &off, 8);
		if (err)
			return err;
	}
	if (off > TABLE_BYTES_MAX)
		return -EBADMSG;
	*ret_func = is_last ? 0 : t->funcs + off;
	return 0;
}

static int record_entry(struct pclntab *t, uint64_t func_va, uint64_t *ret)
{
	uint32_t off = 0;
	int err;

	if (t->version < PCLNTAB_1_18)
		return elf_read_ptr(t->elf, func_va, ret);
	err = elf_read(t->elf, func_va, &off, sizeof(off));
	if (!err)
		*ret = t->text + off;
	return err;
}

int pclntab_name_off(struct pclntab *t, uint64_t func_va, int32_t *ret)
{
	return elf_read(t->elf, func_va + (t->version >= PCLNTAB_1_18 ? 4 : 8), ret, sizeof(*ret));
}

/*
 * entry (8 bytes up to 1.17, then 4), then 32-bit words: nameOff, args, deferreturn, pcsp, pcfile,
 * pcln, npcdata, [from 1.16 cuOffset], [from 1.20 startLine]; then the bytes funcID, flag, unused,
 * nfuncdata.
 */
int pclntab_record(struct pclntab *t, uint64_t func_va, struct func_record *ret)
{
	size_t entry_size = t->version >= PCLNTAB_1_18 ? 4 : 8;
	size_t n = t->version >= PCLNTAB_1_20 ? 9 : t->version >= PCLNTAB_1_16 ? 8 : 7;
	uint32_t w[10] = { 0 };
	int err = elf_read(t->elf, func_va + entry_size, w, (n + 1) * 4);

	if (!err)
		err = record_entry(t, func_va, &ret->entry);
	if (err)
		return err;
	ret->va = func_va;
	ret->name_off = (int32_t)w[0];
	ret->pcsp = w[3];
	ret->pcfile = w[4];
	ret->pcln = w[5];
	ret->n_pcdata = w[6];
	ret->cu_off = t->version >= PCLNTAB_1_16 ? w[7] : 0;
	ret->func_id = w[n] & 0xff;
	ret->n_funcdata = w[n] >> 24;
	ret->size = entry_size + (n + 1) * 4;
	return 0;
}

int pclntab_string(struct pclntab *t, uint64_t va, char *buf, size_t size)
{
	/* Most names are short, and the string may end close to the end of its segment. */
	for (size_t done = 0; done + 1 < size;) {
		size_t n = MIN(size - 1 - done, (size_t)64);
		int err = elf_read(t->elf, va + done, buf + done, n);

		if (err) {
			n = 1;
			err = elf_read(t->elf, va + done, buf + done, n);
		}
		if (err)
			return err;
		char *nul = memchr(buf + done, '\0', n);

		if (nul)
			return (int)(nul - buf);
		done += n;
	}
	buf[size - 1] = '\0';
	return (int)size - 1;
}

/* ---- is it one? ---- */

static bool name_is_plausible(struct pclntab *t, uint64_t func_va)
{
	char name[32];
	int32_t off = 0;

	if (pclntab_name_off(t, func_va, &off) || off < 0 ||
	    (t->names_size && (uint64_t)off >= t->names_size))
		return false;
	int n = pclntab_string(t, t->names + (uint64_t)off, name, sizeof(name));

	for (int i = 0; i < n; i++) {
		if ((unsigned char)name[i] < 0x20)
			return false;
	}
	return n > 0;
}

/* The entry's pc must lie below the next one's, and its _func must name the same pc. */
static bool function_is_plausible(struct pclntab *t, uint64_t i)
{
	uint64_t pc = 0, func = 0, next = 0, entry = 0, ignored;

	if (pclntab_entry(t, i, &pc, &func) || pclntab_entry(t, i + 1, &next, &ignored))
		return false;
	return pc < next && !record_entry(t, func, &entry) && entry == pc &&
	       name_is_plausible(t, func);
}

static bool functions_are_plausible(struct pclntab *t)
{
	uint64_t ignored;

	for (uint64_t i = 0; i < t->functions && i < CHECK_FUNCTIONS; i++) {
		if (!function_is_plausible(t, i))
			return false;
	}
	return function_is_plausible(t, t->functions / 2) &&
	       function_is_plausible(t, t->functions - 1) &&
	       !pclntab_entry(t, t->functions, &t->end, &ignored);
}

/*
 * 0: a table with its module; -ENODATA: a table without it that has no base for its pcs; -ENOENT:
 * without it, but usable; -EBADMSG and others: no table.
 */
static int table_check(struct pclntab *t)
{
	uint64_t ignored;
	int err = parse_header(t);

	if (err)
		return err;
	if (!functions_are_plausible(t))
		return -EBADMSG;
	err = moduledata_find(t->elf, t, &t->moduledata);
	if (err)
		return err != -ENOENT				? err
		       : t->version >= PCLNTAB_1_18 && !t->text ? -ENODATA
								: -ENOENT;
	t->has_moduledata = true;
	if (t->version >= PCLNTAB_1_18)
		t->text = t->moduledata.text;
	return pclntab_entry(t, t->functions, &t->end, &ignored);
}

/* ---- where is it? ---- */

struct locate {
	struct elf *elf;
	struct pclntab best; /* version is PCLNTAB_NONE until there is one */
	int state; /* as table_check(): 0, -ENOENT (usable) or -ENODATA once there is one */
	size_t candidates, orphans;
};

/* True when the search is over. */
static bool try_table(struct locate *l, uint64_t va, uint64_t word, const char *from)
{
	struct pclntab t = { .elf = l->elf, .va = va, .from = from };
	int err;

	if (!parse_magic(word, elf_machine(l->elf), &t))
		return false;
	if (++l->candidates > CANDIDATES_MAX)
		return true;
	err = table_check(&t);
	if (err && err != -ENOENT && err != -ENODATA)
		return false;
	if (l->best.version == PCLNTAB_NONE || !err || (l->state == -ENODATA && err == -ENOENT)) {
		l->best = t;
		l->state = err;
	}
	return !err || ++l->orphans >= ORPHANS_MAX;
}

static bool try_sections(struct locate *l)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct elf_section *s = elf_section(l->elf, names[i]);
		uint64_t word = 0;

		if (s && !elf_read(l->elf, s->va, &word, sizeof(word)) &&
		    try_table(l, s->va, word, names[i]))
			return true;
	}
	return false;
}

static bool is_magic(uint64_t word)
{
	/* One compare for most words: all magics are 0xffffffXX. */
	return (word & 0xffffffffff00) == 0xffffff00;
}

static int try_segment(struct locate *l, const struct elf_segment *s, uint64_t *words,
		       uint64_t *budget, bool *ret_done)
{
	for (uint64_t done = -s->va & 7; done < s->file_size && s->file_size - done >= 8;) {
		size_t n = MIN(s->file_size - done, SCAN_BYTES) / 8;
		int err;

		if (*budget < n * 8)
			return 0;
		*budget -= n * 8;
		err = elf_read(l->elf, s->va + done, words, n * 8);
		if (err)
			return err;
		for (size_t i = 0; i < n; i++) {
			if (is_magic(words[i]) &&
			    try_table(l, s->va + done + 8 * i, words[i], "magic")) {
				*ret_done = true;
				return 0;
			}
		}
		done += n * 8;
	}
	return 0;
}

static int try_segments(struct locate *l)
{
	_cleanup_free_ uint64_t *words = malloc(SCAN_BYTES);
	const struct elf_segment *s;
	size_t n = elf_segments(l->elf, &s);
	uint64_t budget = SCAN_MAX;
	bool done = false;
	int err = 0;

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < n && !done && !err; i++)
		err = try_segment(l, &s[i], words, &budget, &done);
	return err;
}

int pclntab_open(struct elf *e, const struct goversion *v, struct pclntab **ret)
{
	struct locate l = { .elf = e };
	struct pclntab *t;
	int err = 0;

	if (!try_sections(&l))
		err = try_segments(&l);
	if (err)
		return err;
	if (l.best.version == PCLNTAB_NONE)
		return -ENOENT;
	if (l.state == -ENODATA)
		return -ENODATA;
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = l.best;
	pclntab_set_version(t, v);
	*ret = t;
	return 0;
}

void pclntab_set_version(struct pclntab *t, const struct goversion *v)
{
	t->wrapper_id = wrapper_id_of(v);
}

void pclntab_close(struct pclntab *t)
{
	if (!t)
		return;
	vec_release(&t->runtime);
	free(t);
}

const struct moduledata *pclntab_moduledata(const struct pclntab *t)
{
	return t->has_moduledata ? &t->moduledata : NULL;
}

const char *pclntab_from(const struct pclntab *t)
{
	return t->from;
}

enum pclntab_version pclntab_version(const struct pclntab *t)
{
	return t->version;
}

uint64_t pclntab_va(const struct pclntab *t)
{
	return t->va;
}

size_t pclntab_functions(const struct pclntab *t)
{
	return t->functions;
}

/* ---- function at a pc ---- */

int pclntab_index(struct pclntab *t, uint64_t pc, uint64_t *ret)
{
	uint64_t lo = 0, hi = t->functions; /* entry lo <= pc < entry hi */
	uint64_t at = 0, func;
	int err = pclntab_entry(t, 0, &at, &func);

	if (err)
		return err;
	if (pc < at || pc >= t->end)
		return -ENOENT;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		err = pclntab_entry(t, mid, &at, &func);
		if (err)
			return err;
		if (at <= pc)
			lo = mid;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

int pclntab_func_at(struct pclntab *t, uint64_t pc, struct gofunc *ret, char *name,
		    size_t name_size)
{
	uint64_t i = 0, start = 0, next = 0, func = 0, ignored;
	char raw[PCLNTAB_NAME_MAX] = "";
	int32_t off = 0;
	int err = pclntab_index(t, pc, &i);

	if (!err)
		err = pclntab_entry(t, i, &start, &func);
	if (!err)
		err = pclntab_entry(t, i + 1, &next, &ignored);
	if (!err && next <= start)
		err = -EBADMSG;
	if (!err && name)
		err = pclntab_name_off(t, func, &off);
	if (!err && name && off >= 0)
		err = MIN(0, pclntab_string(t, t->names + (uint64_t)off, raw, sizeof(raw)));
	if (err)
		return err;
	if (name)
		(void)text_scrub(name, name_size, raw, sizeof(raw)); /* cut where it is full */
	*ret = (struct gofunc){ .va = start, .size = next - start };
	return 0;
}
