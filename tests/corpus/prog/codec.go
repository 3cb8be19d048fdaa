// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo
// +build cgo

package main

/*
#include <stdlib.h>
#include <string.h>

static void *encode(size_t n) {
	void *p = malloc(n);

	if (p)
		memset(p, 1, n);
	return p;
}
*/
import "C"

import "unsafe"

// codec calls a C library.
type codec struct{ held []unsafe.Pointer }

func init() {
	// A library that returns memory which the caller has to free, and does not.
	register("cgomalloc", offHeapGrowth, 100, func(o *options) *part {
		c := &codec{}
		size := o.size(10 << 10)
		return &part{
			place: func() { c.frame(size) }, grows: float64(size),
			work: func() { c.frame(size) },
		}
	})
	// The same, freed when 1000 more have come.
	register("cgofree", healthy, 100, func(o *options) *part {
		c := &codec{}
		size := o.size(10 << 10)
		return &part{work: func() {
			c.held = append(c.held, c.frame(size))
			if len(c.held) > 1000 {
				C.free(c.held[0])
				c.held = append(c.held[:0], c.held[1:]...)
			}
		}}
	})
}

func (c *codec) frame(size int) unsafe.Pointer {
	if mark(3) {
		return nil
	}
	return C.encode(C.size_t(size))
}
