// SPDX-License-Identifier: BSD-2-Clause

package main

// ranking keeps the first rows of each result, in a slice whose array holds all of them.
type ranking struct{ best [][]*row }

type row struct{ cells [1024]byte }

func init() {
	register("slicehold", heapRetention, 10, func(o *options) *part {
		r := &ranking{}
		rows := o.size(64<<10) / 1024
		return &part{
			place: func() { r.query(rows) }, grows: float64(rows * 1024),
			work: func() { r.best = append(r.best, r.query(rows)) },
		}
	})
}

func (r *ranking) query(n int) []*row {
	all := make([]*row, 0, n)
	for i := 0; i < n; i++ {
		if mark(3) {
			return nil
		}
		one := &row{}
		one.cells[0] = byte(i)
		all = append(all, one)
	}
	return all[:3]
}
