package restore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	organisation "github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ports of the runner.
type (
	importStore struct{ *world }
	files       struct{ *world }
	target      struct{ *world }
	recipes     struct{ *world }

	organisations struct{ *world }
)

func (w importStore) read(i id.Import) (v restore.Import, err error) {
	b := w.imports[i]
	if b == nil {
		return v, restore.NotFound()
	}
	return v, json.Unmarshal(b, &v)
}

func (w importStore) write(i restore.Import) error {
	b, err := json.Marshal(i)
	w.imports[i.ID] = b
	return err
}

func (w importStore) Create(_ context.Context, i restore.Import, entry audit.Entry) error {
	return w.step(func() error { w.trail[entry.Event]++; return w.write(i) })
}

func (w importStore) Import(_ context.Context, _ id.Tenant, i id.Import) (v restore.Import, err error) {
	err = w.step(func() (err error) { v, err = w.read(i); return err })
	return v, err
}

func (w importStore) Imports(context.Context, id.Tenant) ([]restore.Import, error) { return nil, nil }

func (w importStore) Claim(_ context.Context, _ id.Tenant, which id.Import, now, until time.Time) (i restore.Import, err error) {
	err = w.step(func() (err error) {
		if i, err = w.read(which); err != nil {
			return err
		}
		if i.State == restore.Waiting {
			i.State = restore.Checking
		}
		if i.State != restore.Checking && i.State != restore.Committing || now.Before(i.LeaseUntil) {
			return export.ErrTaken
		}
		i.Fence, i.LeaseUntil = i.Fence+1, until
		return w.write(i)
	})
	return i, err
}

func (w importStore) Save(_ context.Context, i restore.Import) error {
	return w.step(func() error {
		if stored, err := w.read(i.ID); err != nil || stored.Fence != i.Fence {
			return errors.Join(err, export.ErrTaken)
		}
		return w.write(i)
	})
}

func (w importStore) Step(_ context.Context, i restore.Import, entry audit.Entry) error {
	return w.step(func() error {
		if stored, err := w.read(i.ID); err != nil || stored.Fence > i.Fence {
			return errors.Join(err, export.ErrTaken)
		}
		w.trail[entry.Event]++
		return w.write(i)
	})
}

func (w files) Upload(context.Context, upload.Announcement, time.Duration) (upload.Form, error) {
	return upload.Form{}, nil
}

func uploaded(t id.Tenant, i id.Import) string { return fmt.Sprintf("uploads/%s/%s", t, i) }

func (w files) Open(_ context.Context, t id.Tenant, i id.Import) (r io.ReaderAt, size int64, err error) {
	err = w.step(func() error {
		b, there := w.objects[uploaded(t, i)]
		if !there {
			return upload.Gone()
		}
		r, size = watched{bytes.NewReader(b), w.world}, int64(len(b))
		return nil
	})
	return r, size, err
}

// watched is a file of which each read can be told.
type watched struct {
	io.ReaderAt
	*world
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	w.reads++
	if w.onRead != nil {
		w.onRead()
	}
	return w.ReaderAt.ReadAt(p, off)
}

func (w files) Ask(_ context.Context, t id.Tenant, i id.Import, n int) error {
	return w.step(func() error { return w.put(fmt.Sprintf("commits/%s/%s.%06d.json", t, i, n), nil) })
}

func (w files) Remove(_ context.Context, t id.Tenant, i id.Import) error {
	return w.step(func() error { delete(w.objects, uploaded(t, i)); return nil })
}

func (w files) Arrived(_ context.Context, t id.Tenant, i id.Import) (there bool, err error) {
	err = w.step(func() error { _, there = w.objects[uploaded(t, i)]; return nil })
	return there, err
}

func (w target) Restore(_ context.Context, all []restore.Whole) []restore.Verdict {
	out := make([]restore.Verdict, len(all))
	for n, whole := range all {
		out[n].Present, out[n].Err = w.restore(whole)
	}
	return out
}

