/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define ID_DIGITS     64
#define UID_DIGITS    32
#define UID_DASHED    36
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

/* ---- containers and pods ---- */

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

static bool is_uid(const char *p, size_t n)
{
	static const size_t dashes[] = { 8, 13, 18, 23 };
	size_t from = 0;

	if (n == UID_DIGITS)
		return is_hex(p, n);
	if (n != UID_DASHED)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(dashes); i++) {
		if ((p[dashes[i]] != '-' && p[dashes[i]] != '_') ||
		    !is_hex(p + from, dashes[i] - from))
			return false;
		from = dashes[i] + 1;
	}
	return is_hex(p + from, n - from);
}

/*
 * The pod's uid in one path component, or NULL: "pod<uid>" (cgroupfs), "...-pod<uid>.slice"
 * (systemd, which has '_' for '-'), the latter also with the container behind it.
 */
static const char *component_uid(const char *p, size_t n, size_t *ret_n)
{
	static const size_t sizes[] = { UID_DASHED, UID_DIGITS };
	const char *colon = memchr(p, ':', n);

	if (colon)
		n = (size_t)(colon - p);
	bool is_slice = ends_with(p, n, ".slice");

	if (is_slice)
		n -= strlen(".slice");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t before = n - sizes[i];

		if (n < sizes[i] || !is_uid(p + before, sizes[i]) ||
		    !ends_with(p, before, is_slice ? "-pod" : "pod") ||
		    (!is_slice && before != strlen("pod")))
			continue;
		*ret_n = sizes[i];
		return p + before;
	}
	return NULL;
}

static void copy_id(char *dst, const char *id)
{
	memcpy(dst, id, ID_DIGITS);
	dst[ID_DIGITS] = '\0';
}

static void copy_uid(char *dst, const char *uid, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = uid[i] == '_' ? '-' : uid[i];
	dst[n] = '\0';
}

static void identify_component(const char *p, size_t n, struct cgroup_identity *of)
{
	const char *id = component_id(p, n), *uid;
	size_t uid_n;

	uid = *of->pod_uid ? NULL : component_uid(p, n, &uid_n);
	if (uid)
		copy_uid(of->pod_uid, uid, uid_n);
	if (!id)
		return;
	copy_id(of->container, id);
	if (*of->pod_uid && !*of->member)
		copy_id(of->member, id);
}

static int worth(const struct cgroup_identity *id)
{
	return (*id->pod_uid ? 2 : 0) + (*id->container ? 1 : 0);
}

/* What a path says, if it says more than is known. */
static void identify_path(const char *path, size_t n, struct cgroup_identity *known)
{
	struct cgroup_identity found = { 0 };
	const char *end = path + n;

	for (const char *p = path; p < end;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash ? slash : end;

		identify_component(p, (size_t)(stop - p), &found);
		p = stop + 1;
	}
	if (worth(&found) > worth(known))
		*known = found;
}

static const struct cgtree *tree_of(const struct cgroups *c, const struct line *l)
{
	if (has_controller(l, "memory"))
		return &c->v1;
	return l->controllers_len ? NULL : &c->v2;
}

void cgroup_identify(const struct cgroups *c, const char *text, struct cgroup_identity *ret)
{
	char path[PATH_MAX];
	struct line l;

	*ret = (struct cgroup_identity){ 0 };
	while (next_line(&text, &l)) {
		const struct cgtree *t = tree_of(c, &l);

		/* Where ".."s lead out of gotide's own pod, its name is not in the text. */
		if (t && !cgtree_resolve(t, l.path, l.path_len, path, sizeof(path)))
			identify_path(path, strlen(path), ret);
		identify_path(l.path, l.path_len, ret);
	}
}

void cgroup_from_root(const struct cgroups *c, const char *text, char *buf, size_t size)
{
	char path[PATH_MAX];
	struct line l;
	size_t at = 0;

	buf[0] = '\0';
	while (next_line(&text, &l)) {
		const struct cgtree *t = tree_of(c, &l);
		bool is_known = t && !cgtree_resolve(t, l.path, l.path_len, path, sizeof(path));
		const char *shown = is_known ? *path ? path : "/" : l.path;
		int len = (int)(is_known ? strlen(shown) : l.path_len);
		int n = snprintf(buf + at, size - at, "0:%.*s:%.*s\n", (int)l.controllers_len,
				 l.controllers, len, shown);

		if (n >= 0 && (size_t)n < size - at)
			at += (size_t)n;
		buf[at] = '\0';
	}
}

