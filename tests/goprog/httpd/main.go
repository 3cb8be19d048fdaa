// SPDX-License-Identifier: BSD-2-Clause

// httpd is a web server: /hello, /fanout (ten goroutines a request), /stats and
// /debug/pprof. With -leak each /fanout leaves one of its ten behind.
//
// stdin: "stop" ends the program.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const backends = 10

type server struct {
	leak    bool
	hellos  int64
	fanouts int64
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	leak := flag.Bool("leak", false, "leak one goroutine per /fanout")
	duration := flag.Duration("duration", 0, "end after this time (0: at stop)")
	flag.Parse()

	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &server{leak: *leak}
	http.HandleFunc("/hello", s.hello)
	http.HandleFunc("/fanout", s.fanout)
	http.HandleFunc("/stats", s.stats)
	cmds := commands(*duration)
	go http.Serve(l, nil)
	ready("httpd", s.ask(nil, 0), "addr="+l.Addr().String())
	for <-cmds != nil {
	}
	report(s.totals())
}

func (s *server) hello(w http.ResponseWriter, r *http.Request) {
	atomic.AddInt64(&s.hellos, 1)
	fmt.Fprintln(w, "hello")
}

// fanout asks all backends. With the leak it returns without the last answer,
// and the sender waits for ever because the channel has no buffer.
func (s *server) fanout(w http.ResponseWriter, r *http.Request) {
	answers := make(chan int)
	for i := 0; i < backends; i++ {
		s.ask(answers, i)
	}
	want := backends
	if s.leak {
		want--
	}
	sum := 0
	for ; want > 0; want-- {
		sum += <-answers
	}
	atomic.AddInt64(&s.fanouts, 1)
	fmt.Fprintln(w, sum)
}

// ask makes the goroutine for one backend; with nil it only says where.
func (s *server) ask(answers chan<- int, backend int) site {
	if answers == nil {
		return here(2)
	}
	go backendCall(answers, backend)
	return site{}
}

func backendCall(answers chan<- int, backend int) {
	time.Sleep(time.Duration(backend%3) * time.Millisecond)
	answers <- backend
}

func (s *server) stats(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s.totals())
}

func (s *server) totals() map[string]interface{} {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fanouts := atomic.LoadInt64(&s.fanouts)
	leaked := int64(0)
	if s.leak {
		leaked = fanouts
	}
	return map[string]interface{}{
		"program": "httpd", "hellos": atomic.LoadInt64(&s.hellos), "fanouts": fanouts,
		"leaked": leaked, "live": runtime.NumGoroutine(), "num_gc": ms.NumGC,
		"heap_alloc": ms.HeapAlloc, "heap_inuse": ms.HeapInuse, "next_gc": ms.NextGC,
		"total_alloc": ms.TotalAlloc, "mallocs": ms.Mallocs, "frees": ms.Frees,
		"stack_inuse": ms.StackInuse, "sys": ms.Sys,
	}
}
