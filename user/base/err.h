/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes by which a prototype states its contract to the compiler, and small constants every
 * room needs.  Errors are negative errno values everywhere.
 */
#ifndef GOTIDE_BASE_ERR_H
#define GOTIDE_BASE_ERR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _must_check_   __attribute__((__warn_unused_result__))
#define _printf_(f, a) __attribute__((__format__(__printf__, f, a)))
#define _unused_       __attribute__((__unused__))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                                  \
	({                                         \
		__typeof__(a) _min_a = (a);        \
		__typeof__(b) _min_b = (b);        \
		_min_a < _min_b ? _min_a : _min_b; \
	})
#define MAX(a, b)                                  \
	({                                         \
		__typeof__(a) _max_a = (a);        \
		__typeof__(b) _max_b = (b);        \
		_max_a > _max_b ? _max_a : _max_b; \
	})

#endif
