// SPDX-License-Identifier: BSD-2-Clause

// memory holds memory of every kind, on command, so that an account of it made
// from outside can be compared with what is there. The collector runs only when
// told to: SetGCPercent(-1).
//
// stdin, N in MiB: "hold N" keeps slices that are written to, "waste N" makes such
// garbage, "fresh N" keeps one that nobody writes to, "stacks N" parks goroutines
// on stacks of that size together, "mmap N" and "malloc N" take memory that is not
// Go's and write to it; "collect" collects, "drop" lets go of what is held and
// collects, "scavenge" gives all that is free back; "stop" ends the program. Each
// answers with the runtime's statistics.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
)

const (
	mib   = 1 << 20
	piece = 8 << 10
)

var (
	held   [][]byte
	big    []byte
	mapped [][]byte
	parked int64
	never  = make(chan struct{})
)

func touch(b []byte) []byte {
	for i := 0; i < len(b); i += 512 {
		b[i] = 1
	}
	return b
}

func hold(n int) {
	for i := 0; i < n*mib/piece; i++ {
		held = append(held, touch(make([]byte, piece)))
	}
}

func waste(n int) {
	for i := 0; i < n*mib/piece; i++ {
		big = touch(make([]byte, piece))
	}
	big = nil
}

// deep parks 16 KiB down: the stack has 32 KiB, and is as big when it was copied.
func deep(depth int) byte {
	var frame [1024]byte

	touch(frame[:])
	if depth == 0 {
		atomic.AddInt64(&parked, 1)
		<-never
		return 0
	}
	return deep(depth-1) + frame[depth]
}

func stacks(n int) {
	want := int64(n * mib / (32 << 10))
	for i := int64(0); i < want; i++ {
		go deep(15)
	}
	for atomic.LoadInt64(&parked) != want {
		runtime.Gosched()
	}
}

func mmap(n int) {
	b, err := syscall.Mmap(-1, 0, n*mib, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	mapped = append(mapped, touch(b))
}

func do(command string, n int) {
	switch command {
	case "hold":
		hold(n)
	case "waste":
		waste(n)
	case "fresh":
		big = make([]byte, n*mib)
	case "stacks":
		stacks(n)
	case "mmap":
		mmap(n)
	case "malloc":
		malloc(n * mib)
	case "drop":
		held, big = nil, nil
		runtime.GC()
	case "collect":
		runtime.GC()
	case "scavenge":
		debug.FreeOSMemory()
	default:
		fmt.Fprintf(os.Stderr, "memory: %q?\n", command)
		os.Exit(2)
	}
}

func main() {
	var m runtime.MemStats

	debug.SetGCPercent(-1)
	ready("memory")
	for stdin.Scan() {
		var command string
		n := 0
		fmt.Sscan(strings.TrimSpace(stdin.Text()), &command, &n)
		if command == "stop" {
			return
		}
		do(command, n)
		runtime.ReadMemStats(&m)
		report(&m)
	}
}
