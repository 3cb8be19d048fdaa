/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "gobin/gobin.h"
#include "gobin/gobin_priv.h"

/* A machine runs many more programs that are not Go, and a refusal is a hundred bytes. */
#define REFUSALS_PER_ENTRY 16

/* Compared as bytes: no padding. */
struct file_id {
	uint64_t dev, ino, size, mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct entry {
	struct file_id id;
	struct gobin *bin; /* NULL: refused */
	enum gobin_reason reason;
	int err;
	UT_hash_handle hh; /* in order of last use */
};

struct gobin_cache {
	struct entry *entries;
	size_t max;
};

int gobin_cache_new(size_t max, struct gobin_cache **ret)
{
	struct gobin_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->max = max;
	*ret = c;
	return 0;
}

static void entry_remove(struct gobin_cache *c, struct entry *e)
{
	HASH_DEL(c->entries, e);
	gobin_unref(e->bin);
	free(e);
}

void gobin_cache_free(struct gobin_cache *c)
{
	struct entry *e, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->entries, e, next)
		entry_remove(c, e);
	free(c);
}

static int file_id(int fd, struct file_id *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*ret = (struct file_id){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_s = (uint64_t)st.st_mtim.tv_sec,
		.mtime_ns = (uint64_t)st.st_mtim.tv_nsec,
		.ctime_s = (uint64_t)st.st_ctim.tv_sec,
		.ctime_ns = (uint64_t)st.st_ctim.tv_nsec,
	};
	return 0;
}

static bool is_idle(const struct entry *e)
{
	return e->bin && gobin_refs(e->bin) == 1;
}

/* Drops the least recently used of each kind above its limit. */
static void cache_shrink(struct gobin_cache *c)
{
	size_t idle = 0, refused = 0;
	struct entry *e, *next;

	HASH_ITER (hh, c->entries, e, next) {
		idle += is_idle(e);
		refused += !e->bin;
	}
	HASH_ITER (hh, c->entries, e, next) {
		if (is_idle(e) && idle > c->max) {
			entry_remove(c, e);
			idle--;
		} else if (!e->bin && refused > c->max * REFUSALS_PER_ENTRY) {
			entry_remove(c, e);
			refused--;
		}
	}
}

static int entry_give(struct entry *e, struct gobin **ret, enum gobin_reason *ret_reason)
{
	*ret_reason = e->reason;
	if (e->bin)
		*ret = gobin_ref(e->bin);
	return e->err;
}

static int entry_fill(struct entry *e, int fd)
{
	e->err = gobin_open(fd, &e->bin, &e->reason);
	return e->err && e->reason == GOBIN_UNREADABLE ? e->err : 0;
}

int gobin_cache_open(struct gobin_cache *c, int fd, struct gobin **ret,
		     enum gobin_reason *ret_reason)
{
	_cleanup_free_ struct entry *fresh = NULL;
	struct file_id id = { 0 };
	struct entry *e = NULL;
	int err = file_id(fd, &id);

	*ret_reason = GOBIN_UNREADABLE;
	if (err)
		return err;
	HASH_FIND(hh, c->entries, &id, sizeof(id), e);
	if (e) {
		HASH_DEL(c->entries, e);
	} else {
		fresh = calloc(1, sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
		fresh->id = id;
		err = entry_fill(fresh, fd);
		if (err)
			return err;
		e = TAKE_PTR(fresh);
	}
	HASH_ADD(hh, c->entries, id, sizeof(e->id), e);
	err = entry_give(e, ret, ret_reason);
	cache_shrink(c);
	return err;
}

int gobin_cache_peek(const struct gobin_cache *c, int fd, enum gobin_reason *ret)
{
	struct file_id id = { 0 };
	const struct entry *e = NULL;
	int err = file_id(fd, &id);

	if (err)
		return err;
	HASH_FIND(hh, c->entries, &id, sizeof(id), e);
	if (!e)
		return -ENOENT;
	*ret = e->reason;
	return 0;
}

void gobin_cache_trim(struct gobin_cache *c)
{
	for (struct entry *e = c->entries; e; e = e->hh.next)
		if (e->bin)
			gobin_trim(e->bin);
}
