/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tape played to its end, in its own time or as fast as it goes.  Called by session.
 */
#ifndef GOTIDE_SESSION_PLAYBACK_H
#define GOTIDE_SESSION_PLAYBACK_H

#include "session/replay.h"

struct playback {
	const char *path; /* for messages */
	double interval_s; /* of tape time between calls of on_show; 0: 1 s */
	double speed; /* tape time to real time; 0: as fast as it goes */
	int input_fd; /* -1: none; heard only where time passes */
	void (*on_tick)(void *arg, uint64_t now_ns);
	/* Non-zero ends it with that status. */
	int (*on_show)(void *arg);
	int (*on_input)(void *arg);
	void *arg;
	const bool *is_stopped; /* looked at after each call */
};

/*
 * 0, also where a tape breaks off, which is warned of; a negative errno, already reported in words,
 * if there is not one sample or something else failed; or what a callback returned.
 */
int playback_run(struct replay *r, const struct playback *p) _must_check_;

/* Says why replay_open() did not open it.  Returns err. */
int playback_refuse(const char *path, int err);

#endif
