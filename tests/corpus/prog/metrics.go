// SPDX-License-Identifier: BSD-2-Clause

package main

// metrics has a global registry in which each request registers itself.
type metric struct {
	name   string
	counts []int64
}

var registry []*metric

func init() {
	register("registry", heapRetention, 80, func(o *options) *part {
		size := o.size(8<<10) / 8
		return &part{
			place: func() { newMetric("", size) }, grows: float64(size * 8),
			work: func() { registry = append(registry, newMetric("requests", size)) },
		}
	})
}

func newMetric(name string, buckets int) *metric {
	if mark(3) {
		return nil
	}
	counts := make([]int64, buckets)
	for i := range counts {
		counts[i] = int64(i)
	}
	return &metric{name, counts}
}
