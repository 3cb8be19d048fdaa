// SPDX-License-Identifier: BSD-2-Clause

package main

// audit appends to one slice for ever.
type audit struct{ entries []entry }

type entry struct {
	who  int
	text [2040]byte
}

func init() {
	register("audit", heapRetention, 160, func(*options) *part {
		a := &audit{}
		return &part{
			place: func() { a.note(0) }, grows: 2048,
			work: func() { a.note(1) },
		}
	})
}

func (a *audit) note(who int) {
	if mark(3) {
		return
	}
	a.entries = append(a.entries, entry{who: who})
}
