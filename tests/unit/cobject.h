/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small ELF objects of C made in memory: code at address 0x1000 (and file offset), functions that
 * are exported or only in .symtab.
 */
#ifndef GOTIDE_TESTS_COBJECT_H
#define GOTIDE_TESTS_COBJECT_H

#include <assert.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

#define CO_CODE	    0x1000
#define CO_SYMS	    0x2000 /* .dynsym, then .symtab 0x800 later */
#define CO_NAMES    0x3000 /* .dynstr, then .strtab 0x800 later */
#define CO_SECTIONS 0x4000
#define CO_SIZE	    0x5000
#define CO_HALF	    0x800

struct cobject {
	_Alignas(8) uint8_t data[CO_SIZE];
	size_t n[2]; /* symbols: exported, local */
	size_t names[2]; /* bytes of their names */
};

static inline Elf64_Shdr *co_section(struct cobject *o, size_t i)
{
	return (Elf64_Shdr *)(o->data + CO_SECTIONS) + i;
}

static inline void co_init(struct cobject *o)
{
	Elf64_Ehdr *eh = (void *)o->data;
	Elf64_Phdr *ph = (void *)(o->data + sizeof(*eh));

	memset(o, 0, sizeof(*o));
	memset(o->data + CO_CODE, 0xcc, CO_SYMS - CO_CODE);
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_DYN;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 1;
	eh->e_shoff = CO_SECTIONS;
	eh->e_shentsize = sizeof(Elf64_Shdr);
	eh->e_shnum = 6;
	eh->e_shstrndx = 5;
	*ph = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = CO_SIZE, .p_memsz = CO_SIZE
	};
	o->n[0] = o->n[1] = 1; /* the null symbol */
	o->names[0] = o->names[1] = 1;
}

static inline void co_code(struct cobject *o, uint64_t va, const void *code, size_t n)
{
	assert(va >= CO_CODE && va + n <= CO_SYMS);
	memcpy(o->data + va, code, n);
}

static inline void co_symbol(struct cobject *o, bool is_exported, const char *name, uint64_t va,
			     uint64_t size)
{
	size_t half = is_exported ? 0 : 1;
	Elf64_Sym *syms = (void *)(o->data + CO_SYMS + half * CO_HALF);
	char *names = (char *)o->data + CO_NAMES + half * CO_HALF;

	syms[o->n[half]++] = (Elf64_Sym){
		.st_name = (uint32_t)o->names[half],
		.st_info = ELF64_ST_INFO(is_exported ? STB_GLOBAL : STB_LOCAL, STT_FUNC),
		.st_shndx = 1,
		.st_value = va,
		.st_size = size,
	};
	memcpy(names + o->names[half], name, strlen(name) + 1);
	o->names[half] += strlen(name) + 1;
}

/* Writes the section headers; the file is closed by the caller. */
static inline int co_file(struct cobject *o)
{
	static const char names[] = "\0.dynsym\0.dynstr\0.symtab\0.strtab\0.shstrtab";
	static const uint32_t at[] = { 0, 1, 9, 17, 25, 33 };
	int fd = memfd_create("object", MFD_CLOEXEC);

	memcpy(o->data + CO_SECTIONS + 0x800, names, sizeof(names));
	for (size_t half = 0; half < 2; half++) {
		*co_section(o, 1 + 2 * half) = (Elf64_Shdr){
			.sh_name = at[1 + 2 * half],
			.sh_type = half ? SHT_SYMTAB : SHT_DYNSYM,
			.sh_offset = CO_SYMS + half * CO_HALF,
			.sh_size = o->n[half] * sizeof(Elf64_Sym),
		};
		*co_section(o, 2 + 2 * half) = (Elf64_Shdr){
			.sh_name = at[2 + 2 * half],
			.sh_type = SHT_STRTAB,
			.sh_offset = CO_NAMES + half * CO_HALF,
			.sh_size = o->names[half],
		};
	}
	*co_section(o, 5) = (Elf64_Shdr){ .sh_name = at[5],
					  .sh_type = SHT_STRTAB,
					  .sh_offset = CO_SECTIONS + 0x800,
					  .sh_size = sizeof(names) };
	assert(fd >= 0 && pwrite(fd, o->data, CO_SIZE, 0) == CO_SIZE);
	return fd;
}

#endif
