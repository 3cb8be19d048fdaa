// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

// timeouts sets one for each request, long, and does not stop it when the answer has come.
type timeouts struct {
	late    int
	answers chan int
}

func init() {
	register("afterfunc", heapRetention, 80, func(o *options) *part {
		t := &timeouts{}
		size := o.size(8 << 10)
		return &part{
			place: func() { t.request(size) }, grows: float64(size),
			work: func() { t.request(size) },
		}
	})
	register("timeafterloop", heapRetention, 2000, func(*options) *part {
		t := &timeouts{answers: make(chan int, 8192)}
		return &part{
			kind: channelTimers(), place: t.loop, grows: 250,
			also:  []string{"time.NewTimer", "time.After", "time.newTimer"},
			begin: func() { go t.loop() }, work: func() { t.answers <- 1 },
		}
	})
	register("tickerheap", heapRetention, 2000, func(*options) *part {
		t := &timeouts{}
		return &part{
			kind: channelTimers(), place: t.follow, grows: 250,
			also: []string{"time.NewTicker", "time.newTimer"},
			work: t.follow,
		}
	})
}

// channelTimers says what becomes of a timer that nobody stops. Go 1.23 collects it once nobody has
// it, unless GODEBUG=asynctimerchan=1, which is what programs without a go.mod get; only then do
// such channels have a buffer.
func channelTimers() string {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	if cap(t.C) == 0 {
		return healthy
	}
	return heapRetention
}

func (t *timeouts) request(size int) {
	if mark(3) {
		return
	}
	body := make([]byte, size)
	touch(body)
	time.AfterFunc(time.Hour, func() { t.late += len(body) })
}

func (t *timeouts) loop() {
	for {
		if mark(5) {
			return
		}
		select {
		case <-t.answers:
		case <-time.After(time.Hour):
			t.late++
		}
	}
}

func (t *timeouts) follow() {
	if mark(3) {
		return
	}
	tick := time.NewTicker(time.Hour)
	tick.Reset(2 * time.Hour)
}
