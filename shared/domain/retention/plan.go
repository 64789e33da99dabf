package retention

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Plan is what is going to be deleted and what is not, as the people of a tenant read it when the window has closed. Its
// hash is in the record of the tenant, and later in the certificate.
type Plan struct {
	Format      string        `json:"format"`
	Tenant      id.Tenant     `json:"tenant"`
	Certificate string        `json:"certificate"`
	T0          time.Time     `json:"t0"`
	SealedAt    time.Time     `json:"sealedAt"`
	NotBefore   time.Time     `json:"notBefore"` // nothing is destroyed earlier
	ActiveBy    time.Time     `json:"activeBy"`
	ResidualBy  time.Time     `json:"residualBy"`
	Policy      string        `json:"policyVersion"`
	Law         string        `json:"lawVersion"`
	Stores      []PlannedItem `json:"stores"`
	Passports   Decided       `json:"passports"`
	Holds       []PlannedHold `json:"holds"`
}

// PlannedItem is one store and what it held when it was counted.
type PlannedItem struct {
	Store string `json:"store"`
	Items int64  `json:"items"`
}

// PlannedHold is a hold in force when the plan was frozen.
type PlannedHold struct {
	Scope    lifecycle.ScopeKind `json:"scope"`
	Act      string              `json:"act"`
	Article  string              `json:"article"`
	ReviewBy time.Time           `json:"reviewBy"`
}

// Decided is what becomes of the passports. Digest is rolled over every decision in order, so that the list, which may be
// long, can be shown to be the one that was decided.
type Decided struct {
	Count  int64             `json:"count"`
	Digest string            `json:"digest"`
	Tally  []lifecycle.Tally `json:"tally"`
	// Listed are the passports of which something stays, up to MaxListed; More are not listed here.
	Listed []lifecycle.Disposition `json:"listed"`
	More   int64                   `json:"more,omitempty"`
}

// MaxListed is how many passports a plan names one by one.
const MaxListed = 200

const planFormat = "passportcraft-deletion-plan/1"

func (v *visit) plan(certificate string) ([]byte, error) {
	r := v.life.Record
	d := r.Deadlines()
	p := Plan{
		Format: planFormat, Tenant: r.Tenant, Certificate: certificate, T0: r.T0, SealedAt: r.SealedAt, NotBefore: d.DrainUntil,
		ActiveBy: d.ActiveBy, ResidualBy: d.ResidualBy, Policy: r.Policy().Version, Law: v.Law.Version,
		Stores: []PlannedItem{}, Holds: []PlannedHold{},
	}
	for _, place := range v.Places {
		w, ok := find(v.works, Work{Tenant: r.Tenant, Kind: Count, Store: place.Name})
		if !ok || w.Done.IsZero() {
			return nil, fmt.Errorf("store %s is not counted", place.Name)
		}
		p.Stores = append(p.Stores, PlannedItem{place.Name, w.Planned})
	}
	disposed, ok := find(v.works, Work{Tenant: r.Tenant, Kind: Dispose})
	if !ok || disposed.Done.IsZero() {
		return nil, errors.New("the passports are not decided about")
	}
	if err := json.Unmarshal(disposed.State, &p.Passports); err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	p.Passports.Digest = "sha-256:" + hex.EncodeToString(disposed.Digest)
	for _, h := range v.holds {
		if h.InForce() {
			p.Holds = append(p.Holds, PlannedHold{h.Scope.Kind, h.Basis.Act, h.Basis.Article, h.ReviewBy})
		}
	}
	return plainJSON(p)
}

// ReadPlan reads the plan of a life.
func ReadPlan(b []byte) (Plan, error) {
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil || p.Format != planFormat {
		return Plan{}, fmt.Errorf("retention: plan %q: %w", p.Format, err)
	}
	return p, nil
}

// plainJSON is JSON in which text stays as it is.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// hashOf is a digest as text.
func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256:" + hex.EncodeToString(sum[:])
}

// HashSecret is what is stored of the secret of a certificate.
func HashSecret(secret string) string { return hashOf([]byte(secret)) }

// roll adds to a digest over a list.
func roll(digest, next []byte) []byte {
	h := sha256.New()
	h.Write(digest)
	h.Write(next)
	return h.Sum(nil)
}

// evidence is a digest over what the sweeps of a tenant have deleted, in the order of their names.
func evidence(works []Work) string {
	var digest []byte
	for _, w := range inOrder(works) {
		if w.Kind == Sweep {
			digest = roll(digest, fmt.Appendf(nil, "%s\n%d\n%x\n", w.Store, w.Deleted, w.Digest))
		}
	}
	return "sha-256:" + hex.EncodeToString(digest)
}
