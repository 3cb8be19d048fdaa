// SPDX-License-Identifier: BSD-2-Clause

// busy is a healthy server under load that looks alarming for a while: waves of
// requests, long polls, a cache that warms up, much garbage. It leaks nothing.
//
// stdin: "stop" ends the program.
package main

import (
	"flag"
	"math"
	"runtime"
	"sync"
	"time"
)

type load struct {
	base, peak, period float64
}

// rate follows a sine between base and peak; it starts at base.
func (l load) rate(t time.Duration) float64 {
	phase := 2 * math.Pi * t.Seconds() / l.period
	return l.base + (l.peak-l.base)*(1-math.Cos(phase))/2
}

func main() {
	base := flag.Float64("base", 200, "requests per second at the ebb")
	peak := flag.Float64("peak", 3000, "requests per second at the crest")
	period := flag.Duration("period", 10*time.Second, "time from ebb to ebb")
	polls := flag.Float64("polls", 5, "long polls per second")
	hold := flag.Duration("hold", 5*time.Second, "how long a long poll stays")
	cache := flag.Int("cache", 4096, "entries the cache holds at most (4 KiB each)")
	duration := flag.Duration("duration", 0, "end after this time (0: at stop)")
	flag.Parse()

	s := newServer(*cache)
	cmds := commands(*duration)
	ready("busy")
	run(s, cmds, load{*base, *peak, period.Seconds()}, &pacer{rate: *polls}, *hold)

	s.drain()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	report(map[string]interface{}{
		"program": "busy", "leaked": 0, "requests": s.requests, "polls": s.polls,
		"peak_live": s.peakLive, "live": runtime.NumGoroutine(), "cached": s.cache.size(),
		"num_gc": ms.NumGC, "total_alloc": ms.TotalAlloc, "heap_alloc": ms.HeapAlloc,
	})
}

func run(s *server, cmds <-chan []string, l load, polls *pacer, hold time.Duration) {
	var requests pacer
	start := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	for {
		select {
		case now := <-tick.C:
			requests.rate = l.rate(now.Sub(start))
			for n := requests.due(now); n > 0; n-- {
				s.request()
			}
			for n := polls.due(now); n > 0; n-- {
				s.poll(hold)
			}
			if n := runtime.NumGoroutine(); n > s.peakLive {
				s.peakLive = n
			}
		case cmd := <-cmds:
			if cmd == nil {
				return
			}
		}
	}
}

// cache is bounded: it grows while it warms up, then replaces.
type cache struct {
	mu      sync.Mutex
	entries map[int][]byte
	max     int
}

func (c *cache) put(key int, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key%c.max] = value
}

func (c *cache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}
