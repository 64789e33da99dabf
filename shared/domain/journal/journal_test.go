package journal_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
)

// memory is a journal and its mirror in memory. It can fail before or after a call.
type memory struct {
	entries []journal.Entry
	next    int64
	mirror  map[string]string
	fail    func(call string) error
}

func newMemory() *memory {
	return &memory{mirror: map[string]string{}, fail: func(string) error { return nil }}
}

func (m *memory) find(mark journal.Mark) int {
	return slices.IndexFunc(m.entries, func(e journal.Entry) bool {
		return e.Scope == mark.Scope && e.Digest == mark.Digest && e.RequestedAt.Equal(mark.RequestedAt)
	})
}

func (m *memory) Append(_ context.Context, e journal.Entry) (journal.Entry, error) {
	if err := m.fail("append"); err != nil {
		return e, err
	}
	if i := m.find(e.Mark); i >= 0 {
		return m.entries[i], nil
	}
	m.next++
	e.Sequence = m.next
	m.entries = append(m.entries, e)
	return e, m.fail("appended")
}

func (m *memory) Close(_ context.Context, mark journal.Mark, doneAt time.Time, evidence string) (journal.Entry, error) {
	i := m.find(mark)
	if i < 0 {
		return journal.Entry{}, journal.ErrUnknown
	}
	if !m.entries[i].Done() {
		m.entries[i].DoneAt, m.entries[i].Evidence = doneAt, evidence
	}
	return m.entries[i], nil
}

func (m *memory) Since(_ context.Context, sequence int64, most int) ([]journal.Entry, error) {
	var some []journal.Entry
	for _, e := range m.entries {
		if e.Sequence > sequence && len(some) < most {
			some = append(some, e)
		}
	}
	return some, nil
}

func (m *memory) Drop(_ context.Context, e journal.Entry) error {
	m.entries = slices.DeleteFunc(m.entries, func(other journal.Entry) bool { return other.Sequence == e.Sequence })
	return nil
}

func (m *memory) Keep(_ context.Context, name, text string) error {
	if err := m.fail("keep"); err != nil {
		return err
	}
	m.mirror[name] = text
	return nil
}

func (m *memory) List(_ context.Context, prefix string) ([]string, error) {
	return slices.Sorted(maps.Keys(m.mirror)), nil
}

func (m *memory) Read(_ context.Context, name string) (string, error) { return m.mirror[name], nil }

func (m *memory) Secret(context.Context) ([]byte, error) { return bytes.Repeat([]byte{7}, 32), nil }

func (m *memory) journal() *journal.Journal {
	return &journal.Journal{Store: m, Secret: m, Evidence: m}
}

func start() time.Time { return time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC) }

// TestAppendIsIdempotent holds that a deletion asked for twice, also after a crash on the way, is one entry.
func TestAppendIsIdempotent(t *testing.T) {
	m := newMemory()
	of := journal.Subject{Scope: journal.Passport, ID: "0199bbbb-0000-7000-8000-00000000000b"}
	for _, crash := range []string{"append", "appended", "keep", "none", "none"} {
		m.fail = func(call string) error {
			if call == crash {
				return errors.New("crash")
			}
			return nil
		}
		e, err := m.journal().Append(t.Context(), of, start(), start().Add(time.Hour))
		if (err == nil) != (crash == "none") || err == nil && (e.Sequence != 1 || len(m.entries) != 1 || len(m.mirror) != 1) {
			t.Errorf("%s: %+v %v; %d entries, %d in the mirror", crash, e, err, len(m.entries), len(m.mirror))
		}
	}
	if _, err := m.journal().Append(t.Context(), of, start().Add(time.Second), start().Add(time.Hour)); err != nil || len(m.entries) != 2 {
		t.Errorf("another deletion of the same passport is another entry: %v, %d", err, len(m.entries))
	}
	done := start().Add(2 * time.Hour)
	for range 2 {
		e, err := m.journal().Close(t.Context(), of, start(), done, "sha-256:00")
		if err != nil || !e.DoneAt.Equal(start().Add(2*time.Hour)) {
			t.Errorf("closed twice: %+v %v", e, err)
		}
		done = done.Add(time.Hour)
	}
	if _, err := m.journal().Close(t.Context(), journal.Subject{Scope: journal.Person, ID: "x"}, start(), done, ""); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("closing what was never opened: %v", err)
	}
}

// TestNothingInTheClear holds that neither entries nor mirror name anybody.
func TestNothingInTheClear(t *testing.T) {
	m := newMemory()
	const who = "0199aaaa-0000-7000-8000-00000000000a"
	for _, scope := range []journal.Scope{journal.Tenant, journal.Passport, journal.Person} {
		if _, err := m.journal().Append(t.Context(), journal.Subject{Scope: scope, ID: who}, start(), start()); err != nil {
			t.Fatal(err)
		}
	}
	if text := fmt.Sprint(m.entries, m.mirror); strings.Contains(text, who[:8]) || strings.Contains(text, who[24:]) {
		t.Errorf("the journal names its subject: %s", text)
	}
	if m.entries[0].Digest == m.entries[1].Digest {
		t.Error("a tenant and a passport of one identifier have one digest")
	}
	bad := journal.Subject{Scope: "everything", ID: who}
	if _, err := m.journal().Append(t.Context(), bad, start(), start()); err == nil {
		t.Error("an unknown scope is taken")
	}
	if _, err := m.journal().Append(t.Context(), journal.Subject{Scope: journal.Tenant, ID: who}, start(), start().Add(-time.Second)); err == nil {
		t.Error("a deletion that may begin before it was asked for is taken")
	}
	if _, err := m.journal().Close(t.Context(), journal.Subject{Scope: journal.Tenant, ID: who}, start(), start(), strings.Repeat("x", journal.MaxEvidence+1)); err == nil {
		t.Error("evidence with room for content is taken")
	}
}

