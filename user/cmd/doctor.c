/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide doctor: what this kernel and these privileges allow.
 */
#include "base/cleanup.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "probe/kernel.h"
#include "view/doctor.h"
#include "view/jsonl.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': doctor takes no arguments", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { .argp = &opts_output_argp }, { 0 } };

static const struct argp argp = {
	.parser = parse,
	.children = children,
	.doc = "Try every kernel feature and privilege that gotide uses, and say what works, what "
	       "does not, and what that costs.  Leaves nothing behind.\v"
	       "Exit status: 0 all that is required works, 1 something required does not, 2 "
	       "usage.\n\n"
	       "Examples:\n"
	       "  gotide doctor\n"
	       "  gotide doctor -j | jq -r 'select(.state != \"ok\") | .name'\n",
};

static int print(const struct opts *o, const struct kernel_check *checks, size_t n)
{
	struct view_out out;
	int err = 0;

	view_out_init(&out, o->out);
	if (!o->is_json)
		doctor_text(&out, checks, n);
	for (size_t i = 0; o->is_json && !err && i < n; i++)
		err = jsonl_write(o->out, doctor_json(&checks[i]));
	return err;
}

static int doctor_run(int argc, char **argv)
{
	_cleanup_(opts_release) struct opts o = { 0 };
	struct kernel_check checks[KERNEL_CHECKS_MAX];

	if (opts_parse(&argp, argc, argv, 0, &o))
		return CMD_USAGE;
	if (opts_open_output(&o))
		return CMD_FAILED;
	size_t n = kernel_check_all(checks);
	int err = print(&o, checks, n);

	if (err)
		opts_print_failed(&o, err);
	return opts_close_output(&o, !err && doctor_is_well(checks, n) ? CMD_OK : CMD_FAILED);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.summary = "what this kernel and these privileges allow",
	.run = doctor_run,
};
