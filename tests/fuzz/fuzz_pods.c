/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of log folders and links, as files that come and go.  The first byte says which of the two;
 * the rest is the name.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/pods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME_CHARS "-.abcdefghijklmnopqrstuvwxyz0123456789"

static char root[] = "/tmp/gotide-fuzz-pods-XXXXXX";

static void remove_root(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/pods", root);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/containers", root);
	rmdir(path);
	rmdir(root);
}

static struct pods *make(void)
{
	struct pods *p = NULL;
	char path[PATH_MAX];
	int problem;

	if (!mkdtemp(root))
		abort();
	snprintf(path, sizeof(path), "%s/pods", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/containers", root);
	mkdir(path, 0700);
	if (pods_new(root, &p, &problem) || problem)
		abort();
	atexit(remove_root);
	return p;
}

static void check(const char *name, size_t max)
{
	if (!name)
		return;
	if (!*name || strlen(name) > max || strspn(name, NAME_CHARS) != strlen(name))
		abort();
}

/* By what stands where the uid and the id would. */
static void look_up(const struct pods *p, const char *name)
{
	const char *uid = strrchr(name, '_'), *dash = strrchr(name, '-');
	struct pod_names names;
	char id[65] = "";

	if (dash)
		snprintf(id, sizeof(id), "%.64s", dash + 1);
	pods_find(p, uid ? uid + 1 : "", id, &names);
	check(names.ns, 63);
	check(names.pod, 253);
	check(names.container, 63);
	if (!names.ns != !names.pod || (names.container && !names.pod))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pods *p; /* one for all: names must not leave anything behind */
	_cleanup_free_ char *name = NULL;
	struct pods_account before, after;
	char path[PATH_MAX];

	if (!size || size > NAME_MAX || memchr(data, '/', size))
		return 0;
	p = p ? p : make();
	name = strndup((const char *)data + 1, size - 1);
	if (!name)
		return 0;
	pods_account(p, &before);
	snprintf(path, sizeof(path), "%s/%s/%s", root, data[0] == 'p' ? "pods" : "containers",
		 name);
	if (mkdir(path, 0700))
		return 0;
	pods_read(p);
	pods_account(p, &after);
	/* It is one of Kubernetes' or it is counted as none. */
	if (after.pods + after.containers + after.bad !=
	    before.pods + before.containers + before.bad + 1)
		abort();
	look_up(p, name);
	rmdir(path);
	pods_read(p);
	pods_account(p, &after);
	if (after.pods || after.containers)
		abort();
	return 0;
}
