/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/target.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "target/procfs.h"

#define ANCESTORS_MAX 256 /* a chain of parents that is longer is read while it changes */

typedef VEC(pid_t) pid_vec;

/* One process image: what must be the same before and after a look at it. */
struct image {
	uint64_t start_ticks, dev, ino;
};

const char *target_reason_str(enum target_reason r)
{
	switch (r) {
	case TARGET_OK:
		return "it can be watched";
	case TARGET_GONE:
		return "it ended, or became another program, while it was looked at";
	case TARGET_DENIED:
		return "it may not be looked into: it is another user's, or has privileges that "
		       "gotide lacks; that takes root, or CAP_SYS_PTRACE over it";
	case TARGET_CLOSED:
		return "its executable may not be read by others; that takes root, or "
		       "CAP_DAC_READ_SEARCH";
	case TARGET_KERNEL:
		return "it is a kernel thread";
	case TARGET_NOT_GO:
		return "it is not a Go program";
	case TARGET_UNSUPPORTED:
		return "it is a Go program that cannot be watched";
	}
	return "unknown reason";
}

void target_release(struct target *t)
{
	gobin_unref(t->bin);
	t->bin = NULL;
}

static void cleanup_target(struct target *t)
{
	target_release(t);
}

/* What an errno from /proc says of a process. */
static enum target_reason reason_of(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return TARGET_DENIED;
	default:
		return TARGET_GONE;
	}
}

static int image_of(const struct procfs_stat *st, int exe_fd, struct image *ret)
{
	struct stat exe;

	if (fstat(exe_fd, &exe))
		return -errno;
	*ret = (struct image){ st->start_ticks, exe.st_dev, exe.st_ino };
	return 0;
}

/* The image that runs now. */
static int image_read(const char *root, pid_t pid, struct image *ret)
{
	_cleanup_close_ int fd = procfs_exe_open(root, pid);
	struct procfs_stat st;
	int err = fd < 0 ? fd : procfs_stat(root, pid, &st);

	return err ? err : image_of(&st, fd, ret);
}

static bool image_equal(const struct image *a, const struct image *b)
{
	return a->start_ticks == b->start_ticks && a->dev == b->dev && a->ino == b->ino;
}

static enum target_reason reason_of_bin(enum gobin_reason r)
{
	switch (r) {
	case GOBIN_UNREADABLE:
		return TARGET_DENIED;
	case GOBIN_NOT_ELF:
	case GOBIN_DAMAGED:
	case GOBIN_NOT_GO:
		return TARGET_NOT_GO;
	default:
		return TARGET_UNSUPPORTED;
	}
}

/*
 * Why its executable cannot be opened.  The link to it is ptrace(2)'s to deny; where it may be
 * followed, it is the file that may not be read.
 */
static enum target_reason reason_of_exe(const char *root, const struct procfs_stat *st, pid_t pid,
					int err)
{
	bool is_dead = st->state == 'Z' || st->state == 'X', is_deleted;
	char path[TARGET_PATH_MAX];

	if (err == -ENOENT && !is_dead)
		return TARGET_KERNEL;
	if (err == -EACCES && !procfs_exe_path(root, pid, path, sizeof(path), &is_deleted))
		return TARGET_CLOSED;
	return reason_of(err);
}

/* Opens the executable; a process without one is a kernel thread, or dead but not yet buried. */
static int open_exe(const char *root, pid_t pid, struct target *t, enum target_reason *ret_reason)
{
	/* In this order: what another program does to comm after that shows in the executable. */
	_cleanup_close_ int fd = procfs_exe_open(root, pid);
	struct image image = { 0 };
	struct procfs_stat st;
	int err = procfs_stat(root, pid, &st);

	*ret_reason = reason_of(err);
	if (err)
		return err;
	if (fd < 0) {
		*ret_reason = reason_of_exe(root, &st, pid, fd);
		return fd;
	}
	err = image_of(&st, fd, &image);
	if (err)
		return err;
	t->pid = pid;
	t->start_ticks = image.start_ticks;
	t->dev = image.dev;
	t->ino = image.ino;
	memcpy(t->comm, st.comm, sizeof(t->comm));
	return TAKE_FD(fd);
}

/* What depends on the image being this one: its paths and where it is mapped. */
static int read_image_facts(const char *root, struct target *t)
{
	struct procfs_map map;
	int err = procfs_exe_path(root, t->pid, t->exe, sizeof(t->exe), &t->exe_deleted);

	if (!err)
		err = procfs_exe_map(root, t->pid, &map);
	if (err)
		return err;
	t->bias = gobin_bias(t->bin, map.start, map.offset);
	return 0;
}

