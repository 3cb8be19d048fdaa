/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide report: watch the processes named for a while, then print what was found.
 */
#include "base/cleanup.h"
#include "cmd/cmd.h"
#include "cmd/ending.h"
#include "cmd/opts.h"

#define FOR_DEFAULT_S 30

struct report {
	struct opts opts;
	size_t reports; /* printed so far: each tape has one */
	int status;
};

static void report_release(struct report *r)
{
	opts_release(&r->opts);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct report *r = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		for (int i = 0; i < 4; i++)
			state->child_inputs[i] = &r->opts;
		return 0;
	case ARGP_KEY_END:
		if (!r->opts.names.n)
			argp_error(state, "which process? give a PID or a name");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_observe_argp },
	{ .argp = &opts_tape_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.parser = parse,
	.children = children,
	.args_doc = "PID|NAME...\nTAPE...",
	.doc = "Watch Go processes for a while (30 seconds unless --for says otherwise), then say "
	       "of each whether it leaks, where, and how that is known.  The same of a TAPE that "
	       "gotide record made.\v"
	       "Every park and wake-up of a goroutine is probed, for exact counts by wait reason, "
	       "unless --park off is given.  On a server that does little but answer that takes a "
	       "third of its throughput, and a fifth with --park off: in production, begin with "
	       "that.\n\n"
	       "Exit status: 0 no leak was found, 1 failed, 2 usage, 3 a leak was found.\n\n"
	       "Examples:\n"
	       "  gotide report 4242\n"
	       "  gotide report --for 5m --park off shop\n"
	       "  gotide report shop.tape\n"
	       "  gotide report -j --for 1m shop | jq '.findings[0].site'\n",
};

static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	struct report *r = arg;
	int status, err;

	if (r->reports++ && !r->opts.is_json)
		fputc('\n', r->opts.out);
	err = ending_print(&r->opts, session_judge(s), snap, &status);
	if (!err && status == CMD_LEAK)
		r->status = status;
	return err ? opts_print_failed(&r->opts, err) : 0;
}

static int report_tapes(const struct report *r, const struct session_opts *s)
{
	for (size_t i = 0; i < r->opts.names.n; i++) {
		int err = session_replay(r->opts.names.items[i], s);

		if (err)
			return err;
	}
	return 0;
}

static int report_run(int argc, char **argv)
{
	_cleanup_(report_release) struct report r = {
		.opts = { .for_s = FOR_DEFAULT_S, .watch_parks = true },
		.status = CMD_OK,
	};
	struct session_opts s = { .input_fd = -1, .on_end = on_end, .arg = &r };

	if (opts_parse(&argp, argc, argv, 0, &r.opts))
		return CMD_USAGE;
	int are_tapes = opts_are_tapes(&r.opts);

	if (are_tapes < 0)
		return CMD_USAGE;
	if (opts_open_output(&r.opts))
		return CMD_FAILED;
	opts_to_session(&r.opts, &s);
	int err = are_tapes ? report_tapes(&r, &s) : session_run(&s);

	return opts_close_output(&r.opts, err ? CMD_FAILED : r.status);
}

const struct cmd cmd_report = {
	.name = "report",
	.summary = "watch processes for a while, then say what was found",
	.run = report_run,
};
