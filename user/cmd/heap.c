/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide heap: where the memory of a process is now: the account of the whole, the heap by
 * allocation site, the timers.  Nothing is attached, memory is read; --spans and --cgo are another
 * matter.
 */
#include "view/heap.h"

#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/heapcgo.h"
#include "cmd/heapspans.h"
#include "cmd/opts.h"
#include "cmd/process.h"
#include "session/profiles.h"
#include "target/procfs.h"
#include "view/jsonl.h"

#define PROC_ROOT "/proc"
/* What may be read of the target's memory for each of account, profile and timers. */
#define READ_BYTES (UINT64_C(1) << 30)

enum {
	KEY_FOLDED = 0x200,
	KEY_PPROF,
	KEY_SVG,
	KEY_BASE,
	KEY_SPANS,
	KEY_CGO,
	KEY_FOR,
};

static const char *const base_types[BASELINE_VALUES] = { "inuse_objects", "inuse_space" };

struct heap_cmd {
	struct opts opts; /* first: what parses them is given the whole */
	bool is_folded, is_spans, is_cgo;
	const char *pprof, *svg, *base_name; /* files */
	struct target target;
	struct symbols *symbols;
	struct account account;
	struct procfs_memory memory;
	struct memory_parts parts;
	struct heap_profile profile;
	struct heap_sites sites;
	struct timers timers;
	struct baseline base;
	bool has_profile, has_timers;
	int profile_err; /* why there is no profile */
	uint64_t start_ns, end_ns;
	int64_t unix_ns; /* at end_ns */
};

static void release(struct heap_cmd *c)
{
	heap_sites_release(&c->sites);
	baseline_release(&c->base);
	if (c->has_profile)
		heap_profile_release(&c->profile);
	if (c->has_timers)
		timers_release(&c->timers);
	symbols_free(c->symbols);
	target_release(&c->target);
	opts_release(&c->opts);
}

/* ---- options ---- */

static error_t parse_end(const struct heap_cmd *c, struct argp_state *state)
{
	if (opts_share_file(c->pprof, c->svg, c->opts.output))
		argp_error(state, "each of --pprof, --svg and -o needs a file of its own");
	else if (c->opts.names.n != 1)
		argp_error(state, "which process? give one PID or name");
	else if (c->opts.is_json && c->is_folded)
		argp_error(state, "--json and --folded exclude each other");
	else if (c->is_spans && c->base_name)
		argp_error(state, "--spans and --base exclude each other");
	else if (c->is_cgo && (c->base_name || c->is_spans))
		argp_error(state, "--cgo and %s exclude each other",
			   c->is_spans ? "--spans" : "--base");
	else if (c->opts.for_s > 0 && !c->is_spans && !c->is_cgo)
		argp_error(state,
			   "--for is for --spans and --cgo: without them nothing takes time");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct heap_cmd *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &c->opts;
		return 0;
	case KEY_FOLDED:
		c->is_folded = true;
		return 0;
	case KEY_PPROF:
		c->pprof = arg;
		return 0;
	case KEY_SVG:
		c->svg = arg;
		return 0;
	case KEY_BASE:
		c->base_name = arg;
		return 0;
	case KEY_SPANS:
		c->is_spans = true;
		return 0;
	case KEY_CGO:
		c->is_cgo = true;
		return 0;
	case KEY_FOR:
		if (text_parse_duration(arg, &c->opts.for_s))
			argp_error(state, "--for: '%s' is no duration such as 30s, 5m, 2h", arg);
		return 0;
	case ARGP_KEY_END:
		return parse_end(c, state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "base", KEY_BASE, "FILE", 0,
	  "Show what has grown since FILE, a heap profile that --pprof wrote, or that the program "
	  "gave at /debug/pprof/heap",
	  1 },
	{ "for", KEY_FOR, "DURATION", 0, "With --spans or --cgo: watch for DURATION (default 10s)",
	  2 },
	{ "cgo", KEY_CGO, NULL, 0,
	  "Probe the C allocator of a cgo program, and show by C and Go callers what was taken from "
	  "it meanwhile and not given back",
	  2 },
	{ "spans", KEY_SPANS, NULL, 0,
	  "Probe the heap while it hands out and takes back memory, and show by allocation site "
	  "what was allocated meanwhile and is still in use; for programs that keep no profile",
	  2 },
	{ "folded", KEY_FOLDED, NULL, 0, "Print folded stacks of the heap in use", 10 },
	{ "pprof", KEY_PPROF, "FILE", 0, "Write a profile for 'go tool pprof' to FILE", 10 },
	{ "svg", KEY_SVG, "FILE", 0, "Write a flame graph of the heap in use to FILE", 10 },
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
	.doc = "Show where the memory of a process is now: live heap, garbage, free, stacks, what "
	       "is outside the Go runtime; the heap in use by allocation site, from the profile "
	       "that the runtime keeps; the timers that are set.  The process is not stopped and "
	       "no probe is attached, except with --spans and --cgo.\v"
	       "Exit status: 0 done, 1 failed, 2 usage.\n\n"
	       "Examples:\n"
	       "  gotide heap shop\n"
	       "  gotide heap --pprof before.pb.gz shop\n"
	       "  gotide heap --base before.pb.gz shop\n"
	       "  gotide heap --spans --for 1m shop\n"
	       "  gotide heap --cgo --for 1m shop\n"
	       "  gotide heap -j shop | jq 'select(.type == \"site\")' | head\n",
};