int target_open(const char *proc_root, struct gobin_cache *cache, pid_t pid, struct target *ret,
		enum target_reason *ret_reason, enum gobin_reason *ret_bin_reason)
{
	_cleanup_(cleanup_target) struct target t = { 0 };
	struct image before, after = { 0 };
	_cleanup_close_ int fd = -1;
	int err;

	*ret_bin_reason = GOBIN_OK;
	fd = open_exe(proc_root, pid, &t, ret_reason);
	if (fd < 0)
		return fd;
	err = gobin_cache_open(cache, fd, &t.bin, ret_bin_reason);
	if (err) {
		*ret_reason = reason_of_bin(*ret_bin_reason);
		return err;
	}
	err = read_image_facts(proc_root, &t);
	if (!err)
		err = image_read(proc_root, pid, &after);
	if (err) {
		*ret_reason = reason_of(err);
		return err;
	}
	before = (struct image){ t.start_ticks, t.dev, t.ino };
	if (!image_equal(&before, &after)) {
		*ret_reason = TARGET_GONE;
		return -ESRCH;
	}
	*ret_reason = TARGET_OK;
	*ret = t;
	t.bin = NULL;
	return 0;
}

static bool parse_pid(const char *text, pid_t *ret)
{
	long long v;

	if (!isdigit((unsigned char)text[0]) || text_parse_int(text, 1, INT_MAX, &v))
		return false;
	*ret = (pid_t)v;
	return true;
}

static int list_pids(const char *root, pid_vec *pids)
{
	_cleanup_closedir_ DIR *dir = opendir(root);
	const struct dirent *e;
	pid_t pid;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		int err = parse_pid(e->d_name, &pid) ? vec_push(pids, pid) : 0;

		if (err)
			return err;
	}
	return 0;
}

int target_all(const char *proc_root, pid_t **ret, size_t *ret_n)
{
	pid_vec pids = { 0 };
	int err = list_pids(proc_root, &pids);

	if (err) {
		vec_release(&pids);
		return err;
	}
	*ret = pids.items;
	*ret_n = pids.n;
	return 0;
}

/*
 * Whether the process has an executable and, if name is not NULL, goes by that name.  An executable
 * that we may not look at is one: target_open() will say that it is denied.
 */
static bool goes_by(const char *root, pid_t pid, const char *name)
{
	char path[PATH_MAX];
	struct procfs_stat st;
	const char *slash;
	bool deleted;
	int err = procfs_exe_path(root, pid, path, sizeof(path), &deleted);

	if (err && err != -EACCES && err != -EPERM)
		return false;
	if (!name)
		return true;
	slash = err ? NULL : strrchr(path, '/');
	if (slash && !strcmp(slash + 1, name))
		return true;
	return !procfs_stat(root, pid, &st) && !strcmp(st.comm, name);
}

/* A number means that process; the folder of any thread can be opened, so ask whose it is. */
static int match_pid(const char *root, pid_t pid, pid_vec *found)
{
	pid_t tgid;

	if (procfs_tgid(root, pid, &tgid) || tgid != pid || !goes_by(root, pid, NULL))
		return 0;
	return vec_push(found, pid);
}

static int match_name(const char *root, const char *name, pid_vec *found)
{
	_cleanup_free_ pid_t *pids = NULL;
	pid_t self = getpid();
	size_t n = 0;
	int err = target_all(root, &pids, &n);

	for (size_t i = 0; !err && i < n; i++)
		if (pids[i] != self && goes_by(root, pids[i], name))
			err = vec_push(found, pids[i]);
	return err;
}

int target_match(const char *proc_root, const char *name, pid_t **ret, size_t *ret_n)
{
	pid_vec found = { 0 };
	pid_t pid;
	int err = parse_pid(name, &pid) ? match_pid(proc_root, pid, &found)
					: match_name(proc_root, name, &found);

	if (err) {
		vec_release(&found);
		return err;
	}
	*ret = found.items;
	*ret_n = found.n;
	return 0;
}

bool target_descends(const char *proc_root, pid_t pid, pid_t ancestor)
{
	struct procfs_stat st;

	for (unsigned int i = 0; i < ANCESTORS_MAX && pid > 0; i++) {
		if (pid == ancestor)
			return true;
		if (procfs_stat(proc_root, pid, &st))
			return false;
		pid = st.ppid;
	}
	return false;
}
