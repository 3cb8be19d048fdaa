/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF executable read through its file descriptor: segments, sections, bytes at virtual
 * addresses with the relative relocations of a PIE applied.  Used by every other file of gobin.
 * Reads with pread() and never maps the file, because a file that shrinks under a mapping raises
 * SIGBUS and the files belong to strangers.  Never trusts a header: all sizes and counts are
 * bounded here.
 */
#ifndef GOTIDE_GOBIN_ELF_H
#define GOTIDE_GOBIN_ELF_H

#include "base/err.h"

struct elf;

enum elf_machine {
	ELF_MACHINE_OTHER = 0,
	ELF_MACHINE_AMD64,
	ELF_MACHINE_ARM64,
};

struct elf_segment {
	uint64_t va, mem_size, file_off, file_size;
	uint32_t flags; /* PF_R, PF_W, PF_X */
};

struct elf_section {
	char name[64];
	uint64_t va, file_off, size;
	uint32_t type;
};

/*
 * Borrows fd (the caller keeps it open as long as the elf lives).  Not named elf_open(), which
 * libbpf's archive exports.  -ENOEXEC: not a little-endian
 * 64-bit ELF executable; -EBADMSG: truncated or forged headers; other -errno from reading.
 */
int elf_new(int fd, struct elf **ret) _must_check_;
void elf_free(struct elf *e); /* NULL is fine */

enum elf_machine elf_machine(const struct elf *e);
bool elf_is_pie(const struct elf *e); /* ET_DYN */
bool elf_is_static(const struct elf *e); /* no PT_INTERP */
bool elf_is_stripped(const struct elf *e); /* no .symtab */

/* GNU build id as lower-case hex, or "" if there is none.  Borrowed. */
const char *elf_build_id(const struct elf *e);

size_t elf_segments(const struct elf *e, const struct elf_segment **ret); /* PT_LOAD only */
/* NULL if absent.  Borrowed. */
const struct elf_section *elf_section(const struct elf *e, const char *name);

/*
 * Copies n bytes at virtual address va as they are in the file (zeroes for .bss); relocations are
 * not applied.  -EFAULT if any byte lies outside the load segments; -EIO if the file is shorter
 * than its headers say.
 */
int elf_read(struct elf *e, uint64_t va, void *buf, size_t n) _must_check_;

/* The same of what no segment loads: n bytes at a file offset.  -EBADMSG past the file's end. */
int elf_read_file(struct elf *e, uint64_t off, void *buf, size_t n) _must_check_;

/* The pointer stored at va, with R_*_RELATIVE applied in a PIE. */
int elf_read_ptr(struct elf *e, uint64_t va, uint64_t *ret) _must_check_;

/*
 * Calls fn for each 8-aligned pointer-sized word in the writable (or relro) segments whose value,
 * relocations applied, equals value; stops when fn returns true.  For finding what points to the
 * pclntab.  Returns 0, or a negative errno from reading.
 */
int elf_find_ptr(struct elf *e, uint64_t value, bool (*fn)(uint64_t va, void *arg), void *arg);

/* File offset of va (what a uprobe is attached to); -EFAULT outside the file's bytes. */
int elf_file_offset(const struct elf *e, uint64_t va, uint64_t *ret) _must_check_;

/*
 * How often a page had to be read from the file since elf_new().  A long scan that jumps about
 * compares this with the size of what it scans, so that a forged table cannot make it read the
 * file over and over.
 */
uint64_t elf_page_reads(const struct elf *e);

/* Gives back cached pages; the elf stays usable. */
void elf_trim(struct elf *e);

#endif
