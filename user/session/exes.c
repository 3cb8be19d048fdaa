/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/exes.h"

#include <stdlib.h>

void exes_init(struct exes *e, struct probe *probe, uint32_t hook_mask)
{
	*e = (struct exes){ .probe = probe, .hook_mask = hook_mask };
}

static void exe_free(struct exes *e, struct exe *x)
{
	HASH_DEL(e->by_key, x);
	probe_detach_later(e->probe, x->link);
	free(x);
}

void exes_release(struct exes *e)
{
	struct exe *x, *next;

	HASH_ITER (hh, e->by_key, x, next)
		exe_free(e, x);
	e->idle = 0;
}

static int exe_new(struct exes *e, const struct gobin *bin, const char *path, struct exe **ret,
		   struct probe_error *ret_error)
{
	const struct gobin_info *info = gobin_info(bin);
	struct exe *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->key[0] = info->dev;
	x->key[1] = info->ino;
	err = probe_attach(e->probe, bin, path, 0, e->hook_mask, &x->link, &x->hooks, ret_error);
	if (err) {
		free(x);
		return err;
	}
	HASH_ADD(hh, e->by_key, key, sizeof(x->key), x);
	*ret = x;
	return 0;
}

int exes_get(struct exes *e, const struct gobin *bin, const char *path, struct exe **ret,
	     struct probe_error *ret_error)
{
	const struct gobin_info *info = gobin_info(bin);
	uint64_t key[2] = { info->dev, info->ino };
	struct exe *x;
	int err;

	HASH_FIND(hh, e->by_key, key, sizeof(key), x);
	if (!x) {
		err = exe_new(e, bin, path, &x, ret_error);
		if (err)
			return err;
	} else if (!x->users) {
		e->idle--;
	}
	x->users++;
	*ret = x;
	return 0;
}

void exes_put(struct exes *e, struct exe *x, uint64_t now_ns)
{
	if (!x || --x->users)
		return;
	x->idle_ns = now_ns;
	e->idle++;
	/* To the end, so that the longest idle comes first. */
	HASH_DEL(e->by_key, x);
	HASH_ADD(hh, e->by_key, key, sizeof(x->key), x);
}

void exes_drop(struct exes *e, struct exe *x)
{
	if (x && !--x->users)
		exe_free(e, x);
}

void exes_trim(struct exes *e, uint64_t now_ns)
{
	struct exe *x, *next;

	if (!e->idle)
		return;
	HASH_ITER (hh, e->by_key, x, next) {
		if (x->users)
			continue;
		if (e->idle <= EXES_LINGER_MAX && now_ns < x->idle_ns + EXES_LINGER_NS)
			return;
		e->idle--;
		exe_free(e, x);
	}
}
