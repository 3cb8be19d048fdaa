// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"time"
)

// table is loaded at the start, which takes a while, and stays; queries make garbage.
type table struct {
	rows  [][]byte
	index map[int]int
}

func init() {
	// 30 MB in 20 s of 90.
	register("startup", healthy, 20, func(o *options) *part {
		t := &table{index: make(map[int]int)}
		total, size := o.size(30<<20)/(8<<10), 8<<10
		return &part{work: t.query, tick: func(at float64) {
			for part := at / (o.length * 2 / 9); len(t.rows) < total && float64(len(t.rows)) < part*float64(total); {
				t.index[len(t.rows)*7919] = len(t.rows)
				t.rows = append(t.rows, touch(make([]byte, size)))
			}
		}}
	})
	// All at once, before anybody looks.
	register("bigtable", healthy, 20, func(o *options) *part {
		t := &table{index: make(map[int]int)}
		for i := 0; i < o.size(40<<20)/(8<<10); i++ {
			t.rows = append(t.rows, touch(make([]byte, 8<<10)))
		}
		return &part{work: t.query}
	})
	// Reloaded with each period: old and new are there together for a moment.
	register("reload", healthy, 10, func(o *options) *part {
		t := &table{}
		loaded := -o.period
		return &part{work: t.query, tick: func(at float64) {
			if at-loaded < o.period {
				return
			}
			loaded = at
			var rows [][]byte
			for i := 0; i < o.size(16<<20)/(8<<10); i++ {
				rows = append(rows, touch(make([]byte, 8<<10)))
			}
			t.rows = rows
		}}
	})
	// Held for a while, then let go: the heap falls, what the runtime has does not, or slowly.
	register("held", healthy, 10, func(o *options) *part {
		t := &table{}
		for i := 0; i < o.size(48<<20)/(8<<10); i++ {
			t.rows = append(t.rows, touch(make([]byte, 8<<10)))
		}
		return &part{work: t.query, tick: func(at float64) {
			if at > o.length/4 && len(t.rows) > 64 {
				t.rows = append([][]byte(nil), t.rows[:64]...)
				runtime.GC()
			}
		}}
	})
	// Every 100th row stays: the pages between cannot be given back.
	register("fragments", healthy, 10, func(o *options) *part {
		t := &table{}
		for i := 0; i < o.size(40<<20)/1024; i++ {
			t.rows = append(t.rows, touch(make([]byte, 1024)))
		}
		return &part{work: t.query, tick: func(at float64) {
			if at > o.length/4 && len(t.rows) > 20000 {
				var kept [][]byte
				for i := 0; i < len(t.rows); i += 100 {
					kept = append(kept, t.rows[i])
				}
				t.rows = kept
				runtime.GC()
			}
		}}
	})
}

func (t *table) query() {
	go func() {
		result := touch(make([]byte, 32<<10))
		time.Sleep(20 * time.Millisecond)
		for i := 0; i < len(t.rows) && i < 16; i++ {
			copy(result, t.rows[i])
		}
	}()
}
