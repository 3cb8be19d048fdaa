/* SPDX-License-Identifier: BSD-2-Clause */
/* The process tree in tests/fixtures/proc, trees made on the spot, and this very process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target/procfs.h"

#define PROC "tests/fixtures/proc"
/* Above every pid that Linux hands out. */
#define NO_PID 99999999

static void stat_is_read(void **state)
{
	struct procfs_stat st;

	(void)state;
	assert_int_equal(procfs_stat(PROC, 100, &st), 0);
	assert_string_equal(st.comm, "shop");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 1);
	assert_int_equal(st.utime_ticks, 731);
	assert_int_equal(st.stime_ticks, 252);
	assert_int_equal(st.threads, 9);
	assert_int_equal(st.start_ticks, 481516);
	assert_int_equal(st.exit_code, 0);
}

static void status_of_one_that_has_ended(void **state)
{
#define TO_FIELD_22 "7 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 481519"
	struct procfs_stat st;

	(void)state;
	assert_int_equal(procfs_stat_parse(TO_FIELD_22 " 23 24 25 26 27 28 29 30 31 32 33 34 35 36 "
						       "37 38 39 40 41 42 43 44 45 46 47 48 49 50 "
						       "51 512",
					   &st),
			 0);
	assert_int_equal(st.start_ticks, 481519);
	assert_int_equal(st.threads, 17);
	assert_int_equal(st.exit_code, 512);
	assert_int_equal(procfs_stat_parse(TO_FIELD_22 " 23 24", &st), 0);
	assert_int_equal(st.exit_code, -1);
}

static void comm_may_hold_anything(void **state)
{
	struct procfs_stat st;

	(void)state;
	assert_int_equal(procfs_stat(PROC, 101, &st), 0);
	assert_string_equal(st.comm, "a) R 7 (b?");
	assert_int_equal(st.state, 'R');
	assert_int_equal(st.ppid, 100);
	assert_int_equal(st.start_ticks, 481517);
}

static void stat_that_is_cut_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"1",
		"1 (",
		"1 )x(",
		"1 (a)",
		"1 (a) S",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 u 12 13 14 15 16 17 18 19 20",
	};
	struct procfs_stat st = { .start_ticks = 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(procfs_stat_parse(texts[i], &st), -EBADMSG);
	assert_int_equal(procfs_stat(PROC, 105, &st), -EBADMSG);
	assert_int_equal(st.start_ticks, 5);
}

static void missing_process_is_esrch(void **state)
{
	struct procfs_memory mem;
	struct procfs_stat st;
	struct procfs_fds fds;
	struct procfs_map map;
	char buf[64];
	bool deleted;

	(void)state;
	assert_int_equal(procfs_stat(PROC, NO_PID, &st), -ESRCH);
	assert_int_equal(procfs_memory(PROC, NO_PID, &mem), -ESRCH);
	assert_int_equal(procfs_fds(PROC, NO_PID, &fds), -ESRCH);
	assert_int_equal(procfs_exe_map(PROC, NO_PID, &map), -ESRCH);
	assert_int_equal(procfs_exe_path(PROC, NO_PID, buf, sizeof(buf), &deleted), -ESRCH);
	assert_int_equal(procfs_exe_open(PROC, NO_PID), -ESRCH);
	assert_int_equal(procfs_cgroup(PROC, NO_PID, buf, sizeof(buf)), -ESRCH);
}

static void memory_is_in_bytes(void **state)
{
	struct procfs_memory mem;

	(void)state;
	assert_int_equal(procfs_memory(PROC, 100, &mem), 0);
	assert_int_equal(mem.anon_bytes, 7340 * 1024);
	assert_int_equal(mem.file_bytes, 5260 * 1024);
	assert_int_equal(mem.shmem_bytes, 4 * 1024);
	assert_int_equal(mem.swap_bytes, 12 * 1024);
}

static void memory_that_is_absent_or_absurd_is_unknown(void **state)
{
	struct procfs_memory mem;

	(void)state;
	assert_int_equal(procfs_memory(PROC, 102, &mem), 0);
	assert_int_equal(mem.anon_bytes, -1);
	assert_int_equal(mem.swap_bytes, -1);
	assert_int_equal(procfs_memory(PROC, 103, &mem), 0);
	assert_int_equal(mem.anon_bytes, -1);
	assert_int_equal(mem.file_bytes, -1);
	assert_int_equal(mem.shmem_bytes, -1);
}