// restore stores documents, versions and moments first, each document in a call of its own, and the passport itself last, as
// a long history is.
func (w target) restore(whole restore.Whole) (present bool, err error) {
	p, by := whole.Passport, whole.By
	if !w.broken.IsZero() && p.Product == w.broken {
		return false, errors.New("it never works")
	}
	own := w.tenants[p.Tenant]
	there := false
	look := func() error {
		if _, ok := own.passports[p.ID]; ok {
			there, present = true, own.imported[p.ID] != by
			return nil
		}
		if _, ok := own.products[p.Product.Canonical()]; ok {
			return passport.Taken()
		}
		return nil
	}
	if err := w.step(look); err != nil || there {
		return present, err
	}
	for _, d := range whole.Documents {
		content, err := d.Content()
		if err != nil {
			return false, err
		}
		if err := w.step(func() error { own.keep(paper{d.Document, content}); return nil }); err != nil {
			return false, err
		}
	}
	err = w.step(func() error {
		own.versions[p.ID], own.moments[p.ID] = map[int]passport.Version{}, map[int]passport.Moment{}
		for _, v := range whole.Versions {
			own.versions[p.ID][v.Number] = v
		}
		for n, m := range whole.History {
			own.moments[p.ID][n+1] = m
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	err = w.step(func() error {
		if err := look(); err != nil || there {
			return err
		}
		own.passports[p.ID], own.products[p.Product.Canonical()], own.imported[p.ID] = p, p.ID, by
		w.trail[whole.Entry.Event]++
		return nil
	})
	return present, err
}

// keep stores a document unless it is there.
func (t *tenant) keep(d paper) {
	all := t.documents[d.Passport]
	if !slices.ContainsFunc(all, func(o paper) bool { return o.ID == d.ID }) {
		t.documents[d.Passport] = append(all, d)
	}
}

func (w recipes) Recipes(_ context.Context, t id.Tenant) (all []intake.Recipe, err error) {
	err = w.step(func() error { all = slices.Clone(w.tenants[t].recipes); return nil })
	return all, err
}

func (w recipes) Save(_ context.Context, t id.Tenant, r intake.Recipe, entry audit.Entry) error {
	return w.step(func() error {
		own := w.tenants[t]
		if r.Revision != 1 || slices.ContainsFunc(own.recipes, func(o intake.Recipe) bool { return o.ID == r.ID }) {
			return fault.New(fault.CodeRevisionStale, "Somebody else changed the recipe at this moment.")
		}
		own.recipes = append(own.recipes, r)
		w.trail[entry.Event]++
		return nil
	})
}

func (w organisations) Tenant(_ context.Context, t id.Tenant) (v organisation.Tenant, err error) {
	err = w.step(func() error { v = w.tenants[t].self; return nil })
	return v, err
}

func (w organisations) Update(_ context.Context, t organisation.Tenant, entry audit.Entry, _ audit.Notice) error {
	return w.step(func() error {
		own := &w.tenants[t.ID].self
		if own.Revision != t.Revision {
			return fault.New(fault.CodeRevisionStale, "Somebody else changed the organisation at this moment.")
		}
		*own = t
		own.Revision++
		w.trail[entry.Event]++
		return nil
	})
}

func (w *world) runner(patience time.Duration, parallel int) *restore.Runner {
	return &restore.Runner{
		Store: importStore{w}, Files: files{w}, Target: target{w}, Recipes: recipes{w}, Tenants: &organisation.Service{Store: organisations{w}, IDs: w.ids}, Groups: productgroup.NewSet().Find, IDs: w.ids, Now: w.now.Now, Patience: patience, Parallel: parallel, Stage: func(context.Context, id.Tenant) error { return nil },
		Key: func(context.Context) (*ecdsa.PublicKey, error) { return &w.key.PublicKey, nil },
	}
}
