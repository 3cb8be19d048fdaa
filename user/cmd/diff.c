/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide diff: compare two tapes of a program, from before and after a fix.
 */
#include "view/diff.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"

/* What one tape comes to: a summary of each process on it. */
struct side {
	const char *path;
	long long pid; /* 0: any */
	VEC(struct summary) all, chosen; /* chosen borrows from all */
};

struct diff_cmd {
	struct opts opts;
	struct side before, after;
	const char *name; /* of the process; NULL: any */
};

static void side_release(struct side *s)
{
	vec_for_each (&s->all, it)
		summary_release(it);
	vec_release(&s->all);
	vec_release(&s->chosen);
}

static void diff_cmd_release(struct diff_cmd *c)
{
	side_release(&c->before);
	side_release(&c->after);
	opts_release(&c->opts);
}

/* ---- options ---- */

/* The first is of the first tape, the second of the second. */
static void parse_pid(struct diff_cmd *c, struct argp_state *state, const char *arg)
{
	long long *pid = c->before.pid ? &c->after.pid : &c->before.pid;

	if (*pid)
		argp_error(state, "--pid: one for each tape at most");
	else if (text_parse_int(arg, 1, 1 << 30, pid))
		argp_error(state, "--pid: '%s' is not a process id", arg);
}

static void parse_arg(struct diff_cmd *c, struct argp_state *state, const char *arg)
{
	const char **to = !c->before.path  ? &c->before.path
			  : !c->after.path ? &c->after.path
					   : &c->name;

	if (*to)
		argp_error(state, "two tapes, and one name at most");
	*to = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct diff_cmd *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &c->opts;
		return 0;
	case 'p':
		parse_pid(c, state, arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_arg(c, state, arg);
		return 0;
	case ARGP_KEY_END:
		if (!c->after.path)
			argp_error(state, "which tapes? give that from before and that from after");
		else if (opts_share_file(c->opts.output, c->before.path, NULL) ||
			 opts_share_file(c->opts.output, c->after.path, NULL))
			argp_error(state, "-o would overwrite a tape");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "pid", 'p', "PID", 0,
	  "Compare the process of this id on the first tape; given again, that on the second", 1 },
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
	.args_doc = "BEFORE AFTER [NAME]",
	.doc = "Compare two tapes that gotide record made of the same program under the same load, "
	       "before and after a fix: is what leaked gone, and is nothing new there?  Of several "
	       "processes NAME or --pid says which; else it is the one with the worst finding.\v"
	       "The answer is the first line: fixed, not fixed, not comparable (the second tape is "
	       "too short, less was done, or it is another program), nothing to fix.  What that "
	       "rests on follows.\n\n"
	       "Exit status: 0 fixed, or nothing to fix, 1 not comparable or failed, 2 usage, "
	       "3 not fixed, or a new leak.\n\n"
	       "Examples:\n"
	       "  gotide record -o before.tape --for 5m shop\n"
	       "  gotide diff before.tape after.tape\n"
	       "  gotide diff -j before.tape after.tape shop | jq -r .outcome\n",
};

/* ---- tapes ---- */

static int add_summary(struct side *side, const struct judge *judge,
		       const struct snapshot_process *p)
{
	_cleanup_free_ struct verdict *v = malloc(sizeof(*v));
	int err = v ? vec_reserve(&side->all) : -ENOMEM;

	if (err)
		return err;
	judge_verdict(judge, p, v);
	err = summary_make(p, v, &side->all.items[side->all.n]);
	side->all.n += !err;
	return err;
}

static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	struct side *side = arg;

	for (size_t i = 0; i < snap->n; i++) {
		int err = add_summary(side, session_judge(s), &snap->processes[i]);

		if (err)
			return log_err(err, "%s: cannot sum it up", side->path);
	}
	return 0;
}

static bool is_chosen(const struct side *side, const struct summary *s, const char *name)
{
	if (side->pid && side->pid != s->pid)
		return false;
	return !name || !strcmp(s->comm, name) || !strcmp(text_base_name(s->exe), name);
}

static int choose(const struct diff_cmd *c, struct side *side)
{
	vec_for_each (&side->all, it)
		if (is_chosen(side, it, c->name) && vec_push(&side->chosen, *it))
			return log_err(-ENOMEM, "%s", side->path);
	if (!side->chosen.n)
		return log_err(0, "%s: %s", side->path,
			       side->all.n ? "it has no such process" : "it has no Go process"),
		       -ENOENT;
	return 0;
}

static int read_tape(const struct diff_cmd *c, struct side *side)
{
	const struct session_opts s = {
		.input_fd = -1,
		.quiet = c->opts.verbosity < 0,
		.on_end = on_end,
		.arg = side,
	};
	int err = session_replay(side->path, &s);

	return err ? err : choose(c, side);
}

/* ---- the answer ---- */

static int print(struct diff_cmd *c, const struct diff *d)
{
	struct view_out out;

	if (c->opts.is_json)
		return jsonl_write(c->opts.out, diff_json(d));
	view_out_init(&out, c->opts.out);
	diff_text(&out, d, c->opts.verbosity > 0);
	return fflush(c->opts.out) ? -errno : 0;
}

static int status_of(enum compare_outcome o)
{
	switch (o) {
	case COMPARE_NOTHING_TO_FIX:
	case COMPARE_FIXED:
		return CMD_OK;
	case COMPARE_NOT_FIXED:
		return CMD_LEAK;
	case COMPARE_NOT_COMPARABLE:
		break;
	}
	return CMD_FAILED;
}

static int diff_tapes(struct diff_cmd *c)
{
	struct diff d = { .before_tape = c->before.path, .after_tape = c->after.path };
	_cleanup_free_ struct compare *result = calloc(1, sizeof(*result));

	if (!result)
		return log_err(-ENOMEM, "cannot compare"), CMD_FAILED;
	if (read_tape(c, &c->before) || read_tape(c, &c->after))
		return CMD_FAILED;
	if (!compare_choose(c->before.chosen.items, c->before.chosen.n, c->after.chosen.items,
			    c->after.chosen.n, &d.before, &d.after)) {
		log_err(0, "%s and %s have no process in common: name one, or give two with --pid",
			c->before.path, c->after.path);
		return CMD_FAILED;
	}
	compare(d.before, d.after, result);
	d.compare = result;
	int err = print(c, &d);

	return err ? opts_print_failed(&c->opts, err), CMD_FAILED : status_of(result->outcome);
}

static int diff_run(int argc, char **argv)
{
	_cleanup_(diff_cmd_release) struct diff_cmd c = { 0 };

	if (opts_parse(&argp, argc, argv, 0, &c.opts))
		return CMD_USAGE;
	if (opts_open_output(&c.opts))
		return CMD_FAILED;
	return opts_close_output(&c.opts, diff_tapes(&c));
}

const struct cmd cmd_diff = {
	.name = "diff",
	.summary = "compare two tapes, from before and after a fix",
	.run = diff_run,
};