/* ---- memory ---- */

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

static void read_pod(const char *dir, const struct flavour *fl, struct cgroup_memory *mem)
{
	uint64_t limit;

	mem->pod_limit_bytes = mem->pod_current_bytes = UINT64_MAX;
	if (read_number(dir, fl->current, &mem->pod_current_bytes))
		return;
	if (!read_number(dir, fl->limit, &limit) && limit < V1_NO_LIMIT)
		mem->pod_limit_bytes = limit;
}

/* Reads dir and every folder above it down to length root_len. */
static int read_upwards(char *dir, size_t root_len, const struct flavour *fl,
			struct cgroup_memory *ret)
{
	struct cgroup_memory mem = { .limit_bytes = UINT64_MAX,
				     .pod_limit_bytes = UINT64_MAX,
				     .pod_current_bytes = UINT64_MAX };
	bool is_found = false;

	for (;;) {
		uint64_t limit;
		size_t n;
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
		/* The last one met is the outermost. */
		if (component_uid(slash + 1, strlen(slash + 1), &n) && !strchr(slash, ':'))
			read_pod(dir, fl, &mem);
		*slash = '\0';
	}
	if (!is_found)
		return -ENOENT;
	*ret = mem;
	return 0;
}

static int read_hierarchy(const struct cgtree *t, const struct line *l, const struct flavour *fl,
			  struct cgroup_memory *ret)
{
	char below[PATH_MAX], dir[PATH_MAX];
	int err = cgtree_resolve(t, l->path, l->path_len, below, sizeof(below));
	int n;

	if (err)
		return err;
	n = snprintf(dir, sizeof(dir), "%s%s", t->dir, below);
	if (n < 0 || n >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	return read_upwards(dir, strlen(t->dir), fl, ret);
}

int cgroup_memory(const struct cgroups *c, const char *text, struct cgroup_memory *ret)
{
	const char *rest = text;
	struct line l;

	/* In a hybrid set-up the memory controller is on one side only: v1 names it in a line. */
	while (next_line(&rest, &l))
		if (has_controller(&l, "memory"))
			return read_hierarchy(&c->v1, &l, &v1, ret);
	while (next_line(&text, &l))
		if (!l.controllers_len)
			return read_hierarchy(&c->v2, &l, &v2, ret);
	return -ENOENT;
}

/* ---- the trees ---- */

/* A copy of the path that a process has in a tree; NULL if it has none. */
static char *own_path(const struct cgroups *c, const char *text, const struct cgtree *t)
{
	struct line l;

	while (next_line(&text, &l))
		if (tree_of(c, &l) == t)
			return strndup(l.path, l.path_len);
	return NULL;
}

int cgroups_open(const char *proc_root, const char *prefix, pid_t self, struct cgroups *ret)
{
	_cleanup_(cgroups_release) struct cgroups c = { 0 };
	_cleanup_free_ char *path1 = NULL, *path2 = NULL;
	char dir[PATH_MAX], mounts[PATH_MAX], text[CGROUP_TEXT_MAX] = "";
	int err = 0;

	snprintf(dir, sizeof(dir), "%s/self", proc_root);
	snprintf(mounts, sizeof(mounts), "%s/self/mountinfo", proc_root);
	if (read_file(dir, "cgroup", text, sizeof(text)))
		text[0] = '\0';
	path1 = own_path(&c, text, &c.v1);
	path2 = own_path(&c, text, &c.v2);
	err = cgtree_open(CGTREE_V1_MEMORY, mounts, prefix, path1, self, &c.v1);
	err = err ? err : cgtree_open(CGTREE_V2, mounts, prefix, path2, self, &c.v2);
	if (err)
		return err;
	*ret = c;
	c = (struct cgroups){ 0 };
	return 0;
}

void cgroups_release(struct cgroups *c)
{
	cgtree_release(&c->v1);
	cgtree_release(&c->v2);
}
