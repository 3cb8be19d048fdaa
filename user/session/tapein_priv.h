/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of session/tapein share. */
#ifndef GOTIDE_SESSION_TAPEIN_PRIV_H
#define GOTIDE_SESSION_TAPEIN_PRIV_H

#include <uthash.h>

#include "base/clock.h"
#include "base/vec.h"
#include "session/tapein.h"

/* No tick is longer, and no time lies further from the tick before. */
#define DISTANCE_MAX ((int64_t)(400 * UINT64_C(86400) * NSEC_PER_SEC))
#define CLOCK_MAX    (UINT64_C(1) << 62)

struct in_name {
	bool is_set, is_system;
	uint64_t link_gopc;
	const char *function, *file, *start_function; /* of the strings */
	uint32_t line;
};

struct in_site {
	uint64_t gopc, startpc;
	struct in_name plain, named; /* without and with what it starts */
	struct wire_site counts;
	bool is_counted;
	struct site_census census;
	struct fact_reason *reasons; /* owned */
	size_t n_reasons;
};

struct in_park {
	uint32_t site, reason;
	struct wire_park_count count;
};

struct in_site_key {
	uint64_t gopc; /* key */
	uint32_t number;
	UT_hash_handle hh;
};

struct in_frames {
	uint64_t pc; /* key */
	UT_hash_handle hh;
	uint32_t n;
	struct {
		const char *function, *file;
		uint32_t line;
	} at[];
};

struct in_reason {
	uint32_t reason; /* key */
	const char *name;
	UT_hash_handle hh;
};

struct in_alloc {
	struct model_alloc_site site;
	uint64_t *stack; /* owned */
};

struct in_process {
	uint32_t id; /* key */
	pid_t pid;
	uint32_t items; /* of TAPEIN_ITEMS_MAX */
	VEC(struct in_site *) sites; /* by number - 1 */
	struct in_site other;
	struct in_site_key *by_gopc;
	VEC(struct in_park) parks;
	VEC(struct in_alloc) allocs;
	struct in_frames *frames;
	struct in_reason *reasons;
	struct account account;
	struct procfs_memory memory;
	struct procfs_rollup rollup;
	struct procfs_fds fds;
	struct cgroup_memory cgroup;
	struct procfs_io io;
	struct sockets sockets;
	struct model_reading machine;
	struct model_census census_end;
	struct wire_state state;
	struct snapshot_timers timers;
	int64_t cpu;
	uint32_t counted;
	UT_hash_handle hh;
};

struct tapein {
	const struct fact_listener *to; /* borrowed */
	struct tape_header header;
	bool has_header, has_ended;
	unsigned int n_fields[TABLES]; /* as the tape has them */
	VEC(char *) strings;
	size_t text;
	uint32_t items;
	struct in_process *processes;
	uint32_t last_process;
	struct tape_clocks clocks;
	int64_t wall_ms, boot_ms;
	uint64_t dt;
	struct snapshot_observer observer;
	int err; /* the first: -EBADMSG, -ENOMEM */
};

/* Notes the first error; nothing is told after it. */
void in_fail(struct tapein *t, int err);
/* ip: NULL if the fact is about all. */
void in_hear(struct tapein *t, const struct in_process *ip, struct fact *f);

/* Values; b fails if one is out of range. */
uint64_t in_up_to(struct bytes *b, uint64_t max);
uint64_t in_time(const struct tapein *t, struct bytes *b); /* written from the last tick */
const char *in_string(const struct tapein *t, struct bytes *b); /* may be NULL */
const char *in_text(const struct tapein *t, struct bytes *b);
struct in_process *in_process_at(const struct tapein *t, struct bytes *b);
/* The site that is spoken of by its number; *f says so. */
struct in_site *in_site_at(struct in_process *ip, struct bytes *b, struct fact *f);

/* Whether there is room for one more thing to remember, which it then takes; or noted. */
bool in_has_room(struct tapein *t, struct in_process *ip);
void in_take_string(struct tapein *t, struct bytes *b);
void in_take_site_name(struct tapein *t, struct in_process *ip, struct bytes *b);
void in_take_frames(struct tapein *t, struct in_process *ip, struct bytes *b);
void in_take_reason(struct tapein *t, struct in_process *ip, struct bytes *b);

/* NULL: no memory, and noted. */
struct in_process *in_process_new(struct tapein *t, pid_t pid);
void in_process_forget(struct tapein *t, struct in_process *ip);
/* Names from what was remembered; good as long as ip. */
struct model_resolver in_resolver(struct in_process *ip);

#endif
