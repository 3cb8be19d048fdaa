// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"time"
)

// bursts answers one call with very many goroutines, which all end.
type bursts struct {
	wg   sync.WaitGroup
	held [][]byte
}

func init() {
	register("burst", healthy, 1, func(o *options) *part {
		b := &bursts{}
		at := []float64{o.length / 4, o.length / 2}
		return &part{work: func() { b.call(5, time.Second) }, tick: func(t float64) {
			if len(at) > 0 && t > at[0] {
				at = at[1:]
				b.call(1500, 10*time.Second)
			}
		}}
	})
	// Bytes that are held for ten seconds, twice.
	register("heapburst", healthy, 20, func(o *options) *part {
		b := &bursts{}
		return &part{work: func() { touch(make([]byte, 32<<10)) }, tick: func(t float64) {
			for _, from := range []float64{o.length / 4, o.length * 6 / 10} {
				if t > from && t < from+10 && len(b.held) < int((t-from)*40) {
					b.held = append(b.held, touch(make([]byte, 64<<10)))
				}
				if t >= from+10 && t < from+11 {
					b.held = nil
				}
			}
		}}
	})
	// Each call fans out and gathers.
	register("fanout", healthy, 3, func(o *options) *part {
		b := &bursts{}
		return &part{work: func() { go b.gather(20, o.rand.Intn(400)) }}
	})
	// The caller that is first does the work, the others wait for it.
	register("singleflight", healthy, 20, func(o *options) *part {
		f := &flight{calls: make(map[int]*sync.WaitGroup)}
		return &part{work: func() { go f.do(o.rand.Intn(5)) }}
	})
}

func (b *bursts) call(n int, longest time.Duration) {
	for i := 0; i < n; i++ {
		go func(i int) {
			page := touch(make([]byte, 2048))
			time.Sleep(longest * time.Duration(i) / time.Duration(n))
			touch(page)
		}(i)
	}
}

func (b *bursts) gather(n, ms int) {
	var wg sync.WaitGroup
	answers := make(chan []byte, n)
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			time.Sleep(time.Duration(ms*i/n) * time.Millisecond)
			answers <- make([]byte, 1024)
		}(i)
	}
	wg.Wait()
}

type flight struct {
	mu    sync.Mutex
	calls map[int]*sync.WaitGroup
}

func (f *flight) do(key int) {
	f.mu.Lock()
	if wg := f.calls[key]; wg != nil {
		f.mu.Unlock()
		wg.Wait()
		return
	}
	wg := &sync.WaitGroup{}
	wg.Add(1)
	f.calls[key] = wg
	f.mu.Unlock()
	time.Sleep(500 * time.Millisecond)
	f.mu.Lock()
	delete(f.calls, key)
	f.mu.Unlock()
	wg.Done()
}
