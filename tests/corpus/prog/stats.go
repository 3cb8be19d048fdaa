// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// figures are what a run is checked with: the program's own view of what gotide judges.
func figures(collect bool) map[string]interface{} {
	var m runtime.MemStats

	if collect {
		runtime.GC()
		runtime.GC()
		debug.FreeOSMemory()
	}
	runtime.ReadMemStats(&m)
	return map[string]interface{}{
		"goroutines": runtime.NumGoroutine(), "heap": m.HeapAlloc, "sys": m.HeapSys, "fds": openFiles(),
		"rss": resident(), "gcs": m.NumGC, "forced": m.NumForcedGC, "total": m.TotalAlloc,
		"unreleased": m.HeapIdle - m.HeapReleased, "stacks": m.StackInuse,
		"off_heap": resident() - int64(m.HeapInuse),
	}
}

// openFiles does not count the one that it has opened itself.
func openFiles() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return -1
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return len(names) - 1
}

// resident is anonymous memory, in bytes.
func resident() int64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "RssAnon:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return -1
}
