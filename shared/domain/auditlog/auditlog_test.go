package auditlog_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// signer signs with a key in memory.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t testing.TB) *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key}
}

func (s *signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, s.key, sum[:])
}

func (s *signer) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&s.key.PublicKey)
}

func (s *signer) verifier(t testing.TB) note.Verifier {
	spki, err := s.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := auditlog.NewVerifier(spki)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const tenant = "0199aaaa-0000-7000-8000-00000000000a"

func entry(t testing.TB, owner string, n int) []byte {
	b, err := audit.Entry{
		ID: id.Entry(fmt.Sprintf("0199cccc-0000-7000-8000-%012d", n)), Tenant: id.Tenant(owner), At: time.Unix(1_800_000_000+int64(n), 0).UTC(),
		Actor: "key:a", Event: audit.PassportCreated, Object: fmt.Sprintf("passport:%d", n), Count: 1, Detail: map[string]string{"<&>": "ä"},
	}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write makes a log of blocks of the given sizes, each signed, and returns its lines and its notes.
func write(t testing.TB, s *signer, owner string, sizes ...int) (lines []string, notes []string) {
	h := auditlog.Head{Alias: "log-of-" + owner}
	n := 0
	for i, size := range sizes {
		var entries [][]byte
		for range size {
			entries = append(entries, entry(t, owner, n))
			n++
		}
		next, records := h.Append(entries...)
		signed, err := auditlog.Sign(t.Context(), s, auditlog.Checkpoint(next, time.Unix(1_900_000_000+int64(i), 0)))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := auditlog.WriteLines(&b, owner, i == 0, auditlog.Block{Records: records, Note: signed}); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.SplitAfter(b.String(), "\n")...)
		lines = lines[:len(lines)-1]
		notes = append(notes, signed)
		h = next
	}
	return lines, notes
}

func verify(t testing.TB, s *signer, lines []string, earlier string) (auditlog.Report, error) {
	return auditlog.Verify(strings.NewReader(strings.Join(lines, "")), s.verifier(t), earlier)
}

// TestTreeIsTheStandardOne compares roots with those of golang.org/x/mod/sumdb/tlog, whatever the batches.
func TestTreeIsTheStandardOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var h auditlog.Head
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for n := int64(0); n < int64(rapid.IntRange(0, 300).Draw(rt, "size")); {
			var batch [][]byte
			for range rapid.IntRange(1, 40).Draw(rt, "batch") {
				data := fmt.Appendf(nil, "entry %d", n)
				batch = append(batch, data)
				more, err := tlog.StoredHashes(n, data, reader)
				if err != nil {
					rt.Fatal(err)
				}
				stored = append(stored, more...)
				n++
			}
			before := h.Size
			next, records := h.Append(batch...)
			want, err := tlog.TreeHash(next.Size, reader)
			if err != nil || next.Root() != want || h.Size != before || len(records) != len(batch) {
				rt.Fatalf("size %d: root %v, want %v (%v)", next.Size, next.Root(), want, err)
			}
			b, err := json.Marshal(next)
			if err != nil {
				rt.Fatal(err)
			}
			if h, err = auditlog.ParseHead(b); err != nil || h.Root() != want {
				rt.Fatalf("a stored head is another: %v", err)
			}
		}
	})
}

func TestGoodLog(t *testing.T) {
	s := newSigner(t)
	lines, notes := write(t, s, tenant, 3, 1, 200, 7)
	got, err := verify(t, s, lines, "")
	if err != nil || got.Entries != 211 || got.Covered != 211 || got.Checkpoints != 4 || got.Tenant != tenant {
		t.Errorf("%+v %v", got, err)
	}
	for i, kept := range notes {
		if _, err := verify(t, s, lines, kept); err != nil {
			t.Errorf("with checkpoint %d: %v", i, err)
		}
	}
	if got, err := verify(t, s, lines[:len(lines)-1], ""); err != nil || got.Entries-got.Covered != 7 {
		t.Errorf("entries that are not signed yet must be told: %+v %v", got, err)
	}
}

