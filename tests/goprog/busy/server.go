// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"time"
)

const (
	workers = 32
	page    = 4096
	scratch = 16 << 10
)

type job struct {
	id   int
	body []byte
}

type server struct {
	cache    cache
	jobs     chan job
	staff    sync.WaitGroup
	underWay sync.WaitGroup
	requests int
	polls    int
	peakLive int
}

func newServer(entries int) *server {
	s := &server{jobs: make(chan job, 1024)}
	s.cache = cache{entries: make(map[int][]byte), max: entries}
	for i := 0; i < workers; i++ {
		s.staff.Add(1)
		go s.work()
	}
	return s
}

func (s *server) request() {
	s.requests++
	s.underWay.Add(1)
	go s.serve(s.requests)
}

// serve is slower for some: the live count follows the load.
func (s *server) serve(id int) {
	defer s.underWay.Done()
	body := make([]byte, scratch)
	time.Sleep(time.Duration(1+id%20) * time.Millisecond)
	s.jobs <- job{id, body}
}

func (s *server) poll(hold time.Duration) {
	s.polls++
	s.underWay.Add(1)
	go s.longPoll(make(chan struct{}), hold)
}

func (s *server) longPoll(news <-chan struct{}, hold time.Duration) {
	defer s.underWay.Done()
	timeout := time.NewTimer(hold)
	defer timeout.Stop()
	select {
	case <-news:
	case <-timeout.C:
	}
}

func (s *server) work() {
	defer s.staff.Done()
	for j := range s.jobs {
		value := make([]byte, page)
		copy(value, j.body)
		s.cache.put(j.id, value)
	}
}

// drain waits for what is under way: nothing may be left.
func (s *server) drain() {
	s.underWay.Wait()
	close(s.jobs)
	s.staff.Wait()
}