static void moved_bytes_are_read(void **state)
{
	struct procfs_io io;

	(void)state;
	assert_int_equal(procfs_io(PROC, 100, &io), 0);
	assert_int_equal(io.read_bytes, INT64_C(323934931));
	assert_int_equal(io.written_bytes, INT64_C(12884901889));
	assert_int_equal(procfs_io(PROC, 101, &io), -ENOENT); /* a kernel that does not count */
	assert_int_equal(procfs_io(PROC, NO_PID, &io), -ESRCH);
}

static void moved_bytes_that_are_absent_or_absurd_are_unknown(void **state)
{
	struct procfs_io io;

	(void)state;
	procfs_io_parse("", &io);
	assert_int_equal(io.read_bytes, -1);
	assert_int_equal(io.written_bytes, -1);
	procfs_io_parse("rchar: -5\nswchar: 7\nwchar: many\n", &io);
	assert_int_equal(io.read_bytes, -1);
	assert_int_equal(io.written_bytes, -1);
}

static void moved_bytes_of_this_process(void **state)
{
	struct procfs_io before, after;
	char buf[1009];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(procfs_io("/proc", getpid(), &before), 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), sizeof(buf));
	close(fd);
	assert_int_equal(procfs_io("/proc", getpid(), &after), 0);
	/* Besides what reading this file adds. */
	assert_true(after.read_bytes >= before.read_bytes + (int64_t)sizeof(buf));
}

static void rollup_is_summed_over_mappings(void **state)
{
	struct procfs_rollup r;

	(void)state;
	/* In the first of three that adjoin each other; the others have no name either. */
	assert_int_equal(procfs_rollup(PROC, 106, 0xc0003fffff, &r), 0);
	assert_int_equal(r.rss_bytes,
			 (701 + 40 + 31 + 101 + 3001 + 503 + 307 + 17 + 19 + 11) * 1024);
	assert_int_equal(r.anon_bytes, (37 + 31 + 101 + 3001 + 503 + 307 + 17 + 19 + 11) * 1024);
	assert_int_equal(r.lazyfree_bytes, (3 + 211) * 1024);
	assert_int_equal(r.anon_huge_bytes, 2048 * 1024);
	assert_int_equal(r.swap_bytes, 13 * 1024);
	assert_int_equal(r.heap_size_bytes, (4096 + 8192) * 1024);
	assert_int_equal(r.heap_anon_bytes, (3001 + 503) * 1024);
	assert_int_equal(r.heap_lazyfree_bytes, 211 * 1024);
	/* bss, and the runtime's; not what has another name, a file or C's heap */
	assert_int_equal(r.unnamed_anon_bytes, (31 + 307 + 17) * 1024);
}

static void rollup_without_a_heap_is_the_kernels(void **state)
{
	struct procfs_rollup r;

	(void)state;
	assert_int_equal(procfs_rollup(PROC, 106, 0, &r), 0);
	assert_int_equal(r.rss_bytes, 4731 * 1024);
	assert_int_equal(r.anon_bytes, 4027 * 1024);
	assert_int_equal(r.lazyfree_bytes, 214 * 1024);
	assert_int_equal(r.heap_size_bytes, -1);
	assert_int_equal(r.heap_anon_bytes, -1);
	assert_int_equal(r.unnamed_anon_bytes, -1);
	/* Just past the heap's last mapping. */
	assert_int_equal(procfs_rollup(PROC, 106, 0xc004800000, &r), 0);
	assert_int_equal(r.anon_bytes, 4027 * 1024);
	assert_int_equal(r.heap_anon_bytes, -1);
	assert_int_equal(r.heap_lazyfree_bytes, -1);
	assert_int_equal(r.unnamed_anon_bytes, -1);
}

