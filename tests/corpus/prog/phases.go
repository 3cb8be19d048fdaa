// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// phases is work in batches: memory fills, is done with, and is let go.
type phases struct{ rows [][]byte }

type tree struct {
	Left, Right *tree
	Name        string
	Values      [8]int
}

func init() {
	register("batch", healthy, 40, func(o *options) *part {
		p := &phases{}
		number := 0
		return &part{work: func() {
			p.rows = append(p.rows, touch(make([]byte, o.size(24<<10))))
		}, tick: func(t float64) {
			if n := int(t / o.period); n != number {
				number = n
				p.rows = nil
			}
		}}
	})
	// A compiler: trees are built, walked, and dropped, in bursts.
	register("compiler", healthy, 0.5, func(o *options) *part {
		var unit *tree
		return &part{work: func() {
			unit = grow(11 + o.rand.Intn(3))
			unit.walk()
		}}
	})
	register("encoder", healthy, 20, func(o *options) *part {
		t := grow(4)
		return &part{work: func() {
			go func() {
				text, _ := json.Marshal(t)
				json.Unmarshal(text, &tree{})
			}()
		}}
	})
	// Buffers go back to their pool, but for those that have become large.
	register("bufferpool", healthy, 60, func(o *options) *part {
		pool := &sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}
		n := 0
		return &part{work: func() {
			n++
			size := 2 << 10
			if n%30 == 0 {
				size = 256 << 10
			}
			go func() {
				b := pool.Get().(*bytes.Buffer)
				b.Reset()
				b.Write(make([]byte, size))
				time.Sleep(20 * time.Millisecond)
				if b.Cap() <= 64<<10 {
					pool.Put(b)
				}
			}()
		}}
	})
	// Recursion makes stacks grow; they shrink with the collector.
	register("deepstacks", healthy, 5, func(o *options) *part {
		return &part{work: func() {
			go func() {
				descend(o.size(40))
				time.Sleep(2 * time.Second)
			}()
			touch(make([]byte, 64<<10))
		}}
	})
	// A ring of the last samples, each overwritten in time.
	register("ring", healthy, 50, func(o *options) *part {
		ring := make([][]byte, int(o.rate*o.length/6))
		n := 0
		return &part{work: func() {
			ring[n%len(ring)] = touch(make([]byte, 8<<10))
			n++
		}}
	})
}

func grow(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{Left: grow(depth - 1), Right: grow(depth - 1), Name: "node"}
}

func (t *tree) walk() int {
	if t == nil {
		return 0
	}
	t.Values[0] = 1 + t.Left.walk() + t.Right.walk()
	return t.Values[0]
}

func descend(depth int) int {
	var frame [1024]byte

	touch(frame[:])
	if depth == 0 {
		return int(frame[0])
	}
	return descend(depth-1) + int(frame[512])
}
