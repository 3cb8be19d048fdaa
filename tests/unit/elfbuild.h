/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small Go executables made in memory, of every function table version, so that tests know each
 * byte.  A file offset is the address minus the base; the three load segments are
 *
 *   0x0000 headers and text   (r-x)
 *   0x2000 strings and tables (r--)
 *   0x4000 data, bss to 0x6000 (rw-)
 *
 * The program has five functions; main.main has main.inl inlined at [0x10,0x20), and into that
 * main.deep at [0x14,0x18).
 */
#ifndef GOTIDE_TESTS_ELFBUILD_H
#define GOTIDE_TESTS_ELFBUILD_H

#include <assert.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "gobin/pclntab.h"

#define EB_BASE	     0x400000ULL
#define EB_TEXT	     0x1000
#define EB_RO	     0x2000
#define EB_RW	     0x4000
#define EB_RW_END    0x5000 /* end of the file's part */
#define EB_BSS_END   0x6000
#define EB_SECTIONS  0x5000
#define EB_SIZE	     0x6000
#define EB_PCLN	     0x2400
#define EB_GOFUNC    0x2200
#define EB_VERSION   0x2100 /* the version string, among others */
#define EB_DECOY     0x2300 /* a function table header in random data */
#define EB_BUILDINFO 0x4000
#define EB_STRINGS   0x4200 /* string headers of the pointer form */
#define EB_MODULE    0x4400
#define EB_BUILDVER  0x4300 /* runtime.buildVersion */
#define EB_RELA	     0x3000
#define EB_DYN	     0x3c00

#define EB_MAIN (EB_TEXT + 0x20)

struct elfbuild {
	/* What to make. */
	enum pclntab_version version;
	uint16_t machine;
	const char *go; /* "go1.22.12" */
	bool is_pie;
	bool has_sections;
	bool has_buildinfo, has_pointer_buildinfo;
	bool has_version_string;
	bool has_zero_text_start; /* 1.26 on */
	bool has_moduledata, is_1_27;
	bool has_decoy;

	_Alignas(8) uint8_t data[EB_SIZE];
	size_t rela; /* bytes of relocations so far */
	size_t at; /* where eb_emit() writes */
};

static const struct {
	const char *name;
	uint32_t off, size;
} eb_functions[] = {
	{ "runtime.first", 0x00, 0x20 },
	{ "main.main", 0x20, 0x40 },
	{ "main.dup", 0x60, 0x10 },
	{ "main.dup", 0x70, 0x30 },
	{ "main.F[go.shape.int]", 0xa0, 0x60 },
};

#define EB_FUNCTIONS ARRAY_SIZE(eb_functions)
#define EB_TEXT_SIZE 0x100

/* Names in the order of the name table. */
static const char *const eb_names[] = { "runtime.first",	"main.main", "main.dup",
					"main.F[go.shape.int]", "main.inl",  "main.deep" };
static const char *const eb_files[] = { "/src/a.go", "/src/b.go" };

static inline uint64_t eb_va(const struct elfbuild *b, uint64_t off)
{
	return (b->is_pie ? 0 : EB_BASE) + off;
}

static inline void eb_put(struct elfbuild *b, size_t off, const void *p, size_t n)
{
	assert(off + n <= sizeof(b->data));
	memcpy(b->data + off, p, n);
}

static inline void eb_put32(struct elfbuild *b, size_t off, uint32_t v)
{
	eb_put(b, off, &v, sizeof(v));
}

static inline void eb_put64(struct elfbuild *b, size_t off, uint64_t v)
{
	eb_put(b, off, &v, sizeof(v));
}

/* A pointer to a file offset: in a PIE a relocation, and nothing in the file. */
static inline void eb_ptr(struct elfbuild *b, size_t off, uint64_t to)
{
	Elf64_Rela r = { .r_offset = off, .r_addend = (int64_t)to };

	if (!b->is_pie) {
		eb_put64(b, off, EB_BASE + to);
		return;
	}
	r.r_info = b->machine == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	assert(EB_RELA + b->rela + sizeof(r) <= EB_DYN);
	eb_put(b, EB_RELA + b->rela, &r, sizeof(r));
	b->rela += sizeof(r);
}

