// SPDX-License-Identifier: BSD-2-Clause

// exiter lives shortly: it makes some goroutines, may replace itself by exec,
// and exits. For tests of processes that come and go.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

func main() {
	n := flag.Int("n", 10, "goroutines")
	execs := flag.Int("exec", 0, "replace the program by itself this many times")
	path := flag.String("path", "/proc/self/exe", "replace it by this copy of itself")
	code := flag.Int("code", 0, "exit code")
	wait := flag.Bool("wait", false, "say ready and wait for a line of stdin before each end")
	crash := flag.Bool("crash", false, "end by a panic")
	flag.Parse()

	var wg sync.WaitGroup
	for i := 0; i < *n; i++ {
		wg.Add(1)
		go func() { wg.Done() }()
	}
	wg.Wait()
	if *wait {
		ready("exiter", "exec="+strconv.Itoa(*execs))
		stdin.Scan()
	}
	if *execs > 0 {
		again(*path, *n, *execs-1, *code, *wait, *crash)
	}
	if *crash {
		panic("asked to crash")
	}
	os.Exit(*code)
}

func again(path string, n, execs, code int, wait, crash bool) {
	args := []string{os.Args[0], "-n", strconv.Itoa(n), "-exec", strconv.Itoa(execs),
		"-code", strconv.Itoa(code), "-wait=" + strconv.FormatBool(wait),
		"-crash=" + strconv.FormatBool(crash)}
	err := syscall.Exec(path, args, os.Environ())
	fmt.Fprintln(os.Stderr, "exiter:", err)
	os.Exit(1)
}
