// SPDX-License-Identifier: BSD-2-Clause

// Symtruth answers, from inside, what gotide has to find out from outside: for each line of
// standard input, the distance in bytes of a pc from main.main, it prints the innermost function,
// file and line that the runtime itself names for that pc.
package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strconv"
)

func main() {
	if len(os.Args) > 1 {
		http.ListenAndServe(os.Args[1], nil)
	}
	base := reflect.ValueOf(main).Pointer()
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		d, err := strconv.ParseInt(in.Text(), 10, 64)
		if err != nil {
			continue
		}
		// One past the pc: CallersFrames takes return addresses.
		f, _ := runtime.CallersFrames([]uintptr{uintptr(int64(base)+d) + 1}).Next()
		fmt.Fprintf(out, "%d\t%s\t%s\t%d\n", d, f.Function, f.File, f.Line)
	}
}
