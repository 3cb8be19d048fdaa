/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/cgtree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#define CGTREE_DEPTH_MAX 32
/* Folders that are looked into for this process; a node of 500 pods has some 2,000. */
#define CGTREE_DIRS_MAX 65536

/* ---- paths ---- */

struct path {
	unsigned int ups; /* leading ".."s */
	const char *rest; /* what follows them, from its slash on; may be empty */
	size_t n;
};

/* Skips slashes; the length of the component that is there then, 0 at the end. */
static size_t component(const char **p, const char *end)
{
	const char *slash;

	while (*p < end && **p == '/')
		++*p;
	slash = memchr(*p, '/', (size_t)(end - *p));
	return (size_t)((slash ? slash : end) - *p);
}

static bool is_dots(const char *p, size_t n)
{
	return n && n <= 2 && !memcmp(p, "..", n);
}

/* The kernel writes ".."s at the beginning only, and no cgroup can be named so. */
static int path_split(const char *text, size_t n, struct path *ret)
{
	const char *p = text, *end = text + n;
	size_t len;

	if (!n || *text != '/')
		return -EINVAL;
	while (n && text[n - 1] == '/')
		n--;
	*ret = (struct path){ .rest = text, .n = n };
	for (; (len = component(&p, end)); p += len) {
		if (!is_dots(p, len))
			continue;
		if (len == 1 || p != ret->rest + 1)
			return -EINVAL;
		ret->ups++;
		ret->rest = p + len;
		ret->n = n - (size_t)(ret->rest - text);
	}
	return 0;
}

static unsigned int depth_of(const char *path, size_t n)
{
	const char *p = path;
	unsigned int depth = 0;

	for (size_t len; (len = component(&p, path + n)); p += len)
		depth++;
	return depth;
}

/* The first components of a path: its length up to there. */
static size_t length_of(const char *path, unsigned int components)
{
	const char *p = path, *end = path + strlen(path);

	while (components--) {
		size_t n = component(&p, end);

		p += n;
	}
	return (size_t)(p - path);
}

static int join(char *buf, size_t size, const char *a, size_t a_len, const struct path *b)
{
	int n = snprintf(buf, size, "%.*s%.*s", (int)a_len, a, (int)b->n, b->rest);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Whether path begins with the components of root; *ret is what follows. */
static bool is_below(const struct path *root, const struct path *path, struct path *ret)
{
	if (root->ups != path->ups || path->n < root->n ||
	    memcmp(path->rest, root->rest, root->n) ||
	    (path->n > root->n && path->rest[root->n] != '/'))
		return false;
	*ret = (struct path){ .rest = path->rest + root->n, .n = path->n - root->n };
	return true;
}

int cgtree_resolve(const struct cgtree *t, const char *path, size_t n, char *buf, size_t size)
{
	struct path root, p, below;
	unsigned int depth;
	int err = path_split(path, n, &p);

	if (err)
		return err;
	if (!t->dir || path_split(t->root, strlen(t->root), &root))
		return -ENOENT;
	if (is_below(&root, &p, &below))
		return join(buf, size, "", 0, &below);
	depth = t->base ? depth_of(t->base, strlen(t->base)) : 0;
	if (!t->base || p.ups > depth)
		return -ENOENT;
	return join(buf, size, t->base, length_of(t->base, depth - p.ups), &p);
}

/* ---- mounts ---- */

/* One mount of the hierarchy. */
struct mount {
	char root[PATH_MAX], dir[PATH_MAX];
};

/* A field of mountinfo, in which blanks, newlines and backslashes are octal (proc(5)). */
static bool take_field(const char **p, char *buf, size_t size)
{
	size_t n = 0;

	*p += strspn(*p, " ");
	for (; **p && **p != ' '; ++*p) {
		unsigned int byte = (unsigned char)**p;

		if (sscanf(*p, "\\%3o", &byte) == 1)
			*p += 3;
		if (n + 1 >= size)
			return false;
		buf[n++] = (char)byte;
	}
	buf[n] = '\0';
	return n > 0;
}

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
	}
	return false;
}

/* "ID PARENT DEV ROOT DIR OPTIONS [TAG]... - TYPE SOURCE SUPEROPTIONS"; whether it is wanted. */
static bool parse_mount(const char *line, enum cgtree_kind kind, struct mount *ret)
{
	char type[32], source[PATH_MAX], options[PATH_MAX];
	const char *p = line;

	for (int i = 0; i < 3; i++) {
		p += strspn(p, " ");
		p += strcspn(p, " ");
	}
	if (!take_field(&p, ret->root, sizeof(ret->root)) ||
	    !take_field(&p, ret->dir, sizeof(ret->dir)))
		return false;
	p = strstr(p, " - ");
	if (!p)
		return false;
	p += strlen(" - ");
	if (!take_field(&p, type, sizeof(type)) || !take_field(&p, source, sizeof(source)) ||
	    !take_field(&p, options, sizeof(options)))
		return false;
	return kind == CGTREE_V2 ? !strcmp(type, "cgroup2")
				 : !strcmp(type, "cgroup") && has_option(options, "memory");
}

