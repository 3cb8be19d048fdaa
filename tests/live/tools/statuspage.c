/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statuspage TAPE...: the status page of an agent that watches what was recorded, each tape as it
 * stood at its end.  statuspage --policy: the Content-Security-Policy to send with it.
 */
#include <stdio.h>
#include <string.h>

#include "session.h"
#include "view/status.h"

#define PROCESSES_MAX 64

struct page {
	char **tapes; /* that are still to be replayed, up to NULL */
	struct snapshot_process processes[PROCESSES_MAX];
	struct verdict verdicts[PROCESSES_MAX];
	struct metrics_process list[PROCESSES_MAX];
	size_t n;
};

static int write_page(const struct page *page)
{
	static const struct agent_count refused[] = { { "no-symbols", 2 }, { "static-pie", 1 } };
	static const struct agent_count requests[] = { { "200", 4711 }, { "404", 3 } };
	const struct agent_account account = {
		.version = "0.0-test",
		.kernel = "6.18.5-cloud",
		.hostname = "node-17",
		.listen = "127.0.0.1:9435",
		.has_profiles = true,
		.start_time_s = 1796000000,
		.uptime_s = 93784,
		.cpu_s = 411.5,
		.rss_bytes = 23 << 20,
		.fds = 61,
		.processes = page->n,
		.refused = refused,
		.n_refused = 2,
		.tasks_lost = 1,
		.events = { 1700000, 23000, 17, 0, 1723017 },
		.requests = requests,
		.n_requests = 2,
	};

	return status_write(stdout, &account, page->list, page->n);
}

static int replay_next(struct page *page);

/* What a picture borrows stands until this returns, so the next tape is replayed in here. */
static int on_end(struct session *s, const struct snapshot *snap, void *arg)
{
	struct page *page = arg;

	for (size_t i = 0; i < snap->n && page->n < PROCESSES_MAX; i++) {
		page->processes[page->n] = snap->processes[i];
		judge_verdict(session_judge(s), &snap->processes[i], &page->verdicts[page->n]);
		page->list[page->n] = (struct metrics_process){ &page->processes[page->n],
								&page->verdicts[page->n] };
		page->n++;
	}
	return replay_next(page);
}

static int replay_next(struct page *page)
{
	struct session_opts opts = {
		.input_fd = -1,
		.quiet = true,
		.interval_s = 5,
		.on_end = on_end,
		.arg = page,
	};

	if (!*page->tapes)
		return write_page(page);
	return session_replay(*page->tapes++, &opts);
}

int main(int argc, char **argv)
{
	static struct page page;

	if (argc == 2 && !strcmp(argv[1], "--policy"))
		return puts(status_policy()) < 0;
	page.tapes = argv + 1;
	return replay_next(&page) != 0;
}
