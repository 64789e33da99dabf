// Package backup decides about copies of tables and buckets: how old they may be, which are removed, and what is wrong
// with what is there. It decides from an inventory and calls nothing; Rotator carries out and looks again.
//
// The bound is the promise: no copy of what a customer had is older than Most, so that what is deleted from the tables is
// gone from the copies Most later. What a service answers to a deletion proves nothing (AWS Backup says 200 and keeps a
// point as EXPIRED); only a second inventory does.
package backup

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour

	// Most is the oldest that a copy of content may be.
	Most = 28 * day
	// MostKeys is the oldest that a copy of keys may be: a destroyed key is final after that.
	MostKeys = 7 * day
	// MostLedger is how long copies of the Ledger are kept: it holds no content, and the deletion journal in it must outlive
	// every copy that it is replayed into.
	MostLedger = 400 * day
	// Lag is how long AWS Backup may take to remove what has expired (AWS Backup Developer Guide, "Deleting backups").
	Lag = 8 * time.Hour
	// Newest is the oldest that the newest copy may be: one a day, and an hour to make it.
	Newest = 25 * time.Hour
)

// Kind says what keeps a copy.
type Kind string

// The kinds.
const (
	Vault  Kind = "vault"  // a recovery point of AWS Backup; only its lifecycle removes it
	Native Kind = "native" // a backup that DynamoDB made by order, or by itself when a table went
)

// Status says whether a copy is good.
type Status string

// The statuses.
const (
	Good    Status = "good"
	Under   Status = "under-way" // being made or being removed
	Expired Status = "expired"   // should be gone and is not: the service was not allowed to remove it
	Broken  Status = "broken"    // partial, stopped, or of a state that this version does not know
)

// Copy is one copy of a table.
type Copy struct {
	Kind      Kind
	ID        string // ARN
	Of        string // the table's name
	Vault     string // of a recovery point
	CreatedAt time.Time
	ExpiresAt time.Time // when its lifecycle removes it; zero: never
	Status    Status
}

// Continuous is the point-in-time recovery of a table.
type Continuous struct {
	Table            string
	Enabled          bool
	Days             int
	Earliest, Latest time.Time // what can be restored
}

// Source is a table, with what must be true of its copies.
type Source struct {
	Table   string
	Keep    time.Duration // the oldest that a copy may be
	Days    int           // of point-in-time recovery
	Vault   string        // where its daily copies lie; "" for a table that has none
	Content bool          // holds what customers have entrusted to us
}

// Inventory is what was found.
type Inventory struct {
	Copies     []Copy
	Continuous []Continuous
	Left       []string // tables of ours that are not in use: lost ones, and restored ones that never came into use
}

// Finding is something that is not as it must be.
type Finding struct {
	Rule     string // stable
	Of       string // table or copy
	Sentence string
}

func (f Finding) String() string { return f.Rule + ": " + f.Of + ": " + f.Sentence }

// Restored stands in the name of a restored table between the name of its source and an instant.
const Restored = "-restored-"

// Base is the name that a table had when it was first made. Whatever was restored since has another one, also while it is
// the table in use.
func Base(table string) string {
	base, _, _ := strings.Cut(table, Restored)
	return base
}

// Belongs tells whether a table, or a copy of it, is one of a source: of the table itself, of one that it was restored
// from, or of one that was restored from either.
func (s Source) Belongs(table string) bool { return Base(table) == Base(s.Table) }

// Decide says which copies are removed, and what is wrong. Recovery points of a vault are never removed by hand, and of a
// table that must have copies never the newest good one, however old it is: that it is old is wrong enough.
func Decide(sources []Source, have Inventory, now time.Time) (remove []Copy, wrong []Finding) {
	for _, s := range sources {
		mine := s.copies(have)
		newest := s.newest(mine)
		for _, c := range mine {
			out, findings := s.judge(c, now)
			if out && s.Vault != "" && newest != nil && c.ID == newest.ID {
				out = false
				findings = append(findings, Finding{"newest-too-old", c.ID, "it is the newest good copy and older than copies may be; it is kept until there is a newer one"})
			}
			if out {
				remove = append(remove, c)
			}
			wrong = append(wrong, findings...)
		}
		switch {
		case s.Vault == "":
		case newest == nil:
			wrong = append(wrong, Finding{"no-copy", s.Table, "there is no good copy of it"})
		case now.Sub(newest.CreatedAt) > Newest:
			wrong = append(wrong, Finding{"stale", s.Table, fmt.Sprintf("its newest good copy is of %s", newest.CreatedAt.Format(time.RFC3339))})
		}
		wrong = append(wrong, s.continuous(have, now)...)
		for _, table := range s.left(have) {
			wrong = append(wrong, Finding{"left-over", table, "it is not in use and holds what has been deleted since; once nobody restores from it, remove it with passportctl drill discard"})
		}
	}
	return remove, wrong
}

