// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo
// +build cgo

package main

/*
#include <stdlib.h>
#include <string.h>

// In pieces that come off the heap, not ones that are mapped each for itself.
static int take(size_t n) {
	for (size_t i = 0; i < n; i += 65536) {
		char *p = malloc(65536 - 64);
		if (!p)
			return -1;
		memset(p, 1, 65536 - 64);
	}
	return 0;
}
*/
import "C"

func malloc(n int) {
	if C.take(C.size_t(n)) != 0 {
		panic("malloc")
	}
}
