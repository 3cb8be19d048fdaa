/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel writes but others choose: the texts of cgroup, stat, status, io, maps and smaps.
 * The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/cgroup.h"
#include "target/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "" or all of hex digits and, in the uid, dashes. */
static void check_id(const char *id, const char *allowed, size_t n, size_t or_n)
{
	size_t len = strlen(id);

	if (len && (strspn(id, allowed) != len || (len != n && len != or_n)))
		abort();
}

/*
 * Of a whole tree, and in a cgroup namespace two levels down.  A hostile path must not lead out of
 * the root: a file there says so if it is read.
 */
static void try_cgroup(const char *text)
{
	static char root[] = "tests/fixtures/cgroup/v2/pod", top[] = "/", up[] = "/../..",
		    base[] = "/box/child";
	const struct cgtree trees[] = { { .dir = root, .root = top },
					{ .dir = root, .root = up, .base = base } };

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		const struct cgroups c = { .v1 = trees[i], .v2 = trees[i] };
		struct cgroup_identity id;
		struct cgroup_memory mem;

		cgroup_identify(&c, text, &id);
		check_id(id.container, "0123456789abcdef", 64, 64);
		check_id(id.member, "0123456789abcdef", 64, 64);
		check_id(id.pod_uid, "-0123456789abcdef", 36, 32);
		if ((*id.member && !*id.pod_uid) || (*id.member && !*id.container))
			abort();
		if (!cgroup_memory(&c, text, &mem) &&
		    (mem.current_bytes == 1024 || mem.reclaimable_bytes > mem.current_bytes))
			abort();
	}
}

static void try_stat(const char *text)
{
	struct procfs_stat st;

	if (!procfs_stat_parse(text, &st) && strlen(st.comm) >= sizeof(st.comm))
		abort();
}

static void try_status(const char *text)
{
	struct procfs_memory mem;

	procfs_memory_parse(text, &mem);
	if (mem.anon_bytes < -1 || mem.file_bytes < -1 || mem.shmem_bytes < -1 ||
	    mem.swap_bytes < -1)
		abort();
}

static void try_io(const char *text)
{
	struct procfs_io io;

	procfs_io_parse(text, &io);
	if (io.read_bytes < -1 || io.written_bytes < -1)
		abort();
}

static void try_rollup(char *text)
{
	struct procfs_rollup r;
	FILE *f = *text ? fmemopen(text, strlen(text), "r") : NULL;

	if (!f)
		return;
	if (!procfs_rollup_parse(f, 0xc000000000, &r)) {
		if (r.anon_bytes < -1 || r.lazyfree_bytes < -1 || r.rss_bytes < -1)
			abort();
		if (r.heap_anon_bytes > r.anon_bytes || r.unnamed_anon_bytes < -1 ||
		    r.heap_size_bytes < -1)
			abort();
	}
	fclose(f);
}

static void try_map(char *text)
{
	struct procfs_map_line l;
	size_t n = strlen(text);

	if (procfs_map_parse(text, &l))
		return;
	if (l.map.end <= l.map.start)
		abort();
	if (*l.path && (l.path < text || l.path > text + n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0]) {
	case 'c':
		try_cgroup(text);
		break;
	case 's':
		try_stat(text);
		break;
	case 'm':
		try_status(text);
		break;
	case 'i':
		try_io(text);
		break;
	case 'r':
		try_rollup(text);
		break;
	default:
		try_map(text);
	}
	return 0;
}
