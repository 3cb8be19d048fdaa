/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/playback.h"

#include <math.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

/* Ticks come a little early or late. */
#define JITTER_S 0.1

/* Lets real time pass as it did on the tape, and hears the keyboard meanwhile. */
static int pace(const struct playback *p, double tape_s, uint64_t since_ns)
{
	struct pollfd key = { .fd = p->input_fd, .events = POLLIN };
	double left_s;
	int status = 0;

	while (!status && !*p->is_stopped &&
	       (left_s = tape_s / p->speed - seconds_between(since_ns, clock_now_ns())) > 0) {
		int ms = (int)fmin(ceil(left_s * 1000), 60000);

		if (poll(&key, 1, ms) > 0)
			status = p->on_input(p->arg);
	}
	return status;
}

/* Returns as replay_next() at the end; *ret_status: what a callback returned. */
static int play(struct replay *r, const struct playback *p, int *ret_status)
{
	double interval_s = p->interval_s > 0 ? p->interval_s : 1;
	uint64_t since_ns = clock_now_ns(), shown_ns = 0;
	int n = 1, status = 0;

	while (!status && !*p->is_stopped && (n = replay_next(r)) == 1) {
		uint64_t now_ns = replay_clocks(r).monotonic_ns;

		p->on_tick(p->arg, now_ns);
		if (p->speed > 0)
			status = pace(p,
				      seconds_between(replay_header(r)->begun.monotonic_ns, now_ns),
				      since_ns);
		if (status || *p->is_stopped ||
		    seconds_between(shown_ns, now_ns) < interval_s - JITTER_S)
			continue;
		shown_ns = now_ns;
		status = p->on_show(p->arg);
	}
	*ret_status = status;
	return n == 1 ? 0 : n;
}

/* Everything up to where a tape breaks off is as good as a whole one. */
static int judge_end(const struct replay *r, const char *path, int err)
{
	const struct tape_header *h = replay_header(r);
	uint64_t now_ns = replay_clocks(r).monotonic_ns;
	char text[TEXT_HUMAN_MAX];

	if (err && err != -ENODATA && err != -EBADMSG)
		return log_err(err, "%s", path);
	if (!h || now_ns == h->begun.monotonic_ns) {
		(void)log_err(0, "%s: this tape %s before its first sample", path,
			      err == -EBADMSG ? "is damaged" : "ends");
		return -ENODATA;
	}
	text_duration(text, seconds_between(h->begun.monotonic_ns, now_ns));
	if (err == -ENODATA)
		log_warn("%s: ends early: cut off after %s", path, text);
	else if (err)
		log_warn("%s: ends early: damaged after %s", path, text);
	return 0;
}

int playback_run(struct replay *r, const struct playback *p)
{
	int status, err = play(r, p, &status);

	return status ? status : judge_end(r, p->path, err);
}

int playback_refuse(const char *path, int err)
{
	if (err == -EBADMSG)
		return log_err(0, "%s: this is no tape", path), err;
	if (err == -EPROTONOSUPPORT)
		return log_err(0, "%s: a tape of a newer gotide", path), err;
	return log_err(err, "%s", path);
}
