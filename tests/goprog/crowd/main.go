// SPDX-License-Identifier: BSD-2-Clause

// crowd has many goroutines parked, of which as many move as it is told, and does
// work beside them whose pace it reports.
//
// stdin: "nudge K" wakes K of them and answers when they have gone back, "work MS"
// makes and ends goroutines for so long and answers how many, "stop" ends it.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	bell  = make(chan int)
	rings int64
)

func main() {
	n := flag.Int("n", 10007, "goroutines")
	flag.Parse()

	for i := 0; i < *n; i++ {
		go member()
	}
	for i := 0; i < 3; i++ {
		time.Sleep(10 * time.Millisecond)
		runtime.Gosched()
	}
	ready("crowd", fmt.Sprint("n=", *n))
	for stdin.Scan() {
		words := strings.Fields(stdin.Text())
		if len(words) < 2 {
			return
		}
		k, err := strconv.Atoi(words[1])
		if err != nil {
			panic(err)
		}
		switch words[0] {
		case "nudge":
			nudge(int64(k))
			report(map[string]interface{}{"rings": atomic.LoadInt64(&rings)})
		case "work":
			report(work(time.Duration(k) * time.Millisecond))
		}
	}
}

func member() {
	for range bell {
		atomic.AddInt64(&rings, 1)
	}
}

func nudge(k int64) {
	want := atomic.LoadInt64(&rings) + k
	for ; k > 0; k-- {
		bell <- 1
	}
	for atomic.LoadInt64(&rings) < want {
		runtime.Gosched()
	}
}

func work(d time.Duration) map[string]interface{} {
	done := make(chan bool, 64)
	made := 0
	start, cpu := time.Now(), cpuTime()
	for time.Since(start) < d {
		for i := 0; i < cap(done); i++ {
			go chore(done)
		}
		for i := 0; i < cap(done); i++ {
			<-done
		}
		made += cap(done)
	}
	return map[string]interface{}{
		"per_s":     float64(made) / time.Since(start).Seconds(),
		"per_cpu_s": float64(made) / (cpuTime() - cpu).Seconds(),
	}
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func chore(done chan bool) { done <- true }
