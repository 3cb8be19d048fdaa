/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one look at many go statements costs, after an hour: PROCESSES x SITES of them, all of
 * them quiet, restless, growing, or one in twenty growing among restless ones.  Prints a row for
 * each: CPU time of a look (median of ROUNDS), and of that per second, as often as one is due.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "trend/judge.h"
#include "trend/stats.h"

#define PROCESSES 10
#define SITES	  1000
#define SECONDS	  3600
#define ROUNDS	  11
#define START_S	  1000

static const struct series3 none;

struct site_series {
	struct series3 live, survivors, births;
};

static uint64_t state = 88172645463325252;

static double at_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) / 9007199254740992.0;
}

static void add(struct series3 *s, int t, double v)
{
	if (series3_add(s, (uint64_t)(START_S + t) * NSEC_PER_SEC, v))
		abort();
}

/* kind: 0 quiet, 1 restless, 2 growing */
static void fill(struct site_series *s, int kind)
{
	double level = 50;

	series3_init_small(&s->live);
	series3_init_small(&s->survivors);
	series3_init_small(&s->births);
	for (int t = 0; t < SECONDS; t++) {
		level = kind == 1   ? fmax(0, level + 6 * (at_random() - 0.5))
			: kind == 2 ? level + at_random()
				    : level;
		add(&s->live, t, level + 3);
		add(&s->survivors, t, level);
		add(&s->births, t, 10);
	}
}

static void site_of(struct snapshot_site *s, struct site_series *series)
{
	*s = (struct snapshot_site){
		.gopc = (uint64_t)(uintptr_t)s,
		.function = "main.handle",
		.file = "main.go",
		.start_function = "main.work",
		.wait_reason = "chan receive",
		.wait_count = 50,
		.live = 53,
		.born = 36000,
		.died = 35000,
		.born_lately = 50,
		.survivors = 50,
		.long_lived_s = 5,
		.lifetime_p50_s = 0.1,
		.lifetime_p99_s = 1,
		.ended_late = 0,
		.before.live = -1,
		.before.still_part = -1,
		.live_series = &series->live,
		.survivor_series = &series->survivors,
		.birth_series = &series->births,
	};
}

static void process_of(struct snapshot_process *p, int pid, const struct snapshot_site *sites)
{
	const struct series3 **series[] = {
		&p->live_series,     &p->heap_live_series, &p->heap_inuse_series,
		&p->rss_anon_series, &p->birth_series,	   &p->alloc_series,
		&p->fds_series,	     &p->sockets_series,   &p->pipes_series,
		&p->files_series,    &p->outside_series,   &p->held_series,
		&p->charged_series,  &p->io_series,
	};

	*p = (struct snapshot_process){
		.pid = pid,
		.start_ns = START_S * NSEC_PER_SEC,
		.now_ns = (START_S + SECONDS) * NSEC_PER_SEC,
		.age_s = 3600,
		.sites = sites,
		.n_sites = SITES,
		.mem_total_bytes = -1,
		.limit_bytes = -1,
	};
	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		*series[i] = &none;
}

static double look_ms(struct judge *j, const struct snapshot *snap)
{
	uint64_t cpu_ns = clock_cpu_ns();

	if (judge_look(j, snap))
		abort();
	return (double)(clock_cpu_ns() - cpu_ns) / NSEC_PER_MSEC;
}

/* One in each of them grows; 0: none. */
static void bench(const char *name, int kind, int growing_each)
{
	struct site_series *series = calloc(PROCESSES * SITES, sizeof(*series));
	struct snapshot_site *sites = calloc(PROCESSES * SITES, sizeof(*sites));
	struct snapshot_process processes[PROCESSES];
	struct snapshot snap = { .processes = processes, .n = PROCESSES };
	double ms[ROUNDS];
	struct judge *j = NULL;

	if (!series || !sites || judge_new(&j))
		abort();
	for (int i = 0; i < PROCESSES * SITES; i++) {
		fill(&series[i], growing_each && i % growing_each == 0 ? 2 : kind);
		site_of(&sites[i], &series[i]);
	}
	for (int i = 0; i < PROCESSES; i++)
		process_of(&processes[i], 100 + i, sites + (size_t)i * SITES);
	for (int i = 0; i < ROUNDS; i++)
		ms[i] = look_ms(j, &snap);
	double median = stats_median(ms, ROUNDS);

	printf("%s\t%d\t%.1f\t%.2f\n", name, PROCESSES * SITES, median,
	       median / ((double)judge_interval_ns(&snap) / NSEC_PER_SEC));
	for (int i = 0; i < PROCESSES * SITES; i++) {
		series3_release(&series[i].live);
		series3_release(&series[i].survivors);
		series3_release(&series[i].births);
	}
	judge_free(j);
	free(series);
	free(sites);
}

int main(void)
{
	printf("go statements\tnumber\tms per look\tms per second\n");
	bench("quiet", 0, 0);
	bench("restless", 1, 0);
	bench("restless, one in twenty grows", 1, 20);
	bench("all grow", 2, 0);
	return 0;
}
