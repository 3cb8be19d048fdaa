// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"sync"
)

// gateway gives each open connection a buffer from a pool. Each grows with the largest request that
// it has ever seen.
type gateway struct {
	pool  sync.Pool
	open  []*bytes.Buffer
	next  int
	large []byte
}

func init() {
	register("syncpool", heapRetention, 2.5, func(o *options) *part {
		g := &gateway{large: make([]byte, o.size(256<<10))}
		g.pool.New = func() interface{} { return new(bytes.Buffer) }
		for i := 0; i < 500; i++ {
			g.open = append(g.open, g.pool.Get().(*bytes.Buffer))
			g.encode(g.open[i], g.large[:512])
		}
		return &part{
			place: func() { g.encode(nil, nil) }, grows: float64(len(g.large)),
			also: []string{"bytes.growSlice", "bytes.makeSlice", "bytes.(*Buffer).grow", "bytes.(*Buffer).Write"},
			work: g.request,
		}
	})
}

func (g *gateway) request() {
	for i := 0; i < 8; i++ {
		g.encode(g.open[(g.next*8+i)%len(g.open)], g.large[:256])
	}
	g.encode(g.open[g.next%len(g.open)], g.large)
	g.next++
}

func (g *gateway) encode(b *bytes.Buffer, request []byte) {
	if mark(4) {
		return
	}
	b.Reset()
	b.Write(request)
}
