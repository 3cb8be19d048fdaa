/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics FORMAT TAPE: what the agent would show at the end of a tape; FORMAT: text or openmetrics.
 * metrics FORMAT TAPE COPIES: of so many processes like it, in a pod each: prints the bytes, and
 * the milliseconds of CPU time that they take, the least of ROUNDS; without --compat-metrics and
 * with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "session/replay.h"
#include "trend/judge.h"
#include "view/metrics.h"

#define ROUNDS	   50
#define COPIES_MAX 10000
#define START_S	   1796000000.0

/* So that series do not come twice whatever the tape is. */
#define FIRST_PID 1000001
#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD	  "shop-frontend-7d9f8b6c5d-x2x7v"

struct played {
	struct model *m;
	struct replay *r;
	struct judge *j;
	struct snapshot *snap;
	struct verdict *verdicts;
};

static void fail(const char *what, int err)
{
	fprintf(stderr, "metrics: %s: %s\n", what, strerror(-err));
	exit(1);
}

/* The state of affairs as of the last tick. */
static int take(struct played *p)
{
	snapshot_free(p->snap);
	p->snap = NULL;
	return model_snapshot(p->m, replay_clocks(p->r).monotonic_ns, &p->snap);
}

static void play(const char *path, struct played *ret)
{
	uint64_t look_ns = 0;
	int err = model_new(&(struct model_opts){ 0 }, &ret->m);

	err = err ? err : judge_new(&ret->j);
	err = err ? err : replay_open(path, ret->m, &ret->r);
	while (!err && replay_next(ret->r) == 1) {
		if (replay_clocks(ret->r).monotonic_ns < look_ns)
			continue;
		err = take(ret);
		err = err ? err : judge_look(ret->j, ret->snap);
		look_ns = replay_clocks(ret->r).monotonic_ns + JUDGE_INTERVAL_NS;
	}
	err = err ? err : take(ret);
	err = !err && !ret->snap->n ? -ENODATA : err;
	if (err)
		fail(path, err);
	ret->verdicts = calloc(ret->snap->n, sizeof(*ret->verdicts));
	if (!ret->verdicts)
		fail(path, -ENOMEM);
	for (size_t i = 0; i < ret->snap->n; i++)
		judge_verdict(ret->j, &ret->snap->processes[i], &ret->verdicts[i]);
}

static void played_free(struct played *p)
{
	free(p->verdicts);
	snapshot_free(p->snap);
	judge_free(p->j);
	model_free(p->m); /* lets go of its resolvers first */
	replay_free(p->r);
}

/* As many processes as are asked for, each with a pid of its own, all of them alive. */
static struct metrics_process *list_of(const struct played *p, size_t copies,
				       struct snapshot_process **ret_processes)
{
	struct metrics_process *list = calloc(copies, sizeof(*list));
	struct snapshot_process *all = calloc(copies, sizeof(*all));

	if (!list || !all)
		fail("processes", -ENOMEM);
	for (size_t i = 0; i < copies; i++) {
		all[i] = p->snap->processes[i % p->snap->n];
		all[i].pid = FIRST_PID + (pid_t)i;
		all[i].has_exited = false;
		if (copies > 1) {
			all[i].container = CONTAINER;
			all[i].container_name = "frontend";
			all[i].pod = POD;
			all[i].pod_namespace = "production";
		}
		list[i] = (struct metrics_process){ &all[i], &p->verdicts[i % p->snap->n] };
	}
	*ret_processes = all;
	return list;
}

static struct agent_account account_of(const struct played *p)
{
	static const struct agent_count refused[] = { { "no symbols", 3 }, { "too old", 1 } };
	static const struct agent_count requests[] = { { "200", 17 }, { "404", 2 } };
	struct agent_account a = {
		.version = "0",
		.kernel = "6.1.0",
		.hostname = "node",
		.listen = "127.0.0.1:9435",
		.is_compat = true,
		.start_time_s = START_S,
		.start_ns = p->snap->processes[0].start_ns,
		.cpu_s = 1.25,
		.rss_bytes = 17 << 20,
		.fds = 23,
		.processes = p->snap->n,
		.refused = refused,
		.n_refused = ARRAY_SIZE(refused),
		.requests = requests,
		.n_requests = ARRAY_SIZE(requests),
	};

	for (size_t i = 0; i < p->snap->n; i++)
		agent_events_add(&a.events, &p->snap->processes[i]);
	return a;
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void measure(const struct metrics_opts *o, const struct agent_account *a,
		    const struct metrics_process *list, size_t n)
{
	double least = 0;
	size_t size = 0;

	for (int i = 0; i < ROUNDS; i++) {
		char *text = NULL;
		FILE *f = open_memstream(&text, &size);
		double start = cpu_ms();
		int err = f ? metrics_write(f, o, a, list, n) : -errno;
		double took = cpu_ms() - start;

		if (err)
			fail("metrics_write", err);
		fclose(f);
		free(text);
		if (!i || took < least)
			least = took;
	}
	printf("%zu\t%s\t%zu\t%.2f\n", n, a->is_compat ? "yes" : "no", size, least);
}

int main(int argc, char **argv)
{
	struct metrics_opts o = { .sites = METRICS_SITES };
	struct snapshot_process *processes = NULL;
	struct played p = { 0 };
	long long copies = 0;

	if (argc < 3 || argc > 4 ||
	    (argc == 4 && text_parse_int(argv[3], 1, COPIES_MAX, &copies))) {
		fprintf(stderr, "usage: metrics text|openmetrics TAPE [COPIES]\n");
		return 2;
	}
	o.format = strcmp(argv[1], "text") ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
	play(argv[2], &p);
	size_t n = copies ? (size_t)copies : p.snap->n;
	struct metrics_process *list = list_of(&p, n, &processes);
	struct agent_account a = account_of(&p);

	if (copies) {
		a.is_compat = false;
		measure(&o, &a, list, n);
		a.is_compat = true;
		measure(&o, &a, list, n);
	} else {
		int err = metrics_write(stdout, &o, &a, list, n);

		if (err)
			fail("metrics_write", err);
	}
	free(list);
	free(processes);
	played_free(&p);
	return 0;
}
