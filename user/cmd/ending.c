/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/ending.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "cmd/cmd.h"
#include "trend/judge.h"
#include "view/jsonl.h"
#include "view/report.h"
#include "view/table.h"

/* Of more processes those without a finding have one line each. */
#define ENDING_WHOLE_MAX 5

struct judged {
	const struct snapshot_process *process;
	struct verdict verdict;
};

/* Leaks first, then by kind, then by pid, so that the order never depends on chance. */
static int judged_compare(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;
	int leak = verdict_kind_is_leak(y->verdict.kind) - verdict_kind_is_leak(x->verdict.kind);

	if (leak)
		return leak;
	if (x->verdict.kind != y->verdict.kind)
		return x->verdict.kind < y->verdict.kind ? 1 : -1;
	return (x->process->pid > y->process->pid) - (x->process->pid < y->process->pid);
}

static int print_json(const struct opts *o, const struct judged *judged, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = jsonl_write(o->out, jsonl_process(judged[i].process, &judged[i].verdict));

		if (err)
			return err;
	}
	return 0;
}

/*
 * How many have a report of their own: all, or of many (a build starts hundreds) those with a
 * finding, which come first.
 */
static size_t count_whole(const struct opts *o, const struct judged *judged, size_t n)
{
	size_t whole = 0;

	if (n <= ENDING_WHOLE_MAX || o->verbosity > 0)
		return n;
	while (whole < n && judged[whole].verdict.n_findings)
		whole++;
	return whole;
}

static void print_rest(const struct opts *o, const struct judged *judged, size_t n)
{
	struct row row;

	fprintf(o->out, "%zu process%s without a finding (-v reports each)\n\n", n,
		n == 1 ? "" : "es");
	table_heading(o->out);
	for (size_t i = 0; i < n; i++) {
		row_of(judged[i].process, &judged[i].verdict, &row);
		table_row(o->out, &row);
	}
}

static int print_text(const struct opts *o, const struct judged *judged, size_t n)
{
	size_t whole = count_whole(o, judged, n);
	struct view_out out;

	view_out_init(&out, o->out);
	for (size_t i = 0; i < whole; i++) {
		if (i > 0)
			fputc('\n', o->out);
		report_process(&out, judged[i].process, &judged[i].verdict, o->verbosity > 0);
	}
	if (whole && whole < n)
		fputc('\n', o->out);
	if (whole < n)
		print_rest(o, judged + whole, n - whole);
	return fflush(o->out) ? -errno : 0;
}

int ending_print(const struct opts *o, const struct judge *judge, const struct snapshot *s,
		 int *ret_status)
{
	_cleanup_free_ struct judged *judged = calloc(s->n ? s->n : 1, sizeof(*judged));

	if (!judged)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		judged[i].process = &s->processes[i];
		judge_verdict(judge, &s->processes[i], &judged[i].verdict);
	}
	qsort(judged, s->n, sizeof(*judged), judged_compare);
	int err = o->is_json ? print_json(o, judged, s->n) : print_text(o, judged, s->n);

	if (!err)
		*ret_status =
			s->n && verdict_kind_is_leak(judged[0].verdict.kind) ? CMD_LEAK : CMD_OK;
	return err;
}
