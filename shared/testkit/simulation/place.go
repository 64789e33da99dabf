package simulation

import (
	"slices"
	"sort"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// row is one thing that a place holds: an item, a version of an object, a delete marker, a part of an upload, a member.
type row struct {
	place    *place
	tenant   id.Tenant
	passport id.Passport
	person   id.Person
	key      string // unique in its place
	kind     string
	value    uint64 // stands for the content
	fields   []field
	at       time.Time // written
	shown    time.Time // when an index shows it
	gone     time.Time // removed; zero while it is there
	cause    cause     // of its being written
}

// field is a data element of a passport.
type field struct {
	name    string
	readers audience.Set // nobody: internal
	person  bool         // names somebody
	value   uint64
}

// cause tells rows apart by who wrote them.
type cause int

const (
	work      cause = iota // a customer at work
	straggler              // what was under way when the tenant was sealed
	ghost                  // what nobody can explain, long after
	restored               // out of a backup
)

// place is one storage with the rows of every tenant.
type place struct {
	w        *World
	name     string
	phase    retention.Phase
	provider string
	content  bool          // what a customer would export
	backedUp bool          // copies go into backups
	lag      time.Duration // until an index shows a row
	expires  time.Duration // rows go by themselves after this; zero: never
	keepsFor time.Duration // copies of removed rows live so long in the place's own history; zero: no history
	outside  bool          // a sub-processor, which can be down

	shelves  map[id.Tenant]*shelf
	order    []id.Tenant // in which tenants came
	downTill time.Time
}

// shelf is the rows of one tenant, sorted by key, and those that were removed and may still be in a copy.
type shelf struct {
	live []*row
	dead []*row
}

func (p *place) shelf(t id.Tenant) *shelf {
	s, ok := p.shelves[t]
	if !ok {
		s = &shelf{}
		p.shelves[t] = s
		p.order = append(p.order, t)
	}
	return s
}

// find returns where a key is or would be.
func (s *shelf) find(key string) (int, bool) {
	i := sort.Search(len(s.live), func(i int) bool { return s.live[i].key >= key })
	return i, i < len(s.live) && s.live[i].key == key
}

// put writes a row; one with the same key is replaced, and its old state stays in the copies.
func (p *place) put(r row) *row {
	p.catchUp(r.tenant)
	s := p.shelf(r.tenant)
	r.place, r.at, r.shown = p, p.w.now, p.w.now
	if p.lag > 0 {
		r.shown = p.w.now.Add(p.w.dice.data.between(0, p.lag))
	}
	fresh := &r
	i, there := s.find(r.key)
	if there {
		s.live[i].gone = p.w.now
		s.dead = append(s.dead, s.live[i])
		s.live[i] = fresh
	} else {
		s.live = slices.Insert(s.live, i, fresh)
	}
	p.w.oracle.written(fresh)
	return fresh
}

// remove takes a row away; false when it was gone already.
func (p *place) remove(r *row, by string) bool {
	s := p.shelf(r.tenant)
	i, there := s.find(r.key)
	if !there || s.live[i] != r {
		return false
	}
	s.live = slices.Delete(s.live, i, i+1)
	r.gone = p.w.now
	s.dead = append(s.dead, r)
	p.w.oracle.removed(r, by)
	return true
}

// catchUp removes what expires by itself, and forgets copies that nobody holds any more.
func (p *place) catchUp(t id.Tenant) {
	s := p.shelf(t)
	if p.expires > 0 {
		for len(s.live) > 0 {
			i := slices.IndexFunc(s.live, func(r *row) bool { return p.w.now.Sub(r.at) >= p.expires })
			if i < 0 {
				break
			}
			r := s.live[i]
			s.live = slices.Delete(s.live, i, i+1)
			r.gone = r.at.Add(p.expires)
			s.dead = append(s.dead, r)
		}
	}
	if len(s.dead) > 0 {
		s.dead = slices.DeleteFunc(s.dead, func(r *row) bool { return !p.copied(r) && p.w.now.Sub(r.gone) > time.Hour })
	}
}

// copied tells whether a removed row is still in some copy: in the place's own history, or in a backup.
func (p *place) copied(r *row) bool {
	if p.keepsFor > 0 && p.w.now.Sub(r.gone) < p.keepsFor {
		return true
	}
	return p.backedUp && p.w.backups.holds(r.at, r.gone)
}

// rows returns the live rows of a tenant, in the order of keys.
func (p *place) rows(t id.Tenant) []*row {
	s, ok := p.shelves[t]
	if !ok {
		return nil
	}
	if p.expires > 0 {
		p.catchUp(t)
	}
	return s.live
}

// read is what a reader sees who is lag behind: rows that are gone, and not those that are new.
//
// DynamoDB: "When you issue eventually consistent reads to a DynamoDB table or an index, the responses may not reflect
// the results of a recently completed write operation." Global secondary indexes know no other reads.
func (p *place) read(t id.Tenant, lag time.Duration) []*row {
	s, ok := p.shelves[t]
	if !ok {
		return nil
	}
	p.catchUp(t)
	asOf := p.w.now.Add(-lag)
	if lag == 0 && p.lag == 0 {
		return s.live
	}
	var seen []*row
	for _, r := range s.live {
		if !r.shown.After(asOf) {
			seen = append(seen, r)
		}
	}
	for _, r := range s.dead {
		if r.gone.After(asOf) && !r.at.After(asOf) {
			seen = append(seen, r)
		}
	}
	slices.SortStableFunc(seen, func(a, b *row) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		default:
			return 0
		}
	})
	return seen
}