/* ---- reading ---- */

/* What cannot be read is not known, and shown as that. */
static void read_account(struct heap_cmd *c, struct mem *m)
{
	const pid_t pid = c->target.pid;
	struct procfs_rollup rollup;
	bool has_rollup = false;
	int err = account_read(m, c->target.bin, c->target.bias, &c->account);

	if (err) {
		account_clear(&c->account);
		log_verbose("pid %d (%s): cannot read the runtime's statistics: %s", (int)pid,
			    c->target.comm, strerror(-err));
	}
	if (procfs_memory(PROC_ROOT, pid, &c->memory))
		c->memory = (struct procfs_memory){ -1, -1, -1, -1 };
	if (procfs_rollup_is_short(&c->memory))
		has_rollup = !procfs_rollup(PROC_ROOT, pid, (uint64_t)MAX(c->account.heap_addr, 0),
					    &rollup);
	memory_split(err ? NULL : &c->account, &c->memory, has_rollup ? &rollup : NULL, &c->parts);
}

static void read_rest(struct heap_cmd *c, struct mem *m)
{
	m->budget_bytes = READ_BYTES;
	c->profile_err = heap_profile_read(m, c->target.bin, c->target.bias, &c->profile);
	c->has_profile = !c->profile_err;
	m->budget_bytes = READ_BYTES;
	c->has_timers = !timers_read(m, c->target.bin, c->target.bias, &c->timers);
}

static int read_all(struct heap_cmd *c)
{
	struct timespec now;
	struct mem m;

	mem_of_process(&m, c->target.pid, READ_BYTES);
	c->start_ns = clock_now_ns();
	read_account(c, &m);
	read_rest(c, &m);
	c->end_ns = clock_now_ns();
	clock_gettime(CLOCK_REALTIME, &now);
	c->unix_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return process_check(&c->target);
}

static const char *base_error(int err)
{
	switch (err) {
	case -EBADMSG:
		return "no pprof profile, or a damaged one";
	case -ENODATA:
		return "a profile, but not of a heap";
	case -EFBIG:
		return "too large for a heap profile";
	default:
		return strerror(-err);
	}
}

static int read_base(struct heap_cmd *c)
{
	_cleanup_fclose_ FILE *f = NULL;
	int err;

	if (!c->base_name)
		return 0;
	f = fopen(c->base_name, "re");
	err = f ? baseline_read(f, base_types, &c->base) : -errno;
	if (err)
		log_err(0, "%s: %s", c->base_name, base_error(err));
	return err;
}

/* Sites have the same name in another program, or in another build of it, by chance at best. */
static void check_base(const struct heap_cmd *c)
{
	const struct target *t = &c->target;
	char name[VIEW_NAME_MAX];

	if (!c->base_name || !baseline_is_other(&c->base, t->exe, gobin_info(t->bin)->build_id))
		return;
	view_name(name, strcmp(c->base.exe, t->exe) ? c->base.exe : "");
	log_warn("%s was not made of the executable of pid %d (%s), but of %s: sites are compared "
		 "by name and line",
		 c->base_name, (int)t->pid, t->exe, *name ? name : "another build");
}

/* In one sentence, for people. */
static const char *no_profile(int err)
{
	switch (err) {
	case -ENODATA:
		return "The program keeps no memory profile: it cannot reach runtime.MemProfile, "
		       "so that the linker left it out, or it has set runtime.MemProfileRate to 0. "
		       "A program that imports runtime/pprof, or net/http/pprof, has one; "
		       "gotide heap --spans finds out by probes what is allocated from now on.";
	case -ENOENT:
		return "Where the runtime keeps its memory profile was not found in this "
		       "executable.";
	case -EBADMSG:
		return "What is where the runtime keeps its memory profile makes no sense.";
	default:
		return "The runtime's memory profile could not be read.";
	}
}

/* ---- writing ---- */

static struct heap picture_of(struct heap_cmd *c)
{
	return (struct heap){
		.pid = c->target.pid,
		.comm = c->target.comm,
		.exe = c->target.exe,
		.go_version = gobin_info(c->target.bin)->version.text,
		.account = &c->account,
		.memory = &c->memory,
		.parts = &c->parts,
		.profile = c->has_profile ? &c->profile : NULL,
		.no_profile = c->has_profile ? NULL : no_profile(c->profile_err),
		.sites = c->has_profile ? &c->sites : NULL,
		.base = c->base_name ? &c->base : NULL,
		.base_name = c->base_name,
		.timers = c->has_timers ? &c->timers : NULL,
		.symbols = c->symbols,
		.now_ns = c->end_ns,
		.now_unix_ns = c->unix_ns,
		.read_ms = seconds_between(c->start_ns, c->end_ns) * 1000,
	};
}

