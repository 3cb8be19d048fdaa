// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo
// +build cgo

package main

/*
#include <pthread.h>

extern void waitForC(void);

static inline void call_back(void) { waitForC(); }

static void *foreign(void *arg) { (void)arg; waitForC(); return 0; }

// A thread that Go did not make.
static inline int from_thread(void) {
	pthread_t t;
	return pthread_create(&t, 0, foreign, 0);
}
*/
import "C"

func init() {
	enteredTwice = 1 // the first of these
	more = []kind{
		{"callback", nothing, byGo, func() { C.call_back() }},
		{"callback in a foreign thread", nothing, byThread, nothing},
	}
}

//export waitForC
func waitForC() {
	k := kind{wait: func() { <-empty }}
	k.enter()
}

func byThread(func()) {
	if C.from_thread() != 0 {
		panic("no thread")
	}
}
