// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// peers is connections that are meant to last.
type peers struct {
	addr string
	mu   sync.Mutex
	open []net.Conn
}

func init() {
	// Dialled at the start, asked now and then, never closed.
	register("connpool", healthy, 5, func(o *options) *part {
		p := &peers{addr: startBackend()}
		for i := 0; i < o.size(100); i++ {
			p.dial()
		}
		n := 0
		return &part{work: func() {
			n++
			go p.ask(n % len(p.open))
		}}
	})
	// More and more until the half, then no more.
	register("connlevel", healthy, 5, func(o *options) *part {
		p := &peers{addr: startBackend()}
		return &part{work: func() { go p.ask(int(o.rand.Int31()) % (1 + len(p.open)/2)) }, tick: func(t float64) {
			p.mu.Lock()
			n := len(p.open)
			p.mu.Unlock()
			if n < 120 && float64(n) < 240*t/o.length {
				p.dial()
			}
		}}
	})
	// Each lives for seconds.
	register("connchurn", healthy, 4, func(o *options) *part {
		p := &peers{addr: startBackend()}
		return &part{work: func() {
			go p.visit(time.Duration((2 + 8*o.rand.Float64()) * float64(time.Second)))
		}}
	})
	// A server, and clients that keep their connection for some requests.
	register("keepalive", healthy, 2, func(o *options) *part {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 4096))
		}))
		return &part{work: func() { go browse("http://"+l.Addr().String(), 5) }}
	})
	// A client that closes bodies.
	register("httpclient", healthy, 10, func(o *options) *part {
		url := "http://" + startBackend() + "/"
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second}}
		return &part{work: func() {
			go func() {
				if resp, err := client.Get(url); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
		}}
	})
	// Subscribers with a ticker each, who all come at the start.
	register("hub", healthy, 20, func(o *options) *part {
		h := make(chan string)
		n := 0
		return &part{work: func() {
			if n < o.size(150) {
				n++
				go subscribe(h)
			}
		}}
	})
}

func (p *peers) dial() {
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, c)
	// each has a reader of its own
	go io.Copy(io.Discard, c)
}

func (p *peers) ask(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < len(p.open) {
		fmt.Fprint(p.open[n], "GET / HTTP/1.1\n\n")
	}
}

func (p *peers) visit(stay time.Duration) {
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\n\n")
	bufio.NewReader(c).ReadString('\n')
	time.Sleep(stay)
}

func browse(url string, pages int) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for i := 0; i < pages; i++ {
		if resp, err := client.Get(url); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		time.Sleep(time.Second)
	}
}

func subscribe(h <-chan string) {
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-h:
			return
		case <-t.C:
		}
	}
}
