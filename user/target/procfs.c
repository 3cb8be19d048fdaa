/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/procfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/text.h"

#define STAT_TEXT_MAX	1024
#define STATUS_TEXT_MAX 8192
#define MAPS_LINE_MAX	(PATH_MAX + 128)
/* 38 ms; and 160 ms with five to run on each CPU. */
#define ROLLUP_BYTES_MAX (INT64_C(4) << 30)
/* Above vm.max_map_count's default by far; bounds the time that one process can cost. */
#define MAPS_LINES_MAX (1u << 20)
#define DELETED	       " (deleted)"
#define LINK_TEXT_MAX  64

static int pid_path(char path[static PATH_MAX], const char *root, pid_t pid, const char *leaf)
{
	int n = snprintf(path, PATH_MAX, "%s/%d%s%s", root, (int)pid, *leaf ? "/" : "", leaf);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A missing file in a missing process's folder is a missing process. */
static int pid_error(int err, const char *root, pid_t pid)
{
	char path[PATH_MAX];

	if (err != -ENOENT || pid_path(path, root, pid, ""))
		return err;
	return access(path, F_OK) ? -ESRCH : err;
}

/*
 * Reads a whole file as a string: -E2BIG if it does not fit, with buf holding what did.  In /proc
 * one read may give less than there is.
 */
static int read_text(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	do {
		got = read(fd, buf + n, size - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += (size_t)got;
	} while (got && n < size - 1);
	buf[n] = '\0';
	if (!got)
		return 0;
	return read(fd, (char[1]){ 0 }, 1) == 0 ? 0 : -E2BIG;
}

static int read_pid_text(const char *root, pid_t pid, const char *leaf, char *buf, size_t size)
{
	char path[PATH_MAX];
	int err = pid_path(path, root, pid, leaf);

	return err ? err : pid_error(read_text(path, buf, size), root, pid);
}

/* Steps over n blank-separated fields; NULL if there are fewer. */
static const char *skip_fields(const char *p, unsigned int n)
{
	while (n--) {
		p = strchr(p, ' ');
		if (!p)
			return NULL;
		p++;
	}
	return p;
}

int procfs_stat_parse(const char *text, struct procfs_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct procfs_stat st;
	const char *times, *threads, *start, *code;
	int ppid;

	if (!open || !close || close < open)
		return -EBADMSG;
	if (sscanf(close + 1, " %c %d", &st.state, &ppid) != 2)
		return -EBADMSG;
	/*
	 * After the bracket comes " " and field 3: utime is 14, num_threads 20, starttime 22,
	 * exit_code 52.
	 */
	times = skip_fields(close + 1, 12);
	threads = times ? skip_fields(times, 6) : NULL;
	start = threads ? skip_fields(threads, 2) : NULL;
	code = start ? skip_fields(start, 30) : NULL;
	if (!start ||
	    sscanf(times, "%" SCNu64 " %" SCNu64, &st.utime_ticks, &st.stime_ticks) != 2 ||
	    sscanf(threads, "%" SCNu32, &st.threads) != 1 ||
	    sscanf(start, "%" SCNu64, &st.start_ticks) != 1)
		return -EBADMSG;
	if (!code || sscanf(code, "%d", &st.exit_code) != 1)
		st.exit_code = -1; /* Linux 3.5 */
	st.ppid = ppid;
	text_scrub(st.comm, sizeof(st.comm), open + 1, (size_t)(close - open - 1));
	*ret = st;
	return 0;
}

int procfs_stat(const char *root, pid_t pid, struct procfs_stat *ret)
{
	char text[STAT_TEXT_MAX];
	int err = read_pid_text(root, pid, "stat", text, sizeof(text));

	return err ? err : procfs_stat_parse(text, ret);
}

/* The number after "KEY:" at a line's start, or -1. */
static int64_t find_number(const char *text, const char *key)
{
	size_t n = strlen(key);
	int64_t v;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, n) && line[n] == ':')
			return sscanf(line + n + 1, "%" SCNd64, &v) == 1 && v >= 0 ? v : -1;
	}
	return -1;
}

static int64_t find_kib(const char *text, const char *key)
{
	int64_t kib = find_number(text, key), bytes;

	return kib < 0 || __builtin_mul_overflow(kib, 1024, &bytes) ? -1 : bytes;
}

int procfs_tgid(const char *root, pid_t pid, pid_t *ret)
{
	char text[STATUS_TEXT_MAX];
	int err = read_pid_text(root, pid, "status", text, sizeof(text));
	int64_t tgid;

	if (err && err != -E2BIG)
		return err;
	tgid = find_number(text, "Tgid");
	if (tgid <= 0 || tgid > INT_MAX)
		return -EBADMSG;
	*ret = (pid_t)tgid;
	return 0;
}

