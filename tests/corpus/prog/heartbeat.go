// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

// heartbeat starts a ticker per connection; when that is gone the ticker goes on.
type heartbeat struct{ beats chan int }

func init() {
	register("ticker", goroutineLeak, 10, func(*options) *part {
		h := &heartbeat{make(chan int, 1)}
		return &part{
			place: h.connect, start: "main.(*heartbeat).beat", grows: 1,
			work: h.connect,
		}
	})
}

func (h *heartbeat) connect() {
	t := time.NewTicker(2 * time.Second)
	if mark(3) {
		return
	}
	go h.beat(t)
}

func (h *heartbeat) beat(t *time.Ticker) {
	n := 0
	for range t.C {
		n++
		select {
		case h.beats <- n:
		default:
		}
	}
}
