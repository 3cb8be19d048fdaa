// SPDX-License-Identifier: BSD-2-Clause

// waits has goroutines in every kind of wait, started at several places and
// deep in nested, recursive and inlined calls, and prints what the runtime itself
// says of them.
//
// stdin: "go" starts them and answers when each is where it stays, "dump" prints
// the runtime's traceback of all goroutines and then the line "end", "collect"
// runs a collection and answers, "stop" ends the program.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"
)

func main() {
	n := flag.Int("n", 13, "goroutines of each kind")
	flag.Parse()

	kinds = append(kinds, more...)
	ready("waits", fmt.Sprint("n=", *n))
	if !await("go") {
		return
	}
	for i := range kinds {
		kinds[i].prepare()
		for j := 0; j < *n; j++ {
			kinds[i].start(kinds[i].wait)
		}
	}
	settle(*n * (len(kinds) + enteredTwice))
	report(map[string]interface{}{"live": runtime.NumGoroutine(), "kinds": len(kinds)})
	for stdin.Scan() {
		switch stdin.Text() {
		case "dump":
			fmt.Printf("%s\nend\n", dump())
		case "collect":
			runtime.GC()
			report(map[string]interface{}{"live": runtime.NumGoroutine()})
		case "stop":
			return
		}
	}
}

func dump() []byte {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// settle returns when nothing but this goroutine runs or is about to, and as many
// as were started are past the last thing they do before they wait.
func settle(n int) {
	for {
		d := dump()
		if bytes.Count(d, []byte("[running")) == 1 && !bytes.Contains(d, []byte("[runnable")) &&
			bytes.Count(d, []byte("main.(*kind).enter")) == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
