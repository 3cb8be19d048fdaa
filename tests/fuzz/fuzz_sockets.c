/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the tables of sockets: paths and names in them are anybody's.  The first byte says which
 * table, lines are handed over as they are cut from a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/sockets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_line(const char *line, enum sockets_table t)
{
	enum sockets_state state = SOCKETS_STATES;
	uint64_t inode = 0;

	if (sockets_line_parse(line, t, &inode, &state)) {
		if (inode || state != SOCKETS_STATES)
			abort(); /* untouched */
	} else if (!inode || state >= SOCKETS_STATES || !strcmp(sockets_state_str(state), "?")) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	enum sockets_table t;

	if (!size)
		return 0;
	t = data[0] == 't'   ? SOCKETS_TABLE_TCP
	    : data[0] == 'u' ? SOCKETS_TABLE_UDP
			     : SOCKETS_TABLE_UNIX;
	text = strndup((const char *)data + 1, size - 1);
	for (char *line = text, *end; line && *line; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		try_line(line, t);
	}
	return 0;
}