static void rollup_of_old_kernels_has_gaps(void **state)
{
	struct procfs_rollup r = { .rss_bytes = 5 };

	(void)state;
	assert_int_equal(procfs_rollup(PROC, 107, 0xc000000000, &r), 0);
	assert_int_equal(r.rss_bytes, 3001 * 1024);
	assert_int_equal(r.heap_anon_bytes, 3001 * 1024);
	assert_int_equal(r.lazyfree_bytes, -1);
	assert_int_equal(r.heap_lazyfree_bytes, -1);
	r.rss_bytes = 5;
	assert_int_equal(procfs_rollup(PROC, 107, 0, &r), -ENOENT);
	assert_int_equal(procfs_rollup(PROC, NO_PID, 1, &r), -ESRCH);
	assert_int_equal(r.rss_bytes, 5);
}

static void rollup_of_too_many_mappings_is_the_kernels(void **state)
{
	char root[] = "/tmp/procfs.XXXXXX", path[PATH_MAX];
	struct procfs_rollup r;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/7", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/7/smaps", root);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned int i = 0; i <= PROCFS_MAPPINGS_MAX; i++)
		fprintf(f, "%x000-%x000 rw-p 00000000 00:00 0 \nAnonymous: 1 kB\n", 2 * i + 16,
			2 * i + 17);
	fclose(f);
	snprintf(path, sizeof(path), "%s/7/smaps_rollup", root);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("10000-90000 ---p 00000000 00:00 0 [rollup]\nAnonymous: 4711 kB\n", f);
	fclose(f);
	assert_int_equal(procfs_rollup(root, 7, 0x10000, &r), 0);
	assert_int_equal(r.anon_bytes, 4711 * 1024);
	assert_int_equal(r.heap_anon_bytes, -1);
	unlink(path);
	snprintf(path, sizeof(path), "%s/7/smaps", root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/7", root);
	rmdir(path);
	rmdir(root);
}

/* A path may be longer than any line that is read: what it ends in is not the kernel's word. */
static void rollup_of_long_paths(void **state)
{
	const int line = PATH_MAX + 127;
	struct procfs_rollup r;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	fprintf(f, "%-*sAnonymous: 4711 kB\nAnonymous: 3 kB\n", line,
		"10000-30000 rw-p 00000000 08:01 77 /p");
	/* Nor may it be read past its end. */
	fprintf(f, "%0*d%0*d \nAnonymous: 5 kB\n", line, 1, line - 1, 1);
	rewind(f);
	assert_int_equal(procfs_rollup_parse(f, 0x10000, &r), 0);
	assert_int_equal(r.anon_bytes, (3 + 5) * 1024);
	assert_int_equal(r.heap_size_bytes, 0x20000);
	fclose(f);
}

/* Of files, too: a database may map much more than it allocates. */
static void rollup_is_short_by_all_that_is_there(void **state)
{
	const int64_t gib = INT64_C(1) << 30;
	struct procfs_memory m = { gib, -1, -1, -1 };

	(void)state;
	assert_true(procfs_rollup_is_short(&m));
	m.file_bytes = 3 * gib;
	assert_true(procfs_rollup_is_short(&m));
	m.shmem_bytes = 4096;
	assert_false(procfs_rollup_is_short(&m));
	m = (struct procfs_memory){ -1, INT64_MAX, -1, INT64_MAX };
	assert_false(procfs_rollup_is_short(&m));
}

static void rollup_of_this_process(void **state)
{
	const size_t size = 5 << 20;
	struct procfs_rollup before, r;
	char *p;

	(void)state;
	assert_int_equal(procfs_rollup("/proc", getpid(), (uintptr_t)&before, &before), 0);
	p = malloc(size);
	assert_non_null(p);
	memset(p, 1, size);
	assert_int_equal(procfs_rollup("/proc", getpid(), (uintptr_t)p, &r), 0);
	assert_true(r.anon_bytes >= before.anon_bytes + (int64_t)size / 2);
	assert_in_range(r.heap_anon_bytes, size, r.anon_bytes);
	assert_in_range(r.heap_size_bytes, size, INT64_MAX);
	free(p);
}

static void threads_have_their_group(void **state)
{
	pid_t tgid;

	(void)state;
	assert_int_equal(procfs_tgid(PROC, 104, &tgid), 0);
	assert_int_equal(tgid, 100);
	assert_int_equal(procfs_tgid(PROC, 101, &tgid), -ENOENT);
}

