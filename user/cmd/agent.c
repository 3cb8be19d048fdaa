/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide agent: every Go process of a machine, for weeks, served to Prometheus and browsers.
 */
#include "session/agent.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/opts.h"
#include "view/metrics.h"

enum {
	KEY_LISTEN = 0x200,
	KEY_INCLUDE,
	KEY_EXCLUDE,
	KEY_COMPAT,
	KEY_PROFILES,
	KEY_SITES,
	KEY_CONFIG,
};

/* What the options say, from the file and from the command line, which comes after it. */
struct agent_args {
	struct opts opts;
	struct agent_opts agent;
	const char *config;
};

struct agent_cmd {
	int argc;
	char **argv;
	struct agent_args args;
};

static void args_release(struct agent_args *a)
{
	opts_release(&a->opts);
	agent_opts_release(&a->agent);
}

static void cmd_release(struct agent_cmd *c)
{
	args_release(&c->args);
}

/* ---- options ---- */

static error_t parse_listen(struct agent_args *a, const char *arg)
{
	free(a->agent.listen);
	a->agent.listen = strdup(arg);
	return a->agent.listen ? 0 : ENOMEM;
}

static error_t parse_rule(struct agent_args *a, bool is_exclude, const char *arg,
			  struct argp_state *state)
{
	int err = filter_add(&a->agent.filter, is_exclude, arg);

	if (!err)
		return 0;
	argp_error(state, "--%s: '%s' is not name=GLOB, cgroup=GLOB or namespace=GLOB",
		   is_exclude ? "exclude" : "include", arg);
	return -err;
}

static error_t parse_sites(struct agent_args *a, const char *arg, struct argp_state *state)
{
	long long n;

	if (!text_parse_int(arg, 0, METRICS_SITES_MAX, &n)) {
		a->agent.sites = (unsigned int)n;
		return 0;
	}
	argp_error(state, "--sites: '%s' is not a number from 0 to %d", arg, METRICS_SITES_MAX);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct agent_args *a = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &a->opts;
		return 0;
	case KEY_LISTEN:
		return parse_listen(a, arg);
	case KEY_INCLUDE:
	case KEY_EXCLUDE:
		return parse_rule(a, key == KEY_EXCLUDE, arg, state);
	case KEY_COMPAT:
		a->agent.is_compat = true;
		return 0;
	case KEY_PROFILES:
		a->agent.has_profiles = true;
		return 0;
	case KEY_SITES:
		return parse_sites(a, arg, state);
	case KEY_CONFIG:
		a->config = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': which processes are watched is said by --include", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "listen", KEY_LISTEN, "ADDR:PORT", 0,
	  "Serve there (default " AGENT_LISTEN "); :PORT is every address", 1 },
	{ "include", KEY_INCLUDE, "KEY=GLOB", 0,
	  "Watch only processes whose KEY matches: name, cgroup, or namespace, which is that of the "
	  "Kubernetes pod; may be repeated",
	  1 },
	{ "exclude", KEY_EXCLUDE, "KEY=GLOB", 0, "Do not watch those; may be repeated", 1 },
	{ "compat-metrics", KEY_COMPAT, NULL, 0,
	  "Metrics also under the names that programs with Go's client export themselves "
	  "(go_goroutines, process_resident_memory_bytes, ...)",
	  1 },
	{ "enable-profiles", KEY_PROFILES, NULL, 0,
	  "Serve profiles of the processes for go tool pprof; they show code paths of programs to "
	  "whoever can reach the address",
	  1 },
	{ "sites", KEY_SITES, "N", 0,
	  "Go statements of a process in the metrics besides those that leak (default 5)", 1 },
	{ "config", KEY_CONFIG, "FILE", 0,
	  "Read options from FILE, too, one NAME = VALUE a line; anew on SIGHUP", 1 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ .argp = &opts_probe_argp },
	{ .argp = &opts_talk_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Watch every Go process on this machine, as they come and go, and serve what is found "
	       "over HTTP: /metrics for Prometheus, a status page at /, JSON at /api/v1/processes, "
	       "/healthz, /readyz.\v"
	       "Runs until SIGTERM or SIGINT, which take the probes out; SIGHUP reads the file of "
	       "--config anew, of which only --listen, --park, --census, --quiet and --verbose take a "
	       "restart, and --enable-profiles if it was off at the start.  Parks are not probed unless "
	       "--park all is given.\n\n"
	       "Exit status: 0 done, 1 failed, 2 usage.\n\n"
	       "Examples:\n"
	       "  gotide agent\n"
	       "  gotide agent --listen :9435 --exclude namespace=kube-system\n"
	       "  curl -s http://127.0.0.1:9435/metrics | grep gotide_finding\n"
	       "  gotide agent --enable-profiles\n"
	       "  go tool pprof http://127.0.0.1:9435/debug/pprof-of/4242/heap\n",
};

/* ---- from both sources ---- */

/* A line of the file is an option of the command line, less its dashes. */
static int take_line(const char *name, const char *value, void *arg)
{
	_cleanup_free_ char *option = NULL;
	char program[] = "gotide agent";
	struct agent_args *a = arg;

	if (!strcmp(name, "config") ||
	    asprintf(&option, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0) {
		option = NULL;
		return -EINVAL;
	}
	char *argv[] = { program, option, NULL };

	return argp_parse(&argp, 2, argv, ARGP_SILENT, NULL, a) ? -EINVAL : 0;
}

/*
 * All options, those of the file first.  *ret is for args_release(), also on failure.  Usage errors
 * on the command line end the process, in the file they are reported: -EINVAL.
 */
static int read_args(const struct agent_cmd *c, unsigned int flags, struct agent_args *ret)
{
	struct agent_args first = { 0 };
	int err;

	*ret = (struct agent_args){ .agent.sites = METRICS_SITES };
	if (opts_parse(&argp, c->argc, c->argv, flags, &first.opts))
		return -EINVAL;
	err = first.config ? config_read(first.config, take_line, ret) : 0;
	args_release(&first);
	if (!err && opts_parse(&argp, c->argc, c->argv, flags, &ret->opts))
		err = -EINVAL;
	return err;
}

static int reload(struct agent_opts *ret, void *arg)
{
	const struct agent_cmd *c = arg;
	const enum log_level level = log_level_get();
	struct agent_args args;
	int err = read_args(c, ARGP_SILENT, &args);

	log_set_level(level); /* it takes a restart */
	if (err) {
		(void)log_err(0, "the options stay as they were");
	} else {
		*ret = args.agent;
		args.agent = (struct agent_opts){ 0 };
	}
	args_release(&args);
	return err;
}

static int agent_run(int argc, char **argv)
{
	_cleanup_(cmd_release) struct agent_cmd c = { .argc = argc, .argv = argv };
	struct session_opts s = { .whom = SESSION_ALL, .input_fd = -1 };

	if (read_args(&c, 0, &c.args))
		return CMD_USAGE;
	if (c.args.config) {
		c.args.agent.reload = reload;
		c.args.agent.reload_arg = &c;
	}
	opts_to_session(&c.args.opts, &s);
	s.agent = &c.args.agent;
	s.filter = &c.args.agent.filter;
	return session_run(&s) ? CMD_FAILED : CMD_OK;
}

const struct cmd cmd_agent = {
	.name = "agent",
	.summary = "watch every Go process of a machine and serve it to Prometheus and browsers",
	.run = agent_run,
};
