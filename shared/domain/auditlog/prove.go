package auditlog

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// KeyVerifier verifies the signatures of the key that signs checkpoints; see NewVerifier.
type KeyVerifier = note.Verifier

// Inclusion is an entry that was found in a log, with what proves that it was there.
type Inclusion struct {
	Entry    audit.Entry
	SignedAt time.Time     // of the oldest checkpoint that includes the entry
	Proof    Proof         // against that checkpoint
	Later    []audit.Entry // of those after it, what was asked for
}

// Blocks reads the parts of a log, the first under the number 0 and each under the Next of the one before.
type Blocks func(ctx context.Context, from int64) (Block, error)

// Find walks a whole log and returns the last entry that is wanted, with the later entries that are; nil when there is
// none. Everything is computed again: the chain and the tree from the entries, and each checkpoint is verified and has to
// say just that. A log in which anything is not as it was signed is an error. Memory does not grow with the log.
func Find(ctx context.Context, blocks Blocks, v note.Verifier, wanted, later func(audit.Entry) bool) (*Inclusion, error) {
	var head Head
	var found *Inclusion
	at := int64(0) // where the one found stands
	origin := ""
	for from := int64(0); from >= 0; {
		b, err := blocks(ctx, from)
		if err != nil {
			return nil, err
		}
		before, leaves := head, make([]tlog.Hash, 0, len(b.Records))
		for _, r := range b.Records {
			leaves = append(leaves, tlog.RecordHash(r.Entry))
			next, again := head.Append(r.Entry)
			if r.Sequence != head.Size || !bytes.Equal(again[0].Chain, r.Chain) {
				return nil, fmt.Errorf("auditlog: entry %d is not the one that was chained", head.Size)
			}
			head = next
			e, err := audit.ParseCanonical(r.Entry)
			if err != nil {
				return nil, err
			}
			switch {
			case wanted(e):
				found, at = &Inclusion{Entry: e}, r.Sequence
			case found != nil && later(e):
				found.Later = append(found.Later, e)
			}
		}
		if b.Note == "" {
			if len(b.Records) > 0 {
				return nil, fmt.Errorf("auditlog: a part up to entry %d is not signed", head.Size)
			}
			break
		}
		t, err := OpenCheckpoint(b.Note, v)
		if err != nil {
			return nil, fmt.Errorf("auditlog: checkpoint of %d entries: %w", head.Size, err)
		}
		if t.Size != head.Size || t.Root != head.Root() || t.Chain != head.Chain || origin != "" && t.Origin != origin {
			return nil, fmt.Errorf("auditlog: the first %d entries are not those that were signed", head.Size)
		}
		origin = t.Origin
		if found != nil && found.SignedAt.IsZero() {
			found.SignedAt = t.At
			found.Proof = part{before, leaves}.prove(at, head.Size, b.Note)
		}
		from = b.Next
	}
	return found, nil
}

// Proof shows to whoever has the public key that an entry was in a log when a checkpoint was signed. It says nothing of
// what the entry says: who has that computes the leaf.
type Proof struct {
	Index      int64    `json:"index"` // number of the entry
	Leaf       []byte   `json:"leaf"`  // SHA-256(0x00, the entry)
	Path       [][]byte `json:"path"`  // from the leaf up (RFC 6962, section 2.1.1)
	Checkpoint string   `json:"checkpoint"`
}

// Check computes the root from the leaf and the path, and holds it against the checkpoint, of which the signature has to
// be good. It returns what the checkpoint says.
func (p Proof) Check(v note.Verifier) (Tree, error) {
	t, err := OpenCheckpoint(p.Checkpoint, v)
	if err != nil {
		return t, fmt.Errorf("auditlog: checkpoint of a proof: %w", err)
	}
	if len(p.Leaf) != tlog.HashSize {
		return t, fmt.Errorf("auditlog: the leaf of a proof has %d bytes", len(p.Leaf))
	}
	path := make(tlog.RecordProof, len(p.Path))
	for i, h := range p.Path {
		if len(h) != tlog.HashSize {
			return t, fmt.Errorf("auditlog: hash %d of a proof has %d bytes", i, len(h))
		}
		path[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(path, t.Size, t.Root, p.Index, tlog.Hash(p.Leaf)); err != nil {
		return t, fmt.Errorf("auditlog: the entry %d is not in the tree of %d that was signed: %w", p.Index, t.Size, err)
	}
	return t, nil
}

// part is the end of a tree: the head before it and the leaves that follow. It is enough to prove one of these leaves.
type part struct {
	head   Head
	leaves []tlog.Hash
}

func (p part) prove(m, n int64, signed string) Proof {
	leaf := p.hash(m, m+1)
	out := Proof{Index: m, Leaf: bytes.Clone(leaf[:]), Path: [][]byte{}, Checkpoint: signed}
	p.path(m, 0, n, func(h tlog.Hash) { out.Path = append(out.Path, bytes.Clone(h[:])) })
	return out
}

// path calls do with the siblings of leaf m in the tree over the leaves lo to hi-1, the lowest first.
func (p part) path(m, lo, hi int64, do func(tlog.Hash)) {
	if lo+1 == hi {
		return
	}
	if k := lo + split(hi-lo); m < k {
		p.path(m, lo, k, do)
		do(p.hash(k, hi))
	} else {
		p.path(m, k, hi, do)
		do(p.hash(lo, k))
	}
}

// hash is the root over the leaves lo to hi-1. What lies before the part is asked for only as a whole subtree of the
// frontier: it is a left sibling of something that reaches into the part, so no larger subtree ends before it.
func (p part) hash(lo, hi int64) tlog.Hash {
	switch {
	case hi <= p.head.Size:
		at, left := int64(0), p.head.Size
		for _, h := range p.head.Frontier {
			if at == lo {
				return h
			}
			size := int64(1) << (bits.Len64(uint64(left)) - 1)
			at, left = at+size, left-size
		}
		return tlog.Hash{}
	case lo+1 == hi:
		return p.leaves[lo-p.head.Size]
	}
	k := lo + split(hi-lo)
	return tlog.NodeHash(p.hash(lo, k), p.hash(k, hi))
}

// split is the largest power of two that is less than n.
func split(n int64) int64 { return 1 << (bits.Len64(uint64(n-1)) - 1) }
