// SPDX-License-Identifier: BSD-2-Clause

package main

// feed never unsubscribes: each subscriber has a goroutine that waits for events or for its end.
type feed struct{ subscribers int }

type subscriber struct {
	events chan string
	quit   chan struct{}
	name   [256]byte
}

func init() {
	register("select", goroutineLeak, 10, func(*options) *part {
		f := &feed{}
		return &part{
			place: f.subscribe, start: "main.(*feed).pump", grows: 1,
			work: f.subscribe,
		}
	})
}

func (f *feed) subscribe() {
	s := &subscriber{events: make(chan string), quit: make(chan struct{})}
	if mark(3) {
		return
	}
	go f.pump(s)
	f.subscribers++
}

func (f *feed) pump(s *subscriber) {
	for {
		select {
		case e := <-s.events:
			copy(s.name[:], e)
		case <-s.quit:
			return
		}
	}
}
