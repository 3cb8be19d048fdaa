// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// kind is a way to wait, and a way to come there.
type kind struct {
	name    string
	prepare func()
	start   func(func())
	wait    func()
}

var (
	never   chan int
	empty   = make(chan int)
	full    = make(chan int)
	held    sync.Mutex
	reading sync.RWMutex
	group   sync.WaitGroup
	once    sync.Once
	cond    = sync.NewCond(new(sync.Mutex))
	server  net.Listener
	pipe    [2]int
	file    *os.File
	writer  *os.File // kept, so that no finalizer closes it
	kinds   []kind
	more    []kind // with C only

	enteredTwice int // kinds with two calls of enter
)

func init() {
	kinds = []kind{
		{"chan receive", nothing, byGo, func() { <-empty }},
		{"chan receive (nil chan)", nothing, byGo, func() { <-never }},
		{"chan send", nothing, byMethod, func() { full <- 1 }},
		{"select", nothing, byMethod, either},
		{"select (no cases)", nothing, byClosure, func() { select {} }},
		{"mutex", held.Lock, byClosure, func() { held.Lock() }},
		{"rwmutex", reading.Lock, byGo, reading.RLock},
		{"wait group", func() { group.Add(1) }, byMethod, group.Wait},
		{"cond", nothing, byClosure, func() { cond.L.Lock(); cond.Wait() }},
		{"io", listen, byGo, accept},
		{"io pipe", openFile, byMethod, readFile},
		{"sleep", nothing, byClosure, func() { time.Sleep(1000 * time.Hour) }},
		{"syscall", openPipe, byGo, readPipe},
		{"locked", nothing, byMethod, func() { runtime.LockOSThread(); <-empty }},
		{"recursion", nothing, byGo, func() { dive(67) }},
		{"deep frames", nothing, byGo, func() { wide(23) }},
		{"defer", nothing, byClosure, deferred},
		{"panic", nothing, byGo, panicked},
		{"inlined", nothing, byMethod, func() { outer(empty) }},
		{"timer", nothing, byGo, func() { <-time.After(1000 * time.Hour) }},
	}
}

func nothing() {}

// ---- how they are started ----

//go:noinline
func (k *kind) enter() { k.wait() }

func byGo(wait func()) {
	k := kind{wait: wait}
	go k.enter()
}

type starter struct{ k kind }

func (s *starter) run() { s.k.enter() }

func byMethod(wait func()) {
	s := &starter{kind{wait: wait}}
	go s.run()
}

func byClosure(wait func()) {
	k := &kind{wait: wait}
	for i := 0; i < 1; i++ {
		go func(times int) {
			for ; times > 0; times-- {
				k.enter()
			}
		}(i + 1)
	}
}

// ---- how they wait ----

func either() {
	select {
	case <-empty:
	case full <- 1:
	case <-never:
	}
}

func listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server = l
}

func accept() {
	c, err := server.Accept()
	if err == nil {
		c.Close()
	}
}

func openFile() {
	var err error
	if file, writer, err = os.Pipe(); err != nil {
		panic(err)
	}
}

func readFile() {
	var b [1]byte
	file.Read(b[:])
}

func openPipe() {
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
}

func readPipe() {
	var b [1]byte
	syscall.Read(pipe[0], b[:])
}

//go:noinline
func dive(n int) int {
	if n == 0 {
		return <-empty
	}
	return dive(n-1) + 1
}

// wide has large frames, so that the chain leads far up the stack.
//
//go:noinline
func wide(n int) int {
	var pad [700]byte
	pad[n] = byte(n)
	if n == 0 {
		return <-empty
	}
	return wide(n-1) + int(pad[n])
}

func deferred() {
	defer func() { <-empty }()
	once.Do(nothing)
}

// panicked waits in a deferred call, below the place that a signal stopped.
func panicked() {
	defer func() {
		recover()
	}()
	defer func() { <-empty }()
	fault(nil)
}

//go:noinline
func fault(p *int) { *p = 1 }

func outer(c chan int) int { return inner(c) + 1 }

func inner(c chan int) int { return innermost(c) + 1 }

func innermost(c chan int) int { return <-c }
