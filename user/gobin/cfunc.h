/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a C function is entered and left: the instructions on which uprobes see every call once
 * with its arguments, and every result.  A return probe would do it with less, and rewrite return
 * addresses; so the returns are found by decoding.  Pure: bytes in, places out.  amd64 only.
 */
#ifndef GOTIDE_GOBIN_CFUNC_H
#define GOTIDE_GOBIN_CFUNC_H

#include "base/vec.h"
#include "gobin/csyms.h"
#include "gobin/elf.h"

/* Pieces of code (a function, and what it jumps to) and exits looked at for one object. */
#define CFUNC_PIECES_MAX 64
#define CFUNC_EXITS_MAX	 256

/* Where a call is seen, with all its arguments still in their registers. */
struct cfunc_entry {
	uint64_t va, file_off;
	uint16_t ret_off; /* bytes from the stack pointer to the return address */
	bool is_emulated; /* costs one trap */
};

/*
 * Where a call's result is seen: the return, a jump to memset(), or before that, where the kernel
 * emulates the instruction.
 */
struct cfunc_exit {
	uint64_t va, file_off;
	uint8_t reg; /* that holds the result, as wire.h counts registers; 16: it is 0 */
	uint8_t cond; /* 0: always; 1 + n: if condition n of the processor holds */
	int16_t add; /* to the register */
	uint16_t ret_off; /* bytes from the stack pointer to the return address */
	bool is_emulated; /* costs one trap */
};

/* What was decoded, in one go. */
struct cfunc_piece {
	uint64_t va, size;
};

/* Exits of all functions of an object together: they share code. */
struct cfunc_exits {
	VEC(struct cfunc_exit) exits; /* of one call exactly one has its condition hold */
	VEC(struct cfunc_piece) pieces;
	unsigned int unknown; /* jumps to where it cannot be seen how the function ends */
};
void cfunc_exits_release(struct cfunc_exits *x);

/* -EBADMSG: the code does not decode; -EFAULT: it is not in the file. */
int cfunc_entry(struct elf *e, const struct csym *f, struct cfunc_entry *ret) _must_check_;

/*
 * Adds the exits of f.  Jumps out of it are followed, but not into other functions that the object
 * exports, and not to one of the n addresses in stops, where another probe takes over.  zeroes: f
 * returns memory that it has cleared, so a jump to memset(p, 0, n) ends it with p.  at_return: its
 * result is not the register alone, so only the return itself will do; code that is shared with
 * other functions is taken as whichever asks for it first wants it.
 */
struct cfunc_opts {
	const struct csyms *syms;
	const uint64_t *stops;
	size_t n_stops;
	bool zeroes, at_return;
};
int cfunc_exits(struct elf *e, const struct csym *f, const struct cfunc_opts *o,
		struct cfunc_exits *x) _must_check_;

/* Whether the instruction before a return address is a call, going by its last bytes. */
#define CFUNC_CALL_MAX 7
bool cfunc_is_after_call(const uint8_t before[static CFUNC_CALL_MAX]);

#endif