// TestTampering states the law: a log that differs from the signed one in any line is refused, at or before the place.
func TestTampering(t *testing.T) {
	s, thief := newSigner(t), newSigner(t)
	const other = "0199bbbb-0000-7000-8000-00000000000b"
	lines, notes := write(t, s, tenant, 5, 9, 4)
	foreign, foreignNotes := write(t, s, other, 5, 9, 4)
	rapid.Check(t, func(rt *rapid.T) {
		bad, at := append([]string(nil), lines...), rapid.IntRange(1, len(lines)-2).Draw(rt, "at")
		checkpoint := strings.Contains(bad[at], `"checkpoint"`)
		earlier := ""
		switch kind := rapid.SampledFrom([]string{"edit", "remove", "swap", "double", "cut", "splice", "rewrite", "old checkpoint", "foreign checkpoint"}).Draw(rt, "kind"); {
		case kind == "edit":
			i := rapid.IntRange(2, len(bad[at])-4).Draw(rt, "byte")
			bad[at] = bad[at][:i] + string(bad[at][i]^1) + bad[at][i+1:]
		case kind == "remove" && !checkpoint: // without a checkpoint, less is signed, and that is told
			bad = append(bad[:at], bad[at+1:]...)
		case kind == "swap":
			bad[at], bad[at+1] = bad[at+1], bad[at]
		case kind == "double":
			bad = append(bad[:at+1], append([]string{bad[at]}, bad[at+1:]...)...)
		case kind == "cut":
			bad, earlier = bad[:at], notes[2]
		case kind == "splice":
			bad[at] = foreign[at]
		case kind == "rewrite": // everything made new from some entry on, chain included, by somebody without the key
			bad, _ = write(t, thief, tenant, 5, 9, 3)
			at = 6 // the first checkpoint
		case kind == "old checkpoint" && checkpoint && bad[at] != lines[6]:
			bad[at] = lines[6]
		case kind == "foreign checkpoint" && checkpoint:
			b, _ := json.Marshal(map[string]string{"checkpoint": foreignNotes[0]})
			bad[at] = string(b) + "\n"
		default:
			rt.Skip("nothing to change here")
		}
		_, err := verify(t, s, bad, earlier)
		var found *auditlog.Bad
		if !errors.As(err, &found) || found.Line > at+2 || found.Reason == "" {
			rt.Fatalf("line %d: %v", at+1, err)
		}
	})
}

// TestRewrittenWithTheChain holds that making the chain new after an edit does not help: the signature covers it.
func TestRewrittenWithTheChain(t *testing.T) {
	s := newSigner(t)
	lines, notes := write(t, s, tenant, 5)
	var h auditlog.Head
	var forged []string
	forged = append(forged, lines[0])
	for n := range 5 {
		e := entry(t, tenant, n)
		if n == 2 {
			e = bytes.Replace(e, []byte("key:a"), []byte("key:b"), 1)
		}
		next, records := h.Append(e)
		var b strings.Builder
		if err := auditlog.WriteLines(&b, tenant, false, auditlog.Block{Records: records}); err != nil {
			t.Fatal(err)
		}
		forged, h = append(forged, b.String()), next
	}
	if _, err := verify(t, s, append(forged, lines[6]), ""); err == nil || !strings.Contains(err.Error(), "not those that were signed") {
		t.Errorf("with the old checkpoint: %v", err)
	}
	if _, err := verify(t, s, forged, ""); err == nil {
		t.Error("without a checkpoint")
	}
	if _, err := verify(t, s, forged, notes[0]); err == nil {
		t.Error("with a kept checkpoint")
	}
}

func FuzzVerify(f *testing.F) {
	s := newSigner(f)
	lines, _ := write(f, s, tenant, 2, 3)
	good := strings.Join(lines, "")
	f.Add(good)
	f.Add(`{"format":"passportcraft-audit/1","tenant":"x"}`)
	f.Add("{}\n{}")
	v := s.verifier(f)
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := auditlog.Verify(strings.NewReader(text), v, ""); err == nil && r.Covered > 0 && !strings.HasPrefix(strings.TrimSpace(text), strings.TrimSpace(lines[0])) {
			t.Errorf("accepted: %q", text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := newSigner(b)
	lines, _ := write(b, s, tenant, 1000)
	text := strings.Join(lines, "")
	v := s.verifier(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := auditlog.Verify(strings.NewReader(text), v, ""); err != nil {
			b.Fatal(err)
		}
	}
}
