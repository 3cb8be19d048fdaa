/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/pods.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <uthash.h>

#include "base/cleanup.h"

#define LABEL_MAX     63 /* RFC 1123: namespaces and containers */
#define SUBDOMAIN_MAX 253 /* pods */
#define UID_DASHED    36
#define UID_DIGITS    32
#define ID_DIGITS     64
/*
 * kubelet cuts the names of links off at 255 bytes, ".log" included, which takes from the id.  By
 * so many of its digits a container is told from all others.
 */
#define ID_KEY	     32
#define LINK_STEM    (NAME_MAX - 4)
#define SCAN_MAX     65536 /* entries of a folder that are looked at */
#define READS_MAX    16 /* buffers of events at one call */
#define ABOVE_TRIES  16
#define EVENTS_SIZE  4096
#define EVENTS_NAMES (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
#define EVENTS_SELF  (IN_DELETE_SELF | IN_MOVE_SELF)

struct entry {
	char key[UID_DASHED + 1]; /* uid, or the first digits of the id */
	const char *ns, *pod, *container; /* of text */
	UT_hash_handle hh;
	char text[];
};

/* A piece of a file's name. */
struct piece {
	const char *p;
	size_t n;
};

/* What a name in one of the two folders says; container.n is 0 in that of pods. */
struct parsed {
	struct piece ns, pod, container, key;
};

typedef bool parse_fn(const char *name, struct parsed *ret);

struct folder {
	char path[PATH_MAX];
	parse_fn *parse;
	size_t max;
	int wd; /* -1: it is not there */
	struct entry *entries;
};

struct pods {
	int fd;
	struct folder pods, containers;
	int parent_wd; /* of the nearest folder above one that is not there; -1: none */
	bool has_news;
	int problem; /* the first: why changes go unseen */
	uint64_t bad, refused, rescans;
};

/* ---- names ---- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123: a label, or labels with dots between them. */
static bool is_name(struct piece s, size_t max, bool is_label)
{
	if (!s.n || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool is_edge = !i || i + 1 == s.n || s.p[i - 1] == '.' || s.p[i + 1] == '.';

		if (is_alnum(s.p[i]))
			continue;
		if (is_edge || (s.p[i] != '-' && (is_label || s.p[i] != '.')))
			return false;
	}
	return true;
}

static bool is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

static bool is_uid(struct piece s)
{
	if (s.n == UID_DIGITS)
		return is_hex(s.p, s.n);
	if (s.n != UID_DASHED)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? s.p[i] != '-' : !is_hex(s.p + i, 1))
			return false;
	}
	return true;
}

/* Cuts *s at its first '_', which is in none of Kubernetes' names. */
static struct piece cut(struct piece *s)
{
	const char *at = memchr(s->p, '_', s->n);
	struct piece first = { s->p, at ? (size_t)(at - s->p) : s->n };
	size_t taken = first.n + (at != NULL);

	*s = (struct piece){ s->p + taken, s->n - taken };
	return first;
}

static bool parse_pod(const char *name, struct parsed *ret)
{
	struct piece rest = { name, strlen(name) };

	ret->ns = cut(&rest);
	ret->pod = cut(&rest);
	ret->key = rest;
	ret->container = (struct piece){ 0 };
	return is_name(ret->ns, LABEL_MAX, true) && is_name(ret->pod, SUBDOMAIN_MAX, false) &&
	       is_uid(rest);
}

static bool parse_link(const char *name, struct parsed *ret)
{
	struct piece rest = { name, strlen(name) };
	size_t digits;

	if (rest.n <= strlen(".log") || strcmp(name + rest.n - strlen(".log"), ".log"))
		return false;
	rest.n -= strlen(".log");
	bool is_cut_off = rest.n == LINK_STEM;

	ret->pod = cut(&rest);
	ret->ns = cut(&rest);
	const char *dash = memrchr(rest.p, '-', rest.n);

	if (!dash)
		return false;
	ret->container = (struct piece){ rest.p, (size_t)(dash - rest.p) };
	digits = rest.n - ret->container.n - 1;
	if (!is_hex(dash + 1, digits) || digits > ID_DIGITS || digits < ID_KEY ||
	    (digits < ID_DIGITS && !is_cut_off))
		return false;
	ret->key = (struct piece){ dash + 1, ID_KEY };
	return is_name(ret->ns, LABEL_MAX, true) && is_name(ret->pod, SUBDOMAIN_MAX, false) &&
	       is_name(ret->container, LABEL_MAX, true);
}

