// SPDX-License-Identifier: BSD-2-Clause

package main

import "os"

// stream reads what comes in a loop that never ends, with a defer for each piece.
type stream struct {
	rows  chan int
	files chan string
}

func init() {
	register("defermem", heapRetention, 80, func(o *options) *part {
		s := &stream{rows: make(chan int, 1024)}
		size := o.size(8 << 10)
		return &part{
			place: func() { s.parse(size) }, grows: float64(size),
			begin: func() { go s.parse(size) }, work: func() { s.rows <- 1 },
		}
	})
	register("deferfiles", fdLeak, 2, func(*options) *part {
		s := &stream{files: make(chan string, 64)}
		return &part{
			place: func() { s.scan() }, grows: 1,
			begin: func() { go s.scan() }, work: func() { s.files <- "/proc/self/exe" },
		}
	})
}

func (s *stream) parse(size int) {
	if mark(4) {
		return
	}
	for range s.rows {
		row := make([]byte, size)
		touch(row)
		defer release(row)
	}
}

func release(row []byte) { row[0] = 0 }

func (s *stream) scan() error {
	if mark(4) {
		return nil
	}
	for name := range s.files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
	}
	return nil
}
