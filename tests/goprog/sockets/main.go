// SPDX-License-Identifier: BSD-2-Clause

// sockets holds known numbers of sockets: it listens on TCP and unix sockets, has
// UDP ones and pairs of unix ones, and accepts what a test connects.
//
// stdin: "accept N" accepts N connections on the address it was ready with, "eof N"
// reads the first N of them to their end, which the test has closed, and keeps them,
// "half N" ends what it sends on the next N, "stop" ends the program.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

const (
	tcpListeners  = 5
	udpSockets    = 7
	unixListeners = 3
	unixPackets   = 4
	unixPairs     = 2 // of two sockets each
)

// What is kept must not be collected: a net.Conn closes itself then.
var keep []interface{}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// abstract names a unix socket that needs no file.
func abstract(kind string, i int) string {
	return fmt.Sprintf("@gotide-test-%d-%s-%d", os.Getpid(), kind, i)
}

func openUnix() {
	var last net.Listener

	for i := 0; i < unixListeners; i++ {
		l, err := net.Listen("unix", abstract("listen", i))
		must(err)
		keep = append(keep, l)
		last = l
	}
	for i := 0; i < unixPackets; i++ {
		c, err := net.ListenPacket("unixgram", abstract("packet", i))
		must(err)
		keep = append(keep, c)
	}
	for i := 0; i < unixPairs; i++ {
		c, err := net.Dial("unix", last.Addr().String())
		must(err)
		a, err := last.Accept()
		must(err)
		keep = append(keep, c, a)
	}
}

// openInternet returns the first of its listeners.
func openInternet() net.Listener {
	var first net.Listener

	for i := 0; i < tcpListeners; i++ {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		must(err)
		keep = append(keep, l)
		if first == nil {
			first = l
		}
	}
	for i := 0; i < udpSockets; i++ {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		must(err)
		keep = append(keep, c)
	}
	return first
}

func main() {
	var conns []net.Conn

	openUnix()
	l := openInternet()
	ready("sockets", "addr="+l.Addr().String())
	for stdin.Scan() {
		words := strings.Fields(stdin.Text())
		n := 0
		if len(words) > 1 {
			n, _ = strconv.Atoi(words[1])
		}
		switch {
		case len(words) == 0:
			continue
		case words[0] == "stop":
			return
		case words[0] == "accept":
			for i := 0; i < n; i++ {
				c, err := l.Accept()
				must(err)
				conns = append(conns, c)
			}
		case words[0] == "eof":
			for _, c := range conns[:n] {
				if _, err := c.Read(make([]byte, 1)); err != io.EOF {
					panic(err)
				}
			}
			conns = append(conns[n:], conns[:n]...)
		case words[0] == "half":
			for _, c := range conns[:n] {
				must(c.(*net.TCPConn).CloseWrite())
			}
			conns = append(conns[n:], conns[:n]...)
		}
		report(map[string]int{"tcp_listeners": tcpListeners, "udp": udpSockets,
			"unix": unixListeners + unixPackets + 2*unixPairs, "conns": len(conns)})
	}
}
