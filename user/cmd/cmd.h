/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands: one file each, which parses options with argp and makes one call into session.  main.c
 * holds the table.
 */
#ifndef GOTIDE_CMD_CMD_H
#define GOTIDE_CMD_CMD_H

/* Exit statuses, the same for every command. */
enum cmd_status {
	CMD_OK = 0, /* done, no leak found */
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_LEAK = 3, /* a leak was found */
};

struct cmd {
	const char *name;
	const char *summary; /* one line, for the list of commands */
	/* argv[0] is "gotide NAME".  Returns an exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct cmd cmd_top, cmd_report, cmd_run, cmd_goroutines, cmd_heap, cmd_record,
	cmd_replay, cmd_diff, cmd_agent, cmd_inspect, cmd_doctor;

#endif
