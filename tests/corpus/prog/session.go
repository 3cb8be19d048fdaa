// SPDX-License-Identifier: BSD-2-Clause

package main

import "context"

// logins keeps each session's context and never cancels it.
type logins struct{ open int }

type login struct {
	cancel func()
	token  [512]byte
}

func init() {
	register("context", goroutineLeak, 10, func(*options) *part {
		l := &logins{}
		return &part{
			place: l.enter, start: "main.(*login).expire", grows: 1,
			work: l.enter,
		}
	})
}

func (l *logins) enter() {
	s := &login{}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if mark(3) {
		return
	}
	go s.expire(ctx)
	l.open++
}

func (s *login) expire(ctx context.Context) {
	<-ctx.Done()
	s.token[0] = 0
}
