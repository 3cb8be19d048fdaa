/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_cost STORM ROUNDS SECONDS: what birth and exit probes add to one goroutine's life, in
 * processor time of the target.  Four ways alternate: no probes, empty programs at our places, our
 * programs at our places, our programs at the functions' first instructions.  Prints one line per
 * way: name, median ns of a life, and what it adds to the life without probes.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "event/ring.h"
#include "probe/attach.h"

#define ROUNDS_MAX 101

enum way {
	WAY_NONE = 0,
	WAY_EMPTY,
	WAY_OURS,
	WAY_ENTRY,
	WAY_MAX,
};

static const char *const way_names[WAY_MAX] = {
	[WAY_NONE] = "no probes",
	[WAY_EMPTY] = "empty programs, same places",
	[WAY_OURS] = "gotide, streaming all",
	[WAY_ENTRY] = "gotide's programs at first instructions",
};

struct bench {
	const char *storm;
	char duration[32];
	struct gobin *bin;
	struct probe *probe;
	struct ring *ring;
	uint64_t records;
	double ns[WAY_MAX][ROUNDS_MAX];
};

static void record_count(const struct event *ev, const void *data, size_t size, void *arg)
{
	uint64_t *records = arg;

	(void)ev;
	(void)data;
	(void)size;
	(*records)++;
}

/* One processor for the target, the other ones for us: so its time is its own. */
static void pin(int cpu, bool is_only)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++)
		if ((i == cpu) == is_only)
			CPU_SET(i, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

struct target {
	pid_t pid;
	FILE *in, *out;
};

static int target_start(const struct bench *b, struct target *ret)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0)
		return -errno;
	if (!ret->pid) {
		pin(0, true);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		setenv("GOMAXPROCS", "1", 1);
		execl(b->storm, b->storm, "-spawners", "1", "-duration", b->duration, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	ret->in = fdopen(in[1], "we");
	ret->out = fdopen(out[0], "re");
	return ret->in && ret->out ? 0 : -errno;
}

static int line_with(FILE *f, const char *word, char line[static 1024])
{
	while (fgets(line, 1024, f))
		if (strstr(line, word))
			return 0;
	return -ENODATA;
}

static int empty_attach(const struct plan_hook *h, const char *path)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_TRACE_UPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	unsigned long offset = h->file_off;
	_cleanup_close_ int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "gotide_empty", "GPL", insns,
						 ARRAY_SIZE(insns), &load);

	if (prog < 0)
		return prog;
	opts.uprobe_multi.path = path;
	opts.uprobe_multi.offsets = &offset;
	opts.uprobe_multi.cnt = 1;
	return bpf_link_create(prog, 0, BPF_TRACE_UPROBE_MULTI, &opts);
}

/* What is attached for the time of one run. */
struct attached {
	int empty[WIRE_HOOK_MAX];
	struct probe_link *link;
};

static void attached_release(struct attached *a)
{
	for (size_t i = 0; i < WIRE_HOOK_MAX; i++)
		if (a->empty[i] >= 0)
			close(a->empty[i]);
	probe_detach(a->link);
}

static void plan_make(const struct bench *b, enum way way, struct plan *ret)
{
	const struct code_sites *sites = gobin_sites(b->bin);

	plan_hooks(sites, 1U << WIRE_HOOK_BIRTH | 1U << WIRE_HOOK_DEATH, ret);
	for (size_t i = 0; way == WAY_ENTRY && i < ret->n; i++) {
		const struct code_site *s = &sites->hook[ret->hooks[i].hook];

		ret->hooks[i].file_off -= s->va - s->func_va;
	}
}

static int way_attach(const struct bench *b, enum way way, struct attached *ret)
{
	struct probe_error error;
	struct plan plan;
	uint32_t hooks;
	int err;

	plan_make(b, way, &plan);
	if (way == WAY_NONE)
		return 0;
	if (plan.n != 2)
		return -ENOENT;
	if (way != WAY_EMPTY) {
		err = attach_plan(b->probe, &plan, b->storm, 0, &ret->link, &hooks, &error);
		return err ? err : hooks == 3 ? 0 : -EIO;
	}
	for (size_t i = 0; i < plan.n; i++) {
		ret->empty[i] = empty_attach(&plan.hooks[i], b->storm);
		if (ret->empty[i] < 0)
			return ret->empty[i];
	}
	return 0;
}

