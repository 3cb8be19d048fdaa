/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide run: start a command under observation, and report when it ends.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/ending.h"
#include "cmd/opts.h"

struct run {
	struct opts opts;
	char **command;
	int status;
	int command_status; /* wait(2)'s; -1: it still runs */
};

static void run_release(struct run *r)
{
	opts_release(&r->opts);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run *r = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		for (int i = 0; i < 3; i++)
			state->child_inputs[i] = &r->opts;
		return 0;
	case ARGP_KEY_ARGS: /* the rest of the line is the command's, options and all */
		r->command = state->argv + state->next;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command? give it after --");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &opts_observe_argp },
	{ .argp = &opts_tape_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.parser = parse,
	.children = children,
	.args_doc = "-- COMMAND [ARGUMENT...]",
	.doc = "Start COMMAND, watch it and the Go processes it starts, and report when it ends, "
	       "or when --for is over; COMMAND is then terminated.\v"
	       "If COMMAND ends too soon to tell whether it leaks, the report says how long would do; "
	       "some 45 seconds are the least for most leaks.  COMMAND's standard output is gotide's: "
	       "-o keeps the report apart.  Every park and wake-up of a goroutine is probed, which is "
	       "dear on busy servers, unless --park off is given.\n\n"
	       "Exit status: 0 no leak was found, 1 COMMAND or gotide failed, 2 usage, 3 a leak "
	       "was found (whatever COMMAND's status was).\n\n"
	       "Examples:\n"
	       "  gotide run -- ./server -listen :8080\n"
	       "  gotide run --for 60s -j -o report.json -- go test ./...\n",
};

static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	struct run *r = arg;
	int err = ending_print(&r->opts, session_judge(s), snap, &r->status);

	r->command_status = session_command_status(s);
	if (!snap->n)
		log_warn("%s: no Go program was seen", r->command[0]);
	return err ? opts_print_failed(&r->opts, err) : 0;
}

/* Says how the command failed, if it did; the status that is due then. */
static int judge_command(const struct run *r)
{
	int w = r->command_status;

	if (w == -1 || (WIFEXITED(w) && WEXITSTATUS(w) == 0))
		return r->status;
	if (WIFSIGNALED(w))
		log_warn("%s: killed by signal %d (%s)", r->command[0], WTERMSIG(w),
			 strsignal(WTERMSIG(w)));
	else
		log_warn("%s: exited with status %d", r->command[0], WEXITSTATUS(w));
	return r->status == CMD_LEAK ? CMD_LEAK : CMD_FAILED;
}

static int run_run(int argc, char **argv)
{
	_cleanup_(run_release) struct run r = {
		.opts = { .watch_parks = true },
		.status = CMD_OK,
		.command_status = -1,
	};
	struct session_opts s = {
		.whom = SESSION_COMMAND,
		.input_fd = -1,
		.on_end = on_end,
		.arg = &r,
	};

	if (opts_parse(&argp, argc, argv, ARGP_IN_ORDER, &r.opts))
		return CMD_USAGE;
	if (opts_open_output(&r.opts))
		return CMD_FAILED;
	opts_to_session(&r.opts, &s);
	s.command = r.command;
	return opts_close_output(&r.opts, session_run(&s) ? CMD_FAILED : judge_command(&r));
}

const struct cmd cmd_run = {
	.name = "run",
	.summary = "start a command under observation, report when it ends",
	.run = run_run,
};
