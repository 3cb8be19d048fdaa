/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/objects.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "target/procfs.h"

#define LINE_MAX_BYTES (PATH_MAX + 128)
#define LINES_MAX      (1u << 20)

struct objects {
	char root[128];
	pid_t pid;
	struct stat exe; /* st_ino 0: not known */
	size_t n;
	struct object *all[OBJECTS_MAX]; /* owned */
};

static void object_free(struct object *o)
{
	if (!o)
		return;
	csyms_free(o->syms);
	elf_free(o->elf);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

static void object_cleanup(struct object **o)
{
	object_free(*o);
}

void objects_close(struct objects *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		object_free(o->all[i]);
	free(o);
}

static void objects_cleanup(struct objects **o)
{
	objects_close(*o);
}

/* The mapped file itself, also where its name now is another's; needs privileges. */
static int open_mapped(const struct objects *o, const struct procfs_map *m)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/map_files/%" PRIx64 "-%" PRIx64, o->root, (int)o->pid,
		 m->start, m->end);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* By its name in the process's own mount namespace, if that still is the file. */
static int open_named(const struct objects *o, const struct procfs_map_line *l)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX + 256];
	struct stat st;

	if (*l->path != '/')
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%d/root%s", o->root, (int)o->pid, l->path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return st.st_ino == l->ino ? TAKE_FD(fd) : -ENOENT;
}

/* The segment that a mapping at this file offset is of says where all of the object is. */
static int bias_of(const struct elf *e, const struct procfs_map *m, uint64_t *ret)
{
	const struct elf_segment *s;
	uint64_t size = m->end - m->start;

	for (size_t i = 0, n = elf_segments(e, &s); i < n; i++) {
		if (!(s[i].flags & PF_X) || s[i].file_off + s[i].file_size <= m->offset ||
		    s[i].file_off >= m->offset + size)
			continue;
		*ret = m->start - m->offset + s[i].file_off - s[i].va;
		return 0;
	}
	return -ENOENT;
}

static bool is_exe(const struct objects *o, int fd)
{
	struct stat st;

	return !fstat(fd, &st) && o->exe.st_ino && st.st_ino == o->exe.st_ino &&
	       st.st_dev == o->exe.st_dev;
}

static int object_open(const struct objects *o, const struct procfs_map_line *l,
		       struct object **ret)
{
	_cleanup_(object_cleanup) struct object *obj = calloc(1, sizeof(*obj));
	int err;

	if (!obj)
		return -ENOMEM;
	obj->fd = open_mapped(o, &l->map);
	if (obj->fd < 0)
		obj->fd = open_named(o, l);
	if (obj->fd < 0)
		return obj->fd;
	err = elf_new(obj->fd, &obj->elf);
	if (!err)
		err = bias_of(obj->elf, &l->map, &obj->bias);
	if (err)
		return err;
	snprintf(obj->path, sizeof(obj->path), "%s", l->path);
	obj->start = l->map.start;
	obj->end = l->map.end;
	obj->is_exe = is_exe(o, obj->fd);
	*ret = TAKE_PTR(obj);
	return 0;
}

/* Known already, or more code of the object before it. */
static bool is_known(struct objects *o, const struct procfs_map_line *l)
{
	for (size_t i = 0; i < o->n; i++) {
		struct object *have = o->all[i];

		if (l->map.start >= have->start && l->map.start < have->end)
			return true;
		if (l->map.start == have->end && !strcmp(l->path, have->path)) {
			have->end = l->map.end;
			return true;
		}
	}
	return false;
}

int objects_update(struct objects *o)
{
	_cleanup_fclose_ FILE *f = NULL;
	char line[LINE_MAX_BYTES];
	int err = procfs_maps_open(o->root, o->pid, &f);

	if (err)
		return err;
	for (size_t i = 0; i < LINES_MAX && o->n < OBJECTS_MAX && fgets(line, sizeof(line), f);
	     i++) {
		struct procfs_map_line l;
		struct object *obj = NULL;

		if (procfs_map_parse(line, &l) || !l.is_exec || !l.ino || is_known(o, &l))
			continue;
		err = object_open(o, &l, &obj);
		if (err == -ENOMEM)
			return err;
		if (!err)
			o->all[o->n++] = obj;
	}
	return 0;
}

int objects_open(const char *proc_root, pid_t pid, struct objects **ret)
{
	_cleanup_(objects_cleanup) struct objects *o = calloc(1, sizeof(*o));
	_cleanup_close_ int exe = -1;
	int err;

	if (!o)
		return -ENOMEM;
	snprintf(o->root, sizeof(o->root), "%s", proc_root);
	o->pid = pid;
	exe = procfs_exe_open(proc_root, pid);
	if (exe < 0)
		return exe;
	if (fstat(exe, &o->exe))
		return -errno;
	err = objects_update(o);
	if (!err)
		*ret = TAKE_PTR(o);
	return err;
}

size_t objects_count(const struct objects *o)
{
	return o->n;
}

struct object *objects_at(struct objects *o, size_t i)
{
	return o->all[i];
}

struct object *objects_find(struct objects *o, uint64_t addr)
{
	for (size_t i = 0; i < o->n; i++) {
		if (addr >= o->all[i]->start && addr < o->all[i]->end)
			return o->all[i];
	}
	return NULL;
}

const struct csyms *object_syms(struct object *o)
{
	if (!o->syms && !o->has_no_syms)
		o->has_no_syms = csyms_read(o->elf, &o->syms) != 0;
	return o->syms;
}
