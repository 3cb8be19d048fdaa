// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo

// cgo makes goroutines that call C, which calls back into Go: births and ends
// on C's threads too.
//
// stdin: "go" makes them, "release" ends the parked ones, "stop" ends the program.
package main

/*
#include <pthread.h>

extern void goBack(int park);

static inline int call(int n) { return n + 1; }
static inline void call_back(int park) { goBack(park); }

static void *foreign(void *arg) { (void)arg; goBack(0); return 0; }

// A thread that Go did not make.
static inline int from_thread(void) {
	pthread_t t;
	if (pthread_create(&t, 0, foreign, 0))
		return -1;
	return pthread_join(t, 0);
}
*/
import "C"

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

var (
	births, deaths, calls, foreign int64

	gate    = make(chan struct{})
	callers sync.WaitGroup
	bornAt  site
)

// goBack runs in Go, called by C: it makes a goroutine that ends or parks.
//
//export goBack
func goBack(park C.int) {
	atomic.AddInt64(&births, 1)
	at := here(1)
	go leaf(park != 0)
	if park != 0 {
		bornAt = at
	}
}

func leaf(park bool) {
	if park {
		<-gate
	}
	atomic.AddInt64(&deaths, 1)
}

func caller(n int) {
	atomic.AddInt64(&calls, int64(C.call(C.int(n)))-int64(n))
	C.call_back(0)
	atomic.AddInt64(&deaths, 1)
	callers.Done()
}

func spawn(n int) site {
	atomic.AddInt64(&births, 1)
	callers.Add(1)
	at := here(1)
	go caller(n)
	return at
}

func work(n, parked, threads int) site {
	var at site
	for i := 0; i < n; i++ {
		at = spawn(i)
	}
	callers.Wait()
	for i := 0; i < parked; i++ {
		C.call_back(1)
	}
	for i := 0; i < threads; i++ {
		if C.from_thread() != 0 {
			fmt.Fprintln(os.Stderr, "cgo: no thread")
			os.Exit(1)
		}
		foreign++
	}
	return at
}

// settle returns when no goroutine but main and `left` parked ones is alive.
func settle(left int) {
	for runtime.NumGoroutine() != 1+left {
		runtime.Gosched()
	}
}

func totals(after string, at site) map[string]interface{} {
	b, d := atomic.LoadInt64(&births), atomic.LoadInt64(&deaths)
	return map[string]interface{}{
		"program": "cgo", "after": after, "births": b, "deaths": d, "calls": calls,
		"threads": foreign, "live": runtime.NumGoroutine(), "site": at, "callback_site": bornAt,
	}
}

func main() {
	n := flag.Int("n", 1009, "goroutines that call C; each makes one more in a callback")
	parked := flag.Int("parked", 13, "goroutines born in a callback that park")
	threads := flag.Int("threads", 5, "threads of C that call Go")
	flag.Parse()

	ready("cgo", fmt.Sprint("n=", *n))
	if !await("go") {
		return
	}
	at := work(*n, *parked, *threads)
	settle(*parked)
	report(totals("go", at))
	for stdin.Scan() {
		switch stdin.Text() {
		case "release":
			close(gate)
			settle(0)
			report(totals("release", at))
		case "stop":
			return
		}
	}
}
