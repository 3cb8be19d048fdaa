// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// importer waits for the parts of an import, one of which ends early and does not say so.
type importer struct{ done chan int }

func init() {
	register("waitgroup", goroutineLeak, 10, func(*options) *part {
		i := &importer{make(chan int, 1024)}
		return &part{
			place: func() { i.load(nil) }, start: "main.(*importer).finish", grows: 1,
			work: func() { i.load([]int{1, 2, 0}) },
		}
	})
}

func (i *importer) load(parts []int) {
	wg := &sync.WaitGroup{}
	if mark(3) {
		return
	}
	go i.finish(wg, parts)
}

func (i *importer) finish(wg *sync.WaitGroup, parts []int) {
	for _, part := range parts {
		wg.Add(1)
		go i.parse(wg, part)
	}
	wg.Wait()
	i.done <- len(parts)
}

func (i *importer) parse(wg *sync.WaitGroup, part int) {
	if part == 0 {
		return // an empty part
	}
	touch(make([]byte, 4096))
	wg.Done()
}
