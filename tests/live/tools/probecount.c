/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probecount [-1] [-b BUDGET] [-s SHIFT] [-r RING_BYTES] [-m SITES] [-k] PID...: probes birth and
 * exit of goroutines in processes of one executable, says "watching", and on a line of input prints
 * one JSON object with all its books.  -1: perf events even where uprobe.multi works; -k: keep the
 * ring full, never drain it; -m: creation sites over all processes.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "event/ring.h"
#include "probe/probe.h"

#define PIDS_MAX 16
#define MASK	 (1U << WIRE_HOOK_BIRTH | 1U << WIRE_HOOK_DEATH)

struct tool {
	struct probe_opts opts;
	uint32_t budget;
	unsigned int shift;
	bool keep_full;
	pid_t pids[PIDS_MAX];
	int n_pids;
	struct gobin *bin;
	struct probe *probe;
	struct probe_link *link;
	struct ring *ring;
	uint64_t received[WIRE_KIND_MAX];
	uint64_t site_births[PIDS_MAX], site_deaths[PIDS_MAX];
};

static void record_count(const struct event *ev, _unused_ const void *data, _unused_ size_t size,
			 void *arg)
{
	struct tool *t = arg;

	t->received[ev->kind]++;
}

static void site_add(pid_t pid, _unused_ uint64_t gopc, const struct wire_site *s, void *arg)
{
	struct tool *t = arg;

	for (int i = 0; i < t->n_pids; i++) {
		if (t->pids[i] != pid)
			continue;
		t->site_births[i] += s->births;
		t->site_deaths[i] += s->deaths;
	}
}

static void hook_print(const struct wire_state *s, enum wire_hook h)
{
	printf("{\"streamed\":%llu,\"sampled_out\":%llu,\"lost\":%llu,\"bad\":%llu}",
	       s->streamed[h], s->sampled_out[h], s->lost[h], s->bad[h]);
}

static void pid_print(const struct tool *t, int i)
{
	const struct wire_state *s = probe_state(t->probe, t->pids[i]);

	printf("%s{\"pid\":%d,\"birth\":", i ? "," : "", t->pids[i]);
	hook_print(s, WIRE_HOOK_BIRTH);
	printf(",\"death\":");
	hook_print(s, WIRE_HOOK_DEATH);
	printf(",\"site_births\":%" PRIu64 ",\"site_deaths\":%" PRIu64
	       ",\"births_other\":%llu,\"deaths_other\":%llu,\"rss_events\":%llu"
	       ",\"rss_anon_bytes\":%lld}",
	       t->site_births[i], t->site_deaths[i], s->births_other, s->deaths_other,
	       s->rss_events, s->rss_bytes[WIRE_RSS_ANON]);
}

static int books_print(struct tool *t)
{
	int err;

	do
		err = ring_consume(t->ring);
	while (err > 0);
	if (!err)
		err = probe_sites(t->probe, site_add, t);
	if (err)
		return err;
	printf("{\"multi\":%s,\"births\":%" PRIu64 ",\"deaths\":%" PRIu64 ",\"stacks\":%" PRIu64
	       ",\"malformed\":%" PRIu64 ",\"processes\":[",
	       probe_features(t->probe)->uprobe_multi ? "true" : "false", t->received[WIRE_BIRTH],
	       t->received[WIRE_DEATH], t->received[WIRE_STACK], ring_malformed(t->ring));
	for (int i = 0; i < t->n_pids; i++)
		pid_print(t, i);
	printf("]}\n");
	return 0;
}

static int watch(struct tool *t)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	do {
		for (int i = 0; i < t->n_pids; i++)
			probe_set_budget(t->probe, t->pids[i], t->budget, t->shift);
		if (!t->keep_full && ring_consume(t->ring) < 0)
			return -EIO;
	} while (!poll(&in, 1, 20));
	return books_print(t);
}

static int attach(struct tool *t, struct probe_error *error)
{
	char exe[32];
	_cleanup_close_ int fd = -1;
	enum gobin_reason reason;
	uint32_t hooks;
	int err;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", t->pids[0]);
	fd = open(exe, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = gobin_open(fd, &t->bin, &reason);
	/* Budgets come before the first hit, so that "all streamed" holds from the start. */
	for (int i = 0; !err && i < t->n_pids; i++) {
		err = probe_target_add(t->probe, t->pids[i], t->bin);
		probe_set_budget(t->probe, t->pids[i], t->budget, t->shift);
	}
	if (!err)
		err = probe_attach(t->probe, t->bin, exe, 0, MASK, &t->link, &hooks, error);
	if (!err && hooks != MASK)
		err = -ENOENT;
	return err;
}

static int number(const char *text, long long max, long long *ret)
{
	return text_parse_int(text, 0, max, ret);
}

static int args_parse(struct tool *t, int argc, char **argv)
{
	long long n = 0;
	int c, err = 0;

	while (!err && (c = getopt(argc, argv, "1kb:s:r:m:")) >= 0) {
		if (c == '1')
			t->opts.force_single = true;
		else if (c == 'k')
			t->keep_full = true;
		else if (c == '?')
			err = -EINVAL;
		else
			err = number(optarg, UINT32_MAX, &n);
		if (c == 'b')
			t->budget = (uint32_t)n;
		else if (c == 's')
			t->shift = (unsigned int)n;
		else if (c == 'r')
			t->opts.ring_bytes = (size_t)n;
		else if (c == 'm')
			t->opts.max_sites = (uint32_t)n;
	}
	for (; !err && optind < argc && t->n_pids < PIDS_MAX; optind++) {
		err = number(argv[optind], INT32_MAX, &n);
		t->pids[t->n_pids++] = (pid_t)n;
	}
	return err ? err : t->n_pids ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct tool t = { .budget = UINT32_MAX, .opts = { .use_rss = true } };
	struct probe_error error = { "" };
	int err = args_parse(&t, argc, argv);

	if (!err)
		err = probe_open(&t.opts, &t.probe, &error);
	if (!err)
		err = ring_open(probe_ring_fd(t.probe), record_count, &t, &t.ring);
	if (!err)
		err = attach(&t, &error);
	if (!err) {
		puts("watching");
		fflush(stdout);
		err = watch(&t);
	}
	if (err)
		fprintf(stderr, "probecount: %s %s\n", strerror(-err), error.text);
	probe_detach(t.link);
	ring_close(t.ring);
	probe_close(t.probe);
	gobin_unref(t.bin);
	return err ? 1 : 0;
}
