// Package auditlog puts the entries of a tenant's audit trail in an order that cannot be rewritten, and checks such a
// log without trusting whoever keeps it.
//
// Entries get the numbers 0, 1, 2, … and become the leaves of a Merkle tree (RFC 6962, section 2.1) and the links of a
// hash chain. Checkpoints say how large the tree is and what its root is; they are notes (C2SP tlog-checkpoint and
// signed-note) signed with a P-256 key that never leaves the key service. Whoever has kept one checkpoint can tell
// whether a log that they are given later is the same log, only longer.
//
// The download format is lines of JSON:
//
//	{"format":"passportcraft-audit/1","tenant":"<id>"}
//	{"seq":0,"chain":"<base64>","entry":{…}}            one for each entry, in order
//	{"checkpoint":"<signed note>"}                      after the last entry that it covers
//
// The chain value of entry n is SHA-256(chain of n-1, leaf hash of n), the first being chained to 32 zero bytes; the leaf
// hash is SHA-256(0x00, the bytes of entry as they stand in the line).
package auditlog

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Record is an entry in its place.
type Record struct {
	Sequence int64           `json:"seq"`
	Chain    []byte          `json:"chain"`
	Entry    json.RawMessage `json:"entry"` // canonical, see audit.Entry
}

// Head is the end of a log: enough to append to it and to compute its root.
type Head struct {
	Size     int64       `json:"size"`
	Chain    tlog.Hash   `json:"chain"`
	Frontier []tlog.Hash `json:"frontier"` // roots of the complete subtrees, largest first
	Through  time.Time   `json:"through"`  // every entry up to this instant is in the log
	Note     string      `json:"note"`     // newest signed checkpoint
	Kept     bool        `json:"kept"`     // the note is in the evidence store too
	Alias    string      `json:"alias"`    // random name of the log in its checkpoints and in the evidence store
	Closed   bool        `json:"-"`        // its deletion has begun: nothing may be added
}

// Append puts entries at the end and returns the new head with their records. It changes nothing of h.
func (h Head) Append(entries ...[]byte) (Head, []Record) {
	next := h
	next.Frontier = append([]tlog.Hash(nil), h.Frontier...)
	records := make([]Record, len(entries))
	for i, e := range entries {
		leaf := tlog.RecordHash(e)
		sum := sha256.New()
		sum.Write(next.Chain[:])
		sum.Write(leaf[:])
		sum.Sum(next.Chain[:0])
		records[i] = Record{Sequence: next.Size, Chain: append([]byte(nil), next.Chain[:]...), Entry: e}
		next.Frontier = append(next.Frontier, leaf)
		for n := next.Size; n&1 == 1; n >>= 1 { // as many pairs are complete as the old size ends in ones
			last := len(next.Frontier) - 1
			next.Frontier = append(next.Frontier[:last-1], tlog.NodeHash(next.Frontier[last-1], next.Frontier[last]))
		}
		next.Size++
	}
	return next, records
}

// Root is the root of the tree; that of the empty tree is SHA-256 of nothing.
func (h Head) Root() tlog.Hash {
	if h.Size == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	root := h.Frontier[len(h.Frontier)-1]
	for i := len(h.Frontier) - 2; i >= 0; i-- {
		root = tlog.NodeHash(h.Frontier[i], root)
	}
	return root
}

// ParseHead reads a head that was stored as JSON.
func ParseHead(b []byte) (Head, error) {
	var h Head
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("auditlog: head: %w", err)
	}
	if h.Size < 0 || len(h.Frontier) != bits.OnesCount64(uint64(h.Size)) {
		return h, errors.New("auditlog: head: its frontier does not fit its size")
	}
	return h, nil
}
