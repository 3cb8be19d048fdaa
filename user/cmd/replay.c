/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide replay: show a tape as gotide top would have shown its processes.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "cmd/topcmd.h"

#define SPEED_MAX 1e6

enum {
	KEY_SPEED = 0x200,
};

struct replay_cmd {
	struct opts opts;
	const char *path;
	double speed; /* 0: as fast as it goes */
};

static void replay_cmd_release(struct replay_cmd *r)
{
	opts_release(&r->opts);
}

static void parse_speed(struct argp_state *state, const char *arg, double *ret)
{
	char *end;

	*ret = strtod(arg, &end);
	if (end == arg || *end || !(*ret > 0) || *ret > SPEED_MAX)
		argp_error(state, "--speed: '%s' is not a positive number", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay_cmd *r = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &r->opts;
		return 0;
	case 'i':
		return opts_parse_duration(state, "--interval", arg, &r->opts.interval_s);
	case KEY_SPEED:
		parse_speed(state, arg, &r->speed);
		return 0;
	case ARGP_KEY_ARG:
		if (r->path)
			argp_error(state, "one tape at a time");
		r->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!r->path)
			argp_error(state, "which tape?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "speed", KEY_SPEED, "X", 0,
	  "Let time pass X times as fast as it did (default: as fast as possible)", 1 },
	{ "interval", 'i', "DURATION", 0, "Show what was every DURATION of it (default 1s)", 1 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "TAPE",
	.doc = "Show what gotide record kept, as gotide top would have shown it.\v"
	       "On a terminal with --speed it is a screen; otherwise one line per process and sample, "
	       "or with -j one JSON object.  Time is that of the tape, and the same tape gives the "
	       "same lines each time.  gotide report TAPE prints what it comes to.\n\n"
	       "Exit status: 0 done, 1 failed, 2 usage, 3 a leak was found in what was printed.\n\n"
	       "Examples:\n"
	       "  gotide replay shop.tape\n"
	       "  gotide replay --speed 60 shop.tape\n"
	       "  gotide replay -i 10m -j shop.tape | jq -c '[.pid, .verdict]'\n",
};

static int observe(const struct session_opts *s)
{
	return session_replay(s->tape, s);
}

static int replay_run(int argc, char **argv)
{
	_cleanup_(replay_cmd_release) struct replay_cmd r = { 0 };
	struct session_opts s = { 0 };

	if (opts_parse(&argp, argc, argv, 0, &r.opts))
		return CMD_USAGE;
	/* A screen that is over in a moment shows nothing. */
	r.opts.wants_lines = !r.speed;
	r.opts.tape = r.path;
	s.speed = r.speed;
	return top_show(&r.opts, &s, observe);
}

const struct cmd cmd_replay = {
	.name = "replay",
	.summary = "show a tape as top would have shown its processes",
	.run = replay_run,
};
