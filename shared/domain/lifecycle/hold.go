package lifecycle

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Basis is why something is kept: an act, its article, and a reference to the case if there is one. There is no keeping
// on the strength of a sentence alone. Act and article are a citation, which stays readable, in the certificate too.
type Basis struct {
	Act     string `json:"act"`
	Article string `json:"article"`
	Case    string `json:"case,omitempty"` // file number of a court or an authority; sealed where it is stored
}

// Limits of what is typed as a basis, in characters.
const (
	maxAct     = 120
	maxArticle = 60
	maxCase    = 200
)

// cites tells whether a text is short enough for a citation, and on one line.
func cites(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, unicode.IsControl)
}

// Given tells whether the basis names an act and an article.
func (b Basis) Given() bool {
	return strings.TrimSpace(b.Act) != "" && strings.TrimSpace(b.Article) != ""
}

// ScopeKind says what a hold covers.
type ScopeKind string

// The scopes.
const (
	ScopeTenant   ScopeKind = "tenant"   // everything of a tenant
	ScopePassport ScopeKind = "passport" // one passport with its versions and documents
	ScopeUser     ScopeKind = "user"     // one person
	ScopeRange    ScopeKind = "range"    // passports whose identifiers lie in a range; those sort by creation
)

// Scope is what a hold covers. Only the members of its kind are set, and Tenant always.
type Scope struct {
	Kind     ScopeKind   `json:"kind"`
	Tenant   id.Tenant   `json:"tenant"`
	Passport id.Passport `json:"passport,omitempty"`
	User     id.Person   `json:"user,omitempty"`
	From     id.Passport `json:"from,omitempty"` // inclusive
	To       id.Passport `json:"to,omitempty"`   // exclusive
}

func (s Scope) check() bool {
	if !id.Valid(s.Tenant) {
		return false
	}
	switch s.Kind {
	case ScopeTenant:
		return s == Scope{Kind: s.Kind, Tenant: s.Tenant}
	case ScopePassport:
		return id.Valid(s.Passport) && s == Scope{Kind: s.Kind, Tenant: s.Tenant, Passport: s.Passport}
	case ScopeUser:
		return id.Valid(s.User) && s == Scope{Kind: s.Kind, Tenant: s.Tenant, User: s.User}
	case ScopeRange:
		return id.Valid(s.From) && id.Valid(s.To) && s.From < s.To && s == Scope{Kind: s.Kind, Tenant: s.Tenant, From: s.From, To: s.To}
	default:
		return false
	}
}

// Hold is a duty to keep that stands against deletion. It is in force from its approval to its release; a review that is
// overdue raises an alarm and ends nothing.
type Hold struct {
	ID          string // a UUID
	Scope       Scope
	Basis       Basis
	RequestedBy string // actor
	RequestedAt time.Time
	ApprovedBy  string // another actor
	ApprovedAt  time.Time
	ReviewBy    time.Time // at most Policy.Review after the last decision
	ReviewedBy  string    // another actor than RequestedBy
	ReleasedBy  string
	ReleasedAt  time.Time
}

// Ask makes a hold that waits for its approval. review is how long Policy.Review lets it wait for a review.
func Ask(hold string, scope Scope, basis Basis, by string, reviewBy time.Time, review time.Duration, now time.Time) (Hold, error) {
	h := Hold{ID: hold, Scope: scope, Basis: basis, RequestedBy: by, RequestedAt: now.UTC(), ReviewBy: reviewBy.UTC()}
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeHoldInvalid, Detail: detail})
	}
	if !id.Valid(hold) {
		bad("/id", "must be a UUID")
	}
	if !scope.check() {
		bad("/scope", "must name a tenant and, as its kind asks, one passport, one user or a range of passports, and nothing else")
	}
	if !basis.Given() {
		bad("/basis", "must name an act and an article")
	}
	if !cites(basis.Act, maxAct) || !cites(basis.Article, maxArticle) || !cites(basis.Case, maxCase) {
		bad("/basis", "cites an act with at most 120 characters, an article with at most 60 and a case with at most 200, each on one line")
	}
	if by == "" {
		bad("/requestedBy", "must name who asks")
	}
	if !reviewBy.After(now) || reviewBy.Sub(now) > review {
		bad("/reviewBy", "must be ahead, and not by more than 90 days")
	}
	if fields != nil {
		return Hold{}, fault.New(fault.CodeHoldInvalid, "The hold is not complete.").With(fields...)
	}
	return h, nil
}

// Approve puts a hold in force. Nobody approves what they asked for.
func (h Hold) Approve(by string, now time.Time) (Hold, error) {
	if !h.ReleasedAt.IsZero() {
		return h, fault.New(fault.CodeHoldInvalid, "The hold was released, at %s.", stamp(h.ReleasedAt))
	}
	if !h.ApprovedAt.IsZero() {
		return h, fault.New(fault.CodeHoldInvalid, "The hold was approved already, at %s.", stamp(h.ApprovedAt))
	}
	if by == "" || by == h.RequestedBy {
		return h, fault.New(fault.CodeSecondPerson, "Somebody else than the one who asked for the hold has to approve it.")
	}
	h.ApprovedBy, h.ApprovedAt = by, now.UTC()
	return h, nil
}

