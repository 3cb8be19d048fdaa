/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Go runtime's own function table, which every Go executable carries because the runtime
 * cannot unwind without it: function by name, pc to function, file, line and inlined frames.
 * Reads all header versions: 1.2 (Go 1.2-1.15), 1.16, 1.18, 1.20 (runtime/symtab.go, magics in
 * internal/abi/symtab.go).  Addresses are link-time virtual addresses; the caller takes off the
 * load bias.
 */
#ifndef GOTIDE_GOBIN_PCLNTAB_H
#define GOTIDE_GOBIN_PCLNTAB_H

#include "gobin/elf.h"
#include "gobin/moduledata.h"
#include "gobin/version.h"

struct pclntab;

enum pclntab_version {
	PCLNTAB_NONE = 0,
	PCLNTAB_1_2,
	PCLNTAB_1_16,
	PCLNTAB_1_18,
	PCLNTAB_1_20,
};

struct gofunc {
	uint64_t va; /* entry */
	uint64_t size; /* to the next function's entry, padding included */
};

#define GOFRAME_NAME_MAX 256
#define GOFRAME_FILE_MAX 256

struct goframe {
	/* Scrubbed, cut at the limit; type arguments are "[...]", as Go prints them. */
	char function[GOFRAME_NAME_MAX];
	char file[GOFRAME_FILE_MAX];
	uint32_t line; /* 0 if unknown */
	bool is_inlined; /* into the next frame */
	bool is_wrapper; /* compiler-made (internal/abi.FuncIDWrapper): of no interest to people */
};

/*
 * Finds and checks the function table: in its section, else by its magic number anywhere in the
 * load segments.  e is borrowed and must outlive the table; v (NULL if unknown) tells which
 * functions are compiler-made wrappers.  -ENOENT: there is no table; -ENODATA: there is one of Go
 * 1.26 or later, which has no meaning without the moduledata, and that was not found.
 */
int pclntab_open(struct elf *e, const struct goversion *v, struct pclntab **ret) _must_check_;
void pclntab_close(struct pclntab *t); /* NULL is fine */
/* As v in pclntab_open(), for who learns it later. */
void pclntab_set_version(struct pclntab *t, const struct goversion *v);

/* The module that owns the table, found on the way; NULL if it was not. */
const struct moduledata *pclntab_moduledata(const struct pclntab *t);
/* Where the table was found: the section's name, or "magic". */
const char *pclntab_from(const struct pclntab *t);

enum pclntab_version pclntab_version(const struct pclntab *t);
uint64_t pclntab_va(const struct pclntab *t);
size_t pclntab_functions(const struct pclntab *t);

/*
 * Entry and size of the function of that exact name; the larger where an ABI0 wrapper shares the
 * name.  -ENOENT.
 */
int pclntab_find(struct pclntab *t, const char *name, struct gofunc *ret) _must_check_;

/* The same for n names in one pass; ret[i].va is 0 where names[i] is absent. */
int pclntab_find_many(struct pclntab *t, const char *const *names, size_t n,
		      struct gofunc *ret) _must_check_;

/*
 * Calls fn for every function whose name starts with prefix, in address order, until it returns
 * true.  The name is scrubbed and valid during the call.  Returns 0 or a negative errno.
 */
int pclntab_for_each(struct pclntab *t, const char *prefix,
		     bool (*fn)(const char *name, const struct gofunc *f, void *arg), void *arg);

/* The function that contains pc: its extent, and its name if name is not NULL.  -ENOENT. */
int pclntab_func_at(struct pclntab *t, uint64_t pc, struct gofunc *ret, char *name,
		    size_t name_size) _must_check_;

/*
 * Frames at pc, innermost (most inlined) first; at most max.  is_return says that pc is a return
 * address, so that the call before it is meant.  Returns how many, or -ENOENT.
 */
int pclntab_frames(struct pclntab *t, uint64_t pc, bool is_return, struct goframe *frames,
		   size_t max) _must_check_;

/*
 * Bytes from the stack pointer to the return address at pc (pcsp table); on arm64 the size of the
 * frame, which is 0 where the return address is still in the link register.  -ENOENT.
 */
int pclntab_sp_delta(struct pclntab *t, uint64_t pc, int32_t *ret) _must_check_;

#endif
