/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide inspect: what gotide knows of an executable, of a file or of a process.
 */
#include "view/inspect.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "target/procfs.h"
#include "view/jsonl.h"

#define PROC_ROOT "/proc"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct opts *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = state->input;
		return 0;
	case ARGP_KEY_END:
		if (!o->names.n)
			argp_error(state, "which executable? give a file or a PID");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.parser = parse,
	.children = children,
	.args_doc = "FILE|PID...",
	.doc = "Say what gotide knows of a Go executable: version, where it would be probed and "
	       "what that costs, struct offsets and where they come from, the runtime's "
	       "variables; and what is missing and why.  A number is a PID unless a file of that "
	       "name exists.\v"
	       "Exit status: 0 the executable can be watched, 1 it cannot, 2 usage.\n\n"
	       "Examples:\n"
	       "  gotide inspect ./server\n"
	       "  gotide inspect -v 4242\n"
	       "  gotide inspect -j ./server | jq '.sites[] | select(.found | not)'\n",
};

/* A descriptor of the executable that name stands for, or a negative errno. */
static int open_named(const char *name)
{
	long long pid;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	int err = -errno;

	return text_parse_int(name, 1, 1 << 30, &pid) ? err
						      : procfs_exe_open(PROC_ROOT, (pid_t)pid);
}

static const char **wait_reasons(const struct gobin *b)
{
	size_t n = gobin_wait_reasons(b);
	const char **names = calloc(n + 1, sizeof(*names));

	for (size_t i = 0; names && i < n; i++)
		names[i] = gobin_wait_reason(b, (unsigned int)i);
	return names;
}

static int print(const struct opts *o, const char *name, const struct gobin *b,
		 enum gobin_reason reason)
{
	_cleanup_free_ const char **reasons = wait_reasons(b);
	struct inspect i = {
		.name = name,
		.reason = reason,
		.info = gobin_info(b),
		.moduledata = gobin_moduledata(b),
		.sites = gobin_sites(b),
		.globals = gobin_globals(b),
		.wait_reasons = reasons,
		.n_wait_reasons = gobin_wait_reasons(b),
	};
	struct view_out out;

	if (!reasons)
		return -ENOMEM;
	i.offsets = gobin_offsets(b, &i.offsets_source);
	if (o->is_json)
		return jsonl_write(o->out, inspect_json(&i));
	view_out_init(&out, o->out);
	inspect_text(&out, &i, o->verbosity > 0);
	return 0;
}

/* An exit status. */
static int inspect_one(struct opts *o, const char *name)
{
	_cleanup_close_ int fd = open_named(name);
	enum gobin_reason reason = GOBIN_OK;
	struct gobin *b = NULL;

	if (fd < 0) {
		log_err(fd, "%s: cannot open", name);
		return CMD_FAILED;
	}
	int err = gobin_open(fd, &b, &reason);

	if (err) {
		log_err(reason == GOBIN_UNREADABLE ? err : 0, "%s: %s", name,
			gobin_reason_str(reason));
		return CMD_FAILED;
	}
	err = print(o, name, b, reason);
	gobin_unref(b);
	if (err)
		opts_print_failed(o, err);
	return err || reason != GOBIN_OK ? CMD_FAILED : CMD_OK;
}

static int inspect_run(int argc, char **argv)
{
	_cleanup_(opts_release) struct opts o = { 0 };
	int status = CMD_OK;

	if (opts_parse(&argp, argc, argv, 0, &o))
		return CMD_USAGE;
	if (opts_open_output(&o))
		return CMD_FAILED;
	vec_for_each (&o.names, name) {
		status = MAX(status, inspect_one(&o, *name));
	}
	return opts_close_output(&o, status);
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.summary = "what gotide knows of an executable, and what is missing",
	.run = inspect_run,
};
