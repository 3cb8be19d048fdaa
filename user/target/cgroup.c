/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define ID_DIGITS     64
#define FILE_TEXT_MAX 1024
#define STAT_TEXT_MAX 8192 /* memory.stat has some 1.5 KB */
/* A v1 cgroup without a limit shows the largest page count in bytes. */
#define V1_NO_LIMIT (UINT64_C(1) << 62)

/* One line of /proc/PID/cgroup: "HIERARCHY:CONTROLLERS:PATH".  A path may hold colons itself. */
struct line {
	const char *controllers, *path;
	size_t controllers_len, path_len;
};

/* The next line of *text, which moves on; false at the end.  Lines of another form are skipped. */
static bool next_line(const char **text, struct line *ret)
{
	while (**text) {
		const char *line = *text, *end = strchrnul(line, '\n');
		const char *first = memchr(line, ':', (size_t)(end - line));
		const char *second =
			first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;

		*text = *end ? end + 1 : end;
		if (!second)
			continue;
		ret->controllers = first + 1;
		ret->controllers_len = (size_t)(second - first - 1);
		ret->path = second + 1;
		ret->path_len = (size_t)(end - second - 1);
		return true;
	}
	return false;
}

static bool has_controller(const struct line *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n <= l->controllers_len; i++) {
		const char *p = l->controllers + i;
		bool starts = !i || p[-1] == ',';
		bool ends = i + n == l->controllers_len || p[n] == ',';

		if (starts && ends && !memcmp(p, name, n))
			return true;
	}
	return false;
}

static bool is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

static bool ends_with(const char *p, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n >= m && !memcmp(p + n - m, suffix, m);
}

/*
 * The id in one path component, or NULL: alone (cgroupfs driver), after an engine's prefix
 * ("cri-containerd-", "crio-", "docker-", "libpod-", or "...slice:cri-containerd:" where containerd
 * was given no systemd driver), with ".scope" after it (systemd).  The monitors of CRI-O and podman
 * are not in the container.
 */
static const char *component_id(const char *p, size_t n)
{
	const char *id;

	if (ends_with(p, n, ".scope"))
		n -= strlen(".scope");
	if (n < ID_DIGITS)
		return NULL;
	id = p + n - ID_DIGITS;
	n -= ID_DIGITS;
	if (!is_hex(id, ID_DIGITS) || (n && p[n - 1] != '-' && p[n - 1] != ':'))
		return NULL;
	return ends_with(p, n, "conmon-") ? NULL : id;
}

static const char *path_id(const char *path, size_t n)
{
	const char *end = path + n, *found = NULL;

	for (const char *p = path; p < end;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash ? slash : end;
		const char *id = component_id(p, (size_t)(stop - p));

		if (id)
			found = id;
		p = stop + 1;
	}
	return found;
}

int cgroup_container_id(const char *cgroup_text, char *buf, size_t size)
{
	struct line l;

	while (next_line(&cgroup_text, &l)) {
		const char *id = path_id(l.path, l.path_len);

		if (!id)
			continue;
		if (size <= ID_DIGITS)
			return -ENOBUFS;
		memcpy(buf, id, ID_DIGITS);
		buf[ID_DIGITS] = '\0';
		return 0;
	}
	return -ENOENT;
}

/* Absolute, without ".." or "." components. */
static bool is_plain_path(const char *path, size_t n)
{
	if (!n || path[0] != '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t len = 0;

		if (path[i] != '/')
			continue;
		while (i + 1 + len < n && path[i + 1 + len] != '/')
			len++;
		if (len && len <= 2 && !memcmp(path + i + 1, "..", len))
			return false;
	}
	return true;
}

/* How the two versions name the same things. */
struct flavour {
	const char *limit, *current, *events;
	const char *reclaimable; /* the line of memory.stat, with those below it */
};
static const struct flavour v1 = { "memory.limit_in_bytes", "memory.usage_in_bytes",
				   "memory.oom_control", "total_inactive_file" };
static const struct flavour v2 = { "memory.max", "memory.current", "memory.events",
				   "inactive_file" };

