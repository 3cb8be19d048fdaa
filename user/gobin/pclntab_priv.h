/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the function table that its own files and moduledata.c share.  Nobody else includes
 * this.  Layouts: runtime/symtab.go (pcHeader, functab) and runtime/runtime2.go (_func) of Go 1.15,
 * 1.16, 1.18 and 1.20; cmd/link/internal/ld/pcln.go writes them.
 */
#ifndef GOTIDE_GOBIN_PCLNTAB_PRIV_H
#define GOTIDE_GOBIN_PCLNTAB_PRIV_H

#include "base/vec.h"
#include "gobin/moduledata.h"
#include "gobin/pclntab.h"

/* kubelet has 180,000. */
#define PCLNTAB_FUNCTIONS_MAX (4UL << 20)
/* Names of instantiated generics grow long; what is cut is only their tail. */
#define PCLNTAB_NAME_MAX 1024

/* A function of the runtime, for finding it by name again and again. */
struct name_ref {
	uint32_t hash; /* of the name */
	uint32_t func; /* index in the functab */
};

struct pclntab {
	struct elf *elf; /* borrowed */
	enum pclntab_version version;
	const char *from;
	uint64_t va;
	uint32_t quantum; /* bytes of the smallest instruction: unit of pc deltas */
	uint64_t functions;
	uint64_t functab; /* address of the table of (pc, offset of _func) */
	uint64_t funcs; /* address that those offsets count from */
	uint64_t names, names_size; /* size 0: not a table of its own (1.2) */
	uint64_t cutab, filetab, pctab;
	uint64_t files; /* entries of the file table in 1.2 */
	uint64_t text; /* base of the functab's pcs from 1.18 on */
	uint64_t end; /* past the last function */
	int wrapper_id; /* internal/abi.FuncIDWrapper, -1 if unknown for this version */
	bool has_moduledata;
	struct moduledata moduledata;
	bool has_runtime; /* the next is complete */
	VEC(struct name_ref) runtime; /* by hash */
};

/* One _func, of any version. */
struct func_record {
	uint64_t va; /* of the record */
	uint64_t entry;
	int32_t name_off;
	uint32_t pcsp, pcfile, pcln;
	uint32_t n_pcdata;
	uint32_t cu_off;
	uint8_t func_id, n_funcdata;
	uint32_t size; /* of the fixed part */
};

/* pc and _func address of entry i; i == functions gives the end, with *ret_func 0. */
int pclntab_entry(struct pclntab *t, uint64_t i, uint64_t *ret_pc, uint64_t *ret_func);

/* Index of the function that contains pc.  -ENOENT. */
int pclntab_index(struct pclntab *t, uint64_t pc, uint64_t *ret);

int pclntab_record(struct pclntab *t, uint64_t func_va, struct func_record *ret);

/* Offset within the record of the name, and its width, differ by version. */
int pclntab_name_off(struct pclntab *t, uint64_t func_va, int32_t *ret);

/* The string at va as it is, cut at size - 1 characters.  Returns the length, or -errno. */
int pclntab_string(struct pclntab *t, uint64_t va, char *buf, size_t size);

#endif
