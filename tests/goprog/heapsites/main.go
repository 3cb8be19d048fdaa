// SPDX-License-Identifier: BSD-2-Clause

// heapsites allocates at known places, direct, inlined and deep in a recursion, some
// of it garbage, and prints the runtime's own heap profile, so that it can be
// compared with one read from outside.
//
// stdin: "go" allocates and says what, "many" allocates from very many places,
// "throng" from eight times as many, "profile" collects twice and prints the heap
// profile as text, then a line of JSON, "collect" does that without the profile,
// "stop" ends the program. Nothing is collected but then.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
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
		case "collect":
			runtime.GC()
			runtime.GC()
			report(map[string]int{"rate": runtime.MemProfileRate})
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
