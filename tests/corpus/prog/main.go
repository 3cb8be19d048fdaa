// SPDX-License-Identifier: BSD-2-Clause

// shop is a service with one thing in it that leaks, or one that looks like it and does not: -case says
// which. What is true of it stands in its ready line.
//
// stdin: "go" lets it begin, "stats" and "collect" (after a full collection) print its own figures,
// "stop" ends the program.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"time"
)

// Coarse, since each wake-up costs: programs are to need little of a core.
const step = 50 * time.Millisecond

// options are what patterns may depend on.
type options struct {
	rate   float64
	bytes  int
	length float64
	period float64
	onset  float64
	waste  int
	shape  string
	rand   *rand.Rand
}

// size is -bytes, or what the pattern has by default.
func (o *options) size(usual int) int {
	if o.bytes > 0 {
		return o.bytes
	}
	return usual
}

func main() {
	name := flag.String("case", "", "pattern: "+strings.Join(names(), " "))
	o := &options{}
	flag.Float64Var(&o.rate, "rate", 0, "work per second, may be fractional (0: the pattern's own)")
	flag.IntVar(&o.bytes, "bytes", 0, "bytes per piece of work (0: the pattern's own)")
	flag.Float64Var(&o.length, "length", 90, "seconds that the run is meant to take: scales ramps and bursts")
	flag.Float64Var(&o.period, "period", 30, "seconds of one wave")
	flag.Float64Var(&o.onset, "onset", 0, "work begins so many seconds after go")
	flag.IntVar(&o.waste, "garbage", 0, "bytes that each piece of work throws away besides")
	flag.StringVar(&o.shape, "shape", "steady", "load over time: "+strings.Join(shapeNames(), " "))
	noise := flag.String("noise", "none", "none or waves: healthy requests beside it")
	seed := flag.Int64("seed", 1, "of what is random")
	backend := flag.Bool("backend", false, "be the server that other programs connect to")
	flag.Parse()

	if *backend {
		serveBackend()
		return
	}
	o.rand = rand.New(rand.NewSource(*seed))
	p, ok := patterns[*name]
	shape, known := shapes[o.shape]
	if !ok || !known {
		fmt.Fprintf(os.Stderr, "shop: no case %q or no shape %q\n", *name, o.shape)
		os.Exit(2)
	}
	if o.rate == 0 {
		o.rate = p.rate
	}
	s := &service{options: o, part: p.build(o), shape: shape}
	if *noise == "waves" {
		s.load = newLoad(rand.New(rand.NewSource(*seed + 1)))
	}
	facts := append(s.part.truth(p, o), "case="+*name, "shape="+o.shape, "noise="+*noise)
	cmds := commands(0)
	ready("shop", strings.Join(facts, " "))
	s.run(cmds)
}

func names() []string {
	var all []string
	for name := range patterns {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// service drives a part by the clock.
type service struct {
	*options
	part  *part
	shape func(o *options, t float64) float64
	load  *load
	owed  float64
}

func (s *service) run(cmds <-chan []string) {
	var begun, last time.Time

	tick := time.NewTicker(step)
	for {
		select {
		case now := <-tick.C:
			if s.load != nil {
				s.load.step(now)
			}
			if !begun.IsZero() {
				s.advance(now.Sub(begun).Seconds(), now.Sub(last).Seconds())
				last = now
			}
		case cmd := <-cmds:
			switch {
			case cmd == nil:
				return
			case cmd[0] == "go":
				begun = time.Now()
				last = begun
				if s.part.begin != nil {
					s.part.begin()
				}
				fmt.Println("begun")
			default:
				report(figures(cmd[0] == "collect"))
			}
		}
	}
}

// advance does what is due at t seconds since the beginning.
func (s *service) advance(t, since float64) {
	if t < s.onset {
		return
	}
	if s.part.tick != nil {
		s.part.tick(t - s.onset)
	}
	if s.part.work == nil {
		return
	}
	s.owed += s.rate * s.shape(s.options, t-s.onset) * since
	for ; s.owed >= 1; s.owed-- {
		s.part.work()
		if s.waste > 0 {
			render(s.waste)
		}
	}
}

// render makes the page that answers a request; nobody keeps it.
func render(size int) {
	for ; size > 4<<10; size -= 4 << 10 {
		touch(make([]byte, 4<<10))
	}
	touch(make([]byte, size))
}