/* ---- entries ---- */

static struct entry *find(const struct folder *f, const char *key, size_t n)
{
	struct entry *e = NULL;

	HASH_FIND(hh, f->entries, key, n, e);
	return e;
}

static void forget(struct folder *f, struct entry *e)
{
	HASH_DEL(f->entries, e);
	free(e);
}

static void forget_all(struct folder *f)
{
	struct entry *e, *next;

	HASH_ITER (hh, f->entries, e, next)
		forget(f, e);
}

static char *put(char *at, const char **ret, struct piece s)
{
	*ret = s.n ? memcpy(at, s.p, s.n) : NULL;
	at[s.n] = '\0';
	return at + s.n + 1;
}

static struct entry *entry_new(const struct parsed *of)
{
	struct entry *e = calloc(1, sizeof(*e) + of->ns.n + of->pod.n + of->container.n + 3);

	if (!e)
		return NULL;
	memcpy(e->key, of->key.p, of->key.n);
	put(put(put(e->text, &e->ns, of->ns), &e->pod, of->pod), &e->container, of->container);
	return e;
}

static void add(struct pods *p, struct folder *f, const char *name)
{
	struct parsed of;

	if (!f->parse(name, &of)) {
		p->bad++;
		return;
	}
	struct entry *e = find(f, of.key.p, of.key.n), *new;

	if (e)
		forget(f, e);
	new = HASH_COUNT(f->entries) < f->max ? entry_new(&of) : NULL;
	if (!new) {
		p->refused++;
		return;
	}
	HASH_ADD(hh, f->entries, key, of.key.n, new);
	p->has_news = true;
}

static void drop(struct folder *f, const char *name)
{
	struct parsed of;
	struct entry *e = f->parse(name, &of) ? find(f, of.key.p, of.key.n) : NULL;

	if (e)
		forget(f, e);
}

