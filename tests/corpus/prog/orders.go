// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

// orders asks two suppliers and takes the answer that comes first. The channel has no room for the
// other one.
type orders struct{}

type quote struct {
	price int
	terms [1024]byte
}

func init() {
	register("chansend", goroutineLeak, 10, func(*options) *part {
		o := &orders{}
		return &part{
			place: func() { o.handle(0) }, start: "main.(*orders).ask", grows: 1,
			work: func() { go o.handle(1) },
		}
	})
}

func (o *orders) handle(id int) int {
	quotes := make(chan quote)
	for _, delay := range []time.Duration{1, 2} {
		if mark(3) {
			return 0
		}
		go o.ask(quotes, id, delay*time.Millisecond)
	}
	best := <-quotes
	return best.price
}

func (o *orders) ask(to chan<- quote, id int, delay time.Duration) {
	var q quote

	time.Sleep(delay)
	q.price = id
	to <- q
}
