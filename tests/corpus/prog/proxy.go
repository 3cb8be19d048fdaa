// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// proxy does not close the bodies of responses: each keeps its connection, with two goroutines of
// the transport.
type proxy struct {
	client *http.Client
	url    string
	bytes  chan int64
}

func init() {
	register("httpbody", goroutineLeak, 5, func(*options) *part {
		p := &proxy{client: &http.Client{Transport: &http.Transport{}}}
		p.url = "http://" + startBackend() + "/"
		p.bytes = make(chan int64, 1024)
		p.fetch()
		return &part{
			at: bornIn("net/http.(*persistConn).readLoop"), start: "net/http.(*persistConn).readLoop",
			also:  []string{"net/http.(*Transport).dialConn"},
			grows: 2, work: func() { go p.fetch() },
		}
	})
}

func (p *proxy) fetch() {
	resp, err := p.client.Get(p.url)
	if err != nil {
		return
	}
	select {
	case p.bytes <- resp.ContentLength:
	default:
	}
}

// bornIn is the go statement of a goroutine that is in the function, from the runtime's traceback.
func bornIn(function string) site {
	for {
		text := make([]byte, 1<<20)
		text = text[:runtime.Stack(text, true)]
		for _, g := range strings.Split(string(text), "\n\n") {
			born := strings.Index(g, "created by ")
			if born < 0 || !strings.Contains(g, function+"(") {
				continue
			}
			lines := strings.Split(g[born+len("created by "):], "\n")
			place := strings.Fields(lines[1])[0]
			colon := strings.LastIndex(place, ":")
			line, _ := strconv.Atoi(place[colon+1:])
			return site{strings.Fields(lines[0])[0], filepath.Base(place[:colon]), line}
		}
		time.Sleep(time.Millisecond)
	}
}
