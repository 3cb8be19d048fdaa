/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of one process turned into names, each address once: what the writers of profiles and
 * the views of stacks share.  Knows the executable (or what stands for it in a test), never the
 * process; memory is bounded whatever the addresses are.
 */
#ifndef GOTIDE_VIEW_SYMBOLS_H
#define GOTIDE_VIEW_SYMBOLS_H

#include "gobin/gobin.h"

/* Limits: addresses, and bytes of all that is kept of them. */
#define SYMBOLS_MAX	  (1u << 20)
#define SYMBOLS_BYTES_MAX (UINT64_C(512) << 20)

/* Strings are owned by the symbols, and equal strings are one pointer. */
struct symbol_frame {
	const char *function; /* "?" if it has no name */
	const char *file; /* "" if unknown */
	uint32_t line; /* 0 if unknown */
	bool is_inlined; /* into the next frame */
	bool is_wrapper; /* compiler-made */
};

struct symbol {
	uint64_t addr; /* that was looked up: the pc, or one before it for a return address */
	uint64_t offset; /* of the pc from its function's entry */
	uint32_t n; /* frames; 0: no Go function is there */
	const struct symbol_frame *frames; /* innermost (most inlined) first */
};

struct symbols;

/* Where names come from, by link-time address: as the functions of struct gobin of that name. */
struct symbols_source {
	int (*frames)(void *arg, uint64_t pc, bool is_return, struct goframe *frames, size_t max);
	int (*func_at)(void *arg, uint64_t pc, struct gofunc *ret);
	int (*start)(void *arg, uint64_t va, char *name, size_t size); /* gobin_start_function */
	void *arg;
};

/* bin is borrowed; bias is what addresses in memory are higher than in the file. */
int symbols_new(struct gobin *bin, uint64_t bias, struct symbols **ret) _must_check_;
int symbols_new_source(const struct symbols_source *src, uint64_t bias,
		       struct symbols **ret) _must_check_;
void symbols_free(struct symbols *s); /* NULL is fine */

/*
 * What is at an address as in memory.  is_exact: it is the place itself.  Otherwise it is a return
 * address and the call before it is meant, but where a function begins there: nothing has been
 * called from there yet (runtime/traceback.go, symPC).  Borrowed; never NULL: past the limits, or
 * out of memory, nothing is known of it.
 */
const struct symbol *symbols_at(struct symbols *s, uint64_t pc, bool is_exact);

/* What a goroutine runs whose startpc is this address as in memory; "?" if that is not known. */
const char *symbols_start(struct symbols *s, uint64_t startpc);

/* Where a go statement is, as Go's own tracebacks say "created by" (runtime/traceback.go). */
struct symbol_site {
	const char *function; /* that physically contains it; "?" if unknown */
	const char *file; /* "" if unknown */
	uint32_t line;
	uint64_t offset;
};
struct symbol_site symbols_site(struct symbols *s, uint64_t gopc);

/* The one copy of a text, scrubbed; NULL: out of memory, or past the limit. */
const char *symbols_text(struct symbols *s, const char *text);

/* Whether a function is the runtime's own: never the site of an allocation, seldom of interest. */
bool symbols_is_runtime(const char *function);

/* Whether one of the runtime's only hands out memory: not even of the runtime's own the site. */
bool symbols_is_allocator(const char *function);

/* Addresses that were left without a name by a limit. */
uint64_t symbols_refused(const struct symbols *s);

#endif
