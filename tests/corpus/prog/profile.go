// SPDX-License-Identifier: BSD-2-Clause

//go:build !noprofile
// +build !noprofile

package main

// With the endpoint that services have, the runtime keeps a heap profile.
import _ "net/http/pprof"
