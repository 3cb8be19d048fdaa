/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide top: every Go process, or those named, as they are now.  A screen on a terminal, lines or
 * JSON otherwise.
 */
#include "view/top.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "cmd/topcmd.h"
#include "trend/verdict.h"
#include "view/jsonl.h"
#include "view/table.h"

struct top_cmd {
	struct opts *opts; /* borrowed */
	struct top *screen; /* NULL: lines, or no sample yet */
	bool wants_screen;
	bool is_over; /* nothing more is to be shown */
	bool has_leak; /* in what was printed */
	uint64_t samples, sampled_ns; /* how many; when the last one was */
};

static void top_cmd_release(struct top_cmd *t)
{
	top_close(t->screen);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;
	long long n;

	switch (key) {
	case ARGP_KEY_INIT:
		for (int i = 0; i < 4; i++)
			state->child_inputs[i] = o;
		return 0;
	case 'n':
		if (text_parse_int(arg, 1, INT64_MAX, &n))
			argp_error(state, "--count: '%s' is not a positive number", arg);
		else
			o->count = (uint64_t)n;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "count", 'n', "N", 0, "End after N samples", 1 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_observe_argp },
	{ .argp = &opts_tape_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "[PID|NAME...]",
	.doc = "Show every Go process on this machine, or those named, with its verdict, live.\v"
	       "On a terminal it is a screen ('?' there lists the keys); otherwise one line per "
	       "process and sample, or with -j one JSON object.  Parks are not probed unless "
	       "--park all is given.\n\n"
	       "Exit status: 0 done, 1 failed, 2 usage, 3 a leak was found in what was printed; a "
	       "screen prints nothing, so its status is 0.\n\n"
	       "Examples:\n"
	       "  gotide\n"
	       "  gotide top shop\n"
	       "  gotide top -n 1 -i 10s | cat\n"
	       "  gotide top -j | jq -c '[.pid, .verdict]'\n",
};

static int print_process(struct top_cmd *t, const struct session *s,
			 const struct snapshot_process *p)
{
	_cleanup_free_ struct verdict *v = malloc(sizeof(*v));
	struct row row;

	if (!v)
		return -ENOMEM;
	judge_verdict(session_judge(s), p, v);
	t->has_leak = t->has_leak || verdict_kind_is_leak(v->kind);
	if (t->opts->is_json)
		return jsonl_write(t->opts->out, jsonl_process(p, v));
	row_of(p, v, &row);
	table_row(t->opts->out, &row);
	return 0;
}

static int print_lines(struct top_cmd *t, const struct session *s, const struct snapshot *snap)
{
	int err = 0;

	if (!t->opts->is_json && !t->samples)
		table_heading(t->opts->out);
	if (!t->opts->is_json && snap->n)
		table_time(t->opts->out, (time_t)session_wall_s(s));
	for (size_t i = 0; !err && i < snap->n; i++) {
		const struct snapshot_process *p = &snap->processes[i];

		/* One that has ended is printed once more. */
		if (!p->has_exited || p->now_ns > t->sampled_ns)
			err = print_process(t, s, p);
	}
	t->sampled_ns = snap->now_ns;
	if (!err && fflush(t->opts->out))
		err = -errno;
	return err;
}

/* arg: the session, which outlives the screen. */
static void judge(void *arg, const struct snapshot_process *p, struct verdict *ret)
{
	judge_verdict(session_judge(arg), p, ret);
}

/*
 * Only with the first sample, so that whatever goes wrong before is said on the terminal as it was.
 * A terminal that curses cannot drive gets lines, like a pipe.
 */
static void screen_start(struct top_cmd *t, struct session *s)
{
	t->wants_screen = false;
	if (!top_open(judge, s, &t->screen))
		log_set_level(LOG_LEVEL_QUIET); /* talk would tear the screen */
}

/* The terminal is given back at once: taking the probes out may need seconds. */
static void quit(struct top_cmd *t, struct session *s)
{
	top_close(t->screen);
	t->screen = NULL;
	t->is_over = true;
	session_stop(s);
}

static int on_sample(struct session *s, const struct snapshot *snap, void *arg)
{
	struct top_cmd *t = arg;

	if (t->is_over)
		return 0;
	if (t->wants_screen)
		screen_start(t, s);
	int err = t->screen ? top_sample(t->screen, snap) : print_lines(t, s, snap);

	if (err)
		return opts_print_failed(t->opts, err);
	/* A new size of the terminal comes as a key, without making the descriptor readable. */
	if ((t->screen && top_input(t->screen)) || ++t->samples == t->opts->count)
		quit(t, s);
	return 0;
}

static int on_input(struct session *s, void *arg)
{
	struct top_cmd *t = arg;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char unread[64];
	bool is_quit =
		t->screen ? top_input(t->screen) : read(STDIN_FILENO, unread, sizeof(unread)) <= 0;

	if (is_quit || (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR)))
		quit(t, s);
	return 0;
}

static bool wants_screen(const struct opts *o)
{
	return !o->is_json && !o->output && !o->wants_lines && isatty(STDOUT_FILENO) &&
	       isatty(STDIN_FILENO);
}

int top_show(struct opts *o, struct session_opts *s, int (*observe)(const struct session_opts *))
{
	_cleanup_(top_cmd_release) struct top_cmd t = { .opts = o };

	if (opts_open_output(o))
		return CMD_FAILED;
	opts_to_session(o, s);
	s->on_sample = on_sample;
	s->arg = &t;
	s->input_fd = -1;
	t.wants_screen = wants_screen(o);
	if (t.wants_screen) {
		s->input_fd = STDIN_FILENO;
		s->on_input = on_input;
	}
	int err = observe(s);

	return opts_close_output(o, err ? CMD_FAILED : t.has_leak ? CMD_LEAK : CMD_OK);
}

static int observe(const struct session_opts *s)
{
	return session_run(s);
}

static int top_run(int argc, char **argv)
{
	_cleanup_(opts_release) struct opts o = { 0 };
	struct session_opts s = { 0 };

	if (opts_parse(&argp, argc, argv, 0, &o))
		return CMD_USAGE;
	s.whom = o.names.n ? SESSION_NAMED : SESSION_ALL;
	return top_show(&o, &s, observe);
}

const struct cmd cmd_top = {
	.name = "top",
	.summary = "every Go process on this machine, live",
	.run = top_run,
};
