// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

// gallery answers nearly all requests; each 20th waits for a thumbnail that nobody makes. The go
// statement is the same.
type gallery struct {
	thumbs chan []byte
	served int
}

func init() {
	register("partial", goroutineLeak, 100, func(*options) *part {
		g := &gallery{thumbs: make(chan []byte)}
		return &part{
			place: g.request, start: "main.(*gallery).show", grows: 1.0 / 20,
			work: g.request,
		}
	})
	// The same in memory: each 20th picture stays in a list.
	register("partialheap", heapRetention, 100, func(o *options) *part {
		a := &album{}
		size := o.size(64 << 10)
		return &part{
			place: func() { a.load(size) }, grows: float64(size) / 20,
			work: func() { a.show(a.load(size)) },
		}
	})
}

func (g *gallery) request() {
	g.served++
	n := g.served
	if mark(3) {
		return
	}
	go g.show(n)
}

func (g *gallery) show(n int) {
	page := touch(make([]byte, 4<<10))
	time.Sleep(30 * time.Millisecond)
	if n%20 == 0 {
		page = <-g.thumbs
	}
	touch(page)
}

type album struct {
	shown int
	kept  [][]byte
}

func (a *album) load(size int) []byte {
	if mark(3) {
		return nil
	}
	picture := make([]byte, size)
	return touch(picture)
}

func (a *album) show(picture []byte) {
	if a.shown++; a.shown%20 == 0 {
		a.kept = append(a.kept, picture)
	}
}
