/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Go executable says about itself: the face of this room.  Opens a file once, answers all
 * questions about it, knows nothing of processes.  Everything in the file is hostile: a forged
 * file costs a reason, never a crash, a hang or unbounded memory.
 */
#ifndef GOTIDE_GOBIN_GOBIN_H
#define GOTIDE_GOBIN_GOBIN_H

#include "gobin/code.h"
#include "gobin/elf.h"
#include "gobin/globals.h"
#include "gobin/moduledata.h"
#include "gobin/offsets.h"
#include "gobin/pclntab.h"
#include "gobin/tlsg.h"
#include "gobin/version.h"

/* Why an executable was refused, or is only partly usable. */
enum gobin_reason {
	GOBIN_OK = 0,
	GOBIN_UNREADABLE, /* errno tells */
	GOBIN_NOT_ELF,
	GOBIN_DAMAGED, /* truncated or forged */
	GOBIN_NOT_GO, /* an executable, but with neither build info nor pclntab */
	GOBIN_MACHINE, /* Go, for a machine that gotide does not know */
	GOBIN_TOO_OLD, /* Go, before what gotide supports */
	GOBIN_NO_PCLNTAB, /* Go, but its function table was not found (packed? damaged?) */
	GOBIN_NO_MODULEDATA, /* Go, but the ranges of its text and data were not found */
	GOBIN_NO_OFFSETS, /* Go, of a version whose struct layout is unknown or failed its checks */
	GOBIN_NO_SITES, /* the functions to be probed were not found */
};

/* One sentence for people, without the file's name. */
const char *gobin_reason_str(enum gobin_reason r);

struct gobin_info {
	struct goversion version;
	enum elf_machine machine;
	char module[256]; /* main module path from the build info, or "" */
	char main_path[256]; /* main package path, or "" */
	bool is_stripped, is_pie, is_cgo, is_static;
	const char *version_from; /* "build info", "version string", "pclntab header" */
	const char *build_id; /* GNU build id in hex, or "" */
	uint64_t dev, ino, size;
	enum pclntab_version pclntab_version;
	uint64_t pclntab_va;
	const char *pclntab_from; /* section name, or "magic" */
	size_t functions;
};

struct gobin;

/*
 * Reads everything gotide needs to know of the executable behind fd (borrowed; a duplicate is
 * kept).  On failure *ret_reason says why; on success it is GOBIN_OK, or the reason why the
 * executable is only partly usable (GOBIN_NO_MODULEDATA, GOBIN_NO_OFFSETS, GOBIN_NO_SITES): then
 * it can be named and symbolised, but not probed.  (From Go 1.26 on nothing can be symbolised
 * without the moduledata: there that is a failure.)
 */
int gobin_open(int fd, struct gobin **ret, enum gobin_reason *ret_reason) _must_check_;
struct gobin *gobin_ref(struct gobin *b);
void gobin_unref(struct gobin *b); /* NULL is fine */

const struct gobin_info *gobin_info(const struct gobin *b);
const struct moduledata *gobin_moduledata(const struct gobin *b); /* NULL if not found */
const struct code_sites *gobin_sites(const struct gobin *b);
/* NULL if the layout is unknown.  *ret_source may be NULL. */
const struct offsets *gobin_offsets(const struct gobin *b, enum offsets_source *ret_source);
const struct globals *gobin_globals(const struct gobin *b);
/* Name of wait reason number n, or "reason N" for one that is not in the target's table. */
const char *gobin_wait_reason(const struct gobin *b, unsigned int n);
/* Number of wait reasons in the target's table. */
size_t gobin_wait_reasons(const struct gobin *b);

/* Frames at a link-time address, innermost first, as pclntab_frames(). */
int gobin_frames(struct gobin *b, uint64_t pc, bool is_return, struct goframe *frames,
		 size_t max) _must_check_;
int gobin_func_at(struct gobin *b, uint64_t pc, struct gofunc *ret, char *name,
		  size_t name_size) _must_check_;

/* Bytes from the stack pointer to the return address, as pclntab_sp_delta(). */
int gobin_sp_delta(struct gobin *b, uint64_t pc, int32_t *ret) _must_check_;

/* Where a thread that runs C keeps its g, as tlsg_find(). */
int gobin_tlsg(struct gobin *b, struct tlsg *ret) _must_check_;

/* What a goroutine whose startpc is the link-time address va runs, as wrapper_name(). */
int gobin_start_function(struct gobin *b, uint64_t va, char *name, size_t size) _must_check_;

/*
 * Load bias of a mapping of this executable: start - (va of the segment that file offset off
 * belongs to); 0 for executables that are not PIE.
 */
uint64_t gobin_bias(const struct gobin *b, uint64_t map_start, uint64_t map_off);

/* Gives back file pages kept for speed; everything stays usable. */
void gobin_trim(struct gobin *b);

/*
 * A cache of open executables by device, inode, size and times of change, so that the second
 * process of a binary costs nothing.  Keeps at most max executables that nobody refers to, and
 * sixteen times as many refusals, which are small.
 */
struct gobin_cache;
int gobin_cache_new(size_t max, struct gobin_cache **ret) _must_check_;
void gobin_cache_free(struct gobin_cache *c);
/*
 * As gobin_open(); refusals are cached too, but not GOBIN_UNREADABLE, which may pass.  *ret is a
 * reference: gobin_unref() it.
 */
int gobin_cache_open(struct gobin_cache *c, int fd, struct gobin **ret,
		     enum gobin_reason *ret_reason) _must_check_;
/* What it would say without reading the file; -ENOENT: that is not known yet. */
int gobin_cache_peek(const struct gobin_cache *c, int fd, enum gobin_reason *ret) _must_check_;
/* gobin_trim() of all of them. */
void gobin_cache_trim(struct gobin_cache *c);

#endif