static inline void eb_emit(struct elfbuild *b, const void *p, size_t n)
{
	eb_put(b, b->at, p, n);
	b->at += n;
}

static inline void eb_emit32(struct elfbuild *b, uint32_t v)
{
	eb_emit(b, &v, sizeof(v));
}

static inline void eb_varint(struct elfbuild *b, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		eb_emit(b, &(uint8_t){ (uint8_t)(v | 0x80) }, 1);
	eb_emit(b, &(uint8_t){ (uint8_t)v }, 1);
}

struct eb_run {
	uint32_t pc; /* where the run ends, from the function's entry */
	int32_t value;
};

/* A pc value table; returns its offset from pctab. */
static inline uint32_t eb_pcvalue(struct elfbuild *b, size_t pctab, const struct eb_run *runs)
{
	uint32_t quantum = b->machine == EM_AARCH64 ? 4 : 1;
	uint32_t off = (uint32_t)(b->at - pctab), pc = 0;
	int32_t value = -1;

	for (size_t i = 0; runs[i].pc; i++) {
		int32_t d = runs[i].value - value;

		eb_varint(b, d < 0 ? (uint32_t)~d << 1 | 1 : (uint32_t)d << 1);
		eb_varint(b, (runs[i].pc - pc) / quantum);
		pc = runs[i].pc;
		value = runs[i].value;
	}
	eb_varint(b, 0);
	return off;
}

struct eb_tables {
	uint32_t names[ARRAY_SIZE(eb_names)];
	uint32_t pcsp, file_a, file_b, line, line_main, inl;
};

static inline uint32_t eb_name(const struct eb_tables *t, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(eb_names); i++) {
		if (!strcmp(eb_names[i], name))
			return t->names[i];
	}
	assert(!"unknown name");
	return 0;
}

static inline void eb_emit_names(struct elfbuild *b, size_t base, struct eb_tables *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(eb_names); i++) {
		t->names[i] = (uint32_t)(b->at - base);
		eb_emit(b, eb_names[i], strlen(eb_names[i]) + 1);
	}
}

static inline void eb_emit_pctab(struct elfbuild *b, size_t base, struct eb_tables *t)
{
	eb_emit(b, "", 1); /* offset 0 means that there is no table */
	t->pcsp = eb_pcvalue(b, base, (struct eb_run[]){ { 4, 8 }, { 0x60, 32 }, { 0, 0 } });
	t->file_a = eb_pcvalue(b, base, (struct eb_run[]){ { 0x60, 0 }, { 0, 0 } });
	t->file_b = eb_pcvalue(
		b, base, (struct eb_run[]){ { 0x10, 0 }, { 0x20, 1 }, { 0x40, 0 }, { 0, 0 } });
	t->line = eb_pcvalue(b, base, (struct eb_run[]){ { 0x60, 7 }, { 0, 0 } });
	t->line_main = eb_pcvalue(b, base,
				  (struct eb_run[]){ { 8, 10 },
						     { 0x10, 11 },
						     { 0x14, 200 },
						     { 0x18, 300 },
						     { 0x20, 201 },
						     { 0x40, 12 },
						     { 0, 0 } });
	t->inl = eb_pcvalue(b, base,
			    (struct eb_run[]){ { 0x10, -1 },
					       { 0x14, 0 },
					       { 0x18, 1 },
					       { 0x20, 0 },
					       { 0x40, -1 },
					       { 0, 0 } });
}