void procfs_memory_parse(const char *text, struct procfs_memory *ret)
{
	ret->anon_bytes = find_kib(text, "RssAnon");
	ret->file_bytes = find_kib(text, "RssFile");
	ret->shmem_bytes = find_kib(text, "RssShmem");
	ret->swap_bytes = find_kib(text, "VmSwap");
}

int procfs_memory(const char *root, pid_t pid, struct procfs_memory *ret)
{
	char text[STATUS_TEXT_MAX];
	int err = read_pid_text(root, pid, "status", text, sizeof(text));

	/* What matters stands before the long lists of processors and memory nodes. */
	if (err && err != -E2BIG)
		return err;
	procfs_memory_parse(text, ret);
	return 0;
}

void procfs_io_parse(const char *text, struct procfs_io *ret)
{
	ret->read_bytes = find_number(text, "rchar");
	ret->written_bytes = find_number(text, "wchar");
}

int procfs_io(const char *root, pid_t pid, struct procfs_io *ret)
{
	char text[STAT_TEXT_MAX];
	int err = read_pid_text(root, pid, "io", text, sizeof(text));

	if (!err)
		procfs_io_parse(text, ret);
	return err;
}

/* ---- lines of maps and smaps ---- */

/* What a path ends in may read as a line of its own, so the rest of one that is too long goes. */
static bool read_line(FILE *f, char line[static MAPS_LINE_MAX])
{
	int c = 0;

	if (!fgets(line, MAPS_LINE_MAX, f))
		return false;
	if (strlen(line) < MAPS_LINE_MAX - 1 || line[MAPS_LINE_MAX - 2] == '\n')
		return true;
	while (c != '\n' && c != EOF)
		c = getc(f);
	return true;
}

/* ---- smaps ---- */

/* The mappings of a run (each begins where the one before it ends), or of all. */
struct smaps_sum {
	uint64_t size; /* of the writable ones */
	struct procfs_rollup r; /* only the five of a whole process */
	int64_t unnamed_anon;
};

struct smaps_scan {
	uint64_t heap_addr, end; /* of the mapping that is being read */
	bool is_unnamed, is_in_heap, has_heap;
	struct smaps_sum all, run, heap;
	unsigned int mappings;
};

static const struct smaps_sum smaps_nothing = {
	.r = { .rss_bytes = -1,
	       .anon_bytes = -1,
	       .lazyfree_bytes = -1,
	       .anon_huge_bytes = -1,
	       .swap_bytes = -1 },
};

/* A field that no line has stays unknown. */
static void sum_add(int64_t *sum, int64_t bytes)
{
	if (__builtin_add_overflow(MAX(*sum, 0), bytes, sum))
		*sum = INT64_MAX;
}

static void run_end(struct smaps_scan *s)
{
	if (s->is_in_heap) {
		s->heap = s->run;
		s->has_heap = true;
	}
	s->run = smaps_nothing;
	s->is_in_heap = false;
}

static void smaps_mapping(struct smaps_scan *s, char *line)
{
	const char *perms = strchr(line, ' ');
	bool is_writable = perms && perms[1] && perms[2] == 'w';
	struct procfs_map_line l;

	if (procfs_map_parse(line, &l))
		return;
	s->mappings++;
	if (l.map.start != s->end)
		run_end(s);
	s->end = l.map.end;
	s->is_in_heap |= s->heap_addr >= l.map.start && s->heap_addr < l.map.end;
	/* Linux 5.17 on lets a process name them; Go 1.25 on may. */
	s->is_unnamed = !l.ino && (!*l.path || !strncmp(l.path, "[anon: Go:", 10));
	if (is_writable)
		s->run.size += l.map.end - l.map.start;
}

static void smaps_field(struct smaps_scan *s, const char *line)
{
	const struct {
		const char *key;
		size_t at;
	} fields[] = {
		{ "Rss:", offsetof(struct procfs_rollup, rss_bytes) },
		{ "Anonymous:", offsetof(struct procfs_rollup, anon_bytes) },
		{ "LazyFree:", offsetof(struct procfs_rollup, lazyfree_bytes) },
		{ "AnonHugePages:", offsetof(struct procfs_rollup, anon_huge_bytes) },
		{ "Swap:", offsetof(struct procfs_rollup, swap_bytes) },
	};
	size_t i = 0;
	int64_t kib;

	while (i < ARRAY_SIZE(fields) && strncmp(line, fields[i].key, strlen(fields[i].key)))
		i++;
	if (i == ARRAY_SIZE(fields) ||
	    sscanf(line + strlen(fields[i].key), "%" SCNd64, &kib) != 1 || kib < 0 ||
	    kib > INT64_MAX / 1024)
		return;
	sum_add((int64_t *)((char *)&s->all.r + fields[i].at), kib * 1024);
	sum_add((int64_t *)((char *)&s->run.r + fields[i].at), kib * 1024);
	if (fields[i].at == offsetof(struct procfs_rollup, anon_bytes) && s->is_unnamed) {
		sum_add(&s->all.unnamed_anon, kib * 1024);
		sum_add(&s->run.unnamed_anon, kib * 1024);
	}
}

