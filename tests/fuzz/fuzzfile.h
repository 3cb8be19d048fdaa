/* SPDX-License-Identifier: BSD-2-Clause */
/* The fuzzer's bytes as a file, since executables are read through a descriptor. */
#ifndef GOTIDE_TESTS_FUZZFILE_H
#define GOTIDE_TESTS_FUZZFILE_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One file for all runs; never closed. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

#endif
