/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotide: the table of commands.
 */
#include <argp.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/process.h"
#include "version.h"

static const struct cmd *const commands[] = {
	&cmd_top,    &cmd_report, &cmd_run,   &cmd_goroutines, &cmd_heap,   &cmd_record,
	&cmd_replay, &cmd_diff,	  &cmd_agent, &cmd_inspect,    &cmd_doctor,
};

static void print_help(FILE *f)
{
	fputs("gotide watches the memory of running Go programs from outside and says which of "
	      "them leaks,\nwhere, and which is merely busy.\n\n"
	      "Usage: gotide [COMMAND] [OPTION...] [PID|NAME...]\n\n"
	      "Commands (top if none is given):\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'gotide COMMAND --help' or 'gotide help COMMAND' tells more; 'gotide --version' "
	      "the version.\n\n"
	      "Exit status: 0 done and no leak found, 1 failed, 2 usage, 3 a leak was found.\n\n"
	      "Examples:\n"
	      "  gotide                        every Go process on this machine, live\n"
	      "  gotide report --for 1m shop   does shop leak?\n"
	      "  gotide run -- ./server        the same for a command, until it ends\n"
	      "  gotide goroutines shop        where its goroutines are now\n"
	      "  gotide heap shop              where its memory is, and what allocated it\n"
	      "  gotide agent                  serve all of that to Prometheus and browsers\n"
	      "  gotide doctor                 what this kernel and these privileges allow\n",
	      f);
}

static const struct cmd *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int command_unknown(const char *name)
{
	log_err(0, "'%s' is not a command; 'gotide --help' lists them", name);
	return CMD_USAGE;
}

/* argv[0] becomes "gotide NAME", which argp prints before each message. */
static int command_run(const struct cmd *c, int argc, char **argv)
{
	char name[32];

	snprintf(name, sizeof(name), "gotide %s", c->name);
	argv[0] = name;
	return c->run(argc, argv);
}

static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *help_argv[] = { NULL, option, NULL };

	if (argc < 3 || *argv[2] == '-') {
		print_help(stdout);
		return CMD_OK;
	}
	const struct cmd *c = command_find(argv[2]);

	return c ? command_run(c, 2, help_argv) : command_unknown(argv[2]);
}

int main(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";

	setlocale(LC_CTYPE, ""); /* the screen needs it; numbers keep their C form */
	signal(SIGPIPE, SIG_IGN); /* a closed reader is a write error like any other */
	argp_err_exit_status = CMD_USAGE;
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* said by the options themselves */
	if (!strcmp(first, "help") || !strcmp(first, "--help") || !strcmp(first, "-h"))
		return help(argc, argv);
	if (!strcmp(first, "--version") || !strcmp(first, "-V")) {
		printf("gotide %s\n", GOTIDE_VERSION);
		return CMD_OK;
	}
	if (*first == '-' || argc < 2)
		return command_run(&cmd_top, argc, argv);
	const struct cmd *c = command_find(first);

	if (c)
		return command_run(c, argc - 1, argv + 1);
	if (process_is_named(first))
		return command_run(&cmd_top, argc, argv);
	log_err(0,
		"'%s' is neither a command ('gotide --help' lists them) nor the name of a process",
		first);
	return CMD_USAGE;
}
