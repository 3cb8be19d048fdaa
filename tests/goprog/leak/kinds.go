// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"time"
)

// kind is one way to wait in vain. start is the function that the goroutine runs.
type kind struct {
	start   string
	prepare func(*order)
	wait    func(*order)
	settle  func(*order)
}

const confirm = "main.(*server).confirm"

func nothing(*order) {}

func closeReply(o *order) { close(o.reply) }

var kinds = map[string]*kind{
	"chanrecv": {confirm, nothing, func(o *order) { <-o.reply }, closeReply},
	"chansend": {confirm, nothing, func(o *order) { o.reply <- o.id }, func(o *order) { <-o.reply }},
	"select":   {confirm, nothing, waitEither, closeReply},
	"mutex": {confirm, func(o *order) { o.book.Lock() }, func(o *order) { o.book.Lock() },
		func(o *order) { o.book.Unlock() }},
	"waitgroup": {confirm, func(o *order) { o.parts.Add(1) }, func(o *order) { o.parts.Wait() },
		func(o *order) { o.parts.Done() }},
	"sleep": {confirm, nothing, func(*order) { time.Sleep(1000 * time.Hour) }, nil},
	"ctx":   {confirm, nothing, waitContext, func(o *order) { close(o.done) }},
}

func waitEither(o *order) {
	select {
	case <-o.reply:
	case <-o.done:
	}
}

// waitContext waits for a context that its owner never cancels.
func waitContext(o *order) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	select {
	case <-ctx.Done():
	case <-o.done:
	}
}
