/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a process, gathered from tick to tick: only what they come to together moves its
 * state. Called by model/process; a part of it in a file of its own.
 */
#ifndef GOTIDE_MODEL_RECORDS_H
#define GOTIDE_MODEL_RECORDS_H

#include "model/process.h"

int records_birth(struct process *p, const struct event *ev) _must_check_;
int records_death(struct process *p, const struct event *ev) _must_check_;
void records_mark_end(struct process *p, uint64_t ts_ns, int64_t bytes);

/* What has been gathered, as facts, told and taken. */
int records_close(struct process *p) _must_check_;

int records_take(struct process *p, const struct fact_records *r) _must_check_;
int records_take_ages(struct process *p, const struct fact *f) _must_check_;

#endif
