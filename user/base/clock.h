/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Monotonic time, on the clock that bpf_ktime_get_ns() reads (CLOCK_MONOTONIC), so that records
 * from the kernel and samples taken here share an axis.
 */
#ifndef GOTIDE_BASE_CLOCK_H
#define GOTIDE_BASE_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_USEC 1000ULL

uint64_t clock_now_ns(void);

/* The same and the time that the machine slept: the two part when it does (CLOCK_BOOTTIME). */
uint64_t clock_boot_ns(void);

/* CPU time that this thread has used. */
uint64_t clock_cpu_ns(void);

/* 0 if to is not after from. */
double seconds_between(uint64_t from_ns, uint64_t to_ns);

#endif
