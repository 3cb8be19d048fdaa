// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

const workers = 8

// order is what a leaked goroutine holds.
type order struct {
	id    int
	reply chan int
	done  chan struct{}
	book  sync.Mutex
	parts sync.WaitGroup
	note  [256]byte
}

type server struct {
	kind     *kind
	open     []*order
	healed   int
	jobs     chan []byte
	requests sync.WaitGroup
	served   int
	garbage  int
}

func newServer(name string, garbage int) (*server, error) {
	k, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("leak: unknown kind %q: one of %s", name, kindNames())
	}
	s := &server{kind: k, jobs: make(chan []byte, 64), garbage: garbage}
	for i := 0; i < workers; i++ {
		go s.work()
	}
	return s, nil
}

func kindNames() string {
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, "|")
}

// handle takes one order; with nil it only says where orders' goroutines are born.
func (s *server) handle(o *order) site {
	at := here(2)
	if o != nil {
		go s.confirm(o)
	}
	return at
}

// confirm is the bug: nothing that it waits for ever comes.
func (s *server) confirm(o *order) {
	s.kind.wait(o)
	o.note[0]++
}

func (s *server) take(n int) {
	for ; n > 0; n-- {
		o := &order{id: len(s.open), reply: make(chan int), done: make(chan struct{})}
		s.kind.prepare(o)
		s.open = append(s.open, o)
		s.handle(o)
	}
}

func (s *server) heal() int {
	if s.kind.settle == nil {
		return 0
	}
	n := len(s.open)
	for _, o := range s.open {
		s.kind.settle(o)
	}
	s.open = nil
	s.healed += n
	return n
}

// request is the healthy neighbour: a goroutine that ends.
func (s *server) request() {
	s.served++
	s.requests.Add(1)
	go s.serve()
}

func (s *server) serve() {
	defer s.requests.Done()
	page := make([]byte, s.garbage)
	time.Sleep(2 * time.Millisecond)
	s.jobs <- page
}

func (s *server) work() {
	sum := 0
	for page := range s.jobs {
		for i := 0; i < len(page); i += 64 {
			page[i] = byte(i)
			sum += int(page[i])
		}
	}
}