// TestReplayed holds which entries count for a restored table.
func TestReplayed(t *testing.T) {
	point := start()
	now := start().Add(72 * time.Hour)
	at := func(hours int) time.Time { return point.Add(time.Duration(hours) * time.Hour) }
	for name, tc := range map[string]struct {
		notBefore, doneAt time.Time
		want              bool
	}{
		"done before the point":              {at(-48), at(-24), false},
		"done before, within skew":           {at(-48), point.Add(-journal.Skew / 2), true},
		"done after":                         {at(-48), at(1), true},
		"begun and not done":                 {at(-48), time.Time{}, true},
		"may begin at this very instant":     {now, time.Time{}, true},
		"asked for, and may not yet begin":   {now.Add(time.Nanosecond), time.Time{}, false},
		"asked for after the point and done": {at(2), at(3), true},
	} {
		e := journal.Entry{Mark: journal.Mark{Scope: journal.Tenant, RequestedAt: at(-72)}, NotBefore: tc.notBefore, DoneAt: tc.doneAt}
		if got := journal.Replayed(e, point, now); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHolds holds that a hold keeps what is not deleted yet, and does not bring back what is.
func TestHolds(t *testing.T) {
	m := newMemory()
	open, done := journal.Subject{Scope: journal.Tenant, ID: "open"}, journal.Subject{Scope: journal.Tenant, ID: "done"}
	for _, s := range []journal.Subject{open, done} {
		if _, err := m.journal().Append(t.Context(), s, start(), start()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.journal().Close(t.Context(), done, start(), start().Add(time.Hour), ""); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Plan(t.Context(), m, m, start(), start().Add(2*time.Hour), open, done)
	if err != nil || r.Held != 1 || r.Entries != 1 || r.Names(open) || !r.Names(done) || r.Through != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestDropping holds, for any lives of backups and entries, that an entry is there for as long as a backup is that its
// subject is in, and for Grace after that; and that it goes at some time.
func TestDropping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		done := start().Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "done")) * time.Hour)
		oldest := start().Add(time.Duration(rapid.IntRange(-2000, 6000).Draw(t, "oldest")) * time.Hour)
		complete := rapid.Bool().Draw(t, "complete")
		e := journal.Entry{Sequence: 1, NotBefore: start(), DoneAt: done}
		got := journal.Droppable(e, oldest, complete)
		if got && (!complete || oldest.Before(done.Add(60*24*time.Hour))) {
			t.Fatalf("dropped while a backup of %s may hold what ended at %s", oldest, done)
		}
		if !got && complete && oldest.Sub(done) >= 60*24*time.Hour {
			t.Fatal("never dropped")
		}
		e.DoneAt = time.Time{}
		if journal.Droppable(e, oldest, complete) || journal.Droppable(journal.Entry{DoneAt: done}, time.Time{}, true) {
			t.Fatal("an open entry, or one with no backup known, is dropped")
		}
	})
}

// TestMirrorShowsLoss holds that a journal from which something was taken, changed or rolled back does not pass, and one
// that was only pruned does.
func TestMirrorShowsLoss(t *testing.T) {
	fill := func() *memory {
		m := newMemory()
		for i := range 20 {
			of := journal.Subject{Scope: journal.Tenant, ID: fmt.Sprint(i)}
			if _, err := m.journal().Append(context.Background(), of, start(), start()); err != nil {
				t.Fatal(err)
			}
			if i < 10 {
				if _, err := m.journal().Close(context.Background(), of, start(), start().Add(time.Hour), ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		return m
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := fill()
		if n, err := m.journal().Prune(t.Context(), start().Add(journal.Grace), true); err != nil || n != 0 {
			rt.Fatalf("pruned too early: %d %v", n, err)
		}
		if n, err := m.journal().Prune(t.Context(), start().Add(journal.Grace+time.Hour), true); err != nil || n != 10 {
			rt.Fatalf("pruned: %d %v", n, err)
		}
		if through, err := journal.Complete(t.Context(), m, m); err != nil || through != 20 {
			rt.Fatalf("a pruned journal: %d %v", through, err)
		}
		i := rapid.IntRange(0, len(m.entries)-1).Draw(rt, "entry")
		switch rapid.SampledFrom([]string{"remove", "change", "roll back"}).Draw(rt, "attack") {
		case "remove":
			m.entries = slices.Delete(m.entries, i, i+1)
		case "change":
			m.entries[i].Digest = strings.Repeat("0", 64)
		case "roll back":
			m.entries = m.entries[:i]
		}
		if _, err := journal.Complete(t.Context(), m, m); err == nil {
			rt.Fatal("nothing is noticed")
		}
	})
}

// TestWalkPages holds that a walk sees everything once, in order, however long the journal is.
func TestWalkPages(t *testing.T) {
	m := newMemory()
	for i := range 1203 {
		if _, err := m.Append(t.Context(), journal.Entry{Mark: journal.Mark{Digest: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int64
	err := journal.Walk(t.Context(), m, 3, func(e journal.Entry) error { seen = append(seen, e.Sequence); return nil })
	if err != nil || len(seen) != 1200 || !slices.IsSortedFunc(seen, cmp.Compare[int64]) || seen[0] != 4 {
		t.Errorf("%d entries from %v: %v", len(seen), seen[:1], err)
	}
}
