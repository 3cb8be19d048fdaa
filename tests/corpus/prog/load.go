// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"math"
	"math/rand"
	"sync"
	"time"
)

const (
	loadWorkers = 8
	loadPage    = 2 << 10
	loadPages   = 512
	loadPeriod  = 25.0
)

// load is the healthy rest of the service: requests that come in waves and bursts, workers, a cache
// with a bound, tickers.
type load struct {
	rand  *rand.Rand
	begun time.Time
	last  time.Time
	owed  float64
	burst time.Time
	jobs  chan []byte
	mu    sync.Mutex
	pages map[int][]byte
	order []int
	next  int
}

func newLoad(r *rand.Rand) *load {
	l := &load{rand: r, begun: time.Now(), last: time.Now(), jobs: make(chan []byte, 256)}
	l.pages = make(map[int][]byte)
	// warm: what is beside a leak must not grow itself
	for i := 0; i < loadPages; i++ {
		l.store(nil)
	}
	for i := 0; i < loadWorkers; i++ {
		go l.render()
	}
	for _, every := range []time.Duration{time.Second, 3 * time.Second} {
		go l.housekeep(time.NewTicker(every))
	}
	return l
}

func (l *load) step(now time.Time) {
	t := now.Sub(l.begun).Seconds()
	rate := 25 - 20*math.Cos(2*math.Pi*t/loadPeriod)
	if now.After(l.burst.Add(time.Second)) && l.rand.Intn(400) == 0 {
		l.burst = now
	}
	if now.Before(l.burst.Add(500 * time.Millisecond)) {
		rate += 100
	}
	l.owed += rate * now.Sub(l.last).Seconds()
	l.last = now
	for ; l.owed >= 1; l.owed-- {
		go l.serve(l.rand.Intn(4*loadPages), time.Duration(2+l.rand.ExpFloat64()*30)*time.Millisecond)
	}
}

// serve is one request: it fetches, it waits for its database, it ends.
func (l *load) serve(id int, took time.Duration) {
	body := touch(make([]byte, 12<<10))
	time.Sleep(took)
	if l.fetch(id) == nil {
		l.jobs <- body[:id%len(body)]
	}
}

func (l *load) fetch(id int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pages[id]
}

func (l *load) render() {
	for body := range l.jobs {
		l.store(body)
	}
}

// store puts a page under the next number, round and round.
func (l *load) store(body []byte) {
	page := make([]byte, loadPage)
	copy(page, body)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.next % (4 * loadPages)
	l.next++
	l.pages[id] = page
	l.order = append(l.order, id)
	if len(l.order) > loadPages {
		delete(l.pages, l.order[0])
		l.order = append(l.order[:0], l.order[1:]...)
	}
}

func (l *load) housekeep(t *time.Ticker) {
	for range t.C {
		l.mu.Lock()
		sum := 0
		for id := range l.pages {
			sum += id
		}
		l.mu.Unlock()
	}
}