static int read_file(const char *dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	ssize_t n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || n >= (ssize_t)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* A file of one number; "max" is UINT64_MAX. */
static int read_number(const char *dir, const char *name, uint64_t *ret)
{
	char text[FILE_TEXT_MAX];
	int err = read_file(dir, name, text, sizeof(text));

	if (err)
		return err;
	if (!strncmp(text, "max", 3)) {
		*ret = UINT64_MAX;
		return 0;
	}
	return sscanf(text, "%" SCNu64, ret) == 1 ? 0 : -EBADMSG;
}

/* The number of the line "KEY NUMBER"; 0 if there is none. */
static uint64_t find_number(const char *text, const char *key)
{
	size_t n = strlen(key);
	uint64_t v;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, n) && line[n] == ' ')
			return sscanf(line + n, " %" SCNu64, &v) == 1 ? v : 0;
	}
	return 0;
}

/* Kernels before 4.13 do not say: 0. */
static uint64_t read_oom_kills(const char *dir, const char *name)
{
	char text[FILE_TEXT_MAX];

	return read_file(dir, name, text, sizeof(text)) ? 0 : find_number(text, "oom_kill");
}

static uint64_t read_reclaimable(const char *dir, const char *key)
{
	char text[STAT_TEXT_MAX];

	return read_file(dir, "memory.stat", text, sizeof(text)) ? 0 : find_number(text, key);
}

/* Reads dir and every folder above it down to length root_len. */
static int read_upwards(char *dir, size_t root_len, const struct flavour *fl,
			struct cgroup_memory *ret)
{
	struct cgroup_memory mem = { .limit_bytes = UINT64_MAX };
	bool is_found = false;

	for (;;) {
		uint64_t limit;
		char *slash;

		if (!is_found && !read_number(dir, fl->current, &mem.current_bytes)) {
			is_found = true;
			mem.oom_kills = read_oom_kills(dir, fl->events);
			/* The kernel sums the two up at different times. */
			mem.reclaimable_bytes =
				MIN(read_reclaimable(dir, fl->reclaimable), mem.current_bytes);
		}
		if (!read_number(dir, fl->limit, &limit) && limit < V1_NO_LIMIT)
			mem.limit_bytes = MIN(mem.limit_bytes, limit);
		slash = strrchr(dir, '/');
		if (!slash || strlen(dir) <= root_len)
			break;
		*slash = '\0';
	}
	if (!is_found)
		return -ENOENT;
	*ret = mem;
	return 0;
}

static int read_hierarchy(const char *sys_root, const char *sub, const struct line *l,
			  const struct flavour *fl, struct cgroup_memory *ret)
{
	char dir[PATH_MAX];
	size_t path_len = l->path_len;
	int n, root_len;

	if (!is_plain_path(l->path, l->path_len))
		return -EINVAL;
	while (path_len && l->path[path_len - 1] == '/')
		path_len--;
	root_len = snprintf(dir, sizeof(dir), "%s%s", sys_root, sub);
	if (root_len < 0 || root_len >= (int)sizeof(dir) || path_len >= sizeof(dir))
		return -EINVAL;
	n = snprintf(dir, sizeof(dir), "%s%s%.*s", sys_root, sub, (int)path_len, l->path);
	if (n < 0 || n >= (int)sizeof(dir))
		return -EINVAL;
	return read_upwards(dir, (size_t)root_len, fl, ret);
}

int cgroup_memory(const char *sys_root, const char *cgroup_text, struct cgroup_memory *ret)
{
	const char *text = cgroup_text;
	int err = -ENOENT;
	struct line l;

	/* In a hybrid set-up the memory controller is on one side only: v1 names it in a line. */
	while (next_line(&text, &l))
		if (has_controller(&l, "memory"))
			return read_hierarchy(sys_root, "/memory", &l, &v1, ret);
	while (next_line(&cgroup_text, &l)) {
		if (l.controllers_len)
			continue;
		err = read_hierarchy(sys_root, "", &l, &v2, ret);
		if (err == -ENOENT)
			err = read_hierarchy(sys_root, "/unified", &l, &v2, ret);
		return err;
	}
	return err;
}
