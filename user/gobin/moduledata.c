/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/moduledata.h"

#include "gobin/pclntab_priv.h"

/* A table has one module; a file in which so many words look like its start is forged. */
#define MODULEDATA_CANDIDATES_MAX 64

/*
 * Offsets in runtime.moduledata.  Up to Go 1.15 it begins with the slices pclntable, ftab and
 * filetab; from 1.16 on with pcHeader and the slices funcnametab, cutab, filetab, pctab, pclntable
 * and ftab.  The words from findfunctab to enoptrbss are the same in all, one after the other.
 */
enum {
	MD_1_2_FTAB = 24,
	MD_1_2_FINDFUNCTAB = 72,
	MD_1_16_FTAB = 128,
	MD_1_16_FINDFUNCTAB = 152,
};

/* Words after findfunctab. */
enum {
	MD_MINPC = 1,
	MD_MAXPC,
	MD_TEXT,
	MD_ETEXT,
	MD_NOPTRDATA,
	MD_ENOPTRDATA,
	MD_DATA,
	MD_EDATA,
	MD_BSS,
	MD_EBSS,
	MD_NOPTRBSS,
	MD_ENOPTRBSS,
	MD_WORDS,
};

/*
 * Where gofunc is: 304 in 1.18 and 1.19; 320 in 1.20 to 1.26 (covctrs and ecovctrs came before
 * it); 344 in 1.27 (typedesclen, itaboffset and itabsize too).  The last two share a pclntab
 * version, so they are told apart by the word after types: etypes, an address above types, or
 * typedesclen, a length.
 */
enum {
	MD_1_18_GOFUNC = 304,
	MD_1_20_TYPES = 296,
	MD_1_20_GOFUNC = 320,
	MD_1_27_GOFUNC = 344,
};

struct search {
	struct elf *elf;
	const struct pclntab *table;
	size_t candidates;
	bool is_found;
	struct moduledata result;
};

static int find_gofunc(struct elf *e, enum pclntab_version version, uint64_t va, uint64_t *ret)
{
	uint64_t types = 0, next = 0;
	uint64_t at = MD_1_18_GOFUNC;
	int err;

	if (version < PCLNTAB_1_18)
		return 0;
	if (version == PCLNTAB_1_20) {
		err = elf_read_ptr(e, va + MD_1_20_TYPES, &types);
		if (!err)
			err = elf_read_ptr(e, va + MD_1_20_TYPES + 8, &next);
		if (err)
			return err;
		at = next >= types ? MD_1_20_GOFUNC : MD_1_27_GOFUNC;
	}
	return elf_read_ptr(e, va + at, ret);
}

static bool ranges_ok(const struct moduledata *m)
{
	return m->text < m->etext && m->noptrdata <= m->enoptrdata && m->data <= m->edata &&
	       m->bss <= m->ebss && m->noptrbss <= m->enoptrbss && m->data;
}

/* The ftab slice of the module must be the table's own, with its sentinel. */
static bool ftab_ok(const struct search *s, uint64_t slice)
{
	uint64_t ptr = 0, len = 0;

	return !elf_read_ptr(s->elf, slice, &ptr) && !elf_read(s->elf, slice + 8, &len, 8) &&
	       ptr == s->table->functab && len == s->table->functions + 1;
}

static bool try_module(uint64_t va, void *arg)
{
	struct search *s = arg;
	bool is_old = s->table->version == PCLNTAB_1_2;
	uint64_t words = va + (is_old ? MD_1_2_FINDFUNCTAB : MD_1_16_FINDFUNCTAB);
	uint64_t w[MD_WORDS] = { 0 };
	struct moduledata m = { .va = va };

	if (++s->candidates > MODULEDATA_CANDIDATES_MAX)
		return true;
	if (!ftab_ok(s, va + (is_old ? MD_1_2_FTAB : MD_1_16_FTAB)))
		return false;
	for (size_t i = 1; i < MD_WORDS; i++) {
		if (elf_read_ptr(s->elf, words + 8 * i, &w[i]))
			return false;
	}
	m.text = w[MD_TEXT], m.etext = w[MD_ETEXT];
	m.noptrdata = w[MD_NOPTRDATA], m.enoptrdata = w[MD_ENOPTRDATA];
	m.data = w[MD_DATA], m.edata = w[MD_EDATA];
	m.bss = w[MD_BSS], m.ebss = w[MD_EBSS];
	m.noptrbss = w[MD_NOPTRBSS], m.enoptrbss = w[MD_ENOPTRBSS];
	if (!ranges_ok(&m) || w[MD_MINPC] >= w[MD_MAXPC] || w[MD_MINPC] < m.text ||
	    find_gofunc(s->elf, s->table->version, va, &m.gofunc))
		return false;
	s->result = m;
	s->is_found = true;
	return true;
}

int moduledata_find(struct elf *e, const struct pclntab *t, struct moduledata *ret)
{
	struct search s = { .elf = e, .table = t };
	int err = elf_find_ptr(e, t->va, try_module, &s);

	if (err)
		return err;
	if (!s.is_found)
		return -ENOENT;
	*ret = s.result;
	return 0;
}
