// SPDX-License-Identifier: BSD-2-Clause

// deep recurses in many goroutines, so that their stacks grow, are copied and
// shrink, and checks each sum: a probe that harms a copied stack shows here.
//
// Runs for -duration or until "stop"; exits 1 at the first wrong sum.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var sums, wrong int64

// dive adds 1..n through frames that point into each other.
//
//go:noinline
func dive(n int, above *int) int {
	var pad [96]byte
	pad[n%len(pad)] = byte(n)
	mine := *above + 1
	if n == 0 {
		return int(pad[0])
	}
	below := dive(n-1, &mine)
	if mine != *above+1 || pad[n%len(pad)] != byte(n) {
		atomic.AddInt64(&wrong, 1)
	}
	return below + n
}

func diver(depth int, wg *sync.WaitGroup) {
	defer wg.Done()
	for round := 0; round < 3; round++ {
		zero := 0
		if dive(depth, &zero) != depth*(depth+1)/2 {
			atomic.AddInt64(&wrong, 1)
		}
		atomic.AddInt64(&sums, 1)
		runtime.Gosched()
	}
}

func main() {
	width := flag.Int("width", 100, "goroutines at once")
	depth := flag.Int("depth", 2000, "deepest recursion")
	duration := flag.Duration("duration", 5*time.Second, "how long (0: until stop)")
	flag.Parse()

	cmds := commands(*duration)
	ready("deep")
	goroutines := 0
	for stopped := false; !stopped && atomic.LoadInt64(&wrong) == 0; {
		var wg sync.WaitGroup
		for i := 0; i < *width; i++ {
			wg.Add(1)
			go diver(1+(*depth*(i+1))/(*width), &wg)
		}
		wg.Wait()
		goroutines += *width
		// the collector shrinks the stacks of goroutines that use little of theirs
		runtime.GC()
		select {
		case cmd := <-cmds:
			stopped = cmd == nil
		default:
		}
	}
	report(map[string]interface{}{
		"program": "deep", "goroutines": goroutines, "sums": sums, "wrong": wrong,
		"live": runtime.NumGoroutine(),
	})
	if wrong != 0 {
		fmt.Fprintln(os.Stderr, "deep: wrong sums")
		os.Exit(1)
	}
}
