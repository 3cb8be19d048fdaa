/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growable array of one type: struct { T *items; size_t n, cap; }.  Declare with VEC(T), start
 * zeroed, push with vec_push(), release with vec_release().  Items move when it grows: hold
 * indices, not pointers.  Hash maps come from uthash.
 */
#ifndef GOTIDE_BASE_VEC_H
#define GOTIDE_BASE_VEC_H

#include <errno.h>
#include <stdlib.h>

#define VEC(type)            \
	struct {             \
		type *items; \
		size_t n;    \
		size_t cap;  \
	}

/* Makes room for one more item: 0 or -ENOMEM, on which the array is unchanged. */
#define vec_reserve(v)                                                                          \
	({                                                                                      \
		int _vec_err = 0;                                                               \
		if ((v)->n == (v)->cap) {                                                       \
			size_t _vec_cap = (v)->cap ? (v)->cap * 2 : 8;                          \
			void *_vec_p = reallocarray((v)->items, _vec_cap, sizeof(*(v)->items)); \
			if (_vec_p) {                                                           \
				(v)->items = _vec_p;                                            \
				(v)->cap = _vec_cap;                                            \
			} else {                                                                \
				_vec_err = -ENOMEM;                                             \
			}                                                                       \
		}                                                                               \
		_vec_err;                                                                       \
	})

/* Appends a copy of item: 0 or -ENOMEM. */
#define vec_push(v, item)                              \
	({                                             \
		int _vec_push_err = vec_reserve(v);    \
		if (!_vec_push_err)                    \
			(v)->items[(v)->n++] = (item); \
		_vec_push_err;                         \
	})

#define vec_for_each(v, it) \
	for (__typeof__(*(v)->items) *it = (v)->items; it < (v)->items + (v)->n; it++)

#define vec_release(v)                 \
	do {                           \
		free((v)->items);      \
		(v)->items = NULL;     \
		(v)->n = (v)->cap = 0; \
	} while (0)

#endif