static void fds_are_counted_by_kind(void **state)
{
	struct procfs_fds fds;

	(void)state;
	assert_int_equal(procfs_fds(PROC, 100, &fds), 0);
	assert_int_equal(fds.total, 8);
	assert_int_equal(fds.sockets, 3);
	assert_int_equal(fds.pipes, 2);
	assert_int_equal(fds.files, 2);
	assert_int_equal(fds.other, 1);
	assert_int_equal(procfs_fds(PROC, 101, &fds), -ENOENT);
}

static void exe_path_is_scrubbed(void **state)
{
	char buf[64];
	bool deleted;

	(void)state;
	assert_int_equal(procfs_exe_path(PROC, 100, buf, sizeof(buf), &deleted), 0);
	assert_string_equal(buf, "/app/shop");
	assert_false(deleted);
	assert_int_equal(procfs_exe_path(PROC, 103, buf, sizeof(buf), &deleted), 0);
	assert_string_equal(buf, "/app/old one");
	assert_true(deleted);
	assert_int_equal(procfs_exe_path(PROC, 101, buf, sizeof(buf), &deleted), 0);
	assert_string_equal(buf, "/app/a?b");
	assert_int_equal(procfs_exe_path(PROC, 100, buf, 5, &deleted), 0);
	assert_string_equal(buf, "/app");
	assert_int_equal(procfs_exe_path(PROC, 102, buf, sizeof(buf), &deleted), -ENOENT);
}

static void kernel_thread_has_no_exe(void **state)
{
	(void)state;
	assert_int_equal(procfs_exe_open(PROC, 102), -ENOENT);
}

static void cgroup_text_must_fit(void **state)
{
	char buf[512], small[16];

	(void)state;
	assert_int_equal(procfs_cgroup(PROC, 100, buf, sizeof(buf)), 0);
	assert_int_equal(strncmp(buf, "0::/kubepods.slice/", 19), 0);
	assert_int_equal(procfs_cgroup(PROC, 100, small, sizeof(small)), -E2BIG);
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

static void memory_of_the_machine(void **state)
{
	uint64_t total = 0;

	(void)state;
	assert_int_equal(procfs_mem_total(PROC, &total), 0);
	assert_int_equal(total, UINT64_C(8131772) * 1024);
	assert_int_equal(procfs_mem_total("tests/fixtures", &total), -ENOENT);
	assert_int_equal(procfs_mem_available(PROC, &total), 0);
	assert_int_equal(total, UINT64_C(4131774) * 1024);
	assert_int_equal(procfs_mem_available("tests/fixtures", &total), -ENOENT);
	assert_int_equal(procfs_mem_available("/proc", &total), 0);
}

static void map_lines(void **state)
{
	char plain[] = "00400000-00a1e000 r-xp 00001000 fe:01 131093      /app/a b\n";
	char anon[] = "c000000000-c000400000 rw-p 00000000 00:00 0 \n";
	struct procfs_map_line l;

	(void)state;
	assert_int_equal(procfs_map_parse(plain, &l), 0);
	assert_int_equal(l.map.start, 0x400000);
	assert_int_equal(l.map.end, 0xa1e000);
	assert_int_equal(l.map.offset, 0x1000);
	assert_int_equal(l.major, 0xfe);
	assert_int_equal(l.minor, 1);
	assert_int_equal(l.ino, 131093);
	assert_string_equal(l.path, "/app/a b");
	assert_int_equal(procfs_map_parse(anon, &l), 0);
	assert_string_equal(l.path, "");
}

static void odd_map_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"400000",
		"400000-300000 r-xp 0 fe:01 1 /x",
		"400000-500000 r-xp 0 fe01 1",
		"400000-400000 r-xp 0 fe:01 1 /x",
		"x-y r-xp 0 fe:01 1",
	};
	struct procfs_map_line l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s", lines[i]);
		assert_int_equal(procfs_map_parse(line, &l), -EBADMSG);
	}
}

/* A tree with process 7, whose executable is a file in it. */
struct tree {
	char root[32], exe[64], maps[64];
	struct stat st;
};

