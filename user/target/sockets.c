/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/sockets.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "target/procfs.h"

_Static_assert(SOCKETS_FDS_MAX == PROCFS_FDS_MAX, "procfs looks at as many as sockets promises");

/* Paths of unix sockets have 108 bytes, the rest of a line is shorter than that. */
#define LINE_TEXT_MAX 512
/* The kernel hands out a page per read(2), stdio would ask for a quarter of it. */
#define READ_SIZE 4096

/* Fields before these, separated by blanks. */
#define INET_STATE_FIELD 3
#define INET_INODE_FIELD 9
#define UNIX_INODE_FIELD 6

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
	TCP_BOUND_INACTIVE, /* Linux 6.8; a bind(2) without more */
};

struct socket {
	uint64_t inode;
	enum sockets_state state;
};

/* Those of the process by inode, each once though several descriptors may hold it. */
struct wanted {
	VEC(struct socket) sockets;
	size_t unfound;
	size_t lines; /* read so far */
	int err;
};

static void cleanup_wanted(struct wanted *w)
{
	vec_release(&w->sockets);
}

const char *sockets_state_str(enum sockets_state s)
{
	static const char *const names[] = {
		[SOCKETS_LISTEN] = "LISTEN",
		[SOCKETS_ESTABLISHED] = "ESTABLISHED",
		[SOCKETS_CLOSE_WAIT] = "CLOSE_WAIT",
		[SOCKETS_CLOSING] = "CLOSING",
		[SOCKETS_CONNECTING] = "CONNECTING",
		[SOCKETS_UDP] = "UDP",
		[SOCKETS_UNIX] = "UNIX",
		[SOCKETS_OTHER] = "OTHER",
	};

	return (size_t)s < ARRAY_SIZE(names) ? names[s] : "?";
}

/* ---- lines of tables ---- */

/* The number that the field with so many before it is; false if it is none. */
static bool field_number(const char *line, unsigned int before, int base, uint64_t *ret)
{
	const char *p = line + strspn(line, " ");
	char *end;

	while (before--) {
		p += strcspn(p, " \n");
		p += strspn(p, " ");
	}
	if (!strchr("0123456789ABCDEFabcdef", *p) || !*p)
		return false;
	errno = 0;
	*ret = strtoull(p, &end, base);
	return end != p && !errno && strchr(" \n", *end);
}

static enum sockets_state tcp_state(uint64_t code)
{
	switch (code) {
	case TCP_LISTEN:
		return SOCKETS_LISTEN;
	case TCP_ESTABLISHED:
		return SOCKETS_ESTABLISHED;
	case TCP_CLOSE_WAIT:
		return SOCKETS_CLOSE_WAIT;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
	case TCP_NEW_SYN_RECV:
	case TCP_BOUND_INACTIVE:
		return SOCKETS_CONNECTING;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_TIME_WAIT:
	case TCP_CLOSE:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		return SOCKETS_CLOSING;
	default:
		return SOCKETS_OTHER;
	}
}

int sockets_line_parse(const char *line, enum sockets_table t, uint64_t *ret_inode,
		       enum sockets_state *ret_state)
{
	uint64_t inode, code = 0;

	if (!field_number(line, t == SOCKETS_TABLE_UNIX ? UNIX_INODE_FIELD : INET_INODE_FIELD, 10,
			  &inode) ||
	    !inode)
		return -EBADMSG; /* of a connection that no descriptor stands for, too */
	if (t == SOCKETS_TABLE_TCP && !field_number(line, INET_STATE_FIELD, 16, &code))
		return -EBADMSG;
	*ret_state = t == SOCKETS_TABLE_UNIX  ? SOCKETS_UNIX
		     : t == SOCKETS_TABLE_UDP ? SOCKETS_UDP
					      : tcp_state(code);
	*ret_inode = inode;
	return 0;
}

/* ---- the process's ---- */

static void want(const char *link, void *arg)
{
	struct wanted *w = arg;
	struct socket s = { .state = SOCKETS_OTHER };

	if (!w->err && sscanf(link, "socket:[%" SCNu64 "]", &s.inode) == 1)
		w->err = vec_push(&w->sockets, s);
}

