// SPDX-License-Identifier: BSD-2-Clause

package main

// permits has four, which are taken and not given back: all wait at one channel.
type permits struct {
	free chan struct{}
	done int
}

func init() {
	register("semaphore", goroutineLeak, 10, func(*options) *part {
		p := &permits{free: make(chan struct{}, 4)}
		return &part{
			place: p.accept, start: "main.(*permits).convert", grows: 1,
			work: p.accept,
		}
	})
}

func (p *permits) accept() {
	page := make([]byte, 2048)
	if mark(3) {
		return
	}
	go p.convert(page)
}

func (p *permits) convert(page []byte) {
	p.free <- struct{}{}
	touch(page)
	p.done++
}
