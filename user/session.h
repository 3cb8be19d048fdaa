/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One observation from start to end: builds the stages, owns the event loop and the order of start
 * and teardown, routes exec and exit back to the probes.  The only file that sees all rooms.
 * Commands say whom to watch and for how long, and are handed snapshots.
 */
#ifndef GOTIDE_SESSION_H
#define GOTIDE_SESSION_H

#include "base/err.h"
#include "target/filter.h"
#include "target/target.h"
#include "trend/judge.h"
#include "view/account.h"

enum session_whom {
	SESSION_NAMED = 0, /* names: pids or process names, each must match at least one */
	SESSION_ALL, /* every Go process, as they come and go */
	SESSION_COMMAND, /* command, started here, and what it starts */
};

struct session;
struct agent_opts;

struct session_opts {
	enum session_whom whom;
	struct agent_opts
		*agent; /* with SESSION_ALL: serve what is known (session/agent.h); NULL: not */
	const struct filter *filter; /* with SESSION_ALL: of them, which; NULL: all */
	const char *const *names;
	size_t n_names;
	char *const *command; /* argv, NULL-terminated */
	double for_s; /* 0: until the targets or the user end it */
	double interval_s; /* between calls of on_sample; 0: 1 s */
	bool watch_parks;
	double census_interval_s; /* 0: default; less than 0: none but the first */
	bool quiet; /* of per-process notices */
	const char *proc_root; /* NULL: /proc */
	const char *tape; /* file to keep the observation in; NULL: none */
	double speed; /* of session_replay(): tape time to real time; 0: as fast as it goes */

	/* Every interval, after a tick.  Non-zero ends the session with that status. */
	int (*on_sample)(struct session *s, const struct snapshot *snap, void *arg);
	/* Once, when observation has ended and before anything is torn down; may be NULL. */
	int (*on_end)(struct session *s, const struct snapshot *snap, void *arg);
	/* A descriptor that the command wants to hear of (the keyboard); -1: none. */
	int input_fd;
	int (*on_input)(struct session *s, void *arg);
	void *arg;
};

/*
 * Runs the observation.  0; a negative errno, already reported in words; or what a callback
 * returned.  -ENOENT: a name matched nothing, or nothing that can be watched.
 */
int session_run(const struct session_opts *opts) _must_check_;

/* What was found so far: for the verdicts on the snapshot that a callback was handed. */
const struct judge *session_judge(const struct session *s);
/*
 * The same with a tape in place of processes: time is that of the tape.  It needs no privileges and
 * asks for nothing but the file; of the options only those of what comes out count.  A tape that
 * breaks off is replayed up to there, and a warning says so.
 */
int session_replay(const char *path, const struct session_opts *opts) _must_check_;

/* Asks a running session to end as if its time were up; safe from callbacks. */
void session_stop(struct session *s);

/* Hands fn a snapshot as of now; what fn returned, or a negative errno, reported. */
int session_show(struct session *s,
		 int (*fn)(struct session *s, const struct snapshot *snap, void *arg),
		 void *arg) _must_check_;

/* The filter has changed: processes that it does not want are let go, others are taken up. */
void session_reconsider(struct session *s);

/* A process that is watched and has not ended; NULL: none of that pid is.  Borrowed. */
const struct target *session_target(const struct session *s, pid_t pid);

/* What was lost or refused so far. */
struct snapshot_observer session_observer(const struct session *s);
/* Processes that came and went so far. */
struct agent_traffic session_traffic(const struct session *s);
/* Go processes that could not be watched so far, by reason. */
const struct agent_count *session_refusals(const struct session *s, size_t *ret_n);

/* The time of day of what is shown, in seconds since 1970. */
int64_t session_wall_s(const struct session *s);

/* With SESSION_COMMAND, after the end: the command's wait(2) status, or -1 if it still runs. */
int session_command_status(const struct session *s);

#endif
