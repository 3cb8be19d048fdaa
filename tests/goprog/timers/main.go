// SPDX-License-Identifier: BSD-2-Clause

// timers sets a known number of timers of every kind, all due in an hour or more,
// and says how many.
//
// stdin: "go" sets them and reports, "release" stops what can be stopped and
// reports, "many" sets very many more, "churn" sets, stops and sets anew others
// from now on, as fast as it can, "stop" ends the program.
package main

import (
	"context"
	"runtime"
	"strings"
	"time"
)

const (
	waited    = 101 // tickers for which a goroutine waits
	unwaited  = 53  // tickers for which nobody does
	after     = 43  // timers with a channel for which a goroutine waits
	named     = 127 // AfterFunc of a function
	closures  = 83  // AfterFunc of a closure
	reset     = 17  // AfterFunc of that closure, set anew
	stopped   = 29  // AfterFunc of another, stopped
	deadlines = 37  // contexts with a deadline
	sleepers  = 307 // goroutines that sleep
	period    = 61 * time.Minute
	due       = time.Hour
)

var (
	tickers []*time.Ticker
	timers  []*time.Timer
	cancels []context.CancelFunc
)

func expire() {}

func setTickers() {
	for i := 0; i < waited+unwaited; i++ {
		d := period
		if i == 1 {
			d += time.Minute
		}
		t := time.NewTicker(d)
		tickers = append(tickers, t)
		if i < waited {
			go func() { <-t.C }()
		}
	}
	for i := 0; i < after; i++ {
		c := time.After(2 * due)
		go func() { <-c }()
	}
}

func setFuncs() {
	for i := 0; i < named; i++ {
		timers = append(timers, time.AfterFunc(due, expire))
	}
	for i := 0; i < closures+reset; i++ {
		id := i
		t := time.AfterFunc(2*due, func() { println(id) })
		timers = append(timers, t)
		if i < reset {
			t.Reset(3*due + time.Duration(i))
		}
	}
	for i := 0; i < stopped; i++ {
		time.AfterFunc(due, func() { println("stopped", i) }).Stop()
	}
	for i := 0; i < deadlines; i++ {
		_, cancel := context.WithTimeout(context.Background(), due)
		cancels = append(cancels, cancel)
	}
	for i := 0; i < sleepers; i++ {
		go time.Sleep(due)
	}
}

// settle waits until so many goroutines sleep and wait for channels. The world is
// stopped while the runtime lists them: none is half-way there.
func settle(sleeping, waiting int) {
	buf := make([]byte, 4<<20)
	for {
		dump := string(buf[:runtime.Stack(buf, true)])
		if strings.Count(dump, " [sleep") == sleeping &&
			strings.Count(dump, " [chan receive") == waiting {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func release() {
	for _, t := range tickers {
		t.Stop()
	}
	for _, t := range timers {
		t.Stop()
	}
	for _, cancel := range cancels {
		cancel()
	}
}

// churn keeps the heaps out of order.
func churn() {
	var ts [997]*time.Timer

	for i := 0; ; i++ {
		k := i * 7919 % len(ts)
		switch {
		case ts[k] == nil:
			ts[k] = time.AfterFunc(time.Duration(i%5003)*time.Microsecond, func() {})
		case i%3 == 0:
			ts[k].Stop()
			ts[k] = nil
		default:
			ts[k].Reset(time.Duration(i%70001) * time.Microsecond)
		}
	}
}

func main() {
	ready("timers")
	for stdin.Scan() {
		switch stdin.Text() {
		case "go":
			setTickers()
			setFuncs()
			settle(sleepers, waited+after)
			report(map[string]int{"waited": waited, "unwaited": unwaited, "after": after,
				"named": named, "closures": closures + reset, "deadlines": deadlines,
				"sleepers": sleepers})
		case "many":
			for i := 0; i < 100003; i++ {
				id := i
				timers = append(timers, time.AfterFunc(due, func() { println(id) }))
			}
			report(map[string]int{"many": 100003})
		case "churn":
			for i := 0; i < 3; i++ {
				go churn()
			}
			report(map[string]int{"named": named})
		case "release":
			release()
			report(map[string]int{"after": after, "sleepers": sleepers})
		case "stop":
			return
		}
	}
}
