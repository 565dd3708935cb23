package main

import (
	"slices"
	"strings"
)

// choice is one entry of a header like Accept: a value and how much it is wanted.
type choice struct {
	value  string
	weight int // its q in thousandths
}

// choices are the entries of such a header, the most wanted first; those that are
// equally wanted stay in their order, and those not wanted at all are left out.
func choices(header string) []choice {
	var found []choice
	for _, entry := range strings.Split(header, ",") {
		value, parameters, _ := strings.Cut(entry, ";")
		c := choice{strings.TrimSpace(value), 1000}
		for _, parameter := range strings.Split(parameters, ";") {
			name, q, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if name == "q" || name == "Q" {
				c.weight = thousandths(q)
			}
		}
		if c.value != "" && c.weight > 0 {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b choice) int { return b.weight - a.weight })
	return found
}

// thousandths reads a number from 0 to 1 with up to three decimals; another is 0.
func thousandths(q string) int {
	whole, decimals, _ := strings.Cut(q, ".")
	if len(whole) != 1 || len(decimals) > 3 {
		return 0
	}
	n := 0
	for _, c := range whole + decimals + "000"[len(decimals):] {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n > 1000 {
		return 0
	}
	return n
}
