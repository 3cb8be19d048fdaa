/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/replay.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "event/tape.h"
#include "model/fact.h"
#include "session/tapein.h"

struct replay {
	struct model *model; /* borrowed */
	struct tape_reader *tape;
	struct tapein *in;
	struct fact_listener listener;
	int err; /* of the model: no memory */
};

static void hear(void *arg, const struct fact *f)
{
	struct replay *r = arg;
	int err = model_take(r->model, f);

	if (err && !r->err)
		r->err = err;
}

int replay_open(const char *path, struct model *m, struct replay **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	struct replay *r = calloc(1, sizeof(*r));

	if (!r) {
		close(fd);
		return -ENOMEM;
	}
	r->model = m;
	r->listener = (struct fact_listener){ hear, r };
	int err = tape_open(fd, &r->tape);

	err = err ? err : tapein_new(&r->listener, &r->in);
	if (err) {
		replay_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	tapein_free(r->in);
	tape_reader_free(r->tape);
	free(r);
}

int replay_next(struct replay *r)
{
	struct tape_record rec;
	int n;

	while ((n = tape_next(r->tape, &rec)) == 1) {
		int is_tick = tapein_record(r->in, &rec);

		if (r->err)
			return r->err;
		if (is_tick)
			return is_tick;
	}
	return n == 0 && !tapein_has_ended(r->in) ? -ENODATA : n;
}

const struct tape_header *replay_header(const struct replay *r)
{
	return tapein_header(r->in);
}

struct tape_clocks replay_clocks(const struct replay *r)
{
	return tapein_clocks(r->in);
}

const struct snapshot_observer *replay_observer(const struct replay *r)
{
	return tapein_observer(r->in);
}