static int inode_order(const void *pa, const void *pb)
{
	const struct socket *a = pa, *b = pb;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

static void sort_wanted(struct wanted *w)
{
	size_t n = 0;

	if (w->sockets.n)
		qsort(w->sockets.items, w->sockets.n, sizeof(*w->sockets.items), inode_order);
	for (size_t i = 0; i < w->sockets.n; i++)
		if (!n || w->sockets.items[n - 1].inode != w->sockets.items[i].inode)
			w->sockets.items[n++] = w->sockets.items[i];
	w->sockets.n = w->unfound = n;
}

/* What was found first stays: a path in the last table may read as a line of its own. */
static void found(struct wanted *w, const struct socket *s)
{
	struct socket *own = bsearch(s, w->sockets.items, w->sockets.n, sizeof(*s), inode_order);

	if (!own || own->state != SOCKETS_OTHER)
		return;
	own->state = s->state;
	w->unfound -= s->state != SOCKETS_OTHER;
}

/* False at the end.  What is too long for a line of these tables loses its rest. */
static bool next_line(FILE *f, char line[static LINE_TEXT_MAX])
{
	int c = 0;

	if (!fgets(line, LINE_TEXT_MAX, f))
		return false;
	if (strlen(line) < LINE_TEXT_MAX - 1 || line[LINE_TEXT_MAX - 2] == '\n')
		return true;
	while (c != '\n' && c != EOF)
		c = getc(f);
	return true;
}

/* Ends as soon as all are found.  -E2BIG: at the limit. */
static int scan_table(struct wanted *w, FILE *f, enum sockets_table t)
{
	char line[LINE_TEXT_MAX];
	struct socket s;

	while (w->unfound && next_line(f, line)) {
		if (w->lines++ >= SOCKETS_LINES_MAX)
			return -E2BIG;
		if (!sockets_line_parse(line, t, &s.inode, &s.state))
			found(w, &s);
	}
	return ferror(f) ? -EIO : 0;
}

static int read_table(struct wanted *w, const char *root, pid_t pid, const char *name,
		      enum sockets_table t)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX], buf[READ_SIZE];
	int n = snprintf(path, sizeof(path), "%s/%d/net/%s", root, (int)pid, name);

	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	setvbuf(f, buf, _IOFBF, sizeof(buf));
	return scan_table(w, f, t);
}

/* Kernels without IPv6 have two tables less; without any there is nothing to read. */
static int read_tables(struct wanted *w, const char *root, pid_t pid)
{
	static const struct {
		const char *name;
		enum sockets_table table;
	} tables[] = {
		{ "tcp", SOCKETS_TABLE_TCP },	{ "tcp6", SOCKETS_TABLE_TCP },
		{ "udp", SOCKETS_TABLE_UDP },	{ "udp6", SOCKETS_TABLE_UDP },
		{ "unix", SOCKETS_TABLE_UNIX },
	};
	size_t missing = 0;

	for (size_t i = 0; w->unfound && i < ARRAY_SIZE(tables); i++) {
		int err = read_table(w, root, pid, tables[i].name, tables[i].table);

		missing += err == -ENOENT;
		if (err && err != -ENOENT)
			return err;
	}
	return missing == ARRAY_SIZE(tables) ? -ENOENT : 0;
}

int sockets_read(const char *root, pid_t pid, struct sockets *ret)
{
	_cleanup_(cleanup_wanted) struct wanted w = { 0 };
	struct sockets s = { 0 };
	uint32_t fds;
	int err = procfs_fd_links(root, pid, want, &w, &fds);

	err = err ? err : w.err;
	if (err)
		return err;
	sort_wanted(&w);
	err = read_tables(&w, root, pid);
	if (err && err != -E2BIG)
		return err;
	s.is_partial = err || fds > SOCKETS_FDS_MAX;
	vec_for_each (&w.sockets, it)
		s.n[it->state]++;
	s.n[SOCKETS_OTHER] += fds - MIN(fds, (uint32_t)SOCKETS_FDS_MAX);
	*ret = s;
	return 0;
}
