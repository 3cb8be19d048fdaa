/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd-leak: open descriptors that rise and do not fall, by kind; of sockets by state.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "trend/judging.h"

/* Counted every five seconds.  Six floors in strict order, as for survivors. */
static const struct detect_rules files_rules = {
	.min_span_s = 25,
	.min_buckets = 6,
	.p_max = 0.01,
	.min_growth = 10,
	.min_growth_part = 0.10,
	.steady_drawdown = 0.10,
	.max_drawdown = 0.34,
	.plateau_ratio = 0.3,
};

/* So much of the growth is of one kind: that one is named. */
#define OF_KIND_PART 0.7
#define OPEN_PART    0.3 /* less of it may be closed by the other side */
#define ENDING_PART  0.5 /* of the goroutines of a site ended: it is no pile */

struct kind {
	const char *name;
	const struct series3 *series;
	int64_t now;
};

static double rise(const struct series3 *s3, double from_s)
{
	double t[DETECT_POINTS_MAX], v[DETECT_POINTS_MAX];
	size_t n = detect_points(detect_horizon(s3), (uint64_t)(from_s * 1e9), t, v);

	return n ? v[n - 1] - v[0] : 0;
}

static const char *kind_that_grew(const struct kind *kinds, size_t n, const struct detect *d)
{
	for (size_t i = 0; i < n; i++)
		if (rise(kinds[i].series, d->t[0]) >= OF_KIND_PART * d->growth)
			return kinds[i].name;
	return "descriptors";
}

static void say_states(const struct judging *j, struct finding *f)
{
	const struct sockets *s = j->p->socket_states;
	char line[VERDICT_LINE_MAX] = "";

	if (!s)
		return;
	for (int i = 0; i < SOCKETS_STATES; i++) {
		size_t at = strlen(line);

		if (s->n[i])
			snprintf(line + at, sizeof(line) - at, "%s%u %s", at ? ", " : "", s->n[i],
				 sockets_state_str((enum sockets_state)i));
	}
	if (*line)
		finding_say(f, "sockets by state: %s", line);
}

static void advise(const struct judging *j, struct finding *f)
{
	const struct sockets *s = j->p->socket_states;
	bool is_of_sockets = !strcmp(f->what, "sockets");

	if (is_of_sockets && s && s->n[SOCKETS_CLOSE_WAIT] > s->n[SOCKETS_ESTABLISHED])
		finding_advise(f,
			       "the other side has closed, this one never does: look for a missing "
			       "Close() after an error or at the end of a response body");
	else if (is_of_sockets)
		finding_advise(f,
			       "connections are opened and never closed: look for response bodies "
			       "that are not closed, and for clients made per request");
	else
		finding_advise(f,
			       "look for an Open() whose Close() is missing on some path; "
			       "'ls -l /proc/%d/fd' names them",
			       (int)j->p->pid);
}

/* They wait for the network, or they end as others come. */
static bool is_of_connections(const struct snapshot_site *s)
{
	bool is_waiting = s->wait_reason && !strcmp(s->wait_reason, "IO wait");

	return !s->is_system && (is_waiting || (double)s->died >= ENDING_PART * (double)s->born);
}

/* By how much the goroutines of which each may belong to a connection have become more. */
static double rise_of_connections(const struct snapshot_process *p, double from_s)
{
	double n = 0;

	for (size_t i = 0; i < p->n_sites; i++)
		if (is_of_connections(&p->sites[i]))
			n += fmax(0, rise(p->sites[i].live_series, from_s));
	return n;
}

/* A goroutine came with each of the sockets, and the other side holds them open. */
static bool are_connections(const struct judging *j, const struct finding *f,
			    const struct detect *d)
{
	const struct sockets *s = j->p->socket_states;

	if (s && s->n[SOCKETS_CLOSE_WAIT] >= OPEN_PART * d->growth)
		return false;
	return !strcmp(f->what, "sockets") &&
	       rise_of_connections(j->p, d->t[0]) >= OF_KIND_PART * d->growth;
}

/* As many clients as connections: a load, be it that nobody bounds it. */
static void make_pressure(struct finding *f)
{
	f->kind = VERDICT_PRESSURE;
	f->confidence = 0.6;
	finding_say(f,
		    "a goroutine waits for each of the sockets, and the other side has not closed "
		    "them: these are connections in use");
	finding_advise(f,
		       "is the number of clients bounded, and is there a deadline for idle ones?");
}

void judge_files(struct judging *j)
{
	const struct window_query query = { .level = j->p->fds_series, .rules = &files_rules };
	const struct kind kinds[] = {
		{ "sockets", j->p->sockets_series, j->p->sockets },
		{ "pipes", j->p->pipes_series, j->p->pipes },
		{ "files", j->p->files_series, j->p->files },
	};
	struct window_shown shown;
	struct finding *f;
	struct words w;

	if (!window_detect(&query, &shown))
		return;
	f = judging_add(j, VERDICT_FD_LEAK, shown.d.span_s);
	if (!f)
		return;
	finding_growth(f, &shown);
	f->what = kind_that_grew(kinds, ARRAY_SIZE(kinds), &shown.d);
	f->confidence = fmin(0.95, 0.97 - 0.5 * judging_doubt(&shown.d, &files_rules));
	finding_say(f,
		    "%.0f -> %.0f open descriptors in %s, and none of the falls in between lasts",
		    f->first, f->last, text_duration(w.a, f->horizon_s));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].now > 0)
			finding_say(f, "%s: %+.0f, now %.0f", kinds[i].name,
				    rise(kinds[i].series, shown.d.t[0]), (double)kinds[i].now);
	say_states(j, f);
	if (are_connections(j, f, &shown.d))
		make_pressure(f);
	else
		advise(j, f);
}
