// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// pool is workers that take tasks; an elastic one has more of them the more tasks there are.
type pool struct {
	tasks   chan time.Duration
	workers int32
	most    int32
	idle    time.Duration
	remote  remote
}

// remote is what tasks wait for: something that answers by and by, from one goroutine.
type remote struct {
	mu      sync.Mutex
	waiting map[chan struct{}]time.Time // until when
}

func (r *remote) ask(took time.Duration) {
	reply := make(chan struct{})
	r.mu.Lock()
	r.waiting[reply] = time.Now().Add(took)
	r.mu.Unlock()
	<-reply
}

func (r *remote) serve() {
	for now := range time.Tick(20 * time.Millisecond) {
		r.mu.Lock()
		for reply, due := range r.waiting {
			if now.After(due) {
				close(reply)
				delete(r.waiting, reply)
			}
		}
		r.mu.Unlock()
	}
}

func init() {
	register("fixedpool", healthy, 40, func(o *options) *part {
		p := &pool{tasks: make(chan time.Duration, 1024)}
		return &part{begin: func() {
			for i := 0; i < 64; i++ {
				go p.work()
			}
		}, work: func() { p.tasks <- 20 * time.Millisecond }}
	})
	// Grows to its bound, slowly, and stays there.
	register("growingpool", healthy, 20, func(o *options) *part {
		p := &pool{tasks: make(chan time.Duration, 1024)}
		return &part{tick: func(t float64) {
			for most := int32(200 * t / (o.length / 3)); p.workers < most && p.workers < 200; p.workers++ {
				go p.work()
			}
		}, work: func() { p.tasks <- 20 * time.Millisecond }}
	})
	// Workers go when they had nothing to do for five seconds.
	register("elasticpool", healthy, 40, func(o *options) *part {
		p := &pool{tasks: make(chan time.Duration), most: 300, idle: 5 * time.Second}
		p.remote.waiting = make(map[chan struct{}]time.Time)
		return &part{begin: func() { go p.remote.serve() },
			work: func() { p.submit(time.Second) }}
	})
	// The queue fills while the workers are slow, and drains.
	register("queue", healthy, 60, func(o *options) *part {
		q := make(chan []byte, 8192)
		begun := time.Now()
		return &part{begin: func() {
			for i := 0; i < 4; i++ {
				go func() {
					for page := range q {
						t := time.Since(begun).Seconds() / o.period
						if t-float64(int(t)) < 0.5 {
							time.Sleep(120 * time.Millisecond)
						}
						touch(page)
					}
				}()
			}
		}, work: func() {
			select {
			case q <- touch(make([]byte, 8<<10)):
			default:
			}
		}}
	})
}

func (p *pool) work() {
	for task := range p.tasks {
		page := touch(make([]byte, 16<<10))
		time.Sleep(task)
		touch(page)
	}
}

func (p *pool) submit(task time.Duration) {
	select {
	case p.tasks <- task:
		return
	default:
	}
	if atomic.AddInt32(&p.workers, 1) > p.most {
		atomic.AddInt32(&p.workers, -1)
		return
	}
	go p.hire(task)
}

func (p *pool) hire(task time.Duration) {
	defer atomic.AddInt32(&p.workers, -1)
	timer := time.NewTimer(p.idle)
	timer.Stop()
	for {
		p.remote.ask(task)
		timer.Reset(p.idle)
		select {
		case task = <-p.tasks:
			if !timer.Stop() {
				select {
				case <-timer.C:
				default:
				}
			}
		case <-timer.C:
			return
		}
	}
}
