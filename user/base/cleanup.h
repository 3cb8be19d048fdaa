/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ownership of locals.  A local that owns something carries one of these attributes and an
 * initialiser, and leaves its scope only through TAKE_PTR() or TAKE_FD(); so whether a function
 * leaks can be seen without reading its callees.
 */
#ifndef GOTIDE_BASE_CLEANUP_H
#define GOTIDE_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((__cleanup__(fn)))

/* Moves ownership out of a pointer variable, leaving NULL behind. */
#define TAKE_PTR(ptr)                                  \
	({                                             \
		__typeof__(ptr) *_taken_from = &(ptr); \
		__typeof__(ptr) _taken = *_taken_from; \
		*_taken_from = NULL;                   \
		_taken;                                \
	})

/* Moves ownership out of a descriptor variable, leaving -1 behind. */
#define TAKE_FD(fd)                        \
	({                                 \
		int *_taken_from = &(fd);  \
		int _taken = *_taken_from; \
		*_taken_from = -1;         \
		_taken;                    \
	})

static inline void cleanup_free(void *pp)
{
	free(*(void **)pp);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_	   _cleanup_(cleanup_free)
#define _cleanup_close_	   _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

#endif
