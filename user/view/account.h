/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent says of itself, beside what it says of the processes that it watches: plain data,
 * filled in by who runs it, shown as metrics and on the status page.  Strings and arrays are
 * borrowed.  Counters are of all the time since the agent began, processes that have gone since
 * included; figures that are not known are -1, or NULL.
 */
#ifndef GOTIDE_VIEW_ACCOUNT_H
#define GOTIDE_VIEW_ACCOUNT_H

#include "model/snapshot.h"

struct agent_count {
	const char *name;
	uint64_t n;
};

/* Events and probe hits of one process or of many. */
struct agent_events {
	uint64_t received, sampled, lost, bad;
	uint64_t hits;
};

/* Processes that came and went. */
struct agent_traffic {
	uint64_t begun, ended; /* those that came under observation, and that ended under it */
	uint64_t unseen; /* programs, Go or not, that ended before they could be looked at */
};

struct agent_account {
	const char *version; /* of gotide */
	const char *kernel; /* release, as uname(2) has it */
	const char *hostname;
	const char *listen; /* "127.0.0.1:9435" */
	bool is_compat; /* --compat-metrics */
	bool has_profiles; /* --enable-profiles */

	/* When it began: seconds since 1970, and CLOCK_MONOTONIC at the same moment. */
	double start_time_s;
	uint64_t start_ns;
	double uptime_s;
	double cpu_s; /* CPU time, user and system */
	int64_t rss_bytes;
	int64_t fds; /* open descriptors */

	uint64_t processes; /* watched now */
	struct agent_traffic traffic;
	const struct agent_count *refused; /* Go processes that could not be watched, by reason */
	size_t n_refused;
	uint64_t malformed; /* records that made no sense */
	uint64_t tasks_lost; /* records of exec, exit and OOM kills: the ring was full */
	struct agent_events events;
	const struct agent_count *requests; /* HTTP, by status code ("200") */
	size_t n_requests;
};

/* Adds a process's events; those of processes that have gone are summed up by the model. */
void agent_events_add(struct agent_events *e, const struct snapshot_process *p);

#endif
