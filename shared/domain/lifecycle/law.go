package lifecycle

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
)

// law.json is data for counsel to read and change, one entry for each product group. It is JSON because the domain has
// no parser for YAML.
//
//go:embed law.json
var lawData []byte

// Law is how long passports are kept because of law, and what else is.
type Law struct {
	Version string      `json:"version"`
	Groups  []GroupLaw  `json:"groups"` // sorted by Group
	Kept    []Exception `json:"kept"`
}

// GroupLaw is the law of one product group.
type GroupLaw struct {
	Group         string              `json:"group"`
	Title         string              `json:"title"`
	Act           string              `json:"act"`
	Article       string              `json:"article"`
	Basis         string              `json:"basis"`         // in a sentence
	MandatoryFrom string              `json:"mandatoryFrom"` // date from which products placed on the market need a passport; empty: none does yet
	Categories    []string            `json:"categories"`    // named by the act; for people
	Exempt        []string            `json:"exempt"`        // categories that the act exempts; any other is not, also an unknown one
	Ends          End                 `json:"ends"`
	KeepYears     int                 `json:"keepYears"` // calendar years, at the longest
	Fixed         bool                `json:"fixed"`     // the act itself names the number
	Assumption    string              `json:"assumption"`
	ReviewBy      string              `json:"reviewBy"` // date
	Keeps         []audience.Audience `json:"keeps"`    // what these may read is kept; personal data and internal notes never
}

// End is what ends the duty to keep a passport.
type End string

// The ends.
const (
	EndYears    End = "years"    // KeepYears have passed
	EndRecycled End = "recycled" // the product was recycled; at the latest when KeepYears have passed
)

// Exception is something beside passports that is kept when a tenant is gone.
type Exception struct {
	What       string `json:"what"`
	Act        string `json:"act"`
	Article    string `json:"article"`
	Why        string `json:"why"`
	Days       int    `json:"days"` // after T0; 0: as the assumption says
	Assumption string `json:"assumption"`
	ReviewBy   string `json:"reviewBy"`
}

// LoadLaw reads the law of this build.
func LoadLaw() (Law, error) { return ParseLaw(lawData) }

// MaxLaw is the largest file that ParseLaw reads, in bytes.
const MaxLaw = 1 << 20

// ParseLaw reads a law file strictly: unknown members, groups out of order, dates that are none and numbers without a
// source are errors, each naming its place.
func ParseLaw(b []byte) (Law, error) {
	if len(b) > MaxLaw {
		return Law{}, fmt.Errorf("lifecycle: law: larger than %d bytes", MaxLaw)
	}
	var l Law
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Law{}, fmt.Errorf("lifecycle: law: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Law{}, fmt.Errorf("lifecycle: law: something follows the document")
	}
	if l.Version == "" || len(l.Groups) == 0 {
		return Law{}, fmt.Errorf("lifecycle: law: version or groups are missing")
	}
	for i, g := range l.Groups {
		if err := g.check(); err != nil {
			return Law{}, fmt.Errorf("lifecycle: law: /groups/%d: %w", i, err)
		}
		if i > 0 && l.Groups[i-1].Group >= g.Group {
			return Law{}, fmt.Errorf("lifecycle: law: /groups/%d: groups are sorted by name, each once", i)
		}
	}
	for i, e := range l.Kept {
		if e.What == "" || e.Act == "" || e.Article == "" || e.Why == "" || e.Days < 0 || e.Days == 0 && e.Assumption == "" || !date(e.ReviewBy) {
			return Law{}, fmt.Errorf("lifecycle: law: /kept/%d: what, act, article, why, period and review date are needed", i)
		}
	}
	return l, nil
}

func (g GroupLaw) check() error {
	switch {
	case g.Group == "" || g.Title == "" || g.Act == "" || g.Article == "" || g.Basis == "":
		return fmt.Errorf("group, title, act, article and basis are needed")
	case g.MandatoryFrom != "" && !date(g.MandatoryFrom), !date(g.ReviewBy):
		return fmt.Errorf("dates are written 2027-02-18, and a review date is needed")
	case g.Ends != EndYears && g.Ends != EndRecycled:
		return fmt.Errorf("ends is years or recycled")
	case g.KeepYears < 1 || g.KeepYears > 100:
		return fmt.Errorf("keepYears is from 1 to 100")
	case !g.Fixed && g.Assumption == "":
		return fmt.Errorf("a number that the act does not fix needs its assumption")
	case len(g.Keeps) == 0:
		return fmt.Errorf("keeps names who may go on reading")
	}
	if _, err := audience.Of(g.Keeps...); err != nil {
		return err
	}
	return nil
}

func date(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }

// day is a date of the law as the first instant of that day in UTC; zero for none.
func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Group finds the law of a product group.
func (l Law) Group(name string) (GroupLaw, bool) {
	i := slices.IndexFunc(l.Groups, func(g GroupLaw) bool { return g.Group == name })
	if i < 0 {
		return GroupLaw{}, false
	}
	return l.Groups[i], true
}

// Overdue lists the groups whose review date has passed, for an alarm.
func (l Law) Overdue(now time.Time) []string {
	var out []string
	for _, g := range l.Groups {
		if !now.Before(day(g.ReviewBy).Add(Day)) {
			out = append(out, g.Group)
		}
	}
	return out
}

// basis is the law of a group as the basis of a disposition.
func (g GroupLaw) basis() Basis { return Basis{Act: g.Act, Article: g.Article} }