// Continue records a review that found the hold still needed. review is Policy.Review.
func (h Hold) Continue(by string, reviewBy time.Time, review time.Duration, now time.Time) (Hold, error) {
	if !h.InForce() {
		return h, fault.New(fault.CodeHoldInvalid, "The hold is not in force.")
	}
	if by == "" || by == h.RequestedBy {
		return h, fault.New(fault.CodeSecondPerson, "Somebody else than the one who asked for the hold has to review it.")
	}
	if !reviewBy.After(now) || reviewBy.Sub(now) > review {
		return h, fault.New(fault.CodeHoldInvalid, "The next review must be ahead, and not by more than 90 days.").With(
			fault.Field{Pointer: "/reviewBy", Code: fault.CodeHoldInvalid, Detail: "ahead, at most 90 days"})
	}
	h.ReviewedBy, h.ReviewBy = by, reviewBy.UTC()
	return h, nil
}

// Release ends a hold, also one that was never approved; the deadlines of what it kept are computed by Prolong.
func (h Hold) Release(by string, now time.Time) (Hold, error) {
	if !h.ReleasedAt.IsZero() {
		return h, fault.New(fault.CodeHoldInvalid, "The hold was released already, at %s.", stamp(h.ReleasedAt))
	}
	if by == "" {
		return h, fault.New(fault.CodeHoldInvalid, "A release names who decided it.")
	}
	h.ReleasedBy, h.ReleasedAt = by, now.UTC()
	return h, nil
}

// InForce tells whether the hold is approved, by another than asked for it, and not released. A hold without basis or
// with one person in both parts is none.
func (h Hold) InForce() bool {
	return !h.ApprovedAt.IsZero() && h.ReleasedAt.IsZero() && h.Basis.Given() && h.ApprovedBy != "" && h.ApprovedBy != h.RequestedBy
}

// Overdue tells whether somebody should have looked at the hold again.
func (h Hold) Overdue(now time.Time) bool { return h.InForce() && now.After(h.ReviewBy) }

// Target is what a destructive step is about to touch.
type Target struct {
	Tenant   id.Tenant
	Passport id.Passport // empty: not of one passport
	User     id.Person   // empty: not of one person
	Keys     bool        // a key goes, and with it all that is encrypted under it: the person's when User is set, else the tenant's
	Whole    bool        // the step cannot tell the tenant's rows apart
}

// Blocks tells whether the hold forbids a destructive step. A hold blocks its scope and nothing else, except that a key or
// a step that cannot spare single rows is blocked by every hold on anything of the tenant.
func (h Hold) Blocks(t Target) bool {
	if !h.InForce() || h.Scope.Tenant != t.Tenant {
		return false
	}
	if h.Scope.Kind == ScopeTenant || t.Whole || t.Keys && t.User == "" {
		return true
	}
	switch h.Scope.Kind {
	case ScopePassport:
		return t.Passport != "" && t.Passport == h.Scope.Passport
	case ScopeUser:
		return t.User != "" && t.User == h.Scope.User
	case ScopeRange:
		return t.Passport != "" && t.Passport >= h.Scope.From && t.Passport < h.Scope.To
	default:
		return true // a scope that is not understood is taken for everything
	}
}

// Blocked is the fault for a step that a hold forbids, or nil.
func Blocked(holds []Hold, t Target) error {
	for _, h := range holds {
		if h.Blocks(t) {
			return fault.New(fault.CodeHeld, "This is kept under %s, %s (hold %s, review due %s).", h.Basis.Act, h.Basis.Article, h.ID, stamp(h.ReviewBy))
		}
	}
	return nil
}

// Prolong moves the deadlines of the deletion for what holds have kept: it may leave the active systems until
// Policy.Release after the last release, and residual copies so long after that again. NotBefore never moves: a hold does
// not shorten the window. Data that no hold covered keeps its own deadlines; call it with the holds of one scope to get
// the deadlines of that scope. held is true while one of them is in force: then no deadline runs.
func (p Policy) Prolong(d Deadlines, holds []Hold) (prolonged Deadlines, held bool) {
	for _, h := range holds {
		if h.ApprovedAt.IsZero() {
			continue
		}
		held = held || h.InForce()
		if by := h.ReleasedAt.Add(p.Release); !h.ReleasedAt.IsZero() && by.After(d.ActiveBy) {
			d.ActiveBy = by
			d.ResidualBy = latest(d.ResidualBy, by.Add(p.Release))
		}
	}
	d.BackupsBy, d.KeysBy, d.LogsBy = d.ActiveBy.Add(p.Backup+p.BackupLag), d.ActiveBy.Add(p.Keys), d.ActiveBy.Add(p.Logs+p.LogLag)
	return d, held
}
