/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts decoded from wire records, validated and in host form.  What model is fed with, whether
 * they come from a ring buffer or a tape.
 */
#ifndef GOTIDE_EVENT_EVENT_H
#define GOTIDE_EVENT_EVENT_H

#include <linux/types.h>
#include <sys/types.h>

#include "base/err.h"
#include "wire.h"

struct event {
	enum wire_kind kind;
	pid_t pid; /* thread group id */
	uint64_t ts_ns; /* CLOCK_MONOTONIC */
	union {
		struct { /* WIRE_BIRTH, WIRE_DEATH, WIRE_PARK, WIRE_READY */
			uint64_t goid, gopc, startpc, parent_goid;
			uint32_t reason;
		} go;
		struct { /* WIRE_STACK; pc borrowed for the duration of the call */
			uint64_t goid, gopc;
			enum wire_hook hook;
			uint32_t reason;
			uint32_t depth;
			const __u64 *pc;
		} stack;
		struct { /* WIRE_GC_START, WIRE_MARK_END, WIRE_GC_END */
			uint64_t heap_live_bytes;
		} gc;
		struct { /* WIRE_RSS; -1 where not known yet */
			int64_t bytes[WIRE_RSS_MAX];
		} rss;
		struct { /* WIRE_EXEC, WIRE_EXIT, WIRE_OOM */
			pid_t ppid;
			int exit_code;
			char comm[16]; /* scrubbed, terminated */
		} task;
	};
};

#endif