/* Lines of fields begin with a capital letter, those of mappings with a digit as hexadecimals do.
 */
static int smaps_scan(FILE *f, struct smaps_scan *s)
{
	char line[MAPS_LINE_MAX];

	while (read_line(f, line)) {
		if (line[0] >= 'A' && line[0] <= 'Z')
			smaps_field(s, line);
		else
			smaps_mapping(s, line);
		if (s->mappings > PROCFS_MAPPINGS_MAX)
			return -E2BIG;
	}
	run_end(s);
	return ferror(f) ? -EIO : 0;
}

int procfs_rollup_parse(FILE *f, uint64_t heap_addr, struct procfs_rollup *ret)
{
	struct smaps_scan s = { .heap_addr = heap_addr,
				.all = smaps_nothing,
				.run = smaps_nothing };
	int err = smaps_scan(f, &s);

	if (err)
		return err;
	*ret = s.all.r;
	ret->heap_size_bytes = s.has_heap ? (int64_t)MIN(s.heap.size, (uint64_t)INT64_MAX) : -1;
	ret->heap_anon_bytes = s.has_heap ? s.heap.r.anon_bytes : -1;
	ret->heap_lazyfree_bytes = s.has_heap ? s.heap.r.lazyfree_bytes : -1;
	ret->unnamed_anon_bytes = s.has_heap ? s.all.unnamed_anon - s.heap.unnamed_anon : -1;
	return 0;
}

bool procfs_rollup_is_short(const struct procfs_memory *m)
{
	const int64_t kinds[] = { m->anon_bytes, m->file_bytes, m->shmem_bytes, m->swap_bytes };
	int64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i] > 0)
			sum_add(&sum, kinds[i]);
	return sum <= ROLLUP_BYTES_MAX;
}

static int read_smaps(const char *root, pid_t pid, const char *leaf, uint64_t heap_addr,
		      struct procfs_rollup *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX];
	int err = pid_path(path, root, pid, leaf);

	if (err)
		return err;
	f = fopen(path, "re");
	if (!f)
		return pid_error(-errno, root, pid);
	return procfs_rollup_parse(f, heap_addr, ret);
}

int procfs_rollup(const char *root, pid_t pid, uint64_t heap_addr, struct procfs_rollup *ret)
{
	int err = heap_addr ? read_smaps(root, pid, "smaps", heap_addr, ret) : -E2BIG;

	return err == -E2BIG ? read_smaps(root, pid, "smaps_rollup", 0, ret) : err;
}

/* ---- descriptors ---- */

/* How many descriptors the folder says that it has, as its size; 0 if this kernel does not say. */
static uint32_t fds_stated(int dir_fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(dir_fd, &fs) || fs.f_type != PROC_SUPER_MAGIC || fstat(dir_fd, &st))
		return 0;
	return (uint32_t)MIN(st.st_size, (off_t)INT_MAX);
}

int procfs_fd_links(const char *root, pid_t pid, procfs_fd_fn *fn, void *arg, uint32_t *ret_total)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX], link[LINK_TEXT_MAX];
	int err = pid_path(path, root, pid, "fd");
	uint32_t total = 0, stated;
	const struct dirent *e;

	if (err)
		return err;
	dir = opendir(path);
	if (!dir)
		return pid_error(-errno, root, pid);
	stated = fds_stated(dirfd(dir));
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (total++ < PROCFS_FDS_MAX) {
			ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

			link[MAX(n, 0)] = '\0';
			fn(link, arg);
		} else if (stated >= total) {
			total = stated;
			break;
		}
	}
	*ret_total = total;
	return 0;
}

static void count_fd(const char *link, void *arg)
{
	struct procfs_fds *fds = arg;

	if (!strncmp(link, "socket:", 7))
		fds->sockets++;
	else if (!strncmp(link, "pipe:", 5))
		fds->pipes++;
	else if (link[0] == '/')
		fds->files++;
	else
		fds->other++;
}

int procfs_fds(const char *root, pid_t pid, struct procfs_fds *ret)
{
	struct procfs_fds fds = { 0 };
	int err = procfs_fd_links(root, pid, count_fd, &fds, &fds.total);

	if (err)
		return err;
	fds.other += fds.total - MIN(fds.total, (uint32_t)PROCFS_FDS_MAX);
	*ret = fds;
	return 0;
}

/* ---- mappings and the executable ---- */

