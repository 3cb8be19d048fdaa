/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables in tests/fixtures/sockets, a tree made on the spot, and this very process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/sockets.h"

#define ROOT "tests/fixtures/sockets"
/* Above every pid that Linux hands out. */
#define NO_PID 99999999

static void expect(const struct sockets *got, const uint32_t want[static SOCKETS_STATES])
{
	for (size_t i = 0; i < SOCKETS_STATES; i++)
		if (got->n[i] != want[i])
			fail_msg("%s: %u, not %u", sockets_state_str((enum sockets_state)i),
				 got->n[i], want[i]);
}

static void each_state_has_its_kind(void **state)
{
	static const uint32_t want[SOCKETS_STATES] = {
		[SOCKETS_LISTEN] = 2,
		[SOCKETS_ESTABLISHED] = 3,
		[SOCKETS_CLOSE_WAIT] = 4,
		[SOCKETS_CLOSING] = 5,
		[SOCKETS_CONNECTING] = 4,
		[SOCKETS_UDP] = 3,
		[SOCKETS_UNIX] = 3,
		/* of a state that nobody knows; netlink; gone */
		[SOCKETS_OTHER] = 1 + 2,
	};
	struct sockets s;

	(void)state;
	assert_int_equal(sockets_read(ROOT, 200, &s), 0);
	expect(&s, want);
	assert_false(s.is_partial);
}

static void lines_that_make_no_sense_cost_themselves(void **state)
{
	static const uint32_t want[SOCKETS_STATES] = {
		[SOCKETS_ESTABLISHED] = 1,
		[SOCKETS_CLOSE_WAIT] = 1, /* a path in the table of unix sockets says otherwise */
		[SOCKETS_UNIX] = 1,
		[SOCKETS_OTHER] = 1,
	};
	struct sockets s;

	(void)state;
	assert_int_equal(sockets_read(ROOT, 201, &s), 0);
	expect(&s, want);
	assert_false(s.is_partial);
}

static void without_a_namespace(void **state)
{
	static const uint32_t none[SOCKETS_STATES] = { 0 };
	struct sockets s;

	(void)state;
	assert_int_equal(sockets_read(ROOT, 202, &s), -ENOENT);
	assert_int_equal(sockets_read(ROOT, NO_PID, &s), -ESRCH);
	/* Where there is nothing to look up no table is read. */
	assert_int_equal(sockets_read(ROOT, 203, &s), 0);
	expect(&s, none);
}

static void root_that_is_too_long(void **state)
{
	char root[PATH_MAX + 1];
	struct sockets s;

	(void)state;
	memset(root, 'r', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	assert_int_equal(sockets_read(root, 1, &s), -ENAMETOOLONG);
}

static void lines(void **state)
{
	enum sockets_state st = SOCKETS_OTHER;
	uint64_t inode = 0;

	(void)state;
	assert_int_equal(sockets_line_parse("0: a:1 b:2 08 0:0 0:0 0 0 0 17", SOCKETS_TABLE_TCP,
					    &inode, &st),
			 0);
	assert_int_equal(inode, 17);
	assert_int_equal(st, SOCKETS_CLOSE_WAIT);
	assert_int_equal(sockets_line_parse("0: a:1 b:2 07 0:0 0:0 0 0 0 18 2\n", SOCKETS_TABLE_UDP,
					    &inode, &st),
			 0);
	assert_int_equal(inode, 18);
	assert_int_equal(st, SOCKETS_UDP);
	assert_int_equal(
		sockets_line_parse("0: 3 0 0 0001 03 19 a\n", SOCKETS_TABLE_UNIX, &inode, &st), 0);
	assert_int_equal(inode, 19);
	assert_int_equal(st, SOCKETS_UNIX);
	assert_int_equal(sockets_line_parse("", SOCKETS_TABLE_TCP, &inode, &st), -EBADMSG);
	assert_int_equal(sockets_line_parse("0: 3 0 0 0001 03", SOCKETS_TABLE_UNIX, &inode, &st),
			 -EBADMSG);
	assert_int_equal(sockets_line_parse("0: 3 0 0 0001 03 0", SOCKETS_TABLE_UNIX, &inode, &st),
			 -EBADMSG);
	assert_int_equal(inode, 19);
}

static void states_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < SOCKETS_STATES; i++)
		assert_string_not_equal(sockets_state_str((enum sockets_state)i), "?");
	assert_string_equal(sockets_state_str(SOCKETS_CLOSE_WAIT), "CLOSE_WAIT");
	assert_string_equal(sockets_state_str(SOCKETS_STATES), "?");
}

/* A process of one socket, of which a table without end tells last. */
static void tables_have_an_end(void **state)
{
	char dir[] = "/tmp/gotide-sockets-XXXXXX", path[128];
	struct sockets s;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (const char *const *d = (const char *const[]){ "7", "7/fd", "7/net", NULL }; *d; d++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/7/fd/3", dir);
	assert_int_equal(symlink("socket:[70000]", path), 0);
	snprintf(path, sizeof(path), "%s/7/net/tcp", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned int i = 1; i <= 70000; i++)
		fprintf(f, "%u: 0:0 0:0 08 0:0 0:0 0 0 0 %u 1\n", i, i);
	fclose(f);
	assert_int_equal(sockets_read(dir, 7, &s), 0);
	assert_true(s.is_partial);
	assert_int_equal(s.n[SOCKETS_OTHER], 1);
	assert_int_equal(s.n[SOCKETS_CLOSE_WAIT], 0);
	for (const char *const *d =
		     (const char *const[]){ "7/net/tcp", "7/fd/3", "7/net", "7/fd", "7", NULL };
	     *d; d++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void this_process(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int pair[2], server;
	struct sockets before, after;

	(void)state;
	assert_int_equal(sockets_read("/proc", getpid(), &before), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(client, (struct sockaddr *)&addr, len), 0);
	server = accept(listener, NULL, NULL);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(read(server, (char[1]){ 0 }, 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sockets_read("/proc", getpid(), &after), 0);
	assert_int_equal(after.n[SOCKETS_LISTEN], before.n[SOCKETS_LISTEN] + 1);
	assert_int_equal(after.n[SOCKETS_CLOSE_WAIT], before.n[SOCKETS_CLOSE_WAIT] + 1);
	assert_int_equal(after.n[SOCKETS_CLOSING], before.n[SOCKETS_CLOSING] + 1);
	assert_int_equal(after.n[SOCKETS_UNIX], before.n[SOCKETS_UNIX] + 2);
	close(pair[0]);
	close(pair[1]);
	close(server);
	close(client);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_its_kind),
		cmocka_unit_test(lines_that_make_no_sense_cost_themselves),
		cmocka_unit_test(without_a_namespace),
		cmocka_unit_test(root_that_is_too_long),
		cmocka_unit_test(lines),
		cmocka_unit_test(states_have_names),
		cmocka_unit_test(tables_have_an_end),
		cmocka_unit_test(this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
