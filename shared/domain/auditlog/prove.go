package auditlog

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// KeyVerifier verifies the signatures of the key that signs checkpoints; see NewVerifier.
type KeyVerifier = note.Verifier

// Inclusion is an entry that was found in a log, with what proves that it was there.
type Inclusion struct {
	Entry    audit.Entry
	SignedAt time.Time     // of the oldest checkpoint that includes the entry
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
	origin := ""
	for from := int64(0); from >= 0; {
		b, err := blocks(ctx, from)
		if err != nil {
			return nil, err
		}
		for _, r := range b.Records {
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
				found = &Inclusion{Entry: e}
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
		}
		from = b.Next
	}
	return found, nil
}
