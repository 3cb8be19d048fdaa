/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "target/procfs.h"

#define PROC_ROOT "/proc"
/* Of several processes of one name, so many are listed. */
#define LISTED_MAX 20

static void say_several(const char *name, const pid_t *pids, size_t n)
{
	log_err(0, "%s: %zu processes have that name; which? give a PID:", name, n);
	for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
		char exe[TARGET_PATH_MAX];
		bool is_deleted;

		if (procfs_exe_path(PROC_ROOT, pids[i], exe, sizeof(exe), &is_deleted))
			snprintf(exe, sizeof(exe), "?");
		fprintf(stderr, "  %d  %s\n", (int)pids[i], exe);
	}
	if (n > LISTED_MAX)
		fprintf(stderr, "  and %zu more\n", n - LISTED_MAX);
}

static int find(const char *name, pid_t *ret)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int err = target_match(PROC_ROOT, name, &pids, &n);

	if (err)
		return log_err(err, "%s", name);
	if (!n) {
		log_err(0, "%s: no process of this %s", name,
			name[strspn(name, "0123456789")] ? "name" : "pid");
		return -ESRCH;
	}
	if (n > 1) {
		say_several(name, pids, n);
		return -ENOTUNIQ;
	}
	*ret = pids[0];
	return 0;
}

bool process_is_named(const char *name)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	if (*name && !name[strspn(name, "0123456789")])
		return true;
	return *name && !target_match(PROC_ROOT, name, &pids, &n) && n;
}

/* As watching it says: what the executable lacks, or why the process cannot be looked into. */
static void refuse(pid_t pid, int err, enum target_reason reason, enum gobin_reason bin_reason)
{
	bool has_errno = bin_reason == GOBIN_UNREADABLE;

	log_err(has_errno ? err : 0, "pid %d: %s", (int)pid,
		bin_reason == GOBIN_OK ? target_reason_str(reason) : gobin_reason_str(bin_reason));
}

int process_open(const struct opts *o, struct target *ret)
{
	enum gobin_reason bin_reason = GOBIN_OK;
	enum target_reason reason = TARGET_OK;
	struct gobin_cache *cache = NULL;
	pid_t pid = 0;
	int err = find(o->names.items[0], &pid);

	if (err)
		return err;
	err = gobin_cache_new(1, &cache);
	if (err)
		return log_err(err, "pid %d", (int)pid);
	err = target_open(PROC_ROOT, cache, pid, ret, &reason, &bin_reason);
	gobin_cache_free(cache);
	if (err)
		refuse(pid, err, reason, bin_reason);
	return err;
}

int process_check(const struct target *t)
{
	struct procfs_stat st;
	int err = procfs_stat(PROC_ROOT, t->pid, &st);

	if (!err && (st.state == 'Z' || st.start_ticks != t->start_ticks))
		err = -ESRCH;
	if (err)
		return log_err(err, "pid %d (%s)", (int)t->pid, t->comm);
	return 0;
}

const char *process_lacks(const struct target *t)
{
	if (!gobin_moduledata(t->bin))
		return gobin_reason_str(GOBIN_NO_MODULEDATA);
	if (!gobin_offsets(t->bin, NULL))
		return gobin_reason_str(GOBIN_NO_OFFSETS);
	return NULL;
}

/* NULL: errno says it. */
static const char *why_failed(const struct target *t, int err)
{
	const char *lacks = process_lacks(t);

	switch (err) {
	case -ENOENT:
		return lacks ? lacks : "where they are is not known";
	case -EBADMSG:
		return "the struct layout known for it is not the program's";
	default:
		return NULL;
	}
}

int process_failed(const struct target *t, int err, const char *what)
{
	const char *why = why_failed(t, err);

	if (!why)
		return log_err(err, "pid %d (%s): cannot read %s", (int)t->pid, t->comm, what);
	log_err(0, "pid %d (%s, %s): cannot read %s: %s", (int)t->pid, t->comm,
		gobin_info(t->bin)->version.text, what, why);
	return err;
}

/* ---- files ---- */

struct writing {
	const struct profile *p;
	const char *title; /* of a picture; NULL: protobuf */
};

/* A device, a pipe or a link is written through; only a file that is nothing else is replaced. */
static bool is_replaceable(const char *path, mode_t *ret_mode)
{
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	*ret_mode = 0666 & ~mask;
	if (lstat(path, &st))
		return errno == ENOENT;
	*ret_mode = st.st_mode & 0777;
	return S_ISREG(st.st_mode);
}

/* Closes f. */
static int write_close(const struct writing *w, FILE *f)
{
	int err = w->title ? profile_write_flame(w->p, w->title, f) : profile_write_pprof(w->p, f);

	if (fclose(f) && !err)
		err = -errno;
	return err;
}

static int write_through(const char *path, const struct writing *w)
{
	FILE *f = fopen(path, "we");

	return f ? write_close(w, f) : -errno;
}

/* Under another name first: a reader never sees half of it, and a full disk keeps the old one. */
static int replace(const char *path, mode_t mode, const struct writing *w)
{
	_cleanup_free_ char *part = NULL;
	_cleanup_close_ int fd = -1;
	FILE *f = NULL;
	int err;

	if (asprintf(&part, "%s.XXXXXX", path) < 0) {
		part = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fchmod(fd, mode) ? NULL : fdopen(fd, "w");
	err = f ? 0 : -errno;
	if (f) {
		TAKE_FD(fd);
		err = write_close(w, f);
	}
	if (!err && rename(part, path))
		err = -errno;
	if (err)
		unlink(part);
	return err;
}

static int write_file(const char *path, const struct writing *w)
{
	mode_t mode;
	int err;

	if (!path)
		return 0;
	err = is_replaceable(path, &mode) ? replace(path, mode, w) : write_through(path, w);
	if (err)
		return log_err(err, "%s: cannot write", path);
	log_info("%s: written", path);
	return 0;
}

int process_write_pprof(const char *path, const struct profile *p)
{
	return write_file(path, &(struct writing){ p, NULL });
}

int process_write_flame(const char *path, const char *title, const struct profile *p)
{
	return write_file(path, &(struct writing){ p, title });
}
