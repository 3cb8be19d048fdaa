/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which states the sockets of a process are: what tells a connection that the other side has
 * closed, and nobody here, from one that is in use.  Read from the tables of its own network
 * namespace (/proc/PID/net), looked up by the inodes of its descriptors.  Called by session; keeps
 * nothing.
 */
#ifndef GOTIDE_TARGET_SOCKETS_H
#define GOTIDE_TARGET_SOCKETS_H

#include <sys/types.h>

#include "base/err.h"

enum sockets_state {
	SOCKETS_LISTEN = 0,
	SOCKETS_ESTABLISHED, /* TCP, open on both sides */
	SOCKETS_CLOSE_WAIT, /* TCP, closed by the other side, not by this one */
	SOCKETS_CLOSING, /* TCP, every other state on the way to its end */
	SOCKETS_CONNECTING, /* TCP, before it is established */
	SOCKETS_UDP,
	SOCKETS_UNIX,
	SOCKETS_OTHER, /* in none of the tables: netlink, raw, packet, or gone meanwhile */
	SOCKETS_STATES,
};

/* Each socket counts once, though several descriptors may hold it. */
struct sockets {
	uint32_t n[SOCKETS_STATES];
	bool is_partial; /* more descriptors or lines than the limits allow: OTHER has the rest */
};

/* "CLOSE_WAIT" and so on, as ss(8) and the kernel name them. */
const char *sockets_state_str(enum sockets_state s);

/* Descriptors looked at, and lines of all tables read, at most. */
#define SOCKETS_FDS_MAX	  4096
#define SOCKETS_LINES_MAX 65536

/* -ESRCH, -EACCES; -ENOENT without a network namespace to read. */
int sockets_read(const char *root, pid_t pid, struct sockets *ret) _must_check_;

/* One line of a table.  -EBADMSG: of no socket, as the heading and what is in TIME_WAIT. */
enum sockets_table {
	SOCKETS_TABLE_TCP = 0,
	SOCKETS_TABLE_UDP,
	SOCKETS_TABLE_UNIX,
};
int sockets_line_parse(const char *line, enum sockets_table t, uint64_t *ret_inode,
		       enum sockets_state *ret_state) _must_check_;

#endif
