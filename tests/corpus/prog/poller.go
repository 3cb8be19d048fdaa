// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync/atomic"
	"time"
)

// poller looks each second whether a job is done, and nobody does the job.
type poller struct{ open int }

type job struct {
	done int32
	body [1024]byte
}

func init() {
	register("sleeploop", goroutineLeak, 10, func(*options) *part {
		p := &poller{}
		return &part{
			place: p.submit, start: "main.(*poller).watch", grows: 1,
			work: p.submit,
		}
	})
}

func (p *poller) submit() {
	j := &job{}
	if mark(3) {
		return
	}
	go p.watch(j)
	p.open++
}

func (p *poller) watch(j *job) {
	for atomic.LoadInt32(&j.done) == 0 {
		time.Sleep(time.Second)
	}
}