/* Entries of the inline tree: main.inl called from 0x8, main.deep called from 0x10. */
static inline void eb_inline_tree(struct elfbuild *b, const struct eb_tables *t)
{
	static const struct {
		const char *name;
		uint32_t parent_pc;
		uint8_t func_id;
	} calls[] = { { "main.inl", 0x8, 0 }, { "main.deep", 0x10, 22 } };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		uint32_t name = eb_name(t, calls[i].name);

		if (b->version >= PCLNTAB_1_20) {
			eb_put32(b, EB_GOFUNC + 16 * i, calls[i].func_id);
			eb_put32(b, EB_GOFUNC + 16 * i + 4, name);
			eb_put32(b, EB_GOFUNC + 16 * i + 8, calls[i].parent_pc);
		} else {
			eb_put32(b, EB_GOFUNC + 20 * i, (uint32_t)calls[i].func_id << 16);
			eb_put32(b, EB_GOFUNC + 20 * i + 12, name);
			eb_put32(b, EB_GOFUNC + 20 * i + 16, calls[i].parent_pc);
		}
	}
}

/* One _func with its pcdata and funcdata; returns its file offset. */
static inline size_t eb_emit_func(struct elfbuild *b, const struct eb_tables *t, size_t i)
{
	bool is_main = i == 1, is_old = b->version < PCLNTAB_1_18;
	uint32_t n_funcdata = b->version == PCLNTAB_1_2 ? 5 : 4;
	size_t start;

	b->at = (b->at + 7) & ~7UL;
	start = b->at;
	if (is_old) {
		eb_ptr(b, b->at, EB_TEXT + eb_functions[i].off);
		b->at += 8;
	} else {
		eb_emit32(b, eb_functions[i].off);
	}
	eb_emit32(b, eb_name(t, eb_functions[i].name));
	eb_emit32(b, 0); /* args */
	eb_emit32(b, 0); /* deferreturn */
	eb_emit32(b, t->pcsp);
	eb_emit32(b, is_main ? t->file_b : t->file_a);
	eb_emit32(b, is_main ? t->line_main : t->line);
	eb_emit32(b, is_main ? 3 : 0); /* npcdata */
	if (b->version >= PCLNTAB_1_16)
		eb_emit32(b, 0); /* cuOffset */
	if (b->version >= PCLNTAB_1_20)
		eb_emit32(b, 5); /* startLine */
	eb_emit32(b, is_main ? n_funcdata << 24 : 0);
	if (!is_main)
		return start;
	eb_emit32(b, 0);
	eb_emit32(b, 0);
	eb_emit32(b, t->inl);
	if (is_old)
		b->at = (b->at + 7) & ~7UL;
	for (uint32_t k = 0; k + 1 < n_funcdata; k++)
		eb_emit(b, "\xff\xff\xff\xff\xff\xff\xff\xff", is_old ? 8 : 4);
	if (is_old) {
		eb_ptr(b, b->at, EB_GOFUNC);
		b->at += 8;
	} else {
		eb_emit32(b, 0);
	}
	return start;
}

/* The functab at off, whose offsets count from base. */
static inline void eb_functab(struct elfbuild *b, const struct eb_tables *t, size_t off,
			      size_t base)
{
	bool is_old = b->version < PCLNTAB_1_18;
	size_t width = is_old ? 16 : 8;

	b->at = off + (EB_FUNCTIONS + 1) * width;
	for (size_t i = 0; i < EB_FUNCTIONS; i++) {
		size_t func = eb_emit_func(b, t, i) - base;

		if (is_old) {
			eb_ptr(b, off + i * width, EB_TEXT + eb_functions[i].off);
			eb_put64(b, off + i * width + 8, func);
		} else {
			eb_put32(b, off + i * width, eb_functions[i].off);
			eb_put32(b, off + i * width + 4, (uint32_t)func);
		}
	}
	if (is_old)
		eb_ptr(b, off + EB_FUNCTIONS * width, EB_TEXT + EB_TEXT_SIZE);
	else
		eb_put32(b, off + EB_FUNCTIONS * width, EB_TEXT_SIZE);
}

static inline uint32_t eb_magic(enum pclntab_version v)
{
	return v == PCLNTAB_1_2	   ? 0xfffffffb
	       : v == PCLNTAB_1_16 ? 0xfffffffa
	       : v == PCLNTAB_1_18 ? 0xfffffff0
				   : 0xfffffff1;
}

