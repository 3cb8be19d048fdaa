// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

// chat gives a silent guest a day before it lets go.
type chat struct{ guests int }

func init() {
	register("timeafter", goroutineLeak, 10, func(*options) *part {
		c := &chat{}
		return &part{
			place: c.join, start: "main.(*chat).serve", grows: 1,
			work: c.join,
		}
	})
}

func (c *chat) join() {
	lines := make(chan string, 1)
	lines <- "hello"
	if mark(3) {
		return
	}
	go c.serve(lines)
	c.guests++
}

func (c *chat) serve(lines <-chan string) {
	for {
		select {
		case <-lines:
		case <-time.After(24 * time.Hour):
			return
		}
	}
}