static int print_json(const struct heap_cmd *c, const struct heap *h)
{
	int err = jsonl_write(c->opts.out, heap_json(h));

	for (size_t i = 0; !err && h->sites && i < h->sites->sites.n; i++)
		err = jsonl_write(c->opts.out, heap_site_json(h, &h->sites->sites.items[i]));
	for (size_t i = 0; !err && h->timers && i < h->timers->groups.n; i++)
		err = jsonl_write(c->opts.out, heap_timer_json(h, &h->timers->groups.items[i]));
	return err;
}

static void print(struct heap_cmd *c)
{
	struct heap h = picture_of(c);
	struct view_out out;
	int err = 0;

	if (c->opts.is_json) {
		err = print_json(c, &h);
	} else {
		view_out_init(&out, c->opts.out);
		heap_text(&out, &h, c->opts.verbosity > 0);
	}
	if (err)
		opts_print_failed(&c->opts, err);
}

static int write_files(struct heap_cmd *c, const struct profile *p)
{
	char title[VIEW_NAME_MAX];
	int err = process_write_pprof(c->pprof, p);

	snprintf(title, sizeof(title), "%s (pid %d): heap in use", c->target.comm,
		 (int)c->target.pid);
	return err ? err : process_write_flame(c->svg, title, p);
}

static bool wants_profile(const struct heap_cmd *c)
{
	return c->is_folded || c->pprof || c->svg || c->base_name;
}

/* Everything that is made of the profile. */
static int write_profiles(struct heap_cmd *c)
{
	struct profile p = { .symbols = c->symbols,
			     .comment = "heap, as of the last garbage collection; read by gotide "
					"while the program ran on" };
	int err;

	if (!wants_profile(c))
		return 0;
	if (!c->has_profile) {
		log_err(0, "pid %d (%s): %s", (int)c->target.pid, c->target.comm,
			no_profile(c->profile_err));
		return c->profile_err;
	}
	profiles_identify(&c->target, &p);
	err = heap_sites_profile(&c->profile, c->symbols, &p);
	if (err)
		log_err(err, "%s", c->target.comm);
	else
		err = write_files(c, &p);
	if (!err && c->is_folded)
		(void)opts_print_failed(&c->opts, profile_write_folded(&p, c->opts.out));
	profile_release(&p);
	return err;
}

/* True if nothing but files and folded stacks is asked for. */
static bool is_quiet(const struct heap_cmd *c)
{
	return c->is_folded ||
	       ((c->pprof || c->svg) && !c->base_name && !c->opts.is_json && !c->opts.output);
}

static int make_sites(struct heap_cmd *c)
{
	int err = symbols_new(c->target.bin, c->target.bias, &c->symbols);

	if (!err && c->has_profile)
		err = heap_sites_make(&c->profile, c->base_name ? &c->base : NULL, c->symbols,
				      &c->sites);
	return err ? log_err(err, "%s", c->target.comm) : 0;
}

static int run_spans(struct heap_cmd *c)
{
	struct heap_spans spans = {
		.opts = &c->opts,
		.target = &c->target,
		.pprof = c->pprof,
		.svg = c->svg,
		.is_folded = c->is_folded,
		.is_quiet = is_quiet(c),
	};

	if (c->opts.for_s <= 0)
		c->opts.for_s = HEAP_SPANS_FOR_S;
	return heap_spans_show(&spans);
}

static int run_cgo(struct heap_cmd *c)
{
	struct heap_cgo cgo = {
		.opts = &c->opts,
		.target = &c->target,
		.pprof = c->pprof,
		.svg = c->svg,
		.is_folded = c->is_folded,
		.is_quiet = is_quiet(c),
	};

	if (c->opts.for_s <= 0)
		c->opts.for_s = HEAP_SPANS_FOR_S;
	return heap_cgo_show(&cgo);
}

static int run_memory(struct heap_cmd *c)
{
	const char *lacks = process_lacks(&c->target);
	int err = read_all(c);

	if (lacks)
		log_warn("pid %d (%s, %s): nothing is known of its heap: %s", (int)c->target.pid,
			 c->target.comm, gobin_info(c->target.bin)->version.text, lacks);

	if (!err)
		err = make_sites(c);
	if (!err)
		err = write_profiles(c);
	if (!err && !is_quiet(c))
		print(c);
	return err;
}

static int heap_run(int argc, char **argv)
{
	_cleanup_(release) struct heap_cmd c = { 0 };
	int err;

	if (opts_parse(&argp, argc, argv, 0, &c.opts))
		return CMD_USAGE;
	if (read_base(&c) || process_open(&c.opts, &c.target) || opts_open_output(&c.opts))
		return CMD_FAILED;
	check_base(&c);
	err = c.is_spans ? run_spans(&c) : c.is_cgo ? run_cgo(&c) : run_memory(&c);
	return opts_close_output(&c.opts, err ? CMD_FAILED : CMD_OK);
}

const struct cmd cmd_heap = {
	.name = "heap",
	.summary = "where the memory of a process is now, and what allocated it",
	.run = heap_run,
};
