// SPDX-License-Identifier: BSD-2-Clause

// How the test programs talk to a test: key=value lines and JSON on stdout,
// one command per line on stdin. Every program's step.go is a link to this file.

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// site is a place in the source, as the runtime's own tables name it.
type site struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// here names the line `below` lines after the caller's.
func here(below int) site {
	pc, file, line, _ := runtime.Caller(1)
	return site{runtime.FuncForPC(pc).Name(), filepath.Base(file), line + below}
}

func (s site) String() string {
	return fmt.Sprintf("function=%s file=%s line=%d", s.Function, s.File, s.Line)
}

// ready says that start-up is over. The first collection starts the runtime's
// own mark workers, so that no later birth is the runtime's.
func ready(program string, extra ...interface{}) {
	runtime.GC()
	fmt.Printf("ready pid=%d program=%s go=%s%s\n", os.Getpid(), program, runtime.Version(),
		strings.TrimRight(" "+fmt.Sprintln(extra...), " \n"))
}

func report(v interface{}) {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", line)
}

var stdin = bufio.NewScanner(os.Stdin)

// await reads commands until one is word. The end of stdin means that the test
// is gone: false.
func await(word string) bool {
	for stdin.Scan() {
		if strings.TrimSpace(stdin.Text()) == word {
			return true
		}
	}
	return false
}

// commands is stdin for programs that do other things meanwhile. nil comes at
// "stop", at the end of stdin, and after limit if that is not 0. The reader never
// ends, so that the number of goroutines does not depend on who was faster.
func commands(limit time.Duration) <-chan []string {
	words := make(chan []string)
	if limit > 0 {
		time.AfterFunc(limit, func() { words <- nil })
	}
	go func() {
		for stdin.Scan() {
			f := strings.Fields(stdin.Text())
			if len(f) > 0 && f[0] == "stop" {
				break
			}
			if len(f) > 0 {
				words <- f
			}
		}
		words <- nil
		select {}
	}()
	return words
}

// pacer turns a rate per second into counts that are due.
type pacer struct {
	rate float64
	last time.Time
	owed float64
}

func (p *pacer) due(now time.Time) int {
	if !p.last.IsZero() {
		p.owed += p.rate * now.Sub(p.last).Seconds()
	}
	p.last = now
	n := int(p.owed)
	p.owed -= float64(n)
	return n
}