static inline void eb_header(struct elfbuild *b, size_t off)
{
	eb_put32(b, off, eb_magic(b->version));
	b->data[off + 6] = b->machine == EM_AARCH64 ? 4 : 1;
	b->data[off + 7] = 8;
	eb_put64(b, off + 8, EB_FUNCTIONS);
}

/* Names, files and pc values lie behind the functab's space, at fixed places. */
static inline size_t eb_pclntab_1_2(struct elfbuild *b)
{
	struct eb_tables t;
	size_t functab = EB_PCLN + 16, files = EB_PCLN + 0x500;

	eb_header(b, EB_PCLN);
	b->at = EB_PCLN + 0x600;
	eb_emit_names(b, EB_PCLN, &t);
	for (size_t i = 0; i < ARRAY_SIZE(eb_files); i++) {
		eb_put32(b, files + 4 * i, (uint32_t)(b->at - EB_PCLN));
		eb_emit(b, eb_files[i], strlen(eb_files[i]) + 1);
	}
	eb_emit_pctab(b, EB_PCLN, &t);
	eb_inline_tree(b, &t);
	eb_functab(b, &t, functab, EB_PCLN);
	eb_put32(b, functab + EB_FUNCTIONS * 16 + 8, (uint32_t)(files - EB_PCLN));
	return functab;
}

static inline size_t eb_pclntab_1_16(struct elfbuild *b)
{
	struct eb_tables t;
	size_t first = b->version == PCLNTAB_1_16 ? 3 : 4; /* word of the first offset */
	size_t names = EB_PCLN + 0x60, cu = EB_PCLN + 0x100, files = EB_PCLN + 0x110,
	       pctab = EB_PCLN + 0x140, functab = EB_PCLN + 0x200;
	const size_t tables[] = { names, cu, files, pctab, functab };

	eb_header(b, EB_PCLN);
	eb_put64(b, EB_PCLN + 16, ARRAY_SIZE(eb_files));
	if (first == 4 && !b->has_zero_text_start)
		eb_ptr(b, EB_PCLN + 24, EB_TEXT);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		eb_put64(b, EB_PCLN + 8 * (first + i), tables[i] - EB_PCLN);
	b->at = names;
	eb_emit_names(b, names, &t);
	b->at = files;
	for (size_t i = 0; i < ARRAY_SIZE(eb_files); i++) {
		eb_put32(b, cu + 4 * i, (uint32_t)(b->at - files));
		eb_emit(b, eb_files[i], strlen(eb_files[i]) + 1);
	}
	b->at = pctab;
	eb_emit_pctab(b, pctab, &t);
	eb_inline_tree(b, &t);
	eb_functab(b, &t, functab, functab);
	return functab;
}

static inline void eb_moduledata(struct elfbuild *b, size_t functab)
{
	bool is_old = b->version == PCLNTAB_1_2;
	size_t ftab = EB_MODULE + (is_old ? 24 : 128);
	size_t words = EB_MODULE + (is_old ? 72 : 152);
	/* findfunctab, minpc, maxpc, text, etext, noptrdata .. enoptrbss */
	const uint64_t to[] = { EB_RO,
				EB_TEXT,
				EB_TEXT + EB_TEXT_SIZE,
				EB_TEXT,
				EB_TEXT + EB_TEXT_SIZE,
				EB_RW,
				EB_RW + 0x100,
				EB_RW + 0x100,
				0x4800,
				0x5000,
				0x5800,
				0x5800,
				0x6000 };

	eb_ptr(b, EB_MODULE, EB_PCLN);
	eb_ptr(b, ftab, functab);
	eb_put64(b, ftab + 8, EB_FUNCTIONS + 1);
	eb_put64(b, ftab + 16, EB_FUNCTIONS + 1);
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		eb_ptr(b, words + 8 * i, to[i]);
	if (b->version == PCLNTAB_1_18)
		eb_ptr(b, EB_MODULE + 304, EB_GOFUNC);
	if (b->version < PCLNTAB_1_20)
		return;
	eb_ptr(b, EB_MODULE + 296, EB_RO);
	if (b->is_1_27) {
		eb_put64(b, EB_MODULE + 304, 0x100); /* typedesclen */
		eb_ptr(b, EB_MODULE + 344, EB_GOFUNC);
	} else {
		eb_ptr(b, EB_MODULE + 304, EB_RO + 0x100); /* etypes */
		eb_ptr(b, EB_MODULE + 320, EB_GOFUNC);
	}
}

