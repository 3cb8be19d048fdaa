// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// What is true of a pattern; the names are the verdicts'.
const (
	healthy       = "healthy"
	goroutineLeak = "goroutine-leak"
	heapRetention = "heap-retention"
	offHeapGrowth = "off-heap-growth"
	fdLeak        = "fd-leak"
	runtimeHeld   = "runtime-held"
)

// pattern is one kind of service.
type pattern struct {
	kind  string
	rate  float64 // of work, per second, unless -rate says another
	build func(o *options) *part
}

// part is the code of a pattern at work.
type part struct {
	kind  string          // if it depends on the Go version
	place func()          // runs up to the mark at the statement to blame; nil: there is none
	at    site            // instead of place, if no mark can be set there
	also  []string        // as FUNCTION, other places that are right, too
	start string          // function that leaked goroutines run
	grows float64         // per piece of work, in goroutines, bytes or files as the kind has it
	begin func()          // once, at the beginning
	work  func()          // one piece of work; comes at the rate
	tick  func(t float64) // every 50 ms, t seconds after the beginning
}

var patterns = make(map[string]pattern)

func register(name, kind string, rate float64, build func(o *options) *part) {
	patterns[name] = pattern{kind, rate, build}
}

var asked *site

// mark stands before the statement that a finding must name, `below` lines above it. It is true
// when only that place is wanted.
func mark(below int) bool {
	var pcs [4]uintptr

	if asked == nil {
		return false
	}
	// with inlined callers, which FuncForPC does not have
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	frame, _ := frames.Next()
	*asked = site{frame.Function, filepath.Base(frame.File), frame.Line + below}
	return true
}

// truth is what the ready line says.
func (p *part) truth(pt pattern, o *options) []string {
	kind := pt.kind
	if p.kind != "" {
		kind = p.kind
	}
	facts := []string{"kind=" + kind, fmt.Sprintf("rate=%g growth=%g", o.rate, o.rate*p.grows)}
	at := p.at
	if p.place != nil {
		asked = &at
		p.place()
		asked = nil
	}
	if at.Function != "" && kind != healthy {
		facts = append(facts, at.String())
	}
	if p.start != "" {
		facts = append(facts, "start="+p.start)
	}
	if len(p.also) > 0 {
		facts = append(facts, "also="+strings.Join(p.also, ","))
	}
	return facts
}

// empty is never set, but the compiler does not know.
var empty []byte

// touch makes all of b resident; b is on the heap, however small and short-lived it is.
func touch(b []byte) []byte {
	if len(b) == 0 {
		empty = b
	}
	for i := 0; i < len(b); i += 512 {
		b[i] = byte(i)
	}
	return b
}
