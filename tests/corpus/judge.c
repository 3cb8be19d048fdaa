/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replays tapes of the corpus and prints one JSON object for each: when the verdict changed, the
 * report at the end, and what simpler detectors make of the same series.  For score.py.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "session.h"
#include "trend/detect.h"
#include "view/jsonl.h"

#define LOOK_S 5.0
#define MK_P   0.05

struct judged {
	struct verdict verdict; /* at the latest look */
	struct json_object *changes, *report, *baselines;
	uint64_t look_ns; /* CPU time of all verdicts */
	unsigned int looks;
};

/* ---- detectors that know one series ---- */

static bool rises(const struct series3 *s3)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	struct stats_kendall k;

	stats_mann_kendall(v, detect_points(detect_horizon(s3), 0, t, v), &k);
	return k.s > 0 && k.p < MK_P;
}

/* LeakProf's: so many goroutines of one place are blocked. */
static bool has_site_of(const struct snapshot_process *p, int64_t least, const char **ret_function)
{
	for (size_t i = 0; i < p->n_sites; i++) {
		const struct snapshot_site *s = &p->sites[i];

		if (s->is_system || s->is_other || s->live < least || !s->wait_reason)
			continue;
		*ret_function = s->function;
		return true;
	}
	return false;
}

static struct json_object *baselines(const struct snapshot_process *p)
{
	static const int64_t thresholds[] = { 10, 50, 100, 1000, 10000 };
	struct json_object *o = json_object_new_object(), *sites = json_object_new_object();

	jsonl_add(o, "mk_rss", jsonl_flag(rises(p->rss_anon_series)));
	jsonl_add(o, "mk_heap", jsonl_flag(rises(p->heap_live_series)));
	for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++) {
		const char *function = NULL;
		char key[32];

		snprintf(key, sizeof(key), "%d", (int)thresholds[i]);
		(void)has_site_of(p, thresholds[i], &function); /* NULL then */
		jsonl_add(sites, key, jsonl_text(function));
	}
	jsonl_add(o, "threshold", sites);
	return o;
}

/* ---- gotide's ---- */

static void note_change(struct judged *j, const struct snapshot_process *p)
{
	const struct finding *f = j->verdict.n_findings ? &j->verdict.findings[0] : NULL;
	struct json_object *c = json_object_new_array();

	json_object_array_add(c, jsonl_number(seconds_between(p->start_ns, p->now_ns)));
	json_object_array_add(c, jsonl_text(verdict_kind_str(j->verdict.kind)));
	json_object_array_add(c, jsonl_number(f ? f->confidence : 0));
	json_object_array_add(j->changes, c);
}

static int on_sample(struct session *s, const struct snapshot *snap, void *arg)
{
	struct judged *j = arg;
	enum verdict_kind before = j->verdict.kind;
	uint64_t cpu_ns = clock_cpu_ns();

	if (!snap->n)
		return 0;
	judge_verdict(session_judge(s), &snap->processes[0], &j->verdict);
	j->look_ns += clock_cpu_ns() - cpu_ns;
	if (!j->looks++ || j->verdict.kind != before)
		note_change(j, &snap->processes[0]);
	return 0;
}

static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	struct judged *j = arg;

	(void)on_sample(s, snap, arg);
	if (!snap->n)
		return 0;
	j->report = jsonl_process(&snap->processes[0], &j->verdict);
	j->baselines = baselines(&snap->processes[0]);
	return 0;
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

static int judge_tape(const char *path)
{
	struct judged j = { .changes = json_object_new_array() };
	struct session_opts opts = {
		.input_fd = -1,
		.quiet = true,
		.interval_s = LOOK_S,
		.on_sample = on_sample,
		.on_end = on_end,
		.arg = &j,
	};
	struct json_object *o = json_object_new_object();
	int err = session_replay(path, &opts);

	jsonl_add(o, "tape", jsonl_text(path));
	jsonl_add(o, "error", err ? jsonl_text(strerror(-err)) : NULL);
	jsonl_add(o, "bytes", jsonl_known(size_of(path)));
	jsonl_add(o, "changes", j.changes);
	jsonl_add(o, "us_per_look",
		  jsonl_number(j.looks ? (double)j.look_ns / j.looks / NSEC_PER_USEC : 0));
	jsonl_add(o, "baselines", j.baselines);
	jsonl_add(o, "report", j.report);
	int write_err = jsonl_write(stdout, o);

	return err ? err : write_err;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++)
		status |= judge_tape(argv[i]) != 0;
	return status;
}
