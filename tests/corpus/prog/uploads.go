// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"net"
	"os"
)

// uploads opens what it needs and closes nothing of it.
type uploads struct {
	files []*os.File
	conns []net.Conn
	addr  string
}

func init() {
	register("fdfiles", fdLeak, 2, func(*options) *part {
		u := &uploads{}
		return &part{place: u.file, grows: 1, work: u.file}
	})
	register("fdpipes", fdLeak, 1, func(*options) *part {
		u := &uploads{}
		return &part{place: u.pipe, grows: 2, work: u.pipe}
	})
	register("fdsockets", fdLeak, 2, func(*options) *part {
		u := &uploads{addr: startBackend()}
		return &part{place: u.notify, grows: 1, work: u.notify}
	})
	register("fdclosewait", fdLeak, 2, func(*options) *part {
		u := &uploads{addr: startBackend()}
		return &part{place: u.leave, grows: 1, work: u.leave}
	})
}

func (u *uploads) file() {
	if mark(3) {
		return
	}
	f, err := os.Open("/proc/self/exe")
	if err == nil {
		u.files = append(u.files, f)
	}
}

func (u *uploads) pipe() {
	if mark(3) {
		return
	}
	r, w, err := os.Pipe()
	if err == nil {
		u.files = append(u.files, r, w)
	}
}

func (u *uploads) notify() {
	if mark(3) {
		return
	}
	c, err := net.Dial("tcp", u.addr)
	if err == nil {
		u.conns = append(u.conns, c)
	}
}

// leave says bye; the other end closes, and this one never does.
func (u *uploads) leave() {
	if mark(3) {
		return
	}
	c, err := net.Dial("tcp", u.addr)
	if err == nil {
		fmt.Fprintln(c, "bye")
		u.conns = append(u.conns, c)
	}
}
