// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"container/list"
	"sync"
	"time"
)

// lru is a cache with a bound, that warms up.
type lru struct {
	mu    sync.Mutex
	items map[int]*list.Element
	order *list.List
	most  int
}

type item struct {
	key  int
	body []byte
}

func init() {
	register("lrufast", healthy, 60, lruFull(0.1))
	register("lruthird", healthy, 60, lruFull(1.0/3))
	register("lruhalf", healthy, 60, lruFull(1.0/2))
	register("lrutwothirds", healthy, 60, lruFull(2.0/3))
	// Keys of a bounded number: new ones become ever rarer.
	register("saturating", healthy, 60, func(o *options) *part {
		c := newLRU(1 << 20)
		keys, size := int(o.rate*o.length/6), o.size(8<<10)
		return &part{work: func() { go c.get(o.rand.Intn(keys), size) }}
	})
	register("ttlcache", healthy, 40, func(o *options) *part { return ttlOf(o, o.period/2) })
	register("ttlslow", healthy, 30, func(o *options) *part { return ttlOf(o, o.period) })
	// Keys come and go in a map, whose number of keys stays.
	register("churnmap", healthy, 100, func(o *options) *part {
		m := make(map[int]*item)
		n := 0
		return &part{work: func() {
			n++
			m[n] = &item{n, make([]byte, o.size(4<<10))}
			delete(m, n-2000)
		}}
	})
}

func lruFull(share float64) func(o *options) *part {
	return func(o *options) *part {
		c := newLRU(int(o.rate * o.length * share))
		n, size := 0, o.size(8<<10)
		return &part{work: func() {
			n++
			go c.get(n, size)
		}}
	}
}

func newLRU(most int) *lru {
	return &lru{items: make(map[int]*list.Element), order: list.New(), most: most}
}

func (c *lru) get(key, size int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.items[key]; e != nil {
		c.order.MoveToFront(e)
		return e.Value.(*item).body
	}
	body := touch(make([]byte, size))
	c.items[key] = c.order.PushFront(&item{key, body})
	if c.order.Len() > c.most {
		last := c.order.Back()
		delete(c.items, last.Value.(*item).key)
		c.order.Remove(last)
	}
	return body
}

// ttlOf is a cache whose items live for so many seconds.
func ttlOf(o *options, ttl float64) *part {
	var mu sync.Mutex
	items := make(map[int][]byte)
	born := make(map[int]time.Time)
	n := 0
	return &part{
		begin: func() {
			go func() {
				for range time.NewTicker(time.Second).C {
					mu.Lock()
					for key, at := range born {
						if time.Since(at).Seconds() > ttl {
							delete(born, key)
							delete(items, key)
						}
					}
					mu.Unlock()
				}
			}()
		},
		work: func() {
			mu.Lock()
			defer mu.Unlock()
			n++
			items[n], born[n] = touch(make([]byte, o.size(8<<10))), time.Now()
		},
	}
}