static void scan(struct pods *p, struct folder *f)
{
	_cleanup_closedir_ DIR *dir = opendir(f->path);
	const struct dirent *e;
	unsigned int n = 0;

	forget_all(f);
	while (dir && n++ < SCAN_MAX && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			add(p, f, e->d_name);
}

/* ---- watches ---- */

static int watch(struct pods *p, const char *path, uint32_t events)
{
	int wd = inotify_add_watch(p->fd, path, events | IN_ONLYDIR);

	if (wd < 0 && errno != ENOENT && errno != ENOTDIR && !p->problem)
		p->problem = -errno;
	return wd;
}

/* What is there when the watch is set is read; what comes later is told. */
static bool try_folder(struct pods *p, struct folder *f)
{
	if (f->wd >= 0)
		return true;
	f->wd = watch(p, f->path, EVENTS_NAMES | EVENTS_SELF);
	scan(p, f);
	return f->wd >= 0;
}

/* The nearest folder above one that is not there, where it or a folder on its way will appear. */
static int watch_nearest(struct pods *p, const struct folder *f)
{
	char path[PATH_MAX];
	char *slash;
	int wd;

	snprintf(path, sizeof(path), "%s", f->path);
	do {
		slash = strrchr(path, '/');
		if (slash)
			slash[slash == path] = '\0';
		wd = watch(p, slash ? path : ".", IN_CREATE | IN_MOVED_TO | EVENTS_SELF);
	} while (wd < 0 && slash && slash != path && !p->problem);
	return wd;
}

static void unwatch(struct pods *p, int *wd)
{
	if (*wd >= 0)
		inotify_rm_watch(p->fd, *wd);
	*wd = -1;
}

/* Until it stays the nearest: a folder may have come while the one above it was not watched yet. */
static void watch_above(struct pods *p, const struct folder *f)
{
	for (int i = 0; i < ABOVE_TRIES; i++) {
		int wd = watch_nearest(p, f);

		if (wd == p->parent_wd)
			break;
		unwatch(p, &p->parent_wd);
		p->parent_wd = wd;
	}
}

/*
 * Both folders lie in the same one, so one watch waits for either.  Once it is set they are tried
 * again: they may have come in between.
 */
static void find_folders(struct pods *p)
{
	for (int i = 0; i < 2; i++) {
		bool has_pods = try_folder(p, &p->pods), has_links = try_folder(p, &p->containers);

		if (has_pods && has_links) {
			unwatch(p, &p->parent_wd);
			return;
		}
		if (i || p->problem)
			return;
		watch_above(p, p->pods.wd < 0 ? &p->pods : &p->containers);
	}
}

static struct folder *folder_of(struct pods *p, int wd)
{
	return wd == p->pods.wd ? &p->pods : wd == p->containers.wd ? &p->containers : NULL;
}

static void lose(struct pods *p, struct folder *f)
{
	unwatch(p, &f->wd);
	forget_all(f);
}

/* Whether folders are to be looked for. */
static bool take_event(struct pods *p, const struct inotify_event *ev)
{
	struct folder *f = folder_of(p, ev->wd);

	if (ev->mask & IN_Q_OVERFLOW) {
		p->rescans++;
		lose(p, &p->pods);
		lose(p, &p->containers);
		return true;
	}
	if (!f)
		return ev->wd == p->parent_wd;
	if (ev->mask & (EVENTS_SELF | IN_IGNORED | IN_UNMOUNT)) {
		lose(p, f);
		return true;
	}
	if (ev->mask & (IN_CREATE | IN_MOVED_TO))
		add(p, f, ev->name);
	else if (ev->mask & (IN_DELETE | IN_MOVED_FROM))
		drop(f, ev->name);
	return false;
}

static bool take_events(struct pods *p, const char *buf, size_t n)
{
	bool is_lost = false;

	for (size_t at = 0; at + sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *ev = (const void *)(buf + at);

		is_lost |= take_event(p, ev);
		at += sizeof(*ev) + ev->len;
	}
	return is_lost;
}

bool pods_read(struct pods *p)
{
	char buf[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool is_lost = false;

	p->has_news = false;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(p->fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		is_lost |= take_events(p, buf, (size_t)n);
	}
	if (is_lost)
		find_folders(p);
	return p->has_news;
}

/* ---- outside ---- */

static int folder_init(struct folder *f, const char *root, const char *name, parse_fn *parse,
		       size_t max)
{
	int n = snprintf(f->path, sizeof(f->path), "%s/%s", root, name);

	f->parse = parse;
	f->max = max;
	f->wd = -1;
	return n < 0 || n >= (int)sizeof(f->path) ? -ENAMETOOLONG : 0;
}

static void cleanup_pods(struct pods **p)
{
	pods_free(*p);
}

int pods_new(const char *log_root, struct pods **ret, int *ret_problem)
{
	_cleanup_(cleanup_pods) struct pods *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->parent_wd = -1;
	p->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->fd < 0)
		return -errno;
	err = folder_init(&p->pods, log_root, "pods", parse_pod, PODS_MAX);
	if (!err)
		err = folder_init(&p->containers, log_root, "containers", parse_link,
				  CONTAINERS_MAX);
	if (err)
		return err;
	find_folders(p);
	*ret_problem = p->problem;
	*ret = TAKE_PTR(p);
	return 0;
}

void pods_free(struct pods *p)
{
	if (!p)
		return;
	forget_all(&p->pods);
	forget_all(&p->containers);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

int pods_fd(const struct pods *p)
{
	return p->fd;
}

void pods_find(const struct pods *p, const char *uid, const char *id, struct pod_names *ret)
{
	const struct entry *pod = *uid ? find(&p->pods, uid, strlen(uid)) : NULL;
	const struct entry *c = strlen(id) == ID_DIGITS ? find(&p->containers, id, ID_KEY) : NULL;

	*ret = (struct pod_names){ 0 };
	/* An id has been reused, or somebody plays with names: the uid is the pod's own. */
	if (pod && c && (strcmp(pod->ns, c->ns) || strcmp(pod->pod, c->pod)))
		c = NULL;
	if (!pod)
		pod = c;
	if (!pod)
		return;
	ret->ns = pod->ns;
	ret->pod = pod->pod;
	ret->container = c ? c->container : NULL;
}

void pods_account(const struct pods *p, struct pods_account *ret)
{
	*ret = (struct pods_account){
		.pods = HASH_COUNT(p->pods.entries),
		.containers = HASH_COUNT(p->containers.entries),
		.bad = p->bad,
		.refused = p->refused,
		.rescans = p->rescans,
	};
}
