package lifecycle

import (
	"net/url"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// DispositionKind is what becomes of a passport when its tenant leaves.
type DispositionKind string

// The kinds.
const (
	HandedOver DispositionKind = "handed-over" // its address answers with a redirect to the successor; the content is deleted
	Custody    DispositionKind = "custody"     // what the law demands is kept, read-only and apart, until a date
	Ceased     DispositionKind = "ceased"      // its address answers 410 with the reason; the content is deleted
	Deleted    DispositionKind = "deleted"     // nothing is left
)

// PassportFacts is what the decision about a passport takes from it.
type PassportFacts struct {
	Passport    id.Passport
	Group       string
	Category    string    // within the group, such as "ev"; empty: unknown
	Published   bool      // a version was in force at some time, whatever the status now
	PublishedAt time.Time // the last time
	PlacedAt    time.Time // when the product was placed on the market; zero: unknown
	RecycledAt  time.Time // zero: not, as far as is known
}

// Choice is what the tenant says about a passport before it is sealed. The zero value says nothing.
type Choice struct {
	SuccessorURL string    // where the passport is from now on
	DeclaredBy   string    // actor who says that the successor has the signed bundle
	DeclaredAt   time.Time // and when
	RecycledAt   time.Time // when the product was recycled, where the passport ends with that; zero: it was not said
}

// Disposition is the decision. Until is zero where no end is set: for a passport that ceased, whose address must never
// mean another product, and for one that is deleted.
type Disposition struct {
	Passport     id.Passport         `json:"passport"`
	Kind         DispositionKind     `json:"kind"`
	Until        time.Time           `json:"until,omitzero"`
	Basis        Basis               `json:"basis,omitzero"`
	Assumed      bool                `json:"assumed,omitempty"` // the act does not fix the period; see the law's assumption
	ReviewBy     string              `json:"reviewBy,omitempty"`
	SuccessorURL string              `json:"successorUrl,omitempty"`
	Keeps        []audience.Audience `json:"keeps,omitempty"` // custody only: fields that these may read
	Why          string              `json:"why"`             // a sentence for the tenant
}

// Mandatory tells whether the law demands this passport of a product that is on the market at an instant. What is not
// known counts against deletion: an unknown category is not exempt, and an unknown day of placing is a day on which the
// law applied already, if there was such a day.
func (g GroupLaw) Mandatory(f PassportFacts, now time.Time) bool {
	from := day(g.MandatoryFrom)
	if from.IsZero() {
		return false
	}
	for _, exempt := range g.Exempt {
		if f.Category == exempt {
			return false
		}
	}
	if f.PlacedAt.IsZero() {
		return !now.Before(from)
	}
	return !f.PlacedAt.Before(from)
}

// Until is the end of the duty to keep a passport by the number of years: the end of the UTC day, counted in calendar
// years from the placing on the market or the last publication, whichever is later.
func (g GroupLaw) Until(f PassportFacts) time.Time {
	begins := latest(f.PlacedAt, f.PublishedAt).UTC()
	return ceilDay(begins.AddDate(g.KeepYears, 0, 0))
}

// Dispose decides what becomes of a passport, for the plan of a deletion. A choice counts where the law keeps the
// passport; elsewhere there is nothing to choose. A choice that is not good counts as none: the passport goes into
// custody, from where it can still be handed over. A group without law is product-group-unknown, and nothing follows.
func Dispose(f PassportFacts, c Choice, law Law, now time.Time) (Disposition, error) {
	d := Disposition{Passport: f.Passport, Kind: Deleted}
	g, ok := law.Group(f.Group)
	if !ok {
		return Disposition{}, fault.New(fault.CodeProductGroupUnknown, "No law is recorded for the product group %q, so nothing can be decided about passport %s.", f.Group, f.Passport)
	}
	switch {
	case !f.Published:
		d.Why = "It was never published, so no law keeps it."
		return d, nil
	case g.Ends == EndRecycled && !f.RecycledAt.IsZero() && !f.RecycledAt.After(now):
		d.Kind, d.Basis = Ceased, g.basis()
		d.Why = "The product was recycled, and its passport ceased to exist with it."
		return d, nil
	case !g.Mandatory(f, now):
		d.Why = "It is voluntary: no law demands it for this product today."
		return d, nil
	case !now.Before(g.Until(f)):
		d.Why = "The period for which the law demands it has ended."
		return d, nil
	}
	d.Until, d.Basis, d.Assumed, d.ReviewBy = g.Until(f), g.basis(), !g.Fixed, g.ReviewBy
	if c.SuccessorURL == "" || c.check(now) != nil {
		d.Kind, d.Keeps = Custody, g.Keeps
		d.Why = "The law demands that it stays available, and it was not handed over. Personal data and internal notes are not kept."
		return d, nil
	}
	d.Kind, d.SuccessorURL = HandedOver, c.SuccessorURL
	d.Why = "It was handed over; its address leads to the successor."
	return d, nil
}

// Choose is Dispose for the moment at which the tenant makes a choice: a choice that would not count is
// disposition-refused, and the refusal says why.
func Choose(f PassportFacts, c Choice, law Law, now time.Time) (Disposition, error) {
	d, err := Dispose(f, c, law, now)
	switch {
	case err != nil || c == (Choice{}):
		return d, err
	case !c.RecycledAt.IsZero() && c.SuccessorURL == "" && d.Kind == Ceased:
		return d, nil
	case d.Kind == HandedOver && c.RecycledAt.IsZero():
		return d, nil
	case !c.RecycledAt.IsZero():
		return Disposition{}, fault.New(fault.CodeDisposition, "This passport does not end with the recycling of its product, or that day is still ahead, or a successor is named as well.").With(
			fault.Field{Pointer: "/recycledAt", Code: fault.CodeDisposition, Detail: "only for published passports that end with the product, not ahead, and without a successor"})
	case d.Kind == Custody:
		return Disposition{}, c.check(now)
	default:
		return Disposition{}, fault.New(fault.CodeDisposition, "There is nothing to hand over. %s", d.Why)
	}
}

// maxURL is the longest address that the registry of the EU takes, in characters.
const maxURL = 2000

// check refuses an address that readers cannot follow safely, and a hand-over that nobody vouches for. Whether it leads
// back to us is for the caller, who knows our own names.
func (c Choice) check(now time.Time) error {
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeDisposition, Detail: detail})
	}
	u, err := url.Parse(c.SuccessorURL)
	switch {
	case err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Fragment != "" || len(c.SuccessorURL) > maxURL:
		bad("/successorUrl", "must be an https address without user name and fragment, of at most 2000 characters")
	case !strings.Contains(u.Hostname(), ".") || strings.ContainsAny(c.SuccessorURL, " \t\r\n\\\"<>"):
		bad("/successorUrl", "must name a public host")
	}
	if c.DeclaredBy == "" || c.DeclaredAt.IsZero() || c.DeclaredAt.After(now.Add(MaxDisagreement)) {
		bad("/handedOver", "somebody must say that the successor has the passport")
	}
	if fields == nil {
		return nil
	}
	return fault.New(fault.CodeDisposition, "The passport cannot be handed over like this.").With(fields...)
}
