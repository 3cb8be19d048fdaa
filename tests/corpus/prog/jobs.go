// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

func init() {
	// Timers that are all stopped or come due.
	register("timers", healthy, 200, func(o *options) *part {
		fired := make(chan int, 1<<16)
		return &part{work: func() {
			body := make([]byte, 1024)
			time.AfterFunc(time.Duration((5+5*o.rand.Float64())*float64(time.Second)), func() { fired <- len(body) })
			if len(fired) > 100 {
				<-fired
			}
		}}
	})
	// Waits with a deadline, which comes.
	register("deadlines", healthy, 10, func(o *options) *part {
		return &part{work: func() { go awaitReply(10 * time.Second) }}
	})
	// Failed calls that are tried again, later and later, five times.
	register("retries", healthy, 4, func(o *options) *part {
		return &part{work: func() { go retry(500 * time.Millisecond) }}
	})
	// Every so often many jobs at once, which take some seconds.
	register("cron", healthy, 1, func(o *options) *part {
		last := 0
		return &part{work: func() { touch(make([]byte, 256<<10)) }, tick: func(t float64) {
			if n := int(t / (o.period / 2)); n > last {
				last = n
				for i := 0; i < 30; i++ {
					go nightly(time.Duration(i*100) * time.Millisecond)
				}
			}
		}}
	})
	// A time.After that comes due in each turn of a loop.
	register("aftershort", healthy, 20, func(o *options) *part {
		lines := make(chan int, 64)
		return &part{begin: func() { go follow(lines) }, work: func() { lines <- 1 }}
	})
	// Many wait for one lock, and get it.
	register("contention", healthy, 10, func(o *options) *part {
		var mu sync.Mutex
		return &part{work: func() {
			go func() {
				mu.Lock()
				defer mu.Unlock()
				time.Sleep(time.Duration(o.rate) * 5 * time.Millisecond)
			}()
		}}
	})
	// Logs are rotated: a new file is opened, the old one closed.
	register("logrotate", healthy, 1, func(o *options) *part { return &part{work: rotation()} })
	// Files stay open, up to 64 of them.
	register("filecache", healthy, 3, func(o *options) *part { return &part{work: openedUpTo(int(o.rate * o.length / 4))} })
	// Views of a file that are mapped, read and unmapped.
	register("mapreader", healthy, 4, func(o *options) *part {
		return &part{work: func() { go mapped(o.size(1<<20), 2*time.Second) }}
	})
	// One mapping per table, all at the start.
	register("maplevel", healthy, 4, func(o *options) *part {
		n := 0
		return &part{work: func() {
			if n++; float64(n) < o.rate*o.length/4 {
				mapped(o.size(256<<10), 0)
			}
		}}
	})
}

func awaitReply(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	<-ctx.Done()
}

func retry(pause time.Duration) {
	for i := 0; i < 5; i++ {
		touch(make([]byte, 4096))
		time.Sleep(pause)
		pause *= 2
	}
}

func nightly(took time.Duration) {
	rows := touch(make([]byte, 128<<10))
	time.Sleep(took)
	touch(rows)
}

func follow(lines <-chan int) {
	for {
		select {
		case <-lines:
		case <-time.After(5 * time.Second):
		}
	}
}

func rotation() func() {
	var now *os.File
	n := 0
	return func() {
		if n++; n%3 == 1 {
			next, err := os.CreateTemp("", "shop-log-")
			if err != nil {
				panic(err)
			}
			os.Remove(next.Name())
			if now != nil {
				now.Close()
			}
			now = next
		}
		fmt.Fprintln(now, "line", n)
	}
}

func openedUpTo(most int) func() {
	var open []*os.File
	return func() {
		f, err := os.Open("/proc/self/exe")
		if err != nil {
			panic(err)
		}
		open = append(open, f)
		if len(open) > most {
			open[0].Close()
			open = append(open[:0], open[1:]...)
		}
	}
}

// mapped maps so much memory; stay 0 is for ever.
func mapped(size int, stay time.Duration) {
	view, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	touch(view)
	if stay > 0 {
		time.Sleep(stay)
		syscall.Munmap(view)
	}
}
