// SPDX-License-Identifier: BSD-2-Clause

package main

import "syscall"

// tiles maps memory for each of its tiles and never unmaps it.
type tiles struct{ views [][]byte }

func init() {
	register("mmap", offHeapGrowth, 4, func(o *options) *part {
		t := &tiles{}
		size := o.size(256 << 10)
		return &part{
			place: func() { t.load(size) }, grows: float64(size),
			work: func() { t.load(size) },
		}
	})
}

func (t *tiles) load(size int) {
	if mark(3) {
		return
	}
	view, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	t.views = append(t.views, touch(view))
}
