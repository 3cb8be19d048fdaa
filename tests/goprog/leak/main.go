// SPDX-License-Identifier: BSD-2-Clause

// leak is an order server in which each order leaves a goroutine behind, among
// workers and requests that end as they should.
//
// stdin: "leak N" takes N orders at once, "heal" settles all open orders (not
// with -kind sleep), "stop" ends the program.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func main() {
	kind := flag.String("kind", "chanrecv", "what orders wait for: "+kindNames())
	rate := flag.Float64("rate", 5, "orders (leaks) per second")
	noise := flag.Float64("noise", 200, "healthy requests per second")
	garbage := flag.Int("garbage", 32<<10, "bytes each healthy request throws away")
	duration := flag.Duration("duration", 0, "end after this time (0: at stop)")
	flag.Parse()

	s, err := newServer(*kind, *garbage)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	cmds := commands(*duration)
	at := s.handle(nil)
	ready("leak", at, "start="+s.kind.start, "kind="+*kind)

	orders, requests := pacer{rate: *rate}, pacer{rate: *noise}
	tick := time.NewTicker(5 * time.Millisecond)
	for {
		select {
		case now := <-tick.C:
			s.take(orders.due(now))
			for n := requests.due(now); n > 0; n-- {
				s.request()
			}
		case cmd := <-cmds:
			if cmd == nil {
				finish(s, at)
				return
			}
			obey(s, cmd)
		}
	}
}

func obey(s *server, cmd []string) {
	switch {
	case cmd[0] == "leak" && len(cmd) == 2:
		n, _ := strconv.Atoi(cmd[1])
		s.take(n)
		fmt.Printf("leaked %d\n", n)
	case cmd[0] == "heal":
		fmt.Printf("healed %d\n", s.heal())
	default:
		fmt.Printf("unknown %s\n", cmd[0])
	}
}

func finish(s *server, at site) {
	s.requests.Wait()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	report(map[string]interface{}{
		"program": "leak", "site": at, "leaked": len(s.open), "healed": s.healed,
		"requests": s.served, "live": runtime.NumGoroutine(), "num_gc": ms.NumGC,
	})
}
