/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options that several commands share, so that a letter means the same everywhere.  Groups are argp
 * children: a command lists those it takes, and parses into one struct opts.  Data goes to
 * opts->out, talk to stderr.
 */
#ifndef GOTIDE_CMD_OPTS_H
#define GOTIDE_CMD_OPTS_H

#include <argp.h>
#include <stdio.h>

#include "base/err.h"
#include "base/vec.h"
#include "session.h"

struct opts {
	bool is_json; /* -j */
	int verbosity; /* -q: -1; each -v: one more */
	const char *output; /* -o; NULL: standard output */
	double interval_s; /* -i; 0: not given */
	double for_s; /* --for; 0: not given */
	bool watch_parks; /* --park */
	double census_s; /* --census; 0: not given, less than 0: off */
	uint64_t count; /* -n; 0: no limit */
	bool wants_lines; /* no screen, even on a terminal */
	const char *tape; /* --tape; NULL: not given */
	VEC(const char *) names; /* -p and arguments; borrowed from argv */

	FILE *out; /* after opts_open_output() */
	int out_err; /* negative errno of the first failure to print; 0: none */
};

/* Groups, for the children of a command's argp; their input is the struct opts. */
extern const struct argp opts_talk_argp; /* -q -v */
extern const struct argp opts_output_argp; /* -j -o, and those */
extern const struct argp opts_probe_argp; /* --park --census */
extern const struct argp opts_observe_argp; /* -i --for, and those */
extern const struct argp opts_target_argp; /* -p and PID|NAME arguments */
extern const struct argp opts_tape_argp; /* --tape */

/*
 * Parses all of argv.  0, or an errno value; usage errors end the process with status CMD_USAGE
 * unless flags hold ARGP_NO_EXIT.  Sets the log level.
 */
int opts_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
	       struct opts *o) _must_check_;

/* Whether two options were given the same file; NULL: not given.  /dev/null has room for all. */
bool opts_share_file(const char *a, const char *b, const char *c);

/* For a parser of argp: 0, or EINVAL, on which it was reported. */
error_t opts_parse_duration(struct argp_state *state, const char *option, const char *arg,
			    double *ret);

/* Of the names given, those that are tapes (event/tape.h): all, none, or -EINVAL, reported. */
int opts_are_tapes(const struct opts *o) _must_check_;

/* Opens -o, or standard output.  Negative errno, reported. */
int opts_open_output(struct opts *o) _must_check_;

/* Notes that printing failed, for opts_close_output() to report.  Returns err. */
int opts_print_failed(struct opts *o, int err);

/*
 * Closes it.  Returns status, or CMD_FAILED if not everything could be written: reported, unless
 * the reader of a pipe has gone, who does not care.
 */
int opts_close_output(struct opts *o, int status);

void opts_release(struct opts *o);

/* Puts whom and how long to watch, from the options, into *s. */
void opts_to_session(const struct opts *o, struct session_opts *s);

#endif
