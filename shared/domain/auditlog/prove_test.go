package auditlog_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// signedBlocks is a log in blocks of the given sizes, each signed.
func signedBlocks(t testing.TB, s *signer, sizes ...int) (all []auditlog.Block, lines [][]byte) {
	head := auditlog.Head{Alias: "alias"}
	for i, size := range sizes {
		var some [][]byte
		for range size {
			some = append(some, entry(t, tenant, len(lines)+len(some)))
		}
		next, records := head.Append(some...)
		signed, err := auditlog.Sign(t.Context(), s, auditlog.Checkpoint(next, time.Unix(1_900_000_000+int64(i), 0)))
		if err != nil {
			t.Fatal(err)
		}
		b := auditlog.Block{Records: records, Note: signed, Next: next.Size}
		if i == len(sizes)-1 {
			b.Next = -1
		}
		all, lines, head = append(all, b), append(lines, some...), next
	}
	return all, lines
}

// proof finds an entry by its number.
func proof(t testing.TB, s *signer, all []auditlog.Block, n int) *auditlog.Inclusion {
	t.Helper()
	blocks := func(_ context.Context, from int64) (auditlog.Block, error) {
		for _, b := range all {
			if b.Records[0].Sequence == from {
				return b, nil
			}
		}
		return auditlog.Block{}, fmt.Errorf("no block begins with %d", from)
	}
	wanted := id.Entry(fmt.Sprintf("0199cccc-0000-7000-8000-%012d", n))
	found, err := auditlog.Find(t.Context(), blocks, s.verifier(t), func(e audit.Entry) bool { return e.ID == wanted }, func(audit.Entry) bool { return false })
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	return found
}

// TestWrongProofs changes a good proof in every part, and holds that none of that is believed.
func TestWrongProofs(t *testing.T) {
	s := newSigner(t)
	all, lines := signedBlocks(t, s, 3, 8, 5)
	other, _ := signedBlocks(t, s, 3, 8, 6)
	good := func() auditlog.Proof {
		p := proof(t, s, all, 9).Proof
		p.Path = slices.Clone(p.Path)
		for i := range p.Path {
			p.Path[i] = bytes.Clone(p.Path[i])
		}
		return p
	}
	for name, edit := range map[string]func(*auditlog.Proof){
		"another entry":            func(p *auditlog.Proof) { h := tlog.RecordHash(lines[8]); p.Leaf = h[:] },
		"another number":           func(p *auditlog.Proof) { p.Index = 8 },
		"a number below zero":      func(p *auditlog.Proof) { p.Index = -1 },
		"a number behind the tree": func(p *auditlog.Proof) { p.Index = 11 },
		"a hash that was changed":  func(p *auditlog.Proof) { p.Path[1][0] ^= 1 },
		"a hash too few":           func(p *auditlog.Proof) { p.Path = p.Path[1:] },
		"a hash too many":          func(p *auditlog.Proof) { p.Path = append(p.Path, p.Path[0]) },
		"hashes in another order":  func(p *auditlog.Proof) { slices.Reverse(p.Path) },
		"a short hash":             func(p *auditlog.Proof) { p.Path[0] = p.Path[0][:31] },
		"a short leaf":             func(p *auditlog.Proof) { p.Leaf = p.Leaf[:31] },
		"no leaf":                  func(p *auditlog.Proof) { p.Leaf = nil },
		"a later checkpoint":       func(p *auditlog.Proof) { p.Checkpoint = all[2].Note },
		"that of another log":      func(p *auditlog.Proof) { p.Checkpoint = other[2].Note },
		"no checkpoint":            func(p *auditlog.Proof) { p.Checkpoint = "" },
		"a checkpoint not signed": func(p *auditlog.Proof) {
			p.Checkpoint = p.Checkpoint[:bytes.Index([]byte(p.Checkpoint), []byte("\n\n"))+2]
		},
		"a checkpoint of a thief": func(p *auditlog.Proof) { b, _ := signedBlocks(t, newSigner(t), 3, 8); p.Checkpoint = b[1].Note },
	} {
		p := good()
		edit(&p)
		if _, err := p.Check(s.verifier(t)); err == nil {
			t.Errorf("%s is believed", name)
		}
	}
	if tree, err := good().Check(s.verifier(t)); err != nil || tree.Size != 11 || !tree.At.Equal(time.Unix(1_900_000_001, 0)) {
		t.Errorf("the good one: %+v, %v", tree, err)
	}
}

// TestProofsAreTheStandardOnes compares every path with that of golang.org/x/mod/sumdb/tlog, whatever the blocks.
func TestProofsAreTheStandardOnes(t *testing.T) {
	s := newSigner(t)
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 8).Draw(rt, "blocks")
		all, lines := signedBlocks(t, s, sizes...)
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for n, line := range lines {
			more, err := tlog.StoredHashes(int64(n), line, reader)
			if err != nil {
				rt.Fatal(err)
			}
			stored = append(stored, more...)
		}
		n := rapid.IntRange(0, len(lines)-1).Draw(rt, "entry")
		got := proof(t, s, all, n).Proof
		tree, err := got.Check(s.verifier(t))
		if err != nil || got.Index != int64(n) {
			rt.Fatalf("entry %d: %+v, %v", n, got, err)
		}
		want, err := tlog.ProveRecord(tree.Size, int64(n), reader)
		if err != nil || len(want) != len(got.Path) {
			rt.Fatalf("%d hashes, want %d: %v", len(got.Path), len(want), err)
		}
		for i, h := range want {
			if !bytes.Equal(h[:], got.Path[i]) {
				rt.Fatalf("hash %d differs", i)
			}
		}
	})
}
