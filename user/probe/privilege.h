/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities that gotide uses, and what each of them is for: for doctor, which lists them,
 * and for session/confine, which gives up all others.
 */
#ifndef GOTIDE_PROBE_PRIVILEGE_H
#define GOTIDE_PROBE_PRIVILEGE_H

#include "base/err.h"

struct privilege {
	int number; /* CAP_BPF, ... of linux/capability.h */
	const char *name; /* "CAP_BPF" */
	bool is_required; /* nothing can be watched without it */
	const char *use; /* what gotide does with it */
	const char *without; /* what is lost without it */
};

/* The table, and its length in *ret_n. */
const struct privilege *privilege_all(size_t *ret_n);

#define PRIVILEGE_BIT(number) (UINT64_C(1) << (number))

/* The capabilities in force for this process, as bits.  0 if the kernel does not say. */
uint64_t privilege_held(void);

/* Whether one of the table is held, or CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON. */
bool privilege_is_held(uint64_t held, int number);

/*
 * What of it an observer at work needs, when its programs are loaded: some of it always, to read,
 * and some only where this kernel asks for it to attach to further executables: that shows by
 * probe_rehearse() alone.
 */
uint64_t privilege_to_read(void);
uint64_t privilege_to_attach(void);

#endif
