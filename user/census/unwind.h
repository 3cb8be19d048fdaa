/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the bytes of a goroutine's stack to its calls.  Pure; called by gather.
 *
 * The way of the runtime's own traceback (runtime/traceback.go, unwinder): the function table says
 * for each pc how far above the stack pointer the return address lies.  It holds everywhere, in a
 * system call too, where frame pointers do not before Go 1.23 (no g.syscallbp); and it leaves no
 * caller out where frame pointers do: a goroutine that was preempted in a prologue (morestack), or
 * in a function without a frame, stopped before the function pushed its own.  Frame pointers serve
 * where the table does not.
 *
 * A chain is believed only if every pc lies in a function and it ends where every goroutine's does,
 * at a return address into runtime.goexit.
 */
#ifndef GOTIDE_CENSUS_UNWIND_H
#define GOTIDE_CENSUS_UNWIND_H

#include "base/err.h"
#include "census/stacks.h"

enum unwind_kind {
	UNWIND_CALL = 0, /* an ordinary place */
	UNWIND_ENTRY, /* the first instruction of a function: it has not called */
	/*
	 * In a function whose caller did not call it, but was made to by a signal: the next pc is
	 * where that was, no return address (internal/abi.FuncIDs sigpanic, asyncPreempt,
	 * debugCallV2).
	 */
	UNWIND_INJECTED,
	UNWIND_TOP, /* a return address into runtime.goexit */
};

struct unwind_pc {
	enum unwind_kind kind;
	int32_t sp_delta; /* from the stack pointer to the return address; -1: not known */
};

struct unwind_code {
	/* -ENOENT: no function there. */
	int (*lookup)(uint64_t pc, void *arg, struct unwind_pc *ret);
	void *arg;
};

struct unwind_start {
	uint64_t sp, pc;
	uint64_t bp; /* 0: none, or not to be trusted */
};

struct unwind_bytes {
	const uint8_t *data; /* of the stack, from sp on */
	size_t size;
	uint64_t hi; /* end of the stack, beyond what was read */
	bool is_all; /* more will not be read: what goes on is UNWIND_DEEP */
};

enum unwind_end {
	UNWIND_WHOLE,
	UNWIND_DEEP, /* right so far, more than STACKS_DEPTH_MAX or than is read */
	UNWIND_MORE, /* right so far, goes on past the bytes given */
	UNWIND_BROKEN,
};

/* pcs as stacks.h says, innermost first, runtime.goexit left out; room for STACKS_DEPTH_MAX. */
enum unwind_end unwind(const struct unwind_code *code, const struct unwind_start *at,
		       const struct unwind_bytes *stack, uint64_t *pcs, uint32_t *ret_n);

#endif
