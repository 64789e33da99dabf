// Package audience says who may read a data element. Audiences are sets, never a ladder: under Regulation (EU)
// 2023/1542 persons with a legitimate interest read what authorities do not, and the other way round.
package audience

import "fmt"

// Audience is a group of readers.
type Audience string

// The audiences.
const (
	Public             Audience = "public"
	LegitimateInterest Audience = "legitimate-interest" // repairers, recyclers, second-life operators and the like
	Authority          Audience = "authority"           // notified bodies, market surveillance, the Commission
)

// All lists the audiences.
func All() []Audience { return []Audience{Public, LegitimateInterest, Authority} }

// Set is a set of audiences. The zero value is nobody.
type Set uint8

// Of makes a set; an unknown audience is an error.
func Of(audiences ...Audience) (Set, error) {
	var s Set
	for _, a := range audiences {
		b := bit(a)
		if b == 0 {
			return 0, fmt.Errorf("audience: unknown audience %q", a)
		}
		s |= b
	}
	return s, nil
}

// Has tells whether an audience belongs to the set.
func (s Set) Has(a Audience) bool { return bit(a) != 0 && s&bit(a) != 0 }

// List is the audiences of the set in fixed order.
func (s Set) List() []Audience {
	var out []Audience
	for _, a := range All() {
		if s.Has(a) {
			out = append(out, a)
		}
	}
	return out
}

func bit(a Audience) Set {
	for i, known := range All() {
		if a == known {
			return 1 << i
		}
	}
	return 0
}

// AnnexXIII is who may read a point of Annex XIII (Regulation (EU) 2023/1542, Art. 77(2)): point 1 everybody, point 2
// legitimate interest and authorities, point 3 authorities, point 4 legitimate interest. Other points are nobody's.
func AnnexXIII(point int) Set {
	switch point {
	case 1:
		return bit(Public) | bit(LegitimateInterest) | bit(Authority)
	case 2:
		return bit(LegitimateInterest) | bit(Authority)
	case 3:
		return bit(Authority)
	case 4:
		return bit(LegitimateInterest)
	}
	return 0
}
