/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide goroutines: all goroutines of a process as they are now, grouped, with their stacks.
 * Nothing is attached: memory is read, once or twice.
 */
#include "view/goroutines.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "cmd/process.h"
#include "session/profiles.h"
#include "view/dump.h"
#include "view/jsonl.h"

enum {
	KEY_BY = 0x200,
	KEY_MIN_AGE,
	KEY_FOR,
	KEY_FOLDED,
	KEY_TEXT,
	KEY_PPROF,
	KEY_SVG,
};

typedef VEC(uint64_t) goid_vec;

struct goroutines_cmd {
	struct opts opts; /* first: what parses them is given the whole */
	enum group_by by;
	bool is_folded, is_text, with_system;
	double min_age_s;
	const char *pprof, *svg; /* files */
	struct target target;
	struct census *census;
	struct census_result result;
	struct symbols *symbols;
	goid_vec before; /* ids of the first of two censuses, sorted */
};

static void release(struct goroutines_cmd *c)
{
	vec_release(&c->before);
	symbols_free(c->symbols);
	census_free(c->census);
	target_release(&c->target);
	opts_release(&c->opts);
}

/* ---- options ---- */

static error_t parse_by(struct goroutines_cmd *c, const char *arg, struct argp_state *state)
{
	static const char *const names[] = {
		[GROUP_STACK] = "stack",
		[GROUP_SITE] = "site",
		[GROUP_WAIT] = "wait",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i])) {
			c->by = (enum group_by)i;
			return 0;
		}
	}
	argp_error(state, "--by: '%s' is neither 'stack' nor 'site' nor 'wait'", arg);
	return EINVAL;
}

static error_t parse_age(const char *option, const char *arg, double *ret, struct argp_state *state)
{
	if (!text_parse_duration(arg, ret))
		return 0;
	argp_error(state, "%s: '%s' is not a duration (30s, 5m, 2h)", option, arg);
	return EINVAL;
}

