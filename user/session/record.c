/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "event/tape.h"
#include "model/fact.h"
#include "session/tapeout.h"
#include "version.h"

/* So much below its allowance a tape may go faster again. */
#define STRETCH_SLACK (64 << 10)

struct record {
	struct model *model; /* borrowed */
	struct tape_writer *w;
	struct tapeout *out;
	struct fact_listener listener;
	const char *path; /* borrowed */
	double allowance; /* bytes so far */
	uint64_t tick_ns, flushed_ns;
	unsigned int stretch;
	int err; /* the first */
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NSEC_PER_SEC + ts.tv_nsec;
}

static struct tape_clocks clocks_now(void)
{
	return (struct tape_clocks){
		.monotonic_ns = clock_now_ns(),
		.wall_ns = clock_ns(CLOCK_REALTIME),
		.boot_ns = clock_ns(CLOCK_BOOTTIME),
	};
}

static void header_fill(struct tape_header *h, const char *proc_root)
{
	struct utsname u;

	*h = (struct tape_header){ .begun = clocks_now() };
	if (procfs_mem_total(proc_root, &h->mem_total_bytes))
		h->mem_total_bytes = 0; /* not known */
	snprintf(h->gotide, sizeof(h->gotide), "%s", GOTIDE_VERSION);
	if (uname(&u))
		return;
	snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
	snprintf(h->machine, sizeof(h->machine), "%s", u.machine);
}

/* ---- the allowance ---- */

static void allow(struct record *r, uint64_t now_ns)
{
	double processes = (double)MAX(tapeout_processes(r->out), (size_t)1);
	double used = (double)tape_written(r->w);
	char text[TEXT_HUMAN_MAX];
	unsigned int was = r->stretch;

	r->allowance += processes * RECORD_ALLOWANCE_PER_S * seconds_between(r->tick_ns, now_ns);
	if (used > r->allowance && r->stretch < RECORD_STRETCH_MAX)
		r->stretch *= 2;
	else if (used < r->allowance - STRETCH_SLACK && r->stretch > 1)
		r->stretch /= 2;
	if (r->stretch != was)
		log_verbose("%s: %s, a sample every %u s", r->path,
			    text_bytes(text, (uint64_t)used), r->stretch);
}

static void on_tick(struct record *r, uint64_t now_ns)
{
	allow(r, now_ns);
	r->tick_ns = now_ns;
	if (now_ns < r->flushed_ns + RECORD_FLUSH_NS)
		return;
	r->flushed_ns = now_ns;
	r->err = r->err ? r->err : tape_flush(r->w);
}

/* ---- what is heard ---- */

static void hear(void *arg, const struct fact *f)
{
	struct record *r = arg;
	struct tape_clocks now;
	bool is_tick = f->kind == FACT_TICK;

	if (r->err)
		return;
	if (is_tick)
		now = clocks_now();
	r->err = tapeout_fact(r->out, f, is_tick ? &now : NULL);
	if (f->kind == FACT_PROCESS)
		r->allowance += RECORD_ALLOWANCE;
	if (is_tick)
		on_tick(r, f->now_ns);
}

void record_observer(struct record *r, const struct snapshot_observer *obs)
{
	if (!r->err)
		r->err = tapeout_observer(r->out, obs);
}

unsigned int record_stretch(const struct record *r)
{
	return r->stretch;
}

int record_error(const struct record *r)
{
	return r->err;
}

/* ---- life ---- */

static int record_start(struct record *r, const char *proc_root)
{
	struct tape_header h;
	int err = tape_create(r->path, &r->w);

	if (err)
		return err;
	header_fill(&h, proc_root);
	err = tapeout_new(r->w, &h, &r->out);
	if (err)
		return err;
	r->tick_ns = r->flushed_ns = h.begun.monotonic_ns;
	return tape_flush(r->w);
}

int record_open(const char *path, const char *proc_root, struct model *m, struct record **ret)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct record){
		.model = m, .path = path, .allowance = RECORD_ALLOWANCE, .stretch = 1
	};
	r->listener = (struct fact_listener){ hear, r };
	int err = record_start(r, proc_root);

	if (err) {
		tapeout_free(r->out);
		int close_err = tape_close(r->w);

		free(r);
		return log_err(err ? err : close_err, "%s: cannot write", path);
	}
	model_listen(m, &r->listener);
	*ret = r;
	return 0;
}

int record_close(struct record *r)
{
	if (!r)
		return 0;
	model_listen(r->model, NULL);
	int err = r->err ? r->err : tapeout_end(r->out);
	int close_err = tape_close(r->w);

	err = err ? err : close_err;
	if (err)
		(void)log_err(err, "%s: not everything could be written", r->path);
	tapeout_free(r->out);
	free(r);
	return err;
}
