/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Go executable in memory made of given machine code: named functions in one text segment with a
 * function table of the oldest form, and a data segment.  What calls what is filled in.
 */
#ifndef GOTIDE_TESTS_CODEIMAGE_H
#define GOTIDE_TESTS_CODEIMAGE_H

#include <assert.h>
#include <elf.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gobin/moduledata.h"
#include "gobin/pclntab.h"

#define CI_BASE	 0x400000ULL
#define CI_TEXT	 0x1000
#define CI_SLOT	 0x100 /* each function has so many bytes, padded with int3 */
#define CI_PCLN	 0x6000
#define CI_NAMES (CI_PCLN + 0x1000)
#define CI_DATA	 0x8000
#define CI_SIZE	 0xa000
#define CI_SHSTR 0x9000

/* funcID of what is called gowrap, to a table that is told of Go 1.15 (runtime/symtab.go) */
#define CI_WRAPPER_ID 22

struct ci_func {
	const char *name;
	const char *code; /* hex; blanks are for the eye; "@NAME;" is a call's or lea's distance to
			     function or "@+OFF;" to data */
};

struct codeimage {
	uint8_t data[CI_SIZE];
	int fd;
	struct elf *elf;
	struct pclntab *tab;
	struct moduledata md;
};

static inline uint64_t ci_va(size_t i)
{
	return CI_BASE + CI_TEXT + CI_SLOT * i;
}

static inline uint64_t ci_data_va(void)
{
	return CI_BASE + CI_DATA;
}

static inline void ci_put(struct codeimage *c, size_t off, uint64_t value, size_t n)
{
	assert(off + n <= sizeof(c->data));
	memcpy(c->data + off, &value, n);
}

static inline uint64_t ci_symbol(const struct ci_func *f, size_t n, const char *name, size_t len)
{
	if (name[0] == '+')
		return ci_data_va() + strtoul(name + 1, NULL, 16);
	for (size_t i = 0; i < n; i++) {
		if (strlen(f[i].name) == len && !memcmp(f[i].name, name, len))
			return ci_va(i);
	}
	assert(!"no such function");
	return 0;
}

static inline unsigned int ci_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static inline void ci_code(struct codeimage *c, const struct ci_func *f, size_t n, size_t i)
{
	size_t at = CI_TEXT + CI_SLOT * i, end = at + CI_SLOT;
	const char *s = f[i].code;

	memset(c->data + at, 0xcc, CI_SLOT);
	while (*s) {
		assert(at + 4 <= end);
		if (*s == '@') {
			size_t len = strcspn(s, ";") - 1;

			ci_put(c, at, ci_symbol(f, n, s + 1, len) - (CI_BASE + at + 4), 4);
			at += 4;
			s += len + 2;
		} else if (*s == ' ') {
			s++;
		} else {
			c->data[at++] = (uint8_t)(ci_digit(s[0]) << 4 | ci_digit(s[1]));
			s += 2;
		}
	}
}

static inline void ci_table(struct codeimage *c, const struct ci_func *f, size_t n)
{
	size_t functab = CI_PCLN + 16, func = functab + 16 * n + 16, name = CI_NAMES;

	ci_put(c, CI_PCLN, 0xfffffffb, 4);
	c->data[CI_PCLN + 6] = 1;
	c->data[CI_PCLN + 7] = 8;
	ci_put(c, CI_PCLN + 8, n, 8);
	for (size_t i = 0; i < n; i++) {
		ci_put(c, functab + 16 * i, ci_va(i), 8);
		ci_put(c, functab + 16 * i + 8, func - CI_PCLN, 8);
		ci_put(c, func, ci_va(i), 8);
		ci_put(c, func + 8, name - CI_PCLN, 4);
		if (strstr(f[i].name, ".gowrap"))
			c->data[func + 36] = CI_WRAPPER_ID;
		func += 48;
		memcpy(c->data + name, f[i].name, strlen(f[i].name) + 1);
		name += strlen(f[i].name) + 1;
	}
	ci_put(c, functab + 16 * n, ci_va(n), 8);
	ci_put(c, functab + 16 * n + 8, CI_NAMES - CI_PCLN, 4);
}

static inline void ci_headers(struct codeimage *c)
{
	static const char names[] = "\0.gopclntab\0.shstrtab";
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = CI_SHSTR + 0x100,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 2,
	};
	Elf64_Phdr ph[2] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_vaddr = CI_BASE,
		  .p_filesz = CI_DATA,
		  .p_memsz = CI_DATA },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_offset = CI_DATA,
		  .p_vaddr = CI_BASE + CI_DATA,
		  .p_filesz = 0x1000,
		  .p_memsz = 0x10000 },
	};
	Elf64_Shdr sh[3] = {
		{ 0 },
		{ .sh_name = 1,
		  .sh_type = SHT_PROGBITS,
		  .sh_addr = CI_BASE + CI_PCLN,
		  .sh_offset = CI_PCLN,
		  .sh_size = CI_DATA - CI_PCLN },
		{ .sh_name = 12,
		  .sh_type = SHT_STRTAB,
		  .sh_offset = CI_SHSTR,
		  .sh_size = sizeof(names) },
	};

	memcpy(c->data, &eh, sizeof(eh));
	memcpy(c->data + sizeof(eh), ph, sizeof(ph));
	memcpy(c->data + CI_SHSTR, names, sizeof(names));
	memcpy(c->data + CI_SHSTR + 0x100, sh, sizeof(sh));
}

static inline void ci_open(struct codeimage *c, const struct ci_func *f, size_t n)
{
	ssize_t written;
	int err;

	for (size_t i = 0; i < n; i++)
		ci_code(c, f, n, i);
	ci_table(c, f, n);
	ci_headers(c);
	c->md = (struct moduledata){
		.noptrdata = ci_data_va(),
		.data = ci_data_va() + 0x100,
		.ebss = ci_data_va() + 0x8000,
		.enoptrbss = ci_data_va() + 0x10000,
	};
	c->fd = memfd_create("codeimage", MFD_CLOEXEC);
	written = write(c->fd, c->data, sizeof(c->data));
	assert(written == (ssize_t)sizeof(c->data));
	err = elf_new(c->fd, &c->elf);
	assert(!err);
	err = pclntab_open(c->elf, NULL, &c->tab);
	assert(!err);
	(void)err;
}

static inline void ci_close(struct codeimage *c)
{
	pclntab_close(c->tab);
	elf_free(c->elf);
	close(c->fd);
}

#endif
