/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/aside.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define READ_BYTES 65536
/* Exit statuses of the child: an errno, or this for one that does not fit. */
#define STATUS_OTHER 255
/* The loop goes first. */
#define NICENESS 10
/* Bytes that the child may take. */
#define MEMORY_MAX (96UL << 20)

struct aside {
	struct event_base *base; /* borrowed */
	pid_t pid; /* 0: none */
	int fd; /* -1: it was killed */
	struct event *ev;
	uint64_t until_ns;
	char *data; /* owned */
	size_t size, cap;
	aside_done *done;
	void *arg;
};

int aside_new(struct loop *l, struct aside **ret)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	signal(SIGCHLD,
	       SIG_DFL); /* inherited as ignored, the kernel would collect children itself */
	a->base = loop_base(l);
	a->fd = -1;
	*ret = a;
	return 0;
}

/* Stops listening; what was read is forgotten. */
static void close_pipe(struct aside *a)
{
	if (a->ev)
		event_free(a->ev);
	a->ev = NULL;
	cleanup_close(&a->fd);
	a->fd = -1;
	free(TAKE_PTR(a->data));
	a->size = a->cap = 0;
}

static void reap(struct aside *a)
{
	if (a->pid && a->fd < 0 && waitpid(a->pid, NULL, WNOHANG) != 0)
		a->pid = 0;
}

void aside_cancel(struct aside *a)
{
	if (!a->pid || a->fd < 0)
		return;
	close_pipe(a);
	kill(a->pid, SIGKILL);
	reap(a);
}

void aside_free(struct aside *a)
{
	if (!a)
		return;
	aside_cancel(a);
	/* One that was killed, so that this is short. */
	if (a->pid)
		(void)waitpid(a->pid, NULL, 0);
	free(a);
}

static void give_up(struct aside *a, int err)
{
	aside_cancel(a);
	a->done(err, NULL, 0, a->arg);
}

/* The child has closed its end, and is over or about to be. */
static void finish(struct aside *a)
{
	int status = 0, err = -EIO;
	size_t size = a->size;
	char *data;

	if (waitpid(a->pid, &status, 0) == a->pid && WIFEXITED(status))
		err = WEXITSTATUS(status) == STATUS_OTHER ? -EIO : -WEXITSTATUS(status);
	a->pid = 0;
	data = TAKE_PTR(a->data);
	close_pipe(a);
	if (err)
		free(TAKE_PTR(data));
	a->done(err, data, err ? 0 : size, a->arg);
}

/* Room for READ_BYTES more. */
static int reserve(struct aside *a)
{
	size_t cap = MAX(a->cap * 2, (size_t)READ_BYTES * 2);
	char *data;

	if (a->cap - a->size >= READ_BYTES)
		return 0;
	if (a->size > ASIDE_OUTPUT_MAX)
		return -EFBIG;
	data = realloc(a->data, cap);
	if (!data)
		return -ENOMEM;
	a->data = data;
	a->cap = cap;
	return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct aside *a = arg;
	int err = reserve(a);
	ssize_t n;

	(void)what;
	if (err) {
		give_up(a, err);
		return;
	}
	n = read(fd, a->data + a->size, READ_BYTES);
	if (n > 0)
		a->size += (size_t)n;
	else if (!n)
		finish(a);
	else if (errno != EAGAIN && errno != EINTR)
		give_up(a, -errno);
}

/* Signals mean what they mean to any process; the parent's handlers would wake the parent's loop.
 */
static void reset_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
}

/*
 * What it may take beside what it has from us: a forged program could ask for so much that the
 * kernel kills whoever is in our cgroup.
 */
static void limit_memory(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	struct rlimit limit;
	unsigned long pages;

	if (!f || fscanf(f, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		return;
	limit.rlim_cur = limit.rlim_max = pages * (unsigned long)sysconf(_SC_PAGESIZE) + MEMORY_MAX;
	/* Not by libc, whose call could set another process's: session/calls does not let it. */
	syscall(SYS_setrlimit, RLIMIT_DATA, &limit);
}

static _Noreturn void run_child(int fd, aside_work *work, void *arg)
{
	FILE *f = fdopen(fd, "w");
	int err;

	reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(ASIDE_LIMIT_S); /* should nobody else end it */
	(void)!nice(NICENESS);
	limit_memory();
	err = f ? work(f, arg) : -errno;
	if (f && fclose(f) && !err)
		err = -errno;
	_exit(-err >= 0 && -err < STATUS_OTHER ? -err : STATUS_OTHER);
}

static int listen_to(struct aside *a, int fd)
{
	a->ev = event_new(a->base, fd, EV_READ | EV_PERSIST, on_readable, a);
	if (!a->ev || event_add(a->ev, NULL))
		return -ENOMEM;
	a->fd = fd;
	return 0;
}

int aside_start(struct aside *a, aside_work *work, aside_done *done, void *arg)
{
	int fds[2], err;

	reap(a);
	if (a->pid)
		return -EBUSY;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	err = listen_to(a, fds[0]);
	if (!err)
		a->pid = fork();
	if (!err && a->pid < 0)
		err = -errno;
	if (!err && !a->pid)
		run_child(fds[1], work, arg);
	close(fds[1]);
	if (err) {
		a->pid = 0;
		a->fd = fds[0];
		close_pipe(a);
		return err;
	}
	a->done = done;
	a->arg = arg;
	a->until_ns = clock_now_ns() + ASIDE_LIMIT_S * NSEC_PER_SEC;
	return 0;
}

void aside_sweep(struct aside *a)
{
	reap(a);
	if (a->pid && a->fd >= 0 && clock_now_ns() > a->until_ns)
		give_up(a, -ETIME);
}
