package simulation

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// dice is a source of randomness for one purpose. One purpose that draws more often does not change what another gets,
// so that a fault left out leaves the rest of the run as it was, as far as it can.
type dice struct{ *rand.Rand }

func newDice(seed uint64, purpose string) dice {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// chance is true with a probability; it draws nothing for zero.
func (d dice) chance(p float64) bool { return p > 0 && d.Float64() < p }

// between is an instant of time from low to high.
func (d dice) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(d.Int64N(int64(high-low)))
}

// rate draws a rate between low and high, evenly over the orders of magnitude, or zero for a part of the seeds.
func (d dice) rate(low, high, none float64) float64 {
	if d.chance(none) {
		return 0
	}
	return low * math.Exp(d.Float64()*math.Log(high/low))
}

// pick is one of several.
func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// Read fills b, so that a dice can make identifiers, keys and secrets.
func (d dice) Read(b []byte) (int, error) {
	var word [8]byte
	for i := 0; i < len(b); i += len(word) {
		binary.LittleEndian.PutUint64(word[:], d.Uint64())
		copy(b[i:], word[:])
	}
	return len(b), nil
}
