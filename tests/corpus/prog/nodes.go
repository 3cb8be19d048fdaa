// SPDX-License-Identifier: BSD-2-Clause

package main

import "runtime"

// nodes come in pairs that know each other, with a finalizer: the collector frees no such cycle.
type node struct {
	peer *node
	body []byte
}

var closed int

func init() {
	register("finalizer", heapRetention, 80, func(o *options) *part {
		size := o.size(8 << 10)
		return &part{
			place: func() { newPair(size) }, grows: float64(size),
			work: func() { newPair(size) },
		}
	})
}

func newPair(size int) {
	if mark(3) {
		return
	}
	body := make([]byte, size)
	a, b := &node{body: touch(body)}, &node{}
	a.peer, b.peer = b, a
	runtime.SetFinalizer(a, func(*node) { closed++ })
}
