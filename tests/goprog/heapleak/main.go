// SPDX-License-Identifier: BSD-2-Clause

// heapleak keeps memory that it never uses again, with garbage beside it; its
// goroutines are few and constant.
//
// stdin: "drop" lets go of what is kept, "stop" ends the program.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

const chunk = 4096

// store keeps sessions: the map forgets to delete, the slice pins its array.
type store struct {
	in       string
	sessions map[uint64][]byte
	log      [][]byte
	next     uint64
	bytes    uint64
}

// keep retains one chunk; with size 0 it only says where it would be allocated.
func (s *store) keep(size int) site {
	at := here(4)
	if size == 0 {
		return at
	}
	value := make([]byte, size)
	value[0] = byte(s.next)
	if s.in == "map" {
		s.sessions[s.next] = value
	} else {
		s.log = append(s.log, value)
	}
	s.next++
	s.bytes += uint64(size)
	return at
}

func (s *store) drop() {
	s.sessions = make(map[uint64][]byte)
	s.log = nil
	s.bytes = 0
}

var sink []byte

// churn is garbage that keeps the collector at work.
func churn(chunks int) {
	for ; chunks > 0; chunks-- {
		sink = make([]byte, chunk)
	}
}

func main() {
	rate := flag.Float64("rate", 1<<20, "bytes kept per second")
	garbage := flag.Float64("garbage", 16<<20, "bytes thrown away per second")
	in := flag.String("in", "map", "where: map|slice")
	duration := flag.Duration("duration", 0, "end after this time (0: at stop)")
	flag.Parse()
	if *in != "map" && *in != "slice" {
		fmt.Fprintf(os.Stderr, "heapleak: unknown -in %q\n", *in)
		os.Exit(2)
	}

	s := &store{in: *in}
	s.drop()
	cmds := commands(*duration)
	at := s.keep(0)
	ready("heapleak", at, "in="+*in)

	kept, wasted := pacer{rate: *rate / chunk}, pacer{rate: *garbage / chunk}
	tick := time.NewTicker(5 * time.Millisecond)
	for {
		select {
		case now := <-tick.C:
			for n := kept.due(now); n > 0; n-- {
				s.keep(chunk)
			}
			churn(wasted.due(now))
		case cmd := <-cmds:
			if cmd == nil {
				finish(s, at)
				return
			}
			if cmd[0] == "drop" {
				s.drop()
				fmt.Println("dropped")
			}
		}
	}
}

func finish(s *store, at site) {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	report(map[string]interface{}{
		"program": "heapleak", "site": at, "kept_bytes": s.bytes, "kept_chunks": s.next,
		"live": runtime.NumGoroutine(), "num_gc": ms.NumGC, "heap_alloc": ms.HeapAlloc,
		"heap_inuse": ms.HeapInuse, "total_alloc": ms.TotalAlloc, "mallocs": ms.Mallocs,
		"frees": ms.Frees, "sys": ms.Sys,
	})
	runtime.KeepAlive(s)
}