int procfs_map_parse(char *line, struct procfs_map_line *ret)
{
	struct procfs_map_line l = { .path = "" };
	char perms[5] = "";
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n",
		   &l.map.start, &l.map.end, perms, &l.map.offset, &l.major, &l.minor, &l.ino,
		   &at) != 7)
		return -EBADMSG;
	if (!at || l.map.end <= l.map.start)
		return -EBADMSG;
	l.is_exec = strchr(perms, 'x') != NULL;
	l.path = line + at + strspn(line + at, " ");
	*ret = l;
	return 0;
}

/* Where /proc/PID/exe points to, unchanged. */
static int exe_link(const char *root, pid_t pid, char *buf, size_t size)
{
	char path[PATH_MAX];
	int err = pid_path(path, root, pid, "exe");
	ssize_t n;

	if (err)
		return err;
	n = readlink(path, buf, size - 1);
	if (n < 0)
		return pid_error(-errno, root, pid);
	buf[n] = '\0';
	return 0;
}

static void map_keep_lowest(struct procfs_map *best, const struct procfs_map *map)
{
	bool is_first = !best->end;

	if (is_first || map->offset < best->offset ||
	    (map->offset == best->offset && map->start < best->start))
		*best = *map;
}

/* *by_ino and *by_path stay empty (end 0) where no line has the inode, or the path. */
static void scan_maps(FILE *f, const struct stat *exe, const char *link, struct procfs_map *by_ino,
		      struct procfs_map *by_path)
{
	char text[MAPS_LINE_MAX];
	struct procfs_map_line l;

	for (unsigned int i = 0; i < MAPS_LINES_MAX && read_line(f, text); i++) {
		if (procfs_map_parse(text, &l))
			continue;
		if (l.ino == exe->st_ino && l.major == major(exe->st_dev) &&
		    l.minor == minor(exe->st_dev))
			map_keep_lowest(by_ino, &l.map);
		else if (!strcmp(l.path, link))
			map_keep_lowest(by_path, &l.map);
		/* Lines come in the order of addresses. */
		if (by_ino->end && !by_ino->offset)
			return;
	}
}

int procfs_maps_open(const char *root, pid_t pid, FILE **ret)
{
	char path[PATH_MAX];
	int err = pid_path(path, root, pid, "maps");
	FILE *f;

	if (err)
		return err;
	f = fopen(path, "re");
	if (!f)
		return pid_error(-errno, root, pid);
	*ret = f;
	return 0;
}

int procfs_exe_map(const char *root, pid_t pid, struct procfs_map *ret)
{
	_cleanup_close_ int exe_fd = procfs_exe_open(root, pid);
	struct procfs_map by_ino = { 0 }, by_path = { 0 };
	_cleanup_fclose_ FILE *f = NULL;
	char link[PATH_MAX];
	struct stat st;
	int err;

	if (exe_fd < 0)
		return exe_fd;
	if (fstat(exe_fd, &st))
		return -errno;
	err = exe_link(root, pid, link, sizeof(link));
	if (!err)
		err = procfs_maps_open(root, pid, &f);
	if (err)
		return err;
	scan_maps(f, &st, link, &by_ino, &by_path);
	if (!by_ino.end && !by_path.end)
		return -ENOENT;
	*ret = by_ino.end ? by_ino : by_path;
	return 0;
}

int procfs_exe_path(const char *root, pid_t pid, char *buf, size_t size, bool *ret_deleted)
{
	char link[PATH_MAX];
	int err = exe_link(root, pid, link, sizeof(link));
	size_t n, suffix = strlen(DELETED);
	bool is_deleted;

	if (err)
		return err;
	n = strlen(link);
	is_deleted = n > suffix && !strcmp(link + n - suffix, DELETED);
	text_scrub(buf, size, link, is_deleted ? n - suffix : n);
	*ret_deleted = is_deleted;
	return 0;
}

int procfs_exe_open(const char *root, pid_t pid)
{
	char path[PATH_MAX];
	int err = pid_path(path, root, pid, "exe");
	int fd;

	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? pid_error(-errno, root, pid) : fd;
}

int procfs_cgroup(const char *root, pid_t pid, char *buf, size_t size)
{
	return read_pid_text(root, pid, "cgroup", buf, size);
}

static int read_meminfo(const char *root, const char *key, uint64_t *ret)
{
	char path[PATH_MAX], text[STATUS_TEXT_MAX];
	int n = snprintf(path, sizeof(path), "%s/meminfo", root);
	int err;
	int64_t bytes;

	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	err = read_text(path, text, sizeof(text));
	if (err && err != -E2BIG)
		return err;
	bytes = find_kib(text, key);
	if (bytes < 0)
		return -EBADMSG;
	*ret = (uint64_t)bytes;
	return 0;
}

int procfs_mem_total(const char *root, uint64_t *ret)
{
	return read_meminfo(root, "MemTotal", ret);
}

int procfs_mem_available(const char *root, uint64_t *ret)
{
	return read_meminfo(root, "MemAvailable", ret);
}
