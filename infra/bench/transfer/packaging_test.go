package transfer_test

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// records are what there is of one passport.
type records struct {
	passport export.PassportRecord
	version  export.VersionRecord
}

// variety makes passports that differ as those of a manufacturer do: the fields and choices of the samples, with numbers,
// identifiers, dates, names and descriptions of their own. It makes the same ones every time.
type variety struct {
	*rand.Rand
	words []string
}

func newVariety() variety {
	v := variety{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 2000 {
		var word strings.Builder
		for range 2 + v.IntN(3) {
			word.WriteString([]string{"ka", "lo", "mi", "ster", "nord", "ei", "che", "zel", "lan", "gra", "phit", "ux"}[v.IntN(12)])
		}
		v.words = append(v.words, word.String())
	}
	return v
}

// digits exchanges the digits of a text; the first of a number stays no zero.
func (v variety) digits(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= '1' && c <= '9' {
			b[i] = byte('1' + v.IntN(9))
		} else if c == '0' && i > 0 && b[i-1] >= '0' && b[i-1] <= '9' {
			b[i] = byte('0' + v.IntN(10))
		}
	}
	return string(b)
}

// text exchanges the words of names and descriptions, and the digits of everything.
func (v variety) text(s string) string {
	s = v.digits(s)
	if strings.Contains(s, "://") || strings.ToLower(s) == s && !strings.Contains(s, " ") || strings.ToUpper(s) == s {
		return s // an address, a choice, a code or an identifier
	}
	words := strings.Split(s, " ")
	for i, word := range words {
		if len(word) > 3 && strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) < 0 {
			words[i] = v.words[v.IntN(len(v.words))]
		}
	}
	return strings.Join(words, " ")
}

func (v variety) value(of any) any {
	switch of := of.(type) {
	case map[string]any:
		return v.object(of)
	case []any:
		out := make([]any, len(of))
		for i := range of {
			out[i] = v.value(of[i])
		}
		return out
	case json.Number:
		return json.Number(v.digits(string(of)))
	case string:
		return v.text(of)
	}
	return of
}

func (v variety) object(of map[string]any) map[string]any {
	out := make(map[string]any, len(of))
	for key, value := range of {
		out[key] = v.value(value)
	}
	return out
}

func (v variety) hex(bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(v.IntN(256))
	}
	return fmt.Sprintf("%x", b)
}

// passports are full models and items of batteries and models of chairs, in turn, each published once.
func (v variety) passports(t *testing.T, count int) (all []records) {
	t.Helper()
	type sample struct {
		ProductGroup, Granularity, ProductIdentifier string
		Content                                      json.RawMessage
		content                                      passport.Content
	}
	var kinds []sample
	for _, name := range []string{"1-ev-model.json", "3-ev-item.json", "4-chair.json"} {
		var s sample
		b, err := samples.Read(name)
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err == nil {
			s.content, err = passport.DecodeContent(s.Content)
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, s)
	}
	ids := id.NewSource(clock.System, crand.Reader)
	for n := range count {
		s := kinds[n%len(kinds)]
		identifier, content := v.digits(s.ProductIdentifier), v.object(s.content)
		at := time.Unix(1_800_000_000+v.Int64N(30_000_000), v.Int64N(1e9)).UTC()
		p := id.New[id.Passport](ids)
		all = append(all, records{
			passport: export.PassportRecord{
				ID: p, ProductGroup: s.ProductGroup, Granularity: s.Granularity, ProductIdentifier: identifier, Status: "published", Revision: 2, Version: 1,
				CreatedAt: at, UpdatedAt: at.Add(time.Minute), Content: content, History: []export.MomentRecord{{At: at.Add(time.Minute), Status: "published", Version: 1}},
			},
			version: export.VersionRecord{
				Passport: p, Number: 1, ProductGroup: s.ProductGroup, SchemaVersion: "1.0.0", Granularity: s.Granularity, ProductIdentifier: identifier,
				ContentHash: "sha-256:" + v.hex(32), PublishedAt: at.Add(time.Minute), PublishedBy: "user:" + v.hex(8), Content: content,
			},
		})
	}
	return all
}

// TestPackaging packs passports that are in memory, and compresses the very lines that are in the package plainly, in one
// piece, at the default level of the standard library, turn and turn about. Processor time is beside the time of the clock, since others may be at
// work on the machine.
func TestPackaging(t *testing.T) {
	say := measured(t)
	const size, rounds = 4000, 3
	all := newVariety().passports(t, size)
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(keep bool) *workspace {
		w := &workspace{size: size, records: all, key: key, keep: keep, export: export.Export{ID: "e", Tenant: "t", State: export.Queued, Options: export.Options{Scope: export.Workspace}}}
		w.pack(t)
		return w
	}
	packed := pack(true)
	lines := linesOf(t, packed)
	var plainly bytes.Buffer
	deflate := func() {
		plainly.Reset()
		f, err := flate.NewWriter(&plainly, flate.DefaultCompression)
		if err == nil {
			_, err = f.Write(lines)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	deflate()
	say("size of the package | %.1f %% of the lines in it; plain DEFLATE %.1f %%", 100*float64(packed.kept.Len())/float64(len(lines)), 100*float64(plainly.Len())/float64(len(lines)))
	for _, cores := range []int{runtime.NumCPU(), 1} {
		before := runtime.GOMAXPROCS(cores)
		var packing, plain least
		for range rounds {
			plain.time(deflate)
			packing.time(func() { pack(false) })
		}
		runtime.GOMAXPROCS(before)
		mb := float64(len(lines)) / 1e6
		say("packaging, records to uploaded parts, GOMAXPROCS=%d | %.0f MB/s, %.0f %% of plain DEFLATE of the same bytes (%.0f MB/s); by processor time %.0f MB/s, %.0f %% of %.0f MB/s",
			cores, mb/packing.clock, 100*plain.clock/packing.clock, mb/plain.clock, mb/packing.processor, 100*plain.processor/packing.processor, mb/plain.processor)
	}
}

// least is the least time of several runs, in seconds.
type least struct{ clock, processor float64 }

func (l *least) time(do func()) {
	runtime.GC()
	begun, used := clock.System(), processor()
	do()
	took, cost := clock.System().Sub(begun).Seconds(), processor()-used
	if l.clock == 0 || took < l.clock {
		l.clock = took
	}
	if l.processor == 0 || cost < l.processor {
		l.processor = cost
	}
}

// processor is the time for which this process has had a core, in seconds.
func processor() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// linesOf are all lines of a package, one member after the other.
func linesOf(t *testing.T, w *workspace) []byte {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(w.kept.Bytes()), int64(w.kept.Len()), &w.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, folder := range []string{"passports/", "versions/"} {
		if err := a.Lines(folder, func(line []byte) error { lines.Write(line); return lines.WriteByte('\n') }); err != nil {
			t.Fatal(err)
		}
	}
	return lines.Bytes()
}
