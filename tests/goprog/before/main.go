// SPDX-License-Identifier: BSD-2-Clause

// before has many goroutines when it says that it is ready: left behind by
// orders (-kind leak, and -rate more per second from then on), or there for a
// reason (pool, fanout, tickers, sockets).
//
// stdin: "collect" runs the collector, "more N" adds as many; both are answered by
// "done". "stop" ends the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// start makes n goroutines of a kind; with n = 0 it only says where.
type start func(n int) site

var kinds = map[string]start{
	"leak": leak, "pool": pool, "fanout": fanout, "tickers": tickers, "sockets": sockets,
}

func main() {
	kind := flag.String("kind", "leak", "leak, pool, fanout, tickers or sockets")
	n := flag.Int("n", 10007, "how many are there at the beginning")
	rate := flag.Float64("rate", 0, "more per second afterwards")
	flag.Parse()
	f := kinds[*kind]
	if f == nil {
		fmt.Fprintln(os.Stderr, "no such kind")
		os.Exit(2)
	}

	f(*n)
	cmds := commands(0)
	ready("before", f(0), "kind="+*kind)
	more := pacer{rate: *rate}
	tick := time.NewTicker(5 * time.Millisecond)
	made := 0
	for {
		select {
		case now := <-tick.C:
			due := more.due(now)
			f(due)
			made += due
			request()
		case cmd := <-cmds:
			if cmd != nil {
				made += obey(cmd, f)
				fmt.Println("done")
			} else {
				report(map[string]interface{}{"program": "before", "made": *n + made})
				return
			}
		}
	}
}

// obey says how many it made.
func obey(cmd []string, f start) int {
	switch cmd[0] {
	case "collect":
		runtime.GC()
	case "more":
		n, _ := strconv.Atoi(cmd[1])
		f(n)
		return n
	}
	return 0
}

var requests sync.WaitGroup

// request is healthy: it ends.
func request() {
	requests.Add(1)
	go requests.Done()
}

type order struct{ reply chan int }

func (o *order) confirm() { <-o.reply }

// leak takes orders that nobody answers, amid requests that end.
func leak(n int) site {
	at := site{}
	for i := 0; i <= n; i++ {
		if i == n {
			at = here(4)
			break
		}
		o := &order{make(chan int)}
		go o.confirm()
		if i%3 == 0 {
			request()
		}
	}
	requests.Wait()
	return at
}

var jobs = make(chan func())

// pool has workers that share a channel.
func pool(n int) site {
	for i := 0; i < n; i++ {
		go func() {
			for f := range jobs {
				f()
			}
		}()
	}
	return here(-6)
}

// fanout waits for all its parts, each of which asks somebody else, or gives up with all others.
func fanout(n int) site {
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan int)
	var parts sync.WaitGroup
	for i := 0; i < n; i++ {
		parts.Add(1)
		go func() {
			defer parts.Done()
			select {
			case <-ctx.Done():
			case <-results:
			}
		}()
	}
	if n > 0 {
		go func() {
			parts.Wait()
			cancel()
		}()
	}
	return here(-15)
}

// tickers look after something now and then, each on its own.
func tickers(n int) site {
	for i := 0; i < n; i++ {
		t := time.NewTicker(time.Duration(1000+i%1000) * time.Millisecond)
		go func() {
			for range t.C {
			}
		}()
	}
	return here(-5)
}

type conn struct {
	c    net.Conn
	send chan []byte
	done chan bool
}

func (c *conn) read() {
	defer close(c.done)
	buf := make([]byte, 64)
	for {
		if _, err := c.c.Read(buf); err != nil {
			return
		}
	}
}

func (c *conn) write() {
	for {
		select {
		case b := <-c.send:
			if _, err := c.c.Write(b); err != nil {
				return
			}
		case <-c.done:
			return
		}
	}
}

// sockets are connections whose clients are silent: a reader and a writer each.
func sockets(n int) site {
	if n == 0 {
		return here(20)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for i := 0; i < n; i++ {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			panic(err)
		}
		server, err := l.Accept()
		if err != nil {
			panic(err)
		}
		clients = append(clients, client)
		c := &conn{server, make(chan []byte), make(chan bool)}
		go c.read()
		go c.write()
	}
	return site{}
}

var clients []net.Conn // not for the collector
