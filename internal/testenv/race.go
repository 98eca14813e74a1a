//go:build race

package testenv

// RaceEnabled says that the tests run with the race detector, which makes all of them several times slower, some ten times.
const RaceEnabled = true
