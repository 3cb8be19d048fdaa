/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* A watchdog that is asked for in years is none. */
#define WATCHDOG_USEC_MAX (24LL * 3600 * 1000 * 1000)

/* A path, or '@' and a name in the abstract namespace. */
static int address_of(const char *text, struct sockaddr_un *ret, socklen_t *ret_size)
{
	size_t n = strlen(text);

	if ((*text != '/' && *text != '@') || n < 2 || n >= sizeof(ret->sun_path))
		return -EINVAL;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, text, n);
	if (*text == '@')
		ret->sun_path[0] = '\0';
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*text == '/'));
	return 0;
}

/* Half of what the manager waits for, as sd_watchdog_enabled(3) advises. */
static double watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long n;

	if (pid && (text_parse_int(pid, 1, 1 << 30, &n) || n != getpid()))
		return 0;
	if (!usec || text_parse_int(usec, 1, WATCHDOG_USEC_MAX, &n))
		return 0;
	return (double)n / 1e6 / 2;
}

int notify_open(struct notify *ret)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr;
	socklen_t size;
	int err = 0;

	*ret = (struct notify){ .fd = -1, .watchdog_s = watchdog_interval() };
	if (text)
		err = address_of(text, &addr, &size);
	if (text && !err) {
		ret->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (ret->fd < 0 || connect(ret->fd, (struct sockaddr *)&addr, size))
			err = -errno;
	}
	if (err)
		notify_close(ret);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return err;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

void notify_send(const struct notify *n, const char *message)
{
	if (n->fd >= 0)
		(void)!send(n->fd, message, strlen(message), MSG_NOSIGNAL);
}
