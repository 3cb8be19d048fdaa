// SPDX-License-Identifier: BSD-2-Clause

//go:build !cgo
// +build !cgo

package main

func malloc(int) {
	panic("built without cgo")
}
