/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void frames_free(struct stack_note *st)
{
	for (size_t i = 0; i < st->n_frames; i++)
		free((char *)st->frames[i].function);
	free(st->frames);
	st->frames = NULL;
	st->n_frames = 0;
}

void stack_note_release(struct stack_note *st)
{
	frames_free(st);
	free(st->pc);
}

bool stack_note_is(const struct stack_note *st, const __u64 *pc, uint32_t n)
{
	uint32_t depth = MIN(n, (uint32_t)WIRE_STACK_DEPTH);

	for (uint32_t i = 0; i < depth; i++)
		if (st->pc[i] != pc[i])
			return false;
	return st->depth == depth;
}

int stack_note_keep(struct stack_note *st, uint32_t reason, const __u64 *from, uint32_t n)
{
	uint32_t depth = MIN(n, (uint32_t)WIRE_STACK_DEPTH);

	if (!st->pc)
		st->pc = calloc(WIRE_STACK_DEPTH, sizeof(*st->pc));
	if (!st->pc)
		return -ENOMEM;
	st->reason = reason;
	/* Mostly it is the same again, and naming it is what costs. */
	if (stack_note_is(st, from, n))
		return 0;
	frames_free(st);
	st->depth = depth;
	for (uint32_t i = 0; i < depth; i++)
		st->pc[i] = from[i];
	return 0;
}

static int frame_add(struct stack_note *st, const struct model_frame *f)
{
	size_t function = strlen(f->function) + 1, file = strlen(f->file) + 1;
	char *text = malloc(function + file);

	if (!text)
		return -ENOMEM;
	memcpy(text, f->function, function);
	memcpy(text + function, f->file, file);
	st->frames[st->n_frames++] = (struct snapshot_frame){ text, text + function, f->line };
	return 0;
}

/* Every stack ends in goexit, and that of a go statement begins with the newproc it became. */
static bool is_told(const struct stack_note *st, const struct model_frame *f)
{
	if (!strcmp(f->function, "runtime.gopark"))
		return !st->n_frames; /* a census finds it there, the probe of it does not */
	return strcmp(f->function, "runtime.goexit") != 0 &&
	       (st->n_frames || strcmp(f->function, "runtime.newproc") != 0);
}

/* gopark itself is not on a parked stack as the probe sees it, but on every one that Go prints. */
static int name_frames(struct stack_note *st, bool is_parked, const struct model_resolver *r)
{
	static const struct model_frame gopark = { .function = "runtime.gopark" };
	_cleanup_free_ struct model_frame *frames = calloc(SNAPSHOT_STACK_MAX, sizeof(*frames));
	int err = 0;

	st->frames = calloc(SNAPSHOT_STACK_MAX, sizeof(*st->frames));
	if (!frames || !st->frames)
		return -ENOMEM;
	if (is_parked)
		err = frame_add(st, &gopark);
	for (uint32_t i = 0; i < st->depth && !err; i++) {
		size_t room = SNAPSHOT_STACK_MAX - st->n_frames;
		size_t n = MIN(r->frames(r->arg, st->pc[i], frames, room), room);

		for (size_t k = 0; k < n && !err; k++) {
			if (is_told(st, &frames[k]))
				err = frame_add(st, &frames[k]);
		}
	}
	return err;
}

int stack_note_name(struct stack_note *st, bool is_parked, const struct model_resolver *r)
{
	return !st->depth || st->frames ? 0 : name_frames(st, is_parked, r);
}
