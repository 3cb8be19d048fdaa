// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"math"
	"time"
)

// requests is what services do: a goroutine per request, garbage, an answer after a while. With
// -shape it is any traffic.
type requests struct {
	options *options
	size    int
}

func init() {
	register("requests", healthy, 40, requestsOf(150*time.Millisecond))
	register("slowrequests", healthy, 20, requestsOf(2*time.Second))
	register("longpoll", healthy, 6, requestsOf(30*time.Second))
	// A backend becomes slow for a quarter of the run, then quick again: lifetimes rise, not the load.
	register("slowdown", healthy, 30, func(o *options) *part {
		r := &requests{o, o.size(8 << 10)}
		took := 100 * time.Millisecond
		return &part{work: func() { go r.serve(took) }, tick: func(t float64) {
			took = 100 * time.Millisecond
			if t > o.length/4 && t < o.length/2 {
				took = 6 * time.Second
			}
		}}
	})
	// Most requests are short, some last for a minute.
	register("heavytail", healthy, 20, func(o *options) *part {
		r := &requests{o, o.size(8 << 10)}
		return &part{work: func() {
			seconds := math.Min(0.2/math.Pow(1-o.rand.Float64(), 1/0.9), o.length/2)
			go r.serve(time.Duration(seconds * float64(time.Second)))
		}}
	})
	// Tenants come in three steps, with workers and a cache each, and stay.
	register("tenants", healthy, 20, func(o *options) *part {
		var caches [][]byte
		tasks := make(chan time.Duration, 1024)
		workers := &pool{tasks: tasks}
		return &part{work: func() { tasks <- 10 * time.Millisecond }, tick: func(t float64) {
			for len(caches) < 3*50 && float64(len(caches)/50) < t/(o.length/5) {
				caches = append(caches, touch(make([]byte, o.size(100<<10))))
				go workers.work()
			}
		}}
	})
	register("sawtooth", healthy, 50, func(o *options) *part {
		size := o.size(64 << 10)
		return &part{work: func() { touch(make([]byte, size)) }}
	})
	register("idle", healthy, 0.1, func(*options) *part { return &part{} })
}

func requestsOf(took time.Duration) func(o *options) *part {
	return func(o *options) *part {
		r := &requests{o, o.size(16 << 10)}
		return &part{work: func() {
			go r.serve(time.Duration(float64(took) * (0.5 + o.rand.Float64())))
		}}
	}
}

func (r *requests) serve(took time.Duration) {
	body := touch(make([]byte, r.size))
	time.Sleep(took)
	touch(body)
}