// left are the tables of a source that are not in use. What is in them is in no order of age: they count as copies of
// everything until they are gone.
func (s Source) left(have Inventory) []string {
	return slices.DeleteFunc(slices.Clone(have.Left), func(table string) bool { return !s.Belongs(table) })
}

func (s Source) copies(have Inventory) []Copy {
	var mine []Copy
	for _, c := range have.Copies {
		if s.Belongs(c.Of) {
			mine = append(mine, c)
		}
	}
	return mine
}

// newest is the newest good copy of the table itself, or the newest one that a vault has of the table that it replaced: what
// DynamoDB kept of one that was only restored says nothing.
func (s Source) newest(mine []Copy) *Copy {
	var newest *Copy
	for i, c := range mine {
		if c.Status == Good && (c.Of == s.Table || c.Kind == Vault) && (newest == nil || c.CreatedAt.After(newest.CreatedAt)) {
			newest = &mine[i]
		}
	}
	return newest
}

// judge says whether one copy has to go, and what is wrong with it.
func (s Source) judge(c Copy, now time.Time) (out bool, wrong []Finding) {
	age := now.Sub(c.CreatedAt)
	if c.Status == Expired {
		wrong = append(wrong, Finding{"expired", c.ID, "it should be gone: the service was not allowed to remove it and said nothing"})
	}
	if c.Status == Broken {
		wrong = append(wrong, Finding{"broken", c.ID, "it is no good copy"})
	}
	if c.Kind == Native {
		return age > s.Keep, wrong
	}
	if s.Vault == "" {
		wrong = append(wrong, Finding{"not-vaulted", c.ID, "no vault may hold this table"})
	}
	if c.ExpiresAt.IsZero() || c.ExpiresAt.Sub(c.CreatedAt) > s.Keep+Lag {
		wrong = append(wrong, Finding{"kept-too-long", c.ID, fmt.Sprintf("its lifecycle does not remove it after %d days", int(s.Keep/day))})
	}
	if age > s.Keep+Lag {
		wrong = append(wrong, Finding{"overdue", c.ID, "its lifecycle should have removed it"})
	}
	return false, wrong
}

func (s Source) continuous(have Inventory, now time.Time) []Finding {
	i := slices.IndexFunc(have.Continuous, func(c Continuous) bool { return c.Table == s.Table })
	switch {
	case i < 0 || !have.Continuous[i].Enabled:
		return []Finding{{"no-recovery", s.Table, "point-in-time recovery is off"}}
	case have.Continuous[i].Days != s.Days:
		return []Finding{{"recovery-days", s.Table, fmt.Sprintf("point-in-time recovery keeps %d days, not %d", have.Continuous[i].Days, s.Days)}}
	case now.Sub(have.Continuous[i].Earliest) > time.Duration(s.Days)*day+Lag:
		return []Finding{{"recovery-reach", s.Table, fmt.Sprintf("it can be restored to %s", have.Continuous[i].Earliest.Format(time.RFC3339))}}
	}
	return nil
}

// Figures are what is published.
type Figures struct {
	Oldest  time.Duration // age of the oldest copy of content
	Newest  time.Duration // of the tables that must have copies, the age of the newest good one where it is greatest
	Expired int
	Copies  int
}

// Measure measures. A table without any good copy counts as one whose newest is as old as copies get.
func Measure(sources []Source, have Inventory, now time.Time) Figures {
	f := Figures{Copies: len(have.Copies)}
	for _, s := range sources {
		mine := s.copies(have)
		for _, c := range mine {
			if c.Status == Expired {
				f.Expired++
			}
			if s.Content {
				f.Oldest = max(f.Oldest, now.Sub(c.CreatedAt))
			}
		}
		if s.Vault == "" {
			continue
		}
		age := s.Keep
		if n := s.newest(mine); n != nil {
			age = now.Sub(n.CreatedAt)
		}
		f.Newest = max(f.Newest, age)
	}
	return f
}

// OldestOf is the earliest instant to which any table of a kind can be brought back, from whatever copy. complete says
// that every source was looked at: when it is false, there may be an older one.
func OldestOf(sources []Source, have Inventory, now time.Time, wanted func(Source) bool) (oldest time.Time, complete bool) {
	oldest, complete = now, true
	earlier := func(t time.Time) {
		if t.Before(oldest) {
			oldest = t
		}
	}
	for _, s := range sources {
		if !wanted(s) {
			continue
		}
		for _, c := range s.copies(have) {
			earlier(c.CreatedAt)
		}
		left := s.left(have)
		complete = complete && len(left) == 0
		for _, table := range append(left, s.Table) {
			i := slices.IndexFunc(have.Continuous, func(c Continuous) bool { return c.Table == table })
			switch {
			case i < 0 || have.Continuous[i].Enabled && have.Continuous[i].Earliest.IsZero():
				complete = false
			case have.Continuous[i].Enabled:
				earlier(have.Continuous[i].Earliest)
			}
		}
	}
	return oldest, complete
}
