// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// rooms waits on a condition that nobody signals.
type rooms struct {
	mu    sync.Mutex
	freed *sync.Cond
	free  int
}

func init() {
	register("cond", goroutineLeak, 10, func(*options) *part {
		r := &rooms{}
		r.freed = sync.NewCond(&r.mu)
		return &part{
			place: r.book, start: "main.(*rooms).reserve", grows: 1,
			work: r.book,
		}
	})
}

func (r *rooms) book() {
	if mark(3) {
		return
	}
	go r.reserve()
}

func (r *rooms) reserve() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.free == 0 {
		r.freed.Wait()
	}
	r.free--
}
