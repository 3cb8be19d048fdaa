// SPDX-License-Identifier: BSD-2-Clause

// churn is never still: goroutines are born, run up and down their stacks, which
// grow and move, are preempted, park and end, and the collector runs all the
// time. Who may call whom is fixed, so that a wrong stack shows: first calls even,
// even calls odd, odd calls even, and only odd calls hold, spin and yield.
//
// Runs until "stop"; prints what it did.
package main

import (
	"flag"
	"runtime"
	"sync/atomic"
	"time"
)

var born, died int64

func main() {
	width := flag.Int64("width", 997, "goroutines at once")
	every := flag.Duration("gc", 10*time.Millisecond, "from one collection to the next")
	flag.Parse()

	cmds := commands(0)
	ready("churn")
	baton := make(chan int)
	go collect(*every)
	go storm(*width, baton)
	for words := range cmds {
		if words == nil {
			break
		}
	}
	report(map[string]interface{}{
		"program": "churn", "births": atomic.LoadInt64(&born), "deaths": atomic.LoadInt64(&died),
	})
}

func collect(every time.Duration) {
	for {
		time.Sleep(every)
		runtime.GC()
	}
}

func storm(width int64, baton chan int) {
	for i := 0; ; i++ {
		for atomic.LoadInt64(&born)-atomic.LoadInt64(&died) >= width {
			select {
			case baton <- i:
			default:
				runtime.Gosched()
			}
		}
		atomic.AddInt64(&born, 1)
		go first(i, baton)
	}
}

func first(i int, baton chan int) {
	for round := 0; round < 3; round++ {
		// Deep ones need more than the stack they are born with.
		even(2*(i%(1+i%97)), i+round, baton)
	}
	atomic.AddInt64(&died, 1)
}

//go:noinline
func even(n, i int, baton chan int) int {
	var pad [40]byte
	pad[n%len(pad)] = byte(n)
	return odd(n-1, i, baton) + int(pad[i%len(pad)])
}

//go:noinline
func odd(n, i int, baton chan int) int {
	if n > 0 {
		return even(n-1, i, baton) + 1
	}
	switch i % 4 {
	case 0:
		return spin(100 * (i % 1000))
	case 1:
		return yield()
	default:
		return hold(baton)
	}
}

// hold waits for the storm, or a moment.
//
//go:noinline
func hold(baton chan int) int {
	select {
	case n := <-baton:
		return n
	case <-time.After(time.Millisecond):
		return 0
	}
}

// spin has no frame of its own, and is preempted by signals only.
//
//go:noinline
func spin(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum ^= i * n
	}
	return sum
}

//go:noinline
func yield() int {
	runtime.Gosched()
	return 0
}
