/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/counts.h"

#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* Entries per system call; a hash bucket must fit in whole, so it may have to grow. */
#define COUNTS_BATCH 2048

struct batch {
	void *keys, *values; /* owned */
	uint32_t cap;
};

static void batch_release(struct batch *b)
{
	free(b->keys);
	free(b->values);
}

static int batch_grow(struct batch *b, const struct counts_map *m, uint32_t cap)
{
	void *keys = reallocarray(b->keys, cap, m->key_size);
	void *values;

	if (!keys)
		return -ENOMEM;
	b->keys = keys;
	values = reallocarray(b->values, cap, m->value_size);
	if (!values)
		return -ENOMEM;
	b->values = values;
	b->cap = cap;
	return 0;
}

static void batch_deliver(const struct batch *b, const struct counts_map *m, uint32_t n,
			  counts_fn *fn, void *arg)
{
	for (uint32_t i = 0; i < n; i++)
		fn((const uint8_t *)b->keys + i * m->key_size,
		   (const uint8_t *)b->values + i * m->value_size, arg);
}

/* Key by key: Linux before 5.6, and whatever else refuses batches. */
static int each_by_key(const struct counts_map *m, counts_fn *fn, void *arg)
{
	_cleanup_free_ uint8_t *key = malloc(m->key_size);
	_cleanup_free_ uint8_t *value = malloc(m->value_size);
	const void *prev = NULL;

	if (!key || !value)
		return -ENOMEM;
	/* A key deleted under us restarts the kernel's walk, hence the limit. */
	for (uint64_t i = 0; i < 2 * (uint64_t)m->max_entries; i++) {
		if (bpf_map_get_next_key(m->fd, prev, key))
			return errno == ENOENT ? 0 : -errno;
		prev = key;
		if (!bpf_map_lookup_elem(m->fd, key, value))
			fn(key, value, arg);
	}
	return 0;
}

int counts_each(const struct counts_map *m, counts_fn *fn, void *arg)
{
	_cleanup_(batch_release) struct batch b = { 0 };
	uint32_t position, n;
	bool is_started = false;
	int err = batch_grow(&b, m, COUNTS_BATCH);

	while (!err) {
		n = b.cap;
		err = bpf_map_lookup_batch(m->fd, is_started ? &position : NULL, &position, b.keys,
					   b.values, &n, NULL);
		if (err == -ENOSPC && b.cap <= m->max_entries) {
			err = batch_grow(&b, m, b.cap * 2);
			continue;
		}
		if (!is_started && err && err != -ENOENT)
			return each_by_key(m, fn, arg);
		if (err && err != -ENOENT)
			return err;
		batch_deliver(&b, m, n, fn, arg);
		is_started = true;
	}
	return err == -ENOENT ? 0 : err;
}

struct dead_keys {
	const struct counts_map *map;
	counts_dead_fn *is_dead;
	void *arg;
	VEC(uint8_t) bytes;
	int err;
};

static void dead_collect(const void *key, _unused_ const void *value, void *arg)
{
	struct dead_keys *d = arg;

	if (!d->is_dead(key, d->arg))
		return;
	for (size_t i = 0; i < d->map->key_size && !d->err; i++)
		d->err = vec_push(&d->bytes, ((const uint8_t *)key)[i]);
}

int counts_delete(const struct counts_map *m, counts_dead_fn *is_dead, void *arg)
{
	struct dead_keys d = { .map = m, .is_dead = is_dead, .arg = arg };
	int err = counts_each(m, dead_collect, &d);

	if (!err)
		err = d.err;
	for (size_t at = 0; !err && at + m->key_size <= d.bytes.n; at += m->key_size) {
		/* Seen twice, deleted once: not an error. */
		if (bpf_map_delete_elem(m->fd, d.bytes.items + at) && errno != ENOENT)
			err = -errno;
	}
	vec_release(&d.bytes);
	return err;
}