#define EB_MODINFO                             \
	"0123456789abcdef"                     \
	"path\texample.org/app/cmd/app\n"      \
	"mod\texample.org/app\tv1.2.3\t\n"     \
	"dep\texample.org/dep\tv0.1.0\th1:x\n" \
	"build\tCGO_ENABLED=0\n"               \
	"fedcba9876543210"

static inline void eb_buildinfo(struct elfbuild *b)
{
	size_t n = strlen(b->go), m = strlen(EB_MODINFO);

	eb_put(b, EB_BUILDINFO, "\xff Go buildinf:\x08", 15);
	if (b->has_pointer_buildinfo) {
		eb_ptr(b, EB_BUILDINFO + 16, EB_STRINGS);
		eb_ptr(b, EB_BUILDINFO + 24, EB_STRINGS + 16);
		eb_ptr(b, EB_STRINGS, EB_VERSION);
		eb_put64(b, EB_STRINGS + 8, n);
		eb_ptr(b, EB_STRINGS + 16, EB_VERSION + 0x20);
		eb_put64(b, EB_STRINGS + 24, m);
		eb_put(b, EB_VERSION, b->go, n);
		eb_put(b, EB_VERSION + 0x20, EB_MODINFO, m);
		return;
	}
	b->data[EB_BUILDINFO + 15] = 2;
	b->at = EB_BUILDINFO + 32;
	eb_varint(b, (uint32_t)n);
	eb_emit(b, b->go, n);
	eb_varint(b, (uint32_t)m);
	eb_emit(b, EB_MODINFO, m);
}

/* runtime.buildVersion, its bytes amid other strings. */
static inline void eb_version_string(struct elfbuild *b)
{
	char text[64];

	snprintf(text, sizeof(text), "chan%s1 goroutine", b->go);
	eb_put(b, EB_VERSION, text, strlen(text));
	eb_ptr(b, EB_BUILDVER, EB_VERSION + 4);
	eb_put64(b, EB_BUILDVER + 8, strlen(b->go));
}

static inline void eb_section(struct elfbuild *b, size_t i, uint32_t name, uint32_t type,
			      uint64_t off, uint64_t size)
{
	Elf64_Shdr sh = { .sh_name = name, .sh_type = type, .sh_offset = off, .sh_size = size };

	sh.sh_addr = off < EB_SECTIONS ? eb_va(b, off) : 0;
	eb_put(b, EB_SECTIONS + 0x100 + i * sizeof(sh), &sh, sizeof(sh));
}

#define EB_SECTION_COUNT 4

static inline void eb_sections(struct elfbuild *b, Elf64_Ehdr *eh)
{
	static const char names[] = "\0.gopclntab\0.go.buildinfo\0.shstrtab";

	eb_put(b, EB_SECTIONS, names, sizeof(names));
	eb_section(b, 1, 1, SHT_PROGBITS, EB_PCLN, EB_RW - EB_PCLN);
	eb_section(b, 2, 12, SHT_PROGBITS, EB_BUILDINFO, 0x200);
	eb_section(b, 3, 26, SHT_STRTAB, EB_SECTIONS, sizeof(names));
	eh->e_shoff = EB_SECTIONS + 0x100;
	eh->e_shentsize = sizeof(Elf64_Shdr);
	eh->e_shnum = EB_SECTION_COUNT;
	eh->e_shstrndx = 3;
}

