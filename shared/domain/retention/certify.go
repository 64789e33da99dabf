package retention

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// lastLook has the auditor count once more before the certificate says that nothing is left.
func (v *visit) lastLook(ctx context.Context) error {
	if err := v.load(ctx); err != nil {
		return err
	}
	n, err := v.counted()
	if err != nil {
		return err
	}
	return v.hurry(ctx, n == nil)
}

// counted is the count of every store that began after the residual copies were gone and found nothing, when each store
// has given its evidence, too; nil: none yet.
func (v *visit) counted() (*round, error) {
	r := v.life.Record
	w, ok := find(v.works, Work{Tenant: r.Tenant, Kind: Verify})
	if !ok || w.Verified.IsZero() || w.Verified.Before(r.ResidualClearAt) || w.Left != 0 {
		return nil, nil
	}
	var n round
	if err := json.Unmarshal(w.State, &n); err != nil {
		return nil, fmt.Errorf("state of a verification: %w", err)
	}
	if !n.Ended || n.Epoch != r.Epoch || n.Began.Before(r.ResidualClearAt) {
		return nil, nil
	}
	for _, p := range v.Places {
		if left, counted := n.Left[p.Name]; !counted || left != 0 {
			return nil, nil
		}
		if swept, ok := find(v.works, Work{Tenant: r.Tenant, Kind: Sweep, Store: p.Name}); !ok || swept.Receipt == nil {
			return nil, nil
		}
	}
	return &n, nil
}

// certify makes the certificate, and returns what the last step adds to the life: the document and its signature. What
// is stored is what is handed out, however often the tick is killed after it.
func (v *visit) certify(ctx context.Context, after lifecycle.Record) (func(*lifecycle.Life), error) {
	n, err := v.counted()
	if err != nil || n == nil {
		return nil, errors.Join(err, errors.New("nobody has counted"))
	}
	d, err := v.document(ctx, after, *n)
	if err != nil {
		return nil, err
	}
	text, err := d.Marshal()
	if err != nil {
		return nil, err
	}
	signature, err := v.Signer.Sign(ctx, certificate.Message(text))
	if err != nil {
		return nil, err
	}
	return func(l *lifecycle.Life) { l.Document, l.Signature = text, signature }, nil
}

