// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
)

const backendPage = 16 << 10

// serveBackend is the other end of connections, in a process of its own, so that what it holds is
// not the service's. It ends with its stdin.
func serveBackend() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err == nil {
				go answer(c)
			}
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

// answer serves pages, and closes when the other end says bye.
func answer(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "bye") {
			return
		}
		if strings.TrimSpace(line) == "" {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", backendPage)
			c.Write(make([]byte, backendPage))
		}
	}
}

// startBackend returns the address of one that lives as long as this process.
func startBackend() string {
	cmd := exec.Command("/proc/self/exe", "-backend")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		panic(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err = cmd.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		panic(err)
	}
	backendProcess = cmd
	return strings.TrimSpace(line)
}

// backendProcess keeps the pipes open.
var backendProcess *exec.Cmd
