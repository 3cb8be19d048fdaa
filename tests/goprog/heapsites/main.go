// SPDX-License-Identifier: BSD-2-Clause

// heapsites allocates at known places, direct, inlined and deep in a recursion, some
// of it garbage, and prints the runtime's own heap profile, so that it can be
// compared with one read from outside.
//
// stdin: "go" allocates and says what, "many" allocates from very many places,
// "throng" from eight times as many, "profile" collects twice and prints the heap
// profile as text, then a line of JSON, "sites" collects twice and says what is in
// use by allocation site, "stop" ends the program. Nothing is collected but then.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
)

type leaf struct {
	next *leaf
	_    [40]byte
}

var (
	blocks [][]byte
	leaves []*leaf
)

// newLeaf is inlined everywhere, and newPair too.
func newLeaf(next *leaf) *leaf { return &leaf{next: next} }
func newPair() *leaf           { return newLeaf(newLeaf(nil)) }

//go:noinline
func keepBlocks(n int) {
	for i := 0; i < n; i++ {
		blocks = append(blocks, make([]byte, 1024))
	}
}

//go:noinline
func keepPairs(n int) {
	for i := 0; i < n; i++ {
		leaves = append(leaves, newPair())
	}
}

//go:noinline
func dropBlocks(n int) {
	for i := 0; i < n; i++ {
		keep := blocks
		blocks = append([][]byte{make([]byte, 2048)}, keep...)
		blocks = keep
	}
}

//go:noinline
func keepDeep(depth int) int {
	if depth == 0 {
		blocks = append(blocks, make([]byte, 96))
		return 0
	}
	return keepDeep(depth-1) + 1
}

// left and right make a place of each path down a tree.
//
//go:noinline
func left(depth int, path uint) {
	descend(depth, path)
}

//go:noinline
func right(depth int, path uint) {
	descend(depth, path)
}

func descend(depth int, path uint) {
	switch {
	case depth == 0:
		leaves = append(leaves, &leaf{})
	case path&1 == 0:
		left(depth-1, path>>1)
	default:
		right(depth-1, path>>1)
	}
}

// siteOf is the innermost frame that is not the runtime's.
func siteOf(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") &&
			!strings.HasPrefix(f.Function, "internal/runtime/") {
			return fmt.Sprintf("%s %s:%d", f.Function, f.File, f.Line)
		}
		if !more {
			return "runtime"
		}
	}
}

// scaled is what runtime/pprof makes of a sample (scaleHeapSample).
func scaled(objects, bytes int64) [2]int64 {
	rate := float64(runtime.MemProfileRate)
	if rate <= 1 || objects == 0 || bytes == 0 {
		return [2]int64{objects, bytes}
	}
	scale := 1 / (1 - math.Exp(-float64(bytes)/float64(objects)/rate))
	return [2]int64{int64(float64(objects) * scale), int64(float64(bytes) * scale)}
}

// inUse is site to objects and bytes, and records.
func inUse() map[string][3]int64 {
	records := make([]runtime.MemProfileRecord, 1<<18)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		panic("more records than room")
	}
	sites := map[string][3]int64{}
	for _, r := range records[:n] {
		if r.InUseObjects() == 0 || len(r.Stack()) == 0 {
			continue
		}
		v, key := scaled(r.InUseObjects(), r.InUseBytes()), siteOf(r.Stack())
		s := sites[key]
		sites[key] = [3]int64{s[0] + v[0], s[1] + v[1], s[2] + 1}
	}
	return sites
}

func many(depth int) {
	for path := uint(0); path < 1<<uint(depth); path++ {
		left(depth, path)
	}
	report(map[string]int{"places": 1 << uint(depth)})
}

func main() {
	rate := flag.Int("rate", -1, "runtime.MemProfileRate; -1: as it is")
	flag.Parse()
	if *rate >= 0 {
		runtime.MemProfileRate = *rate
	}
	debug.SetGCPercent(-1)
	ready("heapsites")
	for stdin.Scan() {
		switch stdin.Text() {
		case "go":
			keepBlocks(211)
			keepPairs(307)
			dropBlocks(401)
			keepDeep(23)
			keepDeep(61)
			keepDeep(211)
			blocks = append(blocks, make([]byte, 3<<20))
			report(map[string]int{"blocks": 211, "pairs": 307, "dropped": 401})
		case "many":
			many(14)
		case "throng":
			many(17)
		case "sites":
			runtime.GC()
			runtime.GC()
			report(inUse())
		case "profile":
			runtime.GC()
			runtime.GC()
			if err := pprof.Lookup("heap").WriteTo(os.Stdout, 1); err != nil {
				panic(err)
			}
			report(map[string]int{"rate": runtime.MemProfileRate})
		case "stop":
			return
		}
	}
}
