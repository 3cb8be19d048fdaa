// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

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
