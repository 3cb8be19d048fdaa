// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"math"
	"sort"
)

// shapes are loads over time, as factors of -rate, whose mean is about 1.
var shapes = map[string]func(o *options, t float64) float64{
	"steady": func(*options, float64) float64 { return 1 },
	"wave":   func(o *options, t float64) float64 { return 1 - 0.9*math.Cos(2*math.Pi*t/o.period) },
	"double": func(o *options, t float64) float64 { return ramp(t/o.length, 0.7, 1.4) },
	"up":     func(o *options, t float64) float64 { return ramp(t/o.length, 0.35, 1.75) },
	"down":   func(o *options, t float64) float64 { return ramp(t/o.length, 1.75, 0.35) },
	"level":  func(o *options, t float64) float64 { return ramp(2*t/o.length, 0.3, 1.25) },
	"step": func(o *options, t float64) float64 {
		if t < o.length/2 {
			return 0.5
		}
		return 1.5
	},
	"burst": func(o *options, t float64) float64 {
		if t > o.length/3 && t < o.length/3+8 {
			return 5
		}
		return 0.7
	},
	"gusts": func(o *options, t float64) float64 {
		if math.Mod(t, o.period) < o.period/8 {
			return 5
		}
		return 0.4
	},
}

func ramp(part, from, to float64) float64 {
	if part > 1 {
		part = 1
	}
	return from + (to-from)*part
}

func shapeNames() []string {
	var all []string
	for name := range shapes {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}