static error_t parse_end(struct goroutines_cmd *c, struct argp_state *state)
{
	if (opts_share_file(c->pprof, c->svg, c->opts.output))
		argp_error(state, "each of --pprof, --svg and -o needs a file of its own");
	else if (c->opts.names.n != 1)
		argp_error(state, "which process? give one PID or name");
	else if (c->opts.is_json + c->is_folded + c->is_text > 1)
		argp_error(state, "--json, --folded and --text exclude each other");
	else if (c->opts.for_s > 0 && c->min_age_s > c->opts.for_s)
		argp_error(state, "--for cannot tell what is older than --min-age: "
				  "it must be at least as long");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct goroutines_cmd *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &c->opts;
		return 0;
	case KEY_BY:
		return parse_by(c, arg, state);
	case KEY_MIN_AGE:
		return parse_age("--min-age", arg, &c->min_age_s, state);
	case KEY_FOR:
		return parse_age("--for", arg, &c->opts.for_s, state);
	case KEY_FOLDED:
		c->is_folded = true;
		return 0;
	case KEY_TEXT:
		c->is_text = true;
		return 0;
	case 'a':
		c->with_system = true;
		return 0;
	case KEY_PPROF:
		c->pprof = arg;
		return 0;
	case KEY_SVG:
		c->svg = arg;
		return 0;
	case ARGP_KEY_END:
		return parse_end(c, state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "by", KEY_BY, "stack|site|wait", 0,
	  "Group by whole stack (default), by the go statement that started them, or by what they "
	  "wait for",
	  1 },
	{ "min-age", KEY_MIN_AGE, "DURATION", 0,
	  "Only goroutines known to have waited so long.  The runtime notes since when at the first "
	  "GC that finds them waiting",
	  1 },
	{ "for", KEY_FOR, "DURATION", 0,
	  "Read twice, DURATION apart: only goroutines that were there both times", 1 },
	{ "all", 'a', NULL, 0, "The runtime's own goroutines, too", 1 },
	{ "folded", KEY_FOLDED, NULL, 0, "Print folded stacks, for flame graph tools", 10 },
	{ "text", KEY_TEXT, NULL, 0,
	  "Print a traceback of each goroutine as Go does (pprof's goroutine debug=2)", 10 },
	{ "pprof", KEY_PPROF, "FILE", 0, "Write a profile for 'go tool pprof' to FILE", 10 },
	{ "svg", KEY_SVG, "FILE", 0, "Write a flame graph to FILE", 10 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ .argp = &opts_target_argp },
	{ .argp = &opts_output_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "PID|NAME",
	.doc = "Show all goroutines of a process as they are now: how many are where, in which "
	       "state, since when.  The process is not stopped and no probe is attached.\v"
	       "Exit status: 0 done, 1 failed, 2 usage.\n\n"
	       "Examples:\n"
	       "  gotide goroutines shop\n"
	       "  gotide goroutines --by site --min-age 5m 4242\n"
	       "  gotide goroutines --for 30s shop\n"
	       "  gotide goroutines --pprof g.pb.gz shop && go tool pprof -top g.pb.gz\n"
	       "  gotide goroutines -j shop | jq 'select(.type == \"group\") | .count'\n",
};

/* ---- reading ---- */

static int read_census(struct goroutines_cmd *c, bool want_stacks)
{
	const struct census_opts how = { .want_stacks = want_stacks };
	int err = census_run(c->census, &how, &c->result);

	return err ? process_failed(&c->target, err, "its goroutines") : 0;
}

static int compare_ids(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static int note_ids(struct goroutines_cmd *c)
{
	int err = 0;

	for (size_t i = 0; !err && i < census_count(c->census); i++)
		err = vec_push(&c->before, census_at(c->census, i)->g.goid);
	if (c->before.n)
		qsort(c->before.items, c->before.n, sizeof(*c->before.items), compare_ids);
	return err ? log_err(err, "%s", c->target.comm) : 0;
}

static bool was_there(uint64_t goid, void *arg)
{
	const struct goroutines_cmd *c = arg;

	return c->before.n &&
	       bsearch(&goid, c->before.items, c->before.n, sizeof(*c->before.items), compare_ids);
}

static int sleep_for(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &left, NULL) ? -EINTR : 0;
}

/* The first of two: who is there. */
static int read_before(struct goroutines_cmd *c)
{
	int err = read_census(c, false);

	if (!err)
		err = note_ids(c);
	if (err)
		return err;
	log_info("pid %d (%s): %zu goroutines now; reading again in %.0f s", (int)c->target.pid,
		 c->target.comm, c->before.n, c->opts.for_s);
	return sleep_for(c->opts.for_s);
}

static int read_all(struct goroutines_cmd *c)
{
	int err = census_new(c->target.bin, c->target.bias, c->target.pid, &c->census);

	if (err)
		return process_failed(&c->target, err, "its goroutines");
	if (c->opts.for_s > 0)
		err = read_before(c);
	if (!err)
		err = read_census(c, true);
	return err ? err : process_check(&c->target);
}

/* ---- writing ---- */

/* Two readings tell of nothing younger than what lies between them. */
static double min_age_s(const struct goroutines_cmd *c)
{
	return c->opts.for_s > 0 ? c->opts.for_s : c->min_age_s;
}

static struct goroutines picture_of(struct goroutines_cmd *c, enum group_by by,
				    const struct groups *groups)
{
	return (struct goroutines){
		.pid = c->target.pid,
		.comm = c->target.comm,
		.exe = c->target.exe,
		.go_version = gobin_info(c->target.bin)->version.text,
		.by = by,
		.groups = groups,
		.stacks = census_stacks(c->census),
		.result = &c->result,
		.symbols = c->symbols,
		.state_name = group_state_name,
		.bin = c->target.bin,
		.with_system = c->with_system,
		.min_age_s = min_age_s(c),
		.apart_s = c->opts.for_s,
	};
}

static struct group_filter filter_of(struct goroutines_cmd *c)
{
	struct group_filter f = { .with_system = c->with_system };

	if (min_age_s(c) > 0)
		f.waiting_since_ns =
			MAX(1, (int64_t)c->result.end_ns - (int64_t)(min_age_s(c) * 1e9));
	if (c->opts.for_s > 0) {
		f.is_old = was_there;
		f.arg = c;
	}
	return f;
}

static int print_json(const struct goroutines_cmd *c, const struct goroutines *g)
{
	int err = jsonl_write(c->opts.out, goroutines_json(g));

	for (size_t i = 0; !err && i < g->groups->groups.n; i++)
		err = jsonl_write(c->opts.out,
				  goroutines_group_json(g, &g->groups->groups.items[i]));
	return err;
}

/* As Go prints it: goroutine by goroutine, not grouped, in the runtime's order. */
static int print_dump(struct goroutines_cmd *c, const struct goroutines *g,
		      const struct group_filter *f)
{
	struct dump d = {
		.f = c->opts.out,
		.symbols = c->symbols,
		.version = &gobin_info(c->target.bin)->version,
		.now_ns = c->result.end_ns,
	};

	errno = 0;
	for (size_t i = 0; i < census_count(c->census); i++) {
		const struct census_goroutine *one = census_at(c->census, i);
		struct stack stack = goroutines_stack(g->stacks, one);

		if (group_passes(f, &one->g))
			dump_goroutine(&d, one, group_state_name(c->target.bin, &one->g), &stack);
	}
	if (!ferror(c->opts.out))
		return 0;
	return errno ? -errno : -EIO;
}

static int write_files(struct goroutines_cmd *c, const struct profile *p)
{
	char title[VIEW_NAME_MAX];
	int err = process_write_pprof(c->pprof, p);

	snprintf(title, sizeof(title), "%s (pid %d): goroutines", c->target.comm,
		 (int)c->target.pid);
	return err ? err : process_write_flame(c->svg, title, p);
}

/* Everything that is made of a profile; err_out: of standard output, which the caller reports. */
static int write_profiles(struct goroutines_cmd *c, const struct group_filter *f)
{
	struct profile p = { .symbols = c->symbols,
			     .comment = "goroutines, read by gotide while the program ran on" };
	struct groups groups = { 0 };
	int err;

	if (!c->is_folded && !c->pprof && !c->svg)
		return 0;
	err = groups_make(c->census, GROUP_STACK, f, &groups);
	if (!err) {
		struct goroutines g = picture_of(c, GROUP_STACK, &groups);

		profiles_identify(&c->target, &p);
		err = goroutines_profile(&g, c->by == GROUP_SITE, &p);
	}
	if (err)
		log_err(err, "%s", c->target.comm);
	else
		err = write_files(c, &p);
	if (!err && c->is_folded)
		(void)opts_print_failed(&c->opts, profile_write_folded(&p, c->opts.out));
	profile_release(&p);
	groups_release(&groups);
	return err;
}

/* True if nothing but files is asked for. */
static bool is_quiet(const struct goroutines_cmd *c)
{
	return c->is_folded ||
	       ((c->pprof || c->svg) && !c->opts.is_json && !c->is_text && !c->opts.output);
}

static int print_all(struct goroutines_cmd *c, const struct group_filter *f)
{
	struct groups groups = { 0 };
	struct view_out out;
	int err = groups_make(c->census, c->by, f, &groups);

	if (err)
		return log_err(err, "%s", c->target.comm);
	struct goroutines g = picture_of(c, c->by, &groups);

	if (c->opts.is_json) {
		err = print_json(c, &g);
	} else if (c->is_text) {
		err = print_dump(c, &g, f);
	} else {
		view_out_init(&out, c->opts.out);
		goroutines_text(&out, &g, c->opts.verbosity > 0);
	}
	if (err)
		opts_print_failed(&c->opts, err);
	groups_release(&groups);
	return 0;
}

static int goroutines_run(int argc, char **argv)
{
	_cleanup_(release) struct goroutines_cmd c = { .by = GROUP_STACK };
	int err;

	if (opts_parse(&argp, argc, argv, 0, &c.opts))
		return CMD_USAGE;
	if (process_open(&c.opts, &c.target) || opts_open_output(&c.opts))
		return CMD_FAILED;
	err = read_all(&c);
	if (!err)
		err = symbols_new(c.target.bin, c.target.bias, &c.symbols);
	if (!err) {
		struct group_filter f = filter_of(&c);

		err = write_profiles(&c, &f);
		if (!err && !is_quiet(&c))
			err = print_all(&c, &f);
	}
	return opts_close_output(&c.opts, err ? CMD_FAILED : CMD_OK);
}

const struct cmd cmd_goroutines = {
	.name = "goroutines",
	.summary = "all goroutines of a process now: where they are and since when",
	.run = goroutines_run,
};
