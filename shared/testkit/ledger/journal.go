package ledger

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
)

// Journal is journal.Store, and the mirror of its hashes.
type Journal struct {
	entries []journal.Entry
	byMark  map[journal.Mark]int64
	serial  int64
	kept    map[string]string
}

var (
	_ journal.Store    = (*Journal)(nil)
	_ journal.Evidence = (*Journal)(nil)
	_ journal.Mirror   = (*Journal)(nil)
)

// NewJournal makes an empty one.
func NewJournal() *Journal {
	return &Journal{byMark: map[journal.Mark]int64{}, kept: map[string]string{}}
}

// Append is one of journal.Store.
func (j *Journal) Append(_ context.Context, e journal.Entry) (journal.Entry, error) {
	if have := j.Find(e.Mark); have != nil {
		return *have, nil
	}
	j.serial++
	e.Sequence = j.serial
	j.entries, j.byMark[e.Mark] = append(j.entries, e), e.Sequence
	return e, nil
}

// after is where entries above a number begin.
func (j *Journal) after(sequence int64) int {
	return sort.Search(len(j.entries), func(i int) bool { return j.entries[i].Sequence > sequence })
}

// Find returns the entry of a mark, or nil.
func (j *Journal) Find(m journal.Mark) *journal.Entry {
	sequence, ok := j.byMark[m]
	if !ok {
		return nil
	}
	return &j.entries[j.after(sequence-1)]
}

// Close is one of journal.Store.
func (j *Journal) Close(_ context.Context, m journal.Mark, doneAt time.Time, evidence string) (journal.Entry, error) {
	e := j.Find(m)
	if e == nil {
		return journal.Entry{}, journal.ErrUnknown
	}
	if !e.Done() {
		e.DoneAt, e.Evidence = doneAt, evidence
	}
	return *e, nil
}

// Since is one of journal.Store.
func (j *Journal) Since(_ context.Context, sequence int64, most int) ([]journal.Entry, error) {
	from := j.after(sequence)
	return slices.Clone(j.entries[from:min(len(j.entries), from+most)]), nil
}

// Drop is one of journal.Store.
func (j *Journal) Drop(_ context.Context, e journal.Entry) error {
	if j.Find(e.Mark) == nil {
		return errors.New("ledger: no such entry of the journal")
	}
	j.entries = slices.DeleteFunc(j.entries, func(o journal.Entry) bool { return o.Mark == e.Mark })
	delete(j.byMark, e.Mark)
	return nil
}

// Keep is journal.Evidence.
func (j *Journal) Keep(_ context.Context, name, text string) error {
	j.kept[name] = text
	return nil
}

// List is one of journal.Mirror.
func (j *Journal) List(context.Context, string) ([]string, error) {
	var names []string
	for n := range j.kept {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

// Read is one of journal.Mirror.
func (j *Journal) Read(_ context.Context, name string) (string, error) { return j.kept[name], nil }