static inline void eb_phdr(struct elfbuild *b, size_t i, uint32_t type, uint32_t flags,
			   uint64_t off, uint64_t file_size, uint64_t mem_size)
{
	Elf64_Phdr ph = { .p_type = type,
			  .p_flags = flags,
			  .p_offset = off,
			  .p_vaddr = eb_va(b, off),
			  .p_filesz = file_size,
			  .p_memsz = mem_size,
			  .p_align = 0x1000 };

	eb_put(b, sizeof(Elf64_Ehdr) + i * sizeof(ph), &ph, sizeof(ph));
}

static inline void eb_dynamic(struct elfbuild *b)
{
	const Elf64_Dyn dyn[] = { { .d_tag = DT_RELA, .d_un.d_ptr = eb_va(b, EB_RELA) },
				  { .d_tag = DT_RELASZ, .d_un.d_val = b->rela },
				  { .d_tag = DT_RELAENT, .d_un.d_val = sizeof(Elf64_Rela) },
				  { .d_tag = DT_NULL } };

	eb_put(b, EB_DYN, dyn, sizeof(dyn));
	eb_phdr(b, 3, PT_DYNAMIC, PF_R, EB_DYN, sizeof(dyn), sizeof(dyn));
}

static inline void eb_headers(struct elfbuild *b)
{
	Elf64_Ehdr eh = { .e_type = b->is_pie ? ET_DYN : ET_EXEC,
			  .e_machine = b->machine,
			  .e_version = 1,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = b->is_pie ? 4 : 3 };

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	if (b->has_sections)
		eb_sections(b, &eh);
	eb_phdr(b, 0, PT_LOAD, PF_R | PF_X, 0, EB_RO, EB_RO);
	eb_phdr(b, 1, PT_LOAD, PF_R, EB_RO, EB_RW - EB_RO, EB_RW - EB_RO);
	eb_phdr(b, 2, PT_LOAD, PF_R | PF_W, EB_RW, EB_RW_END - EB_RW, EB_BSS_END - EB_RW);
	if (b->is_pie)
		eb_dynamic(b);
	eb_put(b, 0, &eh, sizeof(eh));
}

/* Makes b->data from the wishes in b. */
static inline void eb_build(struct elfbuild *b)
{
	size_t functab;

	memset(b->data, 0, sizeof(b->data));
	b->rela = 0;
	if (b->version != PCLNTAB_NONE) {
		functab = b->version == PCLNTAB_1_2 ? eb_pclntab_1_2(b) : eb_pclntab_1_16(b);
		if (b->has_moduledata)
			eb_moduledata(b, functab);
	}
	if (b->has_buildinfo)
		eb_buildinfo(b);
	if (b->has_version_string)
		eb_version_string(b);
	if (b->has_decoy) {
		/* The header, with offsets that lead nowhere sensible. */
		eb_header(b, EB_DECOY);
		memset(b->data + EB_DECOY + 16, 0x11, 64);
	}
	eb_headers(b);
}

/* The usual program of that table version. */
static inline struct elfbuild eb_usual(enum pclntab_version v)
{
	return (struct elfbuild){
		.version = v,
		.machine = EM_X86_64,
		.go = v == PCLNTAB_1_2	  ? "go1.15.15"
		      : v == PCLNTAB_1_16 ? "go1.16.7"
		      : v == PCLNTAB_1_18 ? "go1.19.8"
					  : "go1.22.12",
		.has_sections = true,
		.has_buildinfo = true,
		.has_pointer_buildinfo = v < PCLNTAB_1_18,
		.has_moduledata = true,
	};
}

/* A file of n bytes; the caller closes it. */
static inline int eb_file(const void *data, size_t n)
{
	int fd = memfd_create("elfbuild", MFD_CLOEXEC);

	assert(fd >= 0);
	for (size_t done = 0; done < n;) {
		ssize_t k = write(fd, (const char *)data + done, n - done);

		assert(k > 0);
		done += (size_t)k;
	}
	return fd;
}

static inline int eb_open(struct elfbuild *b)
{
	eb_build(b);
	return eb_file(b->data, sizeof(b->data));
}

#endif
