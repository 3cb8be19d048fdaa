/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of session/tapeout share. */
#ifndef GOTIDE_SESSION_TAPEOUT_PRIV_H
#define GOTIDE_SESSION_TAPEOUT_PRIV_H

#include <uthash.h>

#include "base/vec.h"
#include "session/tapeout.h"

struct out_string {
	uint32_t id;
	UT_hash_handle hh;
	char text[];
};

/* A go statement: its counters as written last, and as told since. */
struct out_site {
	uint64_t gopc; /* key */
	uint64_t startpc;
	uint32_t number;
	uint64_t births, deaths, new_births, new_deaths;
	struct site_census census;
	struct pack reasons; /* of the last census, as written */
	UT_hash_handle hh;
};

struct out_park_key {
	uint64_t gopc;
	uint32_t reason, pad;
};

struct out_park {
	struct out_park_key key;
	uint32_t site;
	bool is_written;
	uint64_t parks, readies, new_parks, new_readies;
	UT_hash_handle hh;
};

struct out_alloc {
	uint64_t pc; /* key */
	struct model_alloc_site last;
	struct pack stack; /* as written */
	uint32_t number;
	UT_hash_handle hh;
};

/* An address whose name has been written. */
struct out_known {
	uint64_t key;
	UT_hash_handle hh;
};

struct out_process {
	pid_t pid; /* key */
	uint32_t id;
	struct model_resolver resolver;
	struct account account;
	struct procfs_memory memory;
	struct procfs_rollup rollup;
	struct procfs_fds fds;
	struct cgroup_memory cgroup;
	struct procfs_io io;
	struct sockets sockets;
	struct model_reading machine;
	struct model_census census_end;
	struct wire_state state, new_state;
	struct pack timers; /* as written last */
	int64_t cpu;
	uint32_t counted; /* enum tape_counts_flag, of the sample that is being told */
	struct out_site *sites, other;
	VEC(struct out_site *) by_number;
	struct out_park *parks;
	VEC(struct out_park *) park_order;
	struct out_alloc *allocs;
	struct out_known *frames, *reasons;
	UT_hash_handle hh;
};

struct tapeout {
	struct tape_writer *w; /* borrowed */
	struct pack p; /* the record being made */
	struct out_string *strings;
	uint32_t last_string, last_process;
	struct out_process *processes;
	struct snapshot_observer observer;
	struct tape_clocks last; /* tick */
	uint64_t last_dt;
	int64_t wall_ms, boot_ms; /* ahead of the monotonic clock */
	bool is_counting;
	int err; /* the first */
};

/* Notes the first error: nothing is written after it. */
void out_note(struct tapeout *o, int err);
void out_put(struct tapeout *o, enum tape_kind kind, const struct pack *p);
/* The record in the making: from out_begin() to out_end() no name may be asked for. */
struct pack *out_begin(struct tapeout *o, const struct out_process *op);
void out_end(struct tapeout *o, enum tape_kind kind);

/* The number of a text, which is written if it is new; NULL is 0. */
uint32_t out_string(struct tapeout *o, const char *text);
/*
 * The site that a fact is about; named when it is new, and when what it starts becomes known. NULL:
 * no memory, and noted.
 */
struct out_site *out_site_of(struct tapeout *o, struct out_process *op, const struct fact *f);
/* Names, which are written once. */
void out_reason(struct tapeout *o, struct out_process *op, uint32_t reason);
void out_frames(struct tapeout *o, struct out_process *op, const uint64_t *pc, uint32_t n);
void out_strings_free(struct tapeout *o);

struct out_process *out_process_of(const struct tapeout *o, pid_t pid);
/* Takes the place of one of this pid; NULL: no memory, and noted. */
struct out_process *out_process_new(struct tapeout *o, const struct model_process_info *info);
void out_process_forget(struct tapeout *o, struct out_process *op);

#endif
