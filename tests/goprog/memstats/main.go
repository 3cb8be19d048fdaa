// SPDX-License-Identifier: BSD-2-Clause

// memstats makes a heap of every kind of object and then holds still, so that what
// the runtime says of its memory can be compared with what is read from outside.
//
// stdin: "go" makes the heap, "stats" reads the statistics, "print" prints those
// of the last two times and NumGoroutine(), "stop" ends the program. Only "go" and
// "print" allocate.
package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

var (
	stats  [2]runtime.MemStats
	kept   [][]byte
	parked int64
	in     = bufio.NewReaderSize(os.Stdin, 256)
	out    = []byte("ok\n")
)

// grow keeps objects of many sizes, and lets as many go: tiny, small and large.
func grow() {
	for size := 1; size <= 1<<20; size = size*3 + 1 {
		for i := 0; i < 64; i++ {
			b := make([]byte, size)
			if i%2 == 0 {
				kept = append(kept, b)
			}
		}
	}
	for i := 0; i < 211; i++ {
		go deep(make(chan struct{}), 50)
	}
	for atomic.LoadInt64(&parked) != 211 {
		runtime.Gosched()
	}
	runtime.GC()
	debug.FreeOSMemory()
	grew := make([]byte, 3<<20)
	grew[0] = 1
}

// deep parks on a stack that had to grow.
func deep(never chan struct{}, depth int) byte {
	var frame [128]byte

	if depth == 0 {
		atomic.AddInt64(&parked, 1)
		<-never
		return 0
	}
	return deep(never, depth-1) + frame[depth]
}

func main() {
	debug.SetGCPercent(150)
	ready("memstats")
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil || bytes.Equal(line, []byte("stop\n")):
			return
		case bytes.Equal(line, []byte("go\n")):
			grow()
			os.Stdout.Write(out)
		case bytes.Equal(line, []byte("stats\n")):
			stats[0] = stats[1]
			runtime.ReadMemStats(&stats[1])
			os.Stdout.Write(out)
		case bytes.Equal(line, []byte("print\n")):
			report([]interface{}{&stats[0], &stats[1], runtime.NumGoroutine()})
		}
	}
}
