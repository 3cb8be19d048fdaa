/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide record: watch processes and keep what is found in a file, a tape.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		for (int i = 0; i < 3; i++)
			state->child_inputs[i] = o;
		return 0;
	case ARGP_KEY_END:
		if (!o->output)
			argp_error(state, "where to? give a file with -o");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_observe_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.parser = parse,
	.children = children,
	.args_doc = "-o TAPE [PID|NAME...]",
	.doc = "Watch every Go process on this machine, or those named, and keep what is found in a "
	       "file, until interrupted or --for is over.\v"
	       "A tape is for gotide report and gotide replay, on any machine and without privileges.  "
	       "It takes at most 20 MB a day and process.  What was written can be read however it "
	       "ended; at most the last seconds are lost.  Parks are not probed unless --park all is "
	       "given.\n\n"
	       "Exit status: 0 done, 1 failed, 2 usage.\n\n"
	       "Examples:\n"
	       "  gotide record -o shop.tape --for 24h shop\n"
	       "  gotide report shop.tape\n",
};

static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	const struct opts *o = arg;

	(void)s;
	log_verbose("%s: %zu process%s at the end", o->output, snap->n, snap->n == 1 ? "" : "es");
	return 0;
}

static int record_run(int argc, char **argv)
{
	_cleanup_(opts_release) struct opts o = { 0 };
	struct session_opts s = { .input_fd = -1, .on_end = on_end, .arg = &o };

	if (opts_parse(&argp, argc, argv, 0, &o))
		return CMD_USAGE;
	opts_to_session(&o, &s);
	s.tape = o.output;
	s.whom = o.names.n ? SESSION_NAMED : SESSION_ALL;
	return session_run(&s) ? CMD_FAILED : CMD_OK;
}

const struct cmd cmd_record = {
	.name = "record",
	.summary = "watch processes and keep what is found on a tape",
	.run = record_run,
};
