/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node agent: what a session of all processes adds when it serves what it knows over HTTP, for
 * weeks.  Session calls it at start, at each tick and at the end; requests come through the loop.
 */
#ifndef GOTIDE_SESSION_AGENT_H
#define GOTIDE_SESSION_AGENT_H

#include "session/loop.h"
#include "target/filter.h"

#define AGENT_LISTEN "127.0.0.1:9435"

struct agent_opts {
	char *listen; /* owned; NULL: AGENT_LISTEN */
	struct filter filter; /* which processes are watched */
	bool is_compat; /* metrics under the names of Go's own clients, too */
	bool has_profiles; /* serve profiles, which show other processes' code paths */
	unsigned int sites; /* of a process, in metrics */
	/*
	 * Reads the options anew, on SIGHUP: 0 and *ret, for agent_opts_release(), or a negative
	 * errno, reported, and everything stays as it is.  NULL: they stand in no file.
	 */
	int (*reload)(struct agent_opts *ret, void *arg);
	void *reload_arg;
};
void agent_opts_release(struct agent_opts *o);

struct session;
struct agent;

/* Listens.  opts is borrowed, and replaced on SIGHUP.  Negative errno, reported. */
int agent_open(struct session *s, struct loop *l, struct agent_opts *opts,
	       struct agent **ret) _must_check_;
void agent_close(struct agent *a); /* NULL is fine */

/*
 * All processes that were there have been taken up: gives up the privileges that only this took,
 * and says so to whoever waits.  probe is what further ones are attached with.
 */
struct probe;
void agent_ready(struct agent *a, struct probe *probe);

/* After each tick: what was rendered before is out of date. */
void agent_tick(struct agent *a);

/* Before the probes are taken out, which may take a while. */
void agent_stopping(struct agent *a);

#endif
