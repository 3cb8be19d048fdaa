// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
)

// birth is one go statement and what became of its goroutines.
type birth struct {
	name           string
	spawn          func(*birth) site
	at             site
	births, deaths int64
}

// cost is how many goroutines one spawn leads to.
func (b *birth) cost() int {
	if b.name == "outer" {
		return 2
	}
	return 1
}

func (b *birth) born() { atomic.AddInt64(&b.births, 1) }
func (b *birth) died() { atomic.AddInt64(&b.deaths, 1) }

var (
	gate    = make(chan struct{})
	results = make(chan int)
	ledger  sync.Mutex
	batch   sync.WaitGroup
	innerAt sync.Once
)

// inner goroutines are born in outer ones, two for one.
var inner = &birth{name: "inner"}

var sites = []*birth{
	{name: "end", spawn: spawnEnd},
	{name: "work", spawn: spawnWork},
	{name: "outer", spawn: spawnOuter},
	{name: "recv", spawn: spawnRecv},
	{name: "send", spawn: spawnSend},
	{name: "select", spawn: spawnSelect},
	{name: "mutex", spawn: spawnMutex},
	{name: "group", spawn: spawnGroup},
	inner,
}

func init() {
	ledger.Lock()
	batch.Add(1)
}

func spawnEnd(b *birth) site {
	b.born()
	at := here(1)
	go end(b)
	return at
}

func end(b *birth) { b.died() }

func spawnWork(b *birth) site {
	b.born()
	at := here(1)
	go work(b)
	return at
}

func work(b *birth) {
	for i := 0; i < 10; i++ {
		runtime.Gosched()
	}
	b.died()
}

func spawnOuter(b *birth) site {
	b.born()
	at := here(1)
	go outer(b)
	return at
}

func outer(b *birth) {
	inner.born()
	at := here(1)
	go end(inner)
	innerAt.Do(func() { inner.at = at })
	b.died()
}

func spawnRecv(b *birth) site {
	b.born()
	at := here(1)
	go recv(b)
	return at
}

func recv(b *birth) {
	<-gate
	b.died()
}

func spawnSend(b *birth) site {
	b.born()
	at := here(1)
	go send(b)
	return at
}

func send(b *birth) {
	results <- 1
	b.died()
}

func spawnSelect(b *birth) site {
	b.born()
	at := here(1)
	go either(b)
	return at
}

func either(b *birth) {
	never := make(chan int)
	select {
	case <-gate:
	case <-never:
	}
	b.died()
}

func spawnMutex(b *birth) site {
	b.born()
	at := here(1)
	go lock(b)
	return at
}

func lock(b *birth) {
	ledger.Lock()
	ledger.Unlock()
	b.died()
}

func spawnGroup(b *birth) site {
	b.born()
	at := here(1)
	go group(b)
	return at
}

func group(b *birth) {
	batch.Wait()
	b.died()
}

// release lets every parked goroutine end.
func release() {
	close(gate)
	ledger.Unlock()
	batch.Done()
	for _, b := range sites {
		if b.name != "send" {
			continue
		}
		for n := atomic.LoadInt64(&b.births); n > 0; n-- {
			<-results
		}
	}
}

// dump is no heap: reading stacks must not cause collections.
var dump [32 << 20]byte

var header = regexp.MustCompile(`(?m)^goroutine \d+ \[([^,\]]+)`)

// parked asks the runtime how many goroutines wait for which reason.
func parked() map[string]int {
	buf := dump[:runtime.Stack(dump[:], true)]
	counts := map[string]int{}
	for _, m := range header.FindAllSubmatch(buf, -1) {
		if reason := string(m[1]); reason != "running" && reason != "runnable" {
			counts[reason]++
		}
	}
	return counts
}
