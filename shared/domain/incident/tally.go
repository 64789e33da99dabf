package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// The bounds of a state. What is over a bound is forgotten, what was touched longest ago first. As many actors are kept
// for the rule about refusals that losing one within the window takes more refusals than fire the rule for all.
const (
	maxActors   = 128
	maxKeys     = 100 // an organisation has at most 50 live ones
	maxNetworks = 32  // of one key
	maxName     = 64
	maxCount    = 1 << 30
	maxDays     = usualDays + 3
	maxInstant  = 253_402_300_799_000 // the end of the year 9999, in milliseconds
)

// tick is how many at one instant, in milliseconds since 1970.
type tick [2]int64

// tally counts within a sliding window. It keeps the shortest end of the window that reaches the threshold, so that it
// never holds more ticks than the threshold and yet decides as if it held all.
type tally struct {
	Ticks []tick `json:"t,omitempty"`
	Quiet int64  `json:"q,omitempty"` // no finding before this instant
}

// add counts n at an instant not before any other and returns the sum within the window, exact below the limit.
func (t *tally) add(at int64, n int, window time.Duration, limit int64) int64 {
	begin := at - window.Milliseconds()
	sum, drop := int64(0), 0
	for i, k := range t.Ticks {
		if k[0] <= begin {
			drop = i + 1
			continue
		}
		sum += k[1]
	}
	t.Ticks = append([]tick(nil), t.Ticks[drop:]...)
	if last := len(t.Ticks) - 1; last >= 0 && t.Ticks[last][0] == at {
		t.Ticks[last][1] += int64(n)
	} else {
		t.Ticks = append(t.Ticks, tick{at, int64(n)})
	}
	sum += int64(n)
	for len(t.Ticks) > 1 && sum-t.Ticks[0][1] >= limit {
		sum -= t.Ticks[0][1]
		t.Ticks = t.Ticks[1:]
	}
	if len(t.Ticks) == 1 && sum > maxCount {
		sum, t.Ticks[0][1] = maxCount, maxCount
	}
	return sum
}

// fire tells whether a finding may be made now, and keeps quiet for the window when it may.
func (t *tally) fire(at int64, window time.Duration) bool {
	if at < t.Quiet {
		return false
	}
	t.Quiet = at + window.Milliseconds()
	return true
}

func (t *tally) touched() int64 {
	if len(t.Ticks) == 0 {
		return 0
	}
	return t.Ticks[len(t.Ticks)-1][0]
}

// over tells whether nothing of the tally can matter any more.
func (t *tally) over(at int64, window time.Duration) bool {
	return t.touched() <= at-window.Milliseconds() && t.Quiet <= at
}

// room makes room for one more in a bounded map: it forgets what was touched longest ago, of equals the first by name.
func room[T any](m map[string]T, most int, touched func(T) int64) {
	for len(m) >= most {
		oldest, when := "", int64(0)
		for name, v := range m {
			if at := touched(v); oldest == "" || at < when || at == when && name < oldest {
				oldest, when = name, at
			}
		}
		delete(m, oldest)
	}
}

// named is a text as it is kept: itself when it is short and plain, otherwise a digest of it.
func named(s string) string {
	plain := s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) })
	if plain {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "#" + hex.EncodeToString(sum[:16])
}

// short is a digest of a text that is only compared.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