/* Drains the ring while the target runs; its report ends it. */
static int run_to_end(struct bench *b, struct target *t, uint64_t *ret_lives)
{
	struct pollfd out = { .fd = fileno(t->out), .events = POLLIN };
	char line[1024];
	const char *spawned;

	fputs("go\n", t->in);
	fflush(t->in);
	do {
		probe_set_budget(b->probe, t->pid, UINT32_MAX, 0);
		if (ring_consume(b->ring) < 0)
			return -EIO;
	} while (!poll(&out, 1, 5));
	if (line_with(t->out, "\"spawned\"", line))
		return -ENODATA;
	spawned = strstr(line, "\"spawned\":");
	*ret_lives = strtoull(spawned + strlen("\"spawned\":"), NULL, 10);
	return *ret_lives ? 0 : -ENODATA;
}

static double cpu_ns(const struct rusage *u)
{
	return 1e9 * (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       1e3 * (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

/* Most of what the probes saw must have gone through the ring, or we measured something else. */
static int streamed_check(const struct bench *b, const struct target *t)
{
	const struct wire_state *st = probe_state(b->probe, t->pid);
	uint64_t streamed = st->streamed[WIRE_HOOK_BIRTH] + st->streamed[WIRE_HOOK_DEATH];
	uint64_t lost = st->lost[WIRE_HOOK_BIRTH] + st->lost[WIRE_HOOK_DEATH];

	return streamed > 20 * lost ? 0 : -EOVERFLOW;
}

static int run_attached(struct bench *b, enum way way, struct target *t, double *ret_ns)
{
	_cleanup_(attached_release) struct attached a = { .link = NULL };
	char line[1024];
	struct rusage usage;
	uint64_t lives;
	int err;

	for (size_t i = 0; i < WIRE_HOOK_MAX; i++)
		a.empty[i] = -1;
	if (line_with(t->out, "ready ", line))
		return -ENODATA;
	err = way_attach(b, way, &a);
	if (!err)
		err = probe_target_add(b->probe, t->pid, b->bin);
	if (!err)
		err = run_to_end(b, t, &lives);
	if (!err && way == WAY_OURS)
		err = streamed_check(b, t);
	probe_target_remove(b->probe, t->pid);
	if (err)
		return err;
	if (wait4(t->pid, NULL, 0, &usage) < 0)
		return -errno;
	t->pid = 0;
	*ret_ns = cpu_ns(&usage) / (double)lives;
	return 0;
}

static int run(struct bench *b, enum way way, double *ret_ns)
{
	struct target t = { 0 };
	int err = target_start(b, &t);

	if (!err)
		err = run_attached(b, way, &t, ret_ns);
	if (t.pid > 0) {
		kill(t.pid, SIGKILL);
		waitpid(t.pid, NULL, 0);
	}
	if (t.in)
		fclose(t.in);
	if (t.out)
		fclose(t.out);
	return err;
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), double_cmp);
	return v[n / 2];
}

static void print_all(struct bench *b, int rounds)
{
	double base = 0;

	for (enum way w = 0; w < WAY_MAX; w++) {
		double ns = median(b->ns[w], rounds);

		if (w == WAY_NONE)
			base = ns;
		printf("%s\t%.0f\t%.0f\n", way_names[w], ns, ns - base);
	}
}

static int bench_open(struct bench *b)
{
	_cleanup_close_ int fd = open(b->storm, O_RDONLY | O_CLOEXEC);
	struct probe_opts opts = { .ring_bytes = 0 };
	struct probe_error error = { "" };
	enum gobin_reason reason;
	int err;

	if (fd < 0)
		return -errno;
	err = gobin_open(fd, &b->bin, &reason);
	if (!err)
		err = probe_open(&opts, &b->probe, &error);
	if (!err && !probe_features(b->probe)->uprobe_multi)
		err = -ENOTSUP;
	if (!err)
		err = ring_open(probe_ring_fd(b->probe), record_count, &b->records, &b->ring);
	if (err)
		fprintf(stderr, "probe_cost: %s: %s %s\n", b->storm, strerror(-err), error.text);
	return err;
}

int main(int argc, char **argv)
{
	static struct bench b;
	long long rounds, seconds;
	int err;

	if (argc != 4 || text_parse_int(argv[2], 1, ROUNDS_MAX, &rounds) ||
	    text_parse_int(argv[3], 1, 60, &seconds)) {
		fprintf(stderr, "usage: probe_cost STORM ROUNDS SECONDS\n");
		return 2;
	}
	b.storm = argv[1];
	snprintf(b.duration, sizeof(b.duration), "%llds", seconds);
	err = bench_open(&b);
	pin(0, false);
	for (int r = 0; !err && r < rounds; r++)
		for (enum way w = 0; !err && w < WAY_MAX; w++)
			err = run(&b, w, &b.ns[w][r]);
	if (err)
		fprintf(stderr, "probe_cost: %s\n", strerror(-err));
	else
		print_all(&b, (int)rounds);
	ring_close(b.ring);
	probe_close(b.probe);
	gobin_unref(b.bin);
	return err ? 1 : 0;
}
