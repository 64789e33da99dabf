package journal

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Grace is how long an entry stays after the last backup from before its end is gone.
const Grace = 60 * 24 * time.Hour

// Skew is how far the clocks of the writer of a row, of a backup and of the journal may be apart.
const Skew = time.Hour

// Droppable tells whether an entry is of no more use: its deletion is done, and for Grace there has been no backup from
// before that. Backups only grow older, so that is so when the oldest there is was made Grace after the deletion.
func Droppable(e Entry, oldest time.Time, complete bool) bool {
	return e.Done() && complete && !oldest.IsZero() && !oldest.Before(e.DoneAt.Add(Grace))
}

// Replayed tells whether what an entry names must not be in a table restored to a point in time: everything that was
// deleted after that point, and what was being deleted, for which not before has come. What is only going to be deleted
// stays: it is not yet time.
func Replayed(e Entry, point, now time.Time) bool {
	if e.Done() {
		return e.DoneAt.After(point.Add(-Skew))
	}
	return !now.Before(e.NotBefore)
}

// Replay is what must be deleted from a restored table.
type Replay struct {
	Through int64 // the last entry that was looked at
	Entries int   // how many of them count
	Held    int   // how many more would, but for a hold

	secret []byte
	named  map[Scope]map[string]bool
}

// Plan reads the journal for a table restored to a point in time. held are the subjects that a hold keeps from being
// deleted; their deletions are replayed only as far as they are done.
func Plan(ctx context.Context, s Store, key Secret, point, now time.Time, held ...Subject) (*Replay, error) {
	secret, err := key.Secret(ctx)
	if err != nil {
		return nil, err
	}
	r := &Replay{secret: secret, named: map[Scope]map[string]bool{Tenant: {}, Passport: {}, Person: {}}}
	var kept []string
	for _, h := range held {
		kept = append(kept, h.Digest(secret))
	}
	err = Walk(ctx, s, 0, func(e Entry) error {
		r.Through = e.Sequence
		switch {
		case !Replayed(e, point, now):
		case !e.Done() && slices.Contains(kept, e.Digest):
			r.Held++
		case r.named[e.Scope] == nil:
			return fmt.Errorf("journal: entry %d has the scope %q, which this version does not know", e.Sequence, e.Scope)
		default:
			r.Entries++
			r.named[e.Scope][e.Digest] = true
		}
		return nil
	})
	return r, err
}

// Names tells whether any of these subjects was deleted.
func (r *Replay) Names(of ...Subject) bool {
	for _, s := range of {
		if len(r.named[s.Scope]) > 0 && r.named[s.Scope][s.Digest(r.secret)] {
			return true
		}
	}
	return false
}

// The mirror: journal/<number>.txt says which hash an entry has, journal/<number>.dropped.txt that it was dropped by the
// rules.

const mirrorPrefix = "journal/"

// MirrorPrefix is the folder of the mirror.
func MirrorPrefix() string { return mirrorPrefix }

// MirrorName is where the hash of an entry is kept.
func MirrorName(sequence int64) string { return fmt.Sprintf(mirrorPrefix+"%012d.txt", sequence) }

func droppedName(sequence int64) string {
	return fmt.Sprintf(mirrorPrefix+"%012d.dropped.txt", sequence)
}

// MirrorText is what is kept there.
func MirrorText(e Entry) string { return fmt.Sprintf("entry %d\nhash %s\n", e.Sequence, e.Hash()) }

// Mirror reads what was kept.
type Mirror interface {
	List(ctx context.Context, prefix string) (names []string, err error)
	Read(ctx context.Context, name string) (string, error)
}

// Complete holds the journal against its mirror: each entry of the mirror is there, unless it was dropped, and says what
// it said. A journal that was itself restored to an earlier time, or shortened, does not pass. It returns the last number.
func Complete(ctx context.Context, s Store, m Mirror) (through int64, err error) {
	names, err := m.List(ctx, mirrorPrefix)
	if err != nil {
		return 0, err
	}
	hashes := map[int64]string{}
	err = Walk(ctx, s, 0, func(e Entry) error {
		hashes[e.Sequence], through = MirrorText(e), e.Sequence
		return nil
	})
	if err != nil {
		return 0, err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, name := range names {
		digits, isEntry := strings.CutSuffix(strings.TrimPrefix(name, mirrorPrefix), ".txt")
		n, perr := strconv.ParseInt(digits, 10, 64)
		if !isEntry || perr != nil || there[droppedName(n)] {
			continue
		}
		said, err := m.Read(ctx, name)
		if err != nil {
			return 0, err
		}
		if is, ok := hashes[n]; !ok {
			return 0, fmt.Errorf("journal: entry %d is in the mirror and not in the journal; find out why before anything is restored", n)
		} else if is != said {
			return 0, fmt.Errorf("journal: entry %d is not what it was when it was appended", n)
		}
	}
	return through, nil
}
