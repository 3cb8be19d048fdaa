// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo
// +build cgo

package main

// A cgo build of any program has C's start-up, threads and TLS.
import _ "runtime/cgo"