static void tree_make(struct tree *t)
{
	char path[64];

	snprintf(t->root, sizeof(t->root), "/tmp/gotide-procfs-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	snprintf(path, sizeof(path), "%s/7", t->root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(t->exe, sizeof(t->exe), "%s/program", t->root);
	assert_true(close(open(t->exe, O_CREAT | O_WRONLY, 0700)) == 0);
	assert_int_equal(stat(t->exe, &t->st), 0);
	snprintf(path, sizeof(path), "%s/7/exe", t->root);
	assert_int_equal(symlink(t->exe, path), 0);
	snprintf(t->maps, sizeof(t->maps), "%s/7/maps", t->root);
}

static void tree_remove(struct tree *t)
{
	char path[64];

	unlink(t->maps);
	unlink(t->exe);
	snprintf(path, sizeof(path), "%s/7/exe", t->root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/7", t->root);
	rmdir(path);
	assert_int_equal(rmdir(t->root), 0);
}

static void add_map(FILE *f, uint64_t start, uint64_t offset, dev_t dev, ino_t ino,
		    const char *path)
{
	fprintf(f, "%" PRIx64 "-%" PRIx64 " r--p %08" PRIx64 " %02x:%02x %ju    %s\n", start,
		start + 4096, offset, major(dev), minor(dev), (uintmax_t)ino, path);
}

static void lowest_offset_of_the_inode_wins(void **state)
{
	struct procfs_map map;
	struct tree t;
	FILE *f;

	(void)state;
	tree_make(&t);
	f = fopen(t.maps, "w");
	add_map(f, 0x1000, 0, t.st.st_dev, t.st.st_ino + 1, "/lib/x");
	add_map(f, 0x2000, 0, t.st.st_dev + 1, t.st.st_ino, t.exe);
	add_map(f, 0x3000, 0x5000, t.st.st_dev, t.st.st_ino, "/other/name");
	add_map(f, 0x4000, 0x1000, t.st.st_dev, t.st.st_ino, "/other/name");
	add_map(f, 0x5000, 0x1000, t.st.st_dev, t.st.st_ino, "/other/name");
	fclose(f);
	assert_int_equal(procfs_exe_map(t.root, 7, &map), 0);
	assert_int_equal(map.start, 0x4000);
	assert_int_equal(map.end, 0x5000);
	assert_int_equal(map.offset, 0x1000);
	tree_remove(&t);
}

static void other_device_is_found_by_path(void **state)
{
	struct procfs_map map;
	struct tree t;
	FILE *f;

	(void)state;
	tree_make(&t);
	f = fopen(t.maps, "w");
	add_map(f, 0x2000, 0x3000, t.st.st_dev + 1, t.st.st_ino, t.exe);
	/* A line longer than any path comes in pieces, none of which is a mapping. */
	for (unsigned int i = 0; i < 3 * PATH_MAX; i++)
		fputc('x', f);
	fputc('\n', f);
	add_map(f, 0x8000, 0, t.st.st_dev + 1, t.st.st_ino, t.exe);
	fclose(f);
	assert_int_equal(procfs_exe_map(t.root, 7, &map), 0);
	assert_int_equal(map.start, 0x8000);
	assert_int_equal(map.offset, 0);
	tree_remove(&t);
}

static void unmapped_executable_is_enoent(void **state)
{
	struct procfs_map map;
	struct tree t;
	FILE *f;

	(void)state;
	tree_make(&t);
	f = fopen(t.maps, "w");
	add_map(f, 0x1000, 0, t.st.st_dev, t.st.st_ino + 1, "/lib/x");
	fclose(f);
	assert_int_equal(procfs_exe_map(t.root, 7, &map), -ENOENT);
	tree_remove(&t);
}

static void this_process(void **state)
{
	struct procfs_memory mem;
	struct procfs_map map;
	struct procfs_stat st;
	struct procfs_fds fds;
	char path[PATH_MAX];
	int fd, pipe_fds[2];
	bool deleted;
	uint32_t total;

	(void)state;
	assert_int_equal(procfs_stat("/proc", getpid(), &st), 0);
	assert_int_equal(st.ppid, getppid());
	assert_true(st.start_ticks > 0);
	assert_int_equal(procfs_memory("/proc", getpid(), &mem), 0);
	assert_true(mem.anon_bytes > 0);
	assert_int_equal(procfs_exe_path("/proc", getpid(), path, sizeof(path), &deleted), 0);
	assert_non_null(strstr(path, "test_target_procfs"));
	assert_false(deleted);
	assert_int_equal(procfs_exe_map("/proc", getpid(), &map), 0);
	assert_int_equal(map.offset, 0);
	assert_memory_equal((const void *)(uintptr_t)map.start, "\177ELF", 4);
	fd = procfs_exe_open("/proc", getpid());
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(procfs_fds("/proc", getpid(), &fds), 0);
	total = fds.total;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(procfs_fds("/proc", getpid(), &fds), 0);
	assert_int_equal(fds.total, total + 2);
	assert_true(fds.pipes >= 2);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* What is past the limit is counted, whether the kernel says how many or they have to be listed. */
static void many_fds_are_counted(void **state)
{
	const struct rlimit room = { 2 * PROCFS_FDS_MAX, 2 * PROCFS_FDS_MAX };
	struct procfs_fds before, fds;
	static int more[PROCFS_FDS_MAX];

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &room))
		skip();
	assert_int_equal(procfs_fds("/proc", getpid(), &before), 0);
	for (size_t i = 0; i < PROCFS_FDS_MAX; i++) {
		more[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(more[i] >= 0);
	}
	assert_int_equal(procfs_fds("/proc", getpid(), &fds), 0);
	for (size_t i = 0; i < PROCFS_FDS_MAX; i++)
		close(more[i]);
	assert_int_equal(fds.total, before.total + PROCFS_FDS_MAX);
	assert_in_range(fds.other, before.total, before.total + before.other);
	assert_int_equal(fds.sockets + fds.pipes + fds.files + fds.other, fds.total);
}

static void root_that_is_too_long(void **state)
{
	char root[PATH_MAX + 1];
	struct procfs_stat st;
	uint64_t total;

	(void)state;
	memset(root, 'r', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	assert_int_equal(procfs_stat(root, 1, &st), -ENAMETOOLONG);
	assert_int_equal(procfs_mem_total(root, &total), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_is_read),
		cmocka_unit_test(status_of_one_that_has_ended),
		cmocka_unit_test(comm_may_hold_anything),
		cmocka_unit_test(stat_that_is_cut_is_refused),
		cmocka_unit_test(missing_process_is_esrch),
		cmocka_unit_test(memory_is_in_bytes),
		cmocka_unit_test(memory_that_is_absent_or_absurd_is_unknown),
		cmocka_unit_test(moved_bytes_are_read),
		cmocka_unit_test(moved_bytes_that_are_absent_or_absurd_are_unknown),
		cmocka_unit_test(moved_bytes_of_this_process),
		cmocka_unit_test(rollup_is_summed_over_mappings),
		cmocka_unit_test(rollup_without_a_heap_is_the_kernels),
		cmocka_unit_test(rollup_of_old_kernels_has_gaps),
		cmocka_unit_test(rollup_of_too_many_mappings_is_the_kernels),
		cmocka_unit_test(rollup_of_long_paths),
		cmocka_unit_test(rollup_is_short_by_all_that_is_there),
		cmocka_unit_test(rollup_of_this_process),
		cmocka_unit_test(threads_have_their_group),
		cmocka_unit_test(fds_are_counted_by_kind),
		cmocka_unit_test(exe_path_is_scrubbed),
		cmocka_unit_test(kernel_thread_has_no_exe),
		cmocka_unit_test(cgroup_text_must_fit),
		cmocka_unit_test(memory_of_the_machine),
		cmocka_unit_test(map_lines),
		cmocka_unit_test(odd_map_lines_are_refused),
		cmocka_unit_test(lowest_offset_of_the_inode_wins),
		cmocka_unit_test(other_device_is_found_by_path),
		cmocka_unit_test(unmapped_executable_is_enoent),
		cmocka_unit_test(this_process),
		cmocka_unit_test(many_fds_are_counted),
		cmocka_unit_test(root_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
