// SPDX-License-Identifier: BSD-2-Clause

package main

// headers keeps the first line of each message, and with it the whole of it.
type headers struct{ lines [][]byte }

func init() {
	register("subslice", heapRetention, 20, func(o *options) *part {
		h := &headers{}
		size := o.size(32 << 10)
		return &part{
			place: func() { h.receive(size) }, grows: float64(size),
			work: func() { h.lines = append(h.lines, h.receive(size)[:24]) },
		}
	})
}

func (h *headers) receive(size int) []byte {
	if mark(3) {
		return nil
	}
	message := make([]byte, size)
	return touch(message)
}
