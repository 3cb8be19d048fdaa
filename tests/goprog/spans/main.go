// SPDX-License-Identifier: BSD-2-Clause

// spans allocates what it is told to from functions of its own, and nothing else
// to speak of. It does not link the memory profiler: what it holds is known to
// the test only.
//
// stdin: "keep N" and "waste N" (large objects), "small N" (small ones);
// "drop" lets go of what was wasted, "forget" of the small ones, each with a
// collection; "churn MS" makes small garbage for so long; "stop" ends the program.
// Each answers with a line of JSON.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	largeBytes = 1 << 20
	smallBytes = 1000 // of size class 1024: eight in a span of 8 KiB
)

type store struct {
	kept, wasted, small [][]byte
	churned             int
}

// Not inlined, so that each place is a function in the stack.
//
//go:noinline
func (s *store) keepLarge() {
	s.kept = append(s.kept, make([]byte, largeBytes))
}

//go:noinline
func (s *store) wasteLarge() {
	s.wasted = append(s.wasted, make([]byte, largeBytes))
}

//go:noinline
func (s *store) keepSmall() {
	s.small = append(s.small, make([]byte, smallBytes))
}

var sink []byte

//go:noinline
func churn() {
	sink = make([]byte, smallBytes)
}

// room makes the slices long enough, so that append allocates nothing.
func (s *store) room(n int) {
	grow := func(b [][]byte) [][]byte {
		return append(make([][]byte, 0, len(b)+n), b...)
	}
	s.kept, s.wasted, s.small = grow(s.kept), grow(s.wasted), grow(s.small)
}

// collect runs the collector to its end; twice, as what is found dead in one
// cycle may be swept in the next.
func collect() {
	runtime.GC()
	runtime.GC()
}

func (s *store) churnFor(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			churn()
		}
		s.churned += 1000
	}
}

func (s *store) run(word string, n int) {
	switch word {
	case "keep":
		for ; n > 0; n-- {
			s.keepLarge()
		}
	case "waste":
		for ; n > 0; n-- {
			s.wasteLarge()
		}
	case "small":
		for ; n > 0; n-- {
			s.keepSmall()
		}
	case "churn":
		s.churnFor(time.Duration(n) * time.Millisecond)
	case "drop":
		s.wasted = nil
		collect()
	case "forget":
		s.small = nil
		collect()
	default:
		fmt.Fprintf(os.Stderr, "spans: unknown command %q\n", word)
		os.Exit(2)
	}
}

func (s *store) report() {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	report(map[string]interface{}{
		"program": "spans", "kept": len(s.kept), "wasted": len(s.wasted),
		"small": len(s.small), "churned": s.churned, "num_gc": ms.NumGC,
		"heap_alloc": ms.HeapAlloc, "heap_inuse": ms.HeapInuse, "total_alloc": ms.TotalAlloc,
	})
}

func main() {
	s := &store{}
	s.room(1 << 20)
	ready("spans", fmt.Sprintf("large_bytes=%d small_bytes=%d", largeBytes, smallBytes))
	for stdin.Scan() {
		f := strings.Fields(stdin.Text())
		if len(f) > 0 && f[0] == "stop" {
			break
		}
		n := 0
		if len(f) > 1 {
			n, _ = strconv.Atoi(f[1])
		}
		if len(f) > 0 {
			s.run(f[0], n)
			s.report()
		}
	}
	runtime.KeepAlive(s)
}