// document writes down what happened. It is honest: a promise that was missed stands in it as it was.
func (v *visit) document(ctx context.Context, r lifecycle.Record, n round) (certificate.Document, error) {
	secret, err := v.Secrets.Secret(ctx, r.Certificate)
	if err != nil {
		return certificate.Document{}, err
	}
	oldest, complete, err := v.Backups.Oldest(ctx)
	if err != nil || !complete {
		return certificate.Document{}, errors.Join(err, errors.New("the inventory of backups is not complete"))
	}
	plan, err := ReadPlan(v.life.Plan)
	if err != nil {
		return certificate.Document{}, err
	}
	p, dl := r.Policy(), r.Deadlines()
	d := certificate.Document{
		Format: certificate.Format, ID: r.Certificate, Tenant: certificate.Pseudonym(string(r.Tenant), secret),
		Policy: certificate.Policy{
			Version: p.Version, Window: seconds(p.Window), Drain: seconds(p.Drain), Between: seconds(p.Between),
			Active: seconds(p.Active), Residual: seconds(p.Residual), Backup: seconds(p.Backup), Keys: seconds(p.Keys),
		},
		Law: v.Law.Version, Template: v.Template,
		NoticedAt: r.NoticedAt, T0: r.T0, NotBefore: dl.NotBefore, SealedAt: r.SealedAt, DrainUntil: dl.DrainUntil, PlanHash: r.PlanHash,
		DeletingAt: r.DeletingAt, FirstVerified: r.FirstVerified, SecondVerified: r.SecondVerified,
		ActiveClearAt: r.ActiveClearAt, ActiveBy: dl.ActiveBy, KeysDestroyedAt: keysDestroyed(v.works), OldestBackup: oldest.UTC(),
		ResidualClearAt: r.ResidualClearAt, ResidualBy: dl.ResidualBy, LastVerified: n.Began, IssuedAt: r.CertifiedAt,
		Stores: []certificate.Store{}, Journal: evidence(v.works), Passports: passports(plan.Passports),
		Holds: []certificate.Hold{}, Exceptions: []certificate.Exception{}, History: []certificate.Event{},
	}
	if d.Log, err = certificate.LogOf(v.life.Proof); err != nil {
		return certificate.Document{}, err
	}
	if e := r.Expedited; e != nil && e.ConfirmedBy != "" {
		d.Expedited = &certificate.Expedited{AskedAt: e.AskedAt, ConfirmedAt: e.ConfirmedAt}
		if d.Expedited.Log, err = certificate.LogOf(v.life.Consent); err != nil {
			return certificate.Document{}, err
		}
	}
	v.stores(&d, n)
	for _, h := range v.holds {
		if !h.ApprovedAt.IsZero() && h.ApprovedAt.Before(r.ResidualClearAt) { // a later one found nothing left to hold
			d.Holds = append(d.Holds, certificate.Hold{Scope: string(h.Scope.Kind), Act: h.Basis.Act, Article: h.Basis.Article, ApprovedAt: h.ApprovedAt, ReleasedAt: h.ReleasedAt})
		}
	}
	for _, e := range v.Law.Kept {
		x := certificate.Exception{What: e.What, Act: e.Act, Article: e.Article, Why: e.Why}
		if e.Days > 0 {
			x.Until = r.T0.Add(time.Duration(e.Days) * lifecycle.Day)
		}
		d.Exceptions = append(d.Exceptions, x)
	}
	for _, m := range v.life.History {
		d.History = append(d.History, certificate.Event{Event: string(m.Event), At: m.At.UTC()})
	}
	d.History = append(d.History, certificate.Event{Event: string(lifecycle.EventCertified), At: r.CertifiedAt})
	return d, nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// stores lists every store in the order in which it was emptied, with the evidence of whoever keeps it.
func (v *visit) stores(d *certificate.Document, n round) {
	for _, p := range v.Places {
		w, _ := find(v.works, Work{Tenant: v.life.Record.Tenant, Kind: Sweep, Store: p.Name})
		s := certificate.Store{Name: p.Name, Before: w.Planned, Deleted: w.Deleted, After: n.Left[p.Name], DoneAt: w.Done.UTC()}
		if len(w.Digest) > 0 {
			s.Digest = "sha-256:" + hex.EncodeToString(w.Digest)
		}
		if r := w.Receipt; r != nil {
			s.Receipt = &certificate.Receipt{Provider: r.Provider, Method: r.Method, Request: r.Request, At: r.At.UTC()}
		}
		d.Stores = append(d.Stores, s)
		if w.Deleted == 0 || w.Began.IsZero() {
			continue
		}
		if d.FirstDestructive.IsZero() || w.Began.Before(d.FirstDestructive) {
			d.FirstDestructive = w.Began.UTC()
		}
		if w.Progress.After(d.LastDestructive) {
			d.LastDestructive = w.Progress.UTC()
		}
	}
}

func passports(d Decided) certificate.Passports {
	out := certificate.Passports{Count: d.Count, Digest: d.Digest, More: d.More, Kept: []certificate.Kept{}, Listed: []certificate.Place{}}
	for _, t := range d.Tally {
		if t.Kind != lifecycle.Deleted {
			out.Kept = append(out.Kept, certificate.Kept{Kind: string(t.Kind), Group: t.Group, Count: t.Count, Until: t.Until})
		}
	}
	for _, l := range d.Listed {
		out.Listed = append(out.Listed, certificate.Place{Passport: string(l.Passport), Kind: string(l.Kind), Until: l.Until, Act: l.Basis.Act, Article: l.Basis.Article})
	}
	return out
}

// retire stores the certificate and removes the tenant: first what is left of the work, then its name. Nothing after it
// knows that there was such a tenant.
func (v *visit) retire(ctx context.Context) error {
	l := v.life
	if len(l.Document) == 0 || len(l.Signature) == 0 || l.CertificateID == "" || l.CertificateSecret == "" {
		return fmt.Errorf("the life of tenant %s is %s without a certificate", l.Record.Tenant, l.Record.State)
	}
	if err := v.Works.Remove(ctx, l.Record.Tenant); err != nil {
		return err
	}
	err := v.Lives.Retire(ctx, l.Record, lifecycle.CertificateRow{
		ID: l.CertificateID, Secret: l.CertificateSecret, Document: l.Document, Signature: l.Signature, At: l.Record.CertifiedAt,
	})
	v.retired = err == nil
	return err
}
