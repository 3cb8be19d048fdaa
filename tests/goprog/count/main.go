// SPDX-License-Identifier: BSD-2-Clause

// count makes an exact number of goroutines and collections, and then says how
// many of each. Nothing is counted before "go".
//
// stdin: "go" does the work and reports it, "release" ends the parked goroutines
// and reports again, "stop" ends the program.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

func main() {
	n := flag.Int("n", 10007, "goroutines (a prime is easiest to recognise)")
	gcs := flag.Int("gc", 7, "forced collections")
	flag.Parse()

	ready("count", fmt.Sprint("n=", *n))
	if !await("go") {
		return
	}
	gcBefore := numGC()
	spawnAll(*n, *gcs)
	settle()
	report(totals("go", gcBefore))
	for stdin.Scan() {
		switch stdin.Text() {
		case "release":
			release()
			settle()
			report(totals("release", gcBefore))
		case "stop":
			return
		}
	}
}

// spawnAll makes n goroutines at all sites in turn, with gcs collections between.
func spawnAll(n, gcs int) {
	done := 0
	for i, made := 0, 0; made < n; i++ {
		b := sites[i%len(sites)]
		if b.spawn == nil || b.cost() > n-made {
			continue
		}
		b.at = b.spawn(b)
		made += b.cost()
		for ; done*n < made*gcs; done++ {
			runtime.GC()
		}
	}
	for ; done < gcs; done++ {
		runtime.GC()
	}
}

func numGC() uint32 {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return ms.NumGC
}

// settle returns when each goroutine has ended or is parked where it stays.
func settle() {
	for {
		live, want := runtime.NumGoroutine(), 1
		for _, s := range sites {
			want += int(atomic.LoadInt64(&s.births) - atomic.LoadInt64(&s.deaths))
		}
		if live == want && want == 1+waiting() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// waiting is how many goroutines are past the last thing they do before they
// park, and were seen parked by the runtime itself.
func waiting() int {
	n := 0
	for _, count := range parked() {
		n += count
	}
	return n
}

// totals counts when no collection runs, and none begins any more.
func totals(after string, gcBefore uint32) map[string]interface{} {
	debug.SetGCPercent(-1)
	var births, deaths int64
	perSite := []map[string]interface{}{}
	for _, s := range sites {
		b, d := atomic.LoadInt64(&s.births), atomic.LoadInt64(&s.deaths)
		births += b
		deaths += d
		perSite = append(perSite, map[string]interface{}{
			"name": s.name, "site": s.at, "births": b, "deaths": d, "live": b - d,
		})
	}
	return map[string]interface{}{
		"program": "count", "after": after, "births": births, "deaths": deaths,
		"live": runtime.NumGoroutine(), "sites": perSite, "parked": parked(),
		"gc": numGC() - gcBefore,
	}
}
