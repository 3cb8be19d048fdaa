/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tape from its bytes to the verdict.  The input is a file; or, since checksums and compression
 * keep a fuzzer out, the records that would be in it, if it begins with an 'R'.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzzfile.h"
#include "model/fact.h"
#include "session/replay.h"
#include "session/tapein.h"
#include "trend/judge.h"
#include "view/jsonl.h"

#define TICKS_MAX 300 /* a tape may have very many, which takes time and shows nothing new */

static void judge_all(struct model *m, struct judge *j, uint64_t now_ns)
{
	struct snapshot *snap = NULL;
	struct verdict *v = malloc(sizeof(*v));

	if (!v || model_snapshot(m, now_ns, &snap) || judge_look(j, snap))
		abort();
	for (size_t i = 0; i < snap->n; i++) {
		judge_verdict(j, &snap->processes[i], v);
		for (size_t k = 0; k < v->n_findings; k++)
			if (!(v->findings[k].confidence >= 0 && v->findings[k].confidence <= 1))
				abort();
		json_object_put(jsonl_process(&snap->processes[i], v));
	}
	snapshot_free(snap);
	free(v);
}

static void play_file(struct model *m, struct judge *j, const uint8_t *data, size_t size)
{
	struct replay *r = NULL;
	char path[64];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_file(data, size));
	if (!replay_open(path, m, &r)) {
		while (n++ < TICKS_MAX && replay_next(r) == 1)
			;
		judge_all(m, j, replay_clocks(r).monotonic_ns);
	}
	/* The model lets go of its resolvers first. */
	model_free(m);
	replay_free(r);
}

static void hear(void *arg, const struct fact *f)
{
	if (model_take(arg, f) == -EINVAL)
		abort();
}

static void play_records(struct model *m, struct judge *j, const uint8_t *data, size_t size)
{
	const struct fact_listener to = { hear, m };
	struct bytes b = bytes_of(data, size);
	struct tapein *t = NULL;
	int n = 0;

	if (tapein_new(&to, &t))
		abort();
	while (bytes_left(&b) && n < TICKS_MAX) {
		struct tape_record r = { .kind = bytes_u8(&b) };
		uint64_t left = bytes_uvarint(&b);
		const uint8_t *record = bytes_take(&b, left);

		if (!bytes_ok(&b))
			break;
		r.data = bytes_of(record, left);
		int is_tick = tapein_record(t, &r);

		if (is_tick < 0)
			break;
		n += is_tick;
	}
	judge_all(m, j, tapein_clocks(t).monotonic_ns);
	model_free(m);
	tapein_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *m = NULL;
	struct judge *j = NULL;

	if (model_new(&(struct model_opts){ .max_sites = 8 }, &m) || judge_new(&j))
		abort();
	if (size && *data == 'R')
		play_records(m, j, data + 1, size - 1);
	else
		play_file(m, j, data, size);
	judge_free(j);
	return 0;
}
