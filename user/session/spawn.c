/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

void spawn_init(struct spawn *s)
{
	*s = (struct spawn){ .pid = -1, .gate_fd = -1, .fail_fd = -1, .status = -1 };
}

static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return -EACCES;
	return 0;
}

int spawn_resolve(const char *file, char *buf, size_t size)
{
	const char *dirs = getenv("PATH");
	int err = -ENOENT;

	if (strchr(file, '/')) {
		if ((size_t)snprintf(buf, size, "%s", file) >= size)
			return -ENAMETOOLONG;
		return check_executable(buf);
	}
	for (const char *dir = dirs ? dirs : "/usr/bin:/bin"; dir;) {
		const char *colon = strchrnul(dir, ':');
		int n = snprintf(buf, size, "%.*s/%s", (int)(colon - dir), dir, file);

		if (n > 0 && (size_t)n < size) {
			int this_err = check_executable(buf);

			if (!this_err)
				return 0;
			if (this_err == -EACCES)
				err = this_err;
		}
		dir = *colon ? colon + 1 : NULL;
	}
	return err;
}

/* The child: waits at the gate, becomes the command, or says why it could not. */
static void become(int gate, int fail, const char *path, char *const *argv)
{
	sigset_t none;
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(127); /* the observer is gone */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* we ignore it, and exec would hand that on */
	execv(path, argv);

	int err = errno;

	(void)!write(fail, &err, sizeof(err)); /* if this fails too, status 127 still says it */
	_exit(127);
}

int spawn_start(struct spawn *s, const char *path, char *const *argv)
{
	int gate[2], fail[2];

	if (pipe2(gate, O_CLOEXEC))
		return -errno;
	_cleanup_close_ int gate_r = gate[0];
	_cleanup_close_ int gate_w = gate[1];

	if (pipe2(fail, O_CLOEXEC))
		return -errno;
	_cleanup_close_ int fail_r = fail[0];
	_cleanup_close_ int fail_w = fail[1];

	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		close(gate_w);
		become(gate_r, fail_w, path, argv);
	}
	s->pid = pid;
	s->gate_fd = TAKE_FD(gate_w);
	s->fail_fd = TAKE_FD(fail_r);
	s->status = -1;
	return 0;
}

int spawn_release(struct spawn *s)
{
	_cleanup_close_ int gate = TAKE_FD(s->gate_fd);
	_cleanup_close_ int fail = TAKE_FD(s->fail_fd);
	int err = 0, status;

	if (write(gate, "", 1) != 1)
		return -errno;
	ssize_t n = read(fail, &err, sizeof(err));

	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(err))
		return 0; /* closed by the exec */
	if (waitpid(s->pid, &status, 0) == s->pid)
		s->status = status;
	return -err;
}

bool spawn_reap(struct spawn *s)
{
	int status;

	if (s->pid < 0)
		return true;
	if (s->status >= 0)
		return true;
	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return false;
	s->status = status;
	return true;
}

/* Waits for the child for at most timeout_ms. */
static bool await_exit(const struct spawn *s, int timeout_ms)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&p, 1, timeout_ms) == 1;
}

void spawn_end(struct spawn *s)
{
	int status;

	if (s->gate_fd >= 0)
		close(TAKE_FD(s->gate_fd)); /* a child still at the gate exits by itself */
	if (s->fail_fd >= 0)
		close(TAKE_FD(s->fail_fd));
	if (s->pid < 0 || spawn_reap(s))
		return;
	kill(s->pid, SIGTERM);
	if (!await_exit(s, SPAWN_GRACE_MS))
		kill(s->pid, SIGKILL);
	if (waitpid(s->pid, &status, 0) == s->pid)
		s->status = status;
}
