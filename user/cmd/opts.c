/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/opts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "event/tape.h"

enum {
	KEY_FOR = 0x100,
	KEY_PARK,
	KEY_CENSUS,
	KEY_TAPE,
};

static error_t parse_talk(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	(void)arg;
	switch (key) {
	case 'q':
		o->verbosity = LOG_LEVEL_QUIET;
		return 0;
	case 'v':
		o->verbosity = MAX(o->verbosity, 0) + 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option talk_options[] = {
	{ "quiet", 'q', NULL, 0, "Only errors on standard error", 10 },
	{ "verbose", 'v', NULL, 0, "More detail; twice for debugging", 10 },
	{ 0 },
};

const struct argp opts_talk_argp = { .options = talk_options, .parser = parse_talk };

static error_t parse_output(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case 'j':
		o->is_json = true;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option output_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON, one object per line", 10 },
	{ "output", 'o', "FILE", 0, "Write data to FILE instead of standard output", 10 },
	{ 0 },
};

static const struct argp_child output_children[] = {
	{ .argp = &opts_talk_argp },
	{ 0 },
};

const struct argp opts_output_argp = {
	.options = output_options,
	.parser = parse_output,
	.children = output_children,
};

error_t opts_parse_duration(struct argp_state *state, const char *option, const char *arg,
			    double *ret)
{
	if (text_parse_duration(arg, ret)) {
		argp_error(state, "%s: '%s' is not a duration (30s, 5m, 2h)", option, arg);
		return EINVAL;
	}
	return 0;
}

static error_t parse_park(struct argp_state *state, const char *arg, bool *ret)
{
	if (strcmp(arg, "all") && strcmp(arg, "off")) {
		argp_error(state, "--park: '%s' is neither 'all' nor 'off'", arg);
		return EINVAL;
	}
	*ret = !strcmp(arg, "all");
	return 0;
}

static error_t parse_census(struct argp_state *state, const char *arg, double *ret)
{
	if (strcmp(arg, "off"))
		return opts_parse_duration(state, "--census", arg, ret);
	*ret = -1;
	return 0;
}

static error_t parse_probe(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case KEY_PARK:
		return parse_park(state, arg, &o->watch_parks);
	case KEY_CENSUS:
		return parse_census(state, arg, &o->census_s);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option probe_options[] = {
	{ "park", KEY_PARK, "all|off", 0,
	  "Probe every park and wake-up of a goroutine for exact counts by wait reason; dear on "
	  "busy servers",
	  1 },
	{ "census", KEY_CENSUS, "DURATION|off", 0,
	  "Read all goroutines from memory every DURATION (default 30s) and correct the counts by "
	  "it; off: only when a process is first seen",
	  1 },
	{ 0 },
};

const struct argp opts_probe_argp = { .options = probe_options, .parser = parse_probe };

static error_t parse_observe(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case 'i':
		return opts_parse_duration(state, "--interval", arg, &o->interval_s);
	case KEY_FOR:
		return opts_parse_duration(state, "--for", arg, &o->for_s);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option observe_options[] = {
	{ "for", KEY_FOR, "DURATION", 0, "Observe for DURATION (30s, 5m, 2h)", 1 },
	{ "interval", 'i', "DURATION", 0, "Take a sample every DURATION (default 1s)", 1 },
	{ 0 },
};

static const struct argp_child observe_children[] = {
	{ .argp = &opts_probe_argp },
	{ 0 },
};

const struct argp opts_observe_argp = {
	.options = observe_options,
	.parser = parse_observe,
	.children = observe_children,
};

static error_t parse_target(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;
	long long pid;

	switch (key) {
	case 'p':
		if (text_parse_int(arg, 1, 1 << 30, &pid)) {
			argp_error(state, "--pid: '%s' is not a process id", arg);
			return EINVAL;
		}
		return -vec_push(&o->names, arg);
	case ARGP_KEY_ARG:
		return -vec_push(&o->names, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option target_options[] = {
	{ "pid", 'p', "PID", 0, "The process of this id; may be repeated", 1 },
	{ 0 },
};

const struct argp opts_target_argp = { .options = target_options, .parser = parse_target };

static error_t parse_tape(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	if (key != KEY_TAPE)
		return ARGP_ERR_UNKNOWN;
	o->tape = arg;
	return 0;
}

static const struct argp_option tape_options[] = {
	{ "tape", KEY_TAPE, "FILE", 0, "Keep the observation in FILE, too, for gotide replay", 1 },
	{ 0 },
};

const struct argp opts_tape_argp = { .options = tape_options, .parser = parse_tape };

int opts_are_tapes(const struct opts *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->names.n; i++)
		n += tape_is(o->names.items[i]);
	if (!n || n == o->names.n)
		return n > 0;
	return log_err(0, "processes and tapes cannot be reported together"), -EINVAL;
}

int opts_parse(const struct argp *argp, int argc, char **argv, unsigned int flags, struct opts *o)
{
	error_t err = argp_parse(argp, argc, argv, flags, NULL, o);

	if (!err)
		log_set_level((enum log_level)MIN(o->verbosity, (int)LOG_LEVEL_DEBUG));
	return err;
}

static bool is_same_file(const char *a, const char *b)
{
	return a && b && !strcmp(a, b) && strcmp(a, "/dev/null");
}

bool opts_share_file(const char *a, const char *b, const char *c)
{
	return is_same_file(a, b) || is_same_file(a, c) || is_same_file(b, c);
}

int opts_open_output(struct opts *o)
{
	FILE *f = o->output ? fopen(o->output, "we") : stdout;

	if (!f)
		return log_err(-errno, "%s: cannot write", o->output);
	o->out = f;
	return 0;
}

int opts_print_failed(struct opts *o, int err)
{
	if (!o->out_err)
		o->out_err = err;
	return err;
}

int opts_close_output(struct opts *o, int status)
{
	int err = fflush(o->out) ? -errno : ferror(o->out) ? -EIO : 0;

	if (o->out != stdout && fclose(o->out) && !err)
		err = -errno;
	o->out = NULL;
	if (o->out_err)
		err = o->out_err;
	if (!err)
		return status;
	if (err != -EPIPE)
		log_err(err, "%s: not everything could be written",
			o->output ? o->output : "standard output");
	return CMD_FAILED;
}

void opts_release(struct opts *o)
{
	vec_release(&o->names);
}

void opts_to_session(const struct opts *o, struct session_opts *s)
{
	s->names = o->names.items;
	s->n_names = o->names.n;
	s->for_s = o->for_s;
	s->interval_s = o->interval_s;
	s->watch_parks = o->watch_parks;
	s->census_interval_s = o->census_s;
	s->tape = o->tape;
	s->quiet = o->verbosity < 0;
}
