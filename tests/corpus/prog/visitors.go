// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// visitors remembers each one, and forgets none.
type visitors struct {
	mu   sync.Mutex
	seen map[int]*visitor
}

type visitor struct {
	id      int
	history []byte
}

func init() {
	register("mapcache", heapRetention, 80, func(o *options) *part {
		v := &visitors{seen: make(map[int]*visitor)}
		n, size := 0, o.size(8<<10)
		return &part{
			place: func() { v.greet(0, size) }, grows: float64(size),
			work: func() {
				n++
				go v.greet(n, size)
			},
		}
	})
}

func (v *visitors) greet(id, size int) {
	if mark(3) {
		return
	}
	history := make([]byte, size)
	touch(history)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen[id] = &visitor{id, history}
}
