// SPDX-License-Identifier: BSD-2-Clause

// storm makes goroutines that end at once, as many as it is asked for or can.
//
// stdin: "go" starts it; it ends after -duration with exact totals.
package main

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var ended int64

func main() {
	rate := flag.Float64("rate", 0, "goroutines per second over all spawners (0: flat out)")
	spawners := flag.Int("spawners", runtime.GOMAXPROCS(0), "goroutines that make goroutines")
	duration := flag.Duration("duration", 5*time.Second, "how long")
	live := flag.Int64("live", 10000, "unfinished goroutines at most")
	deep := flag.Int("deep", 0, "depth of recursion in each (0: none)")
	now := flag.Bool("now", false, "do not wait for go")
	flag.Parse()

	ready("storm", spawn(nil, 0))
	if !*now && !await("go") {
		return
	}
	var wg sync.WaitGroup
	made := make([]int64, *spawners)
	start := time.Now()
	for i := range made {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			made[i] = blow(*rate/float64(*spawners), start.Add(*duration), *live/int64(*spawners), *deep)
		}(i)
	}
	wg.Wait()
	elapsed := time.Since(start)
	total := int64(0)
	for _, n := range made {
		total += n
	}
	report(map[string]interface{}{
		"program": "storm", "spawned": total, "ended": atomic.LoadInt64(&ended), "spawners": *spawners,
		"seconds": elapsed.Seconds(), "rate": float64(total) / elapsed.Seconds(), "deep": *deep,
		"live": runtime.NumGoroutine(),
	})
}

// blow makes goroutines until the end and waits for its own.
func blow(rate float64, end time.Time, limit int64, deep int) int64 {
	var mine, made int64
	pace := pacer{rate: rate}
	for now := time.Now(); now.Before(end); now = time.Now() {
		due := 64
		if rate > 0 {
			if due = pace.due(now); due == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for ; due > 0; due-- {
			spawn(&mine, deep)
			made++
		}
		for made-atomic.LoadInt64(&mine) > limit {
			runtime.Gosched()
		}
	}
	for atomic.LoadInt64(&mine) < made {
		runtime.Gosched()
	}
	atomic.AddInt64(&ended, made)
	return made
}

// spawn makes one; with nil it only says where.
func spawn(done *int64, deep int) site {
	if done == nil {
		return here(2)
	}
	go drop(done, deep)
	return site{}
}

func drop(done *int64, deep int) {
	if deep > 0 {
		dive(deep)
	}
	atomic.AddInt64(done, 1)
}

//go:noinline
func dive(n int) int {
	var frame [64]byte
	frame[n%len(frame)] = byte(n)
	if n == 0 {
		return int(frame[0])
	}
	return dive(n-1) + int(frame[n%len(frame)])
}
