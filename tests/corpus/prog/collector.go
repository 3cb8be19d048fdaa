// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// collector is told when to run.
func init() {
	register("forcedgc", healthy, 30, collected(3*time.Second, runtime.GC))
	register("freememory", healthy, 30, collected(6*time.Second, debug.FreeOSMemory))
	register("nogc", healthy, 30, func(o *options) *part {
		debug.SetGCPercent(400)
		return &part{work: garbage(o)}
	})
	// The heap grows to the limit between two collections. Its live part is that of a table.
	register("memorylimit", healthy, 60, func(o *options) *part {
		t := &table{}
		for i := 0; i < 1000; i++ {
			t.rows = append(t.rows, make([]byte, 8<<10))
		}
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(64 << 20)
		return &part{work: garbage(o)}
	})
}

func collected(every time.Duration, collect func()) func(o *options) *part {
	return func(o *options) *part {
		return &part{begin: func() {
			go func() {
				for range time.NewTicker(every).C {
					collect()
				}
			}()
		}, work: garbage(o)}
	}
}

func garbage(o *options) func() {
	var kept [256][]byte
	n := 0
	return func() {
		n++
		kept[n%len(kept)] = touch(make([]byte, o.size(32<<10)))
	}
}