/* Whether a mount with root a shows more than one with root b: it begins further up. */
static bool shows_more(const char *a, const char *b)
{
	struct path pa, pb;

	if (path_split(a, strlen(a), &pa))
		return false;
	if (path_split(b, strlen(b), &pb))
		return true;
	if (pa.ups != pb.ups)
		return pa.ups > pb.ups;
	return depth_of(pa.rest, pa.n) < depth_of(pb.rest, pb.n);
}

static int keep_mount(struct cgtree *t, const struct mount *m, const char *prefix)
{
	_cleanup_free_ char *root = strdup(m->root), *dir = NULL;

	if (!root || asprintf(&dir, "%s%s", prefix, m->dir) < 0)
		return -ENOMEM;
	cgtree_release(t);
	t->root = TAKE_PTR(root);
	t->dir = TAKE_PTR(dir);
	return 0;
}

static int find_mount(enum cgtree_kind kind, FILE *mountinfo, const char *prefix, struct cgtree *t)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, mountinfo)) > 0) {
		struct mount m;

		line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
		if (!parse_mount(line, kind, &m))
			continue;
		/* A later mount in the same place hides the earlier one. */
		if (t->dir && strcmp(t->dir + strlen(prefix), m.dir) &&
		    !shows_more(m.root, t->root))
			continue;
		int err = keep_mount(t, &m, prefix);

		if (err)
			return err;
	}
	return 0;
}

/* ---- this process in the tree ---- */

struct search {
	pid_t pid;
	const char *own_path; /* from the namespace's root */
	unsigned int depth; /* at which the process is */
	unsigned int dirs; /* looked into so far */
	char path[PATH_MAX]; /* below the mount */
};

static bool ends_in(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return m <= n && !strcmp(path + n - m, end);
}

/* cgroup.procs has the pids as the reader's pid namespace numbers them. */
static bool is_member(int dirfd, pid_t pid)
{
	_cleanup_close_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	int member;

	if (!f)
		return false;
	fd = -1; /* f's */
	while (fscanf(f, "%d", &member) == 1)
		if (member == pid)
			return true;
	return false;
}

static bool search_dir(struct search *s, int fd, unsigned int depth);

static bool search_below(struct search *s, int parent, const char *name, unsigned int depth)
{
	size_t len = strlen(s->path);
	int n = snprintf(s->path + len, sizeof(s->path) - len, "/%s", name);
	bool is_found = false;

	if (n > 0 && (size_t)n < sizeof(s->path) - len) {
		int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		is_found = fd >= 0 && search_dir(s, fd, depth);
	}
	if (!is_found)
		s->path[len] = '\0';
	return is_found;
}

/* Takes fd over. */
static bool search_dir(struct search *s, int fd, unsigned int depth)
{
	_cleanup_closedir_ DIR *dir = fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		close(fd);
		return false;
	}
	if (++s->dirs > CGTREE_DIRS_MAX)
		return false;
	if (depth == s->depth)
		return ends_in(s->path, s->own_path) && is_member(dirfd(dir), s->pid);
	while ((e = readdir(dir))) {
		if (e->d_type != DT_DIR || is_dots(e->d_name, strlen(e->d_name)))
			continue;
		if (search_below(s, dirfd(dir), e->d_name, depth + 1))
			return true;
	}
	return false;
}

/*
 * The namespace's root is as many folders below the mount as ".."s lead from it to there.  It is
 * looked for by this process, which is in it or below it.
 */
static int find_base(struct cgtree *t, const char *own_path, pid_t pid)
{
	struct search s = { .pid = pid, .own_path = own_path };
	struct path root, own;
	int fd;

	if (!t->dir || path_split(t->root, strlen(t->root), &root) || !root.ups || root.n ||
	    !own_path || path_split(own_path, strlen(own_path), &own) || own.ups)
		return 0;
	s.own_path = own.n ? own.rest : "";
	s.depth = root.ups + depth_of(own.rest, own.n);
	if (s.depth > CGTREE_DEPTH_MAX)
		return 0;
	fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !search_dir(&s, fd, 0)) {
		log_debug("%s: own cgroup not found among %u", t->dir, s.dirs);
		return 0;
	}
	s.path[length_of(s.path, root.ups)] = '\0';
	t->base = strdup(s.path);
	return t->base ? 0 : -ENOMEM;
}

int cgtree_open(enum cgtree_kind kind, const char *mountinfo, const char *prefix,
		const char *own_path, pid_t pid, struct cgtree *ret)
{
	_cleanup_fclose_ FILE *f = fopen(mountinfo, "re");
	_cleanup_(cgtree_release) struct cgtree t = { 0 };
	int err = f ? find_mount(kind, f, prefix, &t) : 0;

	err = err ? err : find_base(&t, own_path, pid);
	if (err)
		return err;
	*ret = t;
	t = (struct cgtree){ 0 };
	return 0;
}

void cgtree_release(struct cgtree *t)
{
	free(t->dir);
	free(t->root);
	free(t->base);
	*t = (struct cgtree){ 0 };
}
