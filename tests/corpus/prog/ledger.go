// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"errors"
	"sync"
)

// ledger returns from an error without unlocking; all later postings wait.
type ledger struct {
	mu      sync.Mutex
	balance int
}

var errClosed = errors.New("books are closed")

func init() {
	register("mutex", goroutineLeak, 10, func(*options) *part {
		l := &ledger{}
		return &part{
			place: func() { l.post(0) }, start: "main.(*ledger).apply", grows: 1,
			begin: func() { l.apply(-1) }, work: func() { l.post(1) },
		}
	})
}

func (l *ledger) post(amount int) {
	if mark(3) {
		return
	}
	go l.apply(amount)
}

func (l *ledger) apply(amount int) error {
	l.mu.Lock()
	if amount < 0 {
		return errClosed
	}
	l.balance += amount
	l.mu.Unlock()
	return nil
}
