// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo
// +build cgo

// cmem takes and gives back memory of C's: large and small blocks that are kept,
// blocks that are freed, blocks that grow, from Go functions of their own.
//
// stdin: "keep N", "small N", "waste N", "grow N", "align N", "clear N", "cmalloc N",
// "callback N", "thread N", "churn MS", "mix MS"; each answers with one line. "stop" ends.
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern void goBack(void);

enum { LARGE = 1 << 20, SMALL = 80 };

#define NOINLINE __attribute__((noinline))

// Where the compiler cannot see that nobody uses it.
static void *volatile sink;

static NOINLINE void *leak_large(void) { void *p = malloc(LARGE); sink = p; return p; }
static NOINLINE void *leak_small(void) { void *p = malloc(SMALL); sink = p; return p; }
static NOINLINE void *leak_clear(void) { void *p = calloc(3, 100003); sink = p; return p; }

static NOINLINE void waste(void) {
	void *p = malloc(LARGE), *q = calloc(1, SMALL);
	sink = p;
	sink = q;
	free(p);
	free(q);
}

// Ends with 200,003 bytes.
static NOINLINE void *grow(void) {
	char *p = realloc(0, SMALL);
	p = realloc(p, 70001);
	p = realloc(p, 300007);
	p = realloc(p, 200003);
	sink = p;
	return p;
}

// Ends with 3 * 100,003 bytes.
static NOINLINE int align(void) {
	void *p = 0;
	if (posix_memalign(&p, 64, 100003))
		return -1;
	sink = p;
	p = aligned_alloc(4096, 102400);
	sink = p;
	p = realloc(p, 100003);
	sink = p;
	if (posix_memalign(&p, 65536, 100003))
		return -1;
	sink = p;
	return 0;
}

static NOINLINE void call_back(void) {
	goBack();
	void *p = malloc(LARGE + 1);
	sink = p;
}

static NOINLINE void *in_thread(void *arg) {
	(void)arg;
	void *p = malloc(LARGE + 3);
	sink = p;
	return 0;
}

static int thread(void) {
	pthread_t t;
	if (pthread_create(&t, 0, in_thread, 0))
		return -1;
	return pthread_join(t, 0);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

// Blocks of 16 to 1039 bytes, taken and given back at once.
static long churn(double seconds) {
	double end = now() + seconds;
	long n = 0;
	do {
		for (int i = 0; i < 1024; i++, n++) {
			void *p = malloc(16 + i);
			sink = p;
			free(p);
		}
	} while (now() < end);
	return n;
}

// The same, and one in 64 is kept: of each run of 1024, 16 of 16 + 64 k bytes.
static long mix(double seconds, long *kept, long *bytes) {
	double end = now() + seconds;
	long n = 0;
	do {
		for (int i = 0; i < 1024; i++, n++) {
			void *p = malloc(16 + i);
			sink = p;
			if (i % 64) {
				free(p);
			} else {
				++*kept;
				*bytes += 16 + i;
			}
		}
	} while (now() < end);
	return n;
}
*/
import "C"

import (
	"fmt"
	"strconv"
)

//go:noinline
func keepLarge(n int) {
	for i := 0; i < n; i++ {
		C.leak_large()
	}
}

//go:noinline
func keepSmall(n int) {
	for i := 0; i < n; i++ {
		C.leak_small()
	}
}

//go:noinline
func keepClear(n int) {
	for i := 0; i < n; i++ {
		C.leak_clear()
	}
}

//go:noinline
func wasteBoth(n int) {
	for i := 0; i < n; i++ {
		C.waste()
	}
}

//go:noinline
func growSome(n int) {
	for i := 0; i < n; i++ {
		C.grow()
	}
}

//go:noinline
func alignSome(n int) {
	for i := 0; i < n; i++ {
		if C.align() != 0 {
			panic("align")
		}
	}
}

//go:noinline
func keepDirectly(n int) {
	for i := 0; i < n; i++ {
		C.malloc(65537)
	}
}

// What C calls takes the stack that the goroutine left behind.
//
//export goBack
func goBack() {
	C.leak_large()
}

//go:noinline
func throughBack(n int) {
	for i := 0; i < n; i++ {
		C.call_back()
	}
}

//go:noinline
func fromThread(n int) {
	for i := 0; i < n; i++ {
		if C.thread() != 0 {
			panic("thread")
		}
	}
}

type churned struct {
	Done  string `json:"done"`
	N     int64  `json:"n"`
	Kept  int64  `json:"kept"`
	Bytes int64  `json:"bytes"`
}

//go:noinline
func churnFor(ms int) churned {
	return churned{Done: "churn", N: int64(C.churn(C.double(ms) / 1000))}
}

//go:noinline
func mixFor(ms int) churned {
	var kept, bytes C.long
	n := C.mix(C.double(ms)/1000, &kept, &bytes)
	return churned{"mix", int64(n), int64(kept), int64(bytes)}
}

func run(f []string) churned {
	n, err := strconv.Atoi(f[1])
	if err != nil {
		panic(err)
	}
	verbs := map[string]func(int){
		"keep": keepLarge, "small": keepSmall, "clear": keepClear, "waste": wasteBoth,
		"grow": growSome, "align": alignSome, "cmalloc": keepDirectly,
		"callback": throughBack, "thread": fromThread,
	}
	switch f[0] {
	case "churn":
		return churnFor(n)
	case "mix":
		return mixFor(n)
	}
	verbs[f[0]](n)
	return churned{Done: f[0], N: int64(n)}
}

func main() {
	ready("cmem", fmt.Sprintf("large=%d small=%d", C.LARGE, C.SMALL))
	for f := range commands(0) {
		if f == nil {
			break
		}
		report(run(f))
	}
}
