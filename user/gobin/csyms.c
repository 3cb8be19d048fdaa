/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/csyms.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* Symbols read at a time. */
#define BATCH 1024
/* How far from its beginning a function without a size is believed to reach. */
#define REACH_MAX 65536

struct csyms {
	VEC(struct csym) all; /* by address; of equal ones the exported one first */
	char *names[2]; /* owned: .dynstr, .strtab */
};

void csyms_free(struct csyms *s)
{
	if (!s)
		return;
	vec_release(&s->all);
	free(s->names[0]);
	free(s->names[1]);
	free(s);
}

static void csyms_cleanup(struct csyms **s)
{
	csyms_free(*s);
}

/* A table of strings, terminated whatever is in it. */
static int names_read(struct elf *e, const struct elf_section *sec, char **ret, uint64_t *ret_size)
{
	_cleanup_free_ char *names = NULL;
	int err;

	if (sec->type != SHT_STRTAB || sec->size > CSYMS_NAMES_MAX)
		return -EBADMSG;
	names = malloc(sec->size + 1);
	if (!names)
		return -ENOMEM;
	err = elf_read_file(e, sec->file_off, names, sec->size);
	if (err)
		return err;
	names[sec->size] = '\0';
	*ret_size = sec->size;
	*ret = TAKE_PTR(names);
	return 0;
}

static bool is_function(const Elf64_Sym *sym, uint64_t names_size)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF &&
	       sym->st_value && sym->st_name && sym->st_name < names_size;
}

static int take_symbols(struct csyms *s, const Elf64_Sym *syms, size_t n, const char *names,
			uint64_t names_size, bool is_dynamic)
{
	int err = 0;

	for (size_t i = 0; i < n && !err && s->all.n < CSYMS_MAX; i++) {
		struct csym c = {
			.va = syms[i].st_value,
			.size = syms[i].st_size,
			.is_exported = is_dynamic && ELF64_ST_BIND(syms[i].st_info) != STB_LOCAL &&
				       ELF64_ST_TYPE(syms[i].st_info) == STT_FUNC,
		};

		if (!is_function(&syms[i], names_size))
			continue;
		c.name = names + syms[i].st_name;
		if (*c.name)
			err = vec_push(&s->all, c);
	}
	return err;
}

static int table_read(struct elf *e, struct csyms *s, const char *table, const char *strings,
		      size_t no)
{
	const struct elf_section *sec = elf_section(e, table), *str = elf_section(e, strings);
	_cleanup_free_ Elf64_Sym *buf = NULL;
	uint64_t names_size = 0;
	int err;

	if (!sec || !str || (sec->type != SHT_DYNSYM && sec->type != SHT_SYMTAB))
		return 0;
	err = names_read(e, str, &s->names[no], &names_size);
	if (err)
		return err == -ENOMEM ? err : 0;
	buf = reallocarray(NULL, BATCH, sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	for (uint64_t done = 0, n = MIN(sec->size / sizeof(*buf), (uint64_t)CSYMS_MAX); done < n;) {
		size_t k = MIN(n - done, (uint64_t)BATCH);

		err = elf_read_file(e, sec->file_off + done * sizeof(*buf), buf, k * sizeof(*buf));
		if (!err)
			err = take_symbols(s, buf, k, s->names[no], names_size, no == 0);
		if (err)
			return err;
		done += k;
	}
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct csym *a = pa, *b = pb;

	if (a->va != b->va)
		return a->va < b->va ? -1 : 1;
	if (a->is_exported != b->is_exported)
		return a->is_exported ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return strcmp(a->name, b->name);
}

int csyms_read(struct elf *e, struct csyms **ret)
{
	_cleanup_(csyms_cleanup) struct csyms *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = table_read(e, s, ".dynsym", ".dynstr", 0);
	if (!err)
		err = table_read(e, s, ".symtab", ".strtab", 1);
	if (err)
		return err;
	if (s->all.n)
		qsort(s->all.items, s->all.n, sizeof(*s->all.items), compare);
	*ret = TAKE_PTR(s);
	return 0;
}

size_t csyms_count(const struct csyms *s)
{
	return s->all.n;
}

const struct csym *csyms_find(const struct csyms *s, const char *name)
{
	const struct csym *found = NULL;

	vec_for_each (&s->all, c) {
		if (!strcmp(c->name, name) && (!found || c->is_exported > found->is_exported))
			found = c;
	}
	return found;
}

/* Index of the first that begins past va. */
static size_t past(const struct csyms *s, uint64_t va)
{
	size_t lo = 0, hi = s->all.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->all.items[mid].va <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct csym *csyms_at(const struct csyms *s, uint64_t va)
{
	size_t n = past(s, va);
	const struct csym *c;

	if (!n)
		return NULL;
	c = &s->all.items[n - 1];
	/* Of several at one address the first is the best. */
	while (c > s->all.items && c[-1].va == c->va)
		c--;
	return va - c->va < (c->size ? c->size : REACH_MAX) ? c : NULL;
}

uint64_t csyms_next(const struct csyms *s, uint64_t va)
{
	size_t n = past(s, va);

	return n < s->all.n ? s->all.items[n].va : UINT64_MAX;
}
