package restore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	organisation "github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

var errCrash = errors.New("the process was killed")

// world is the platform's storage in memory, under the rules of the real one: rows under conditions, fences, multipart
// uploads, one reservation for each product. A process that calls it can be killed before or after any call.
type world struct {
	mu           sync.Mutex
	key          *ecdsa.PrivateKey
	now          *clock.Movable
	ids          *id.Source
	tenants      map[id.Tenant]*tenant
	exports      map[id.Export][]byte
	imports      map[id.Import][]byte
	objects      map[string][]byte         // finished objects
	uploads      map[string]map[int][]byte // begun ones, by upload
	events       []string                  // objects whose creation calls somebody
	asked        map[string]bool           // that were ever created
	trail        map[audit.Event]int       // entries
	serial       int
	call, killAt int
	after, dead  bool
}

// tenant is all that one organisation has.
type tenant struct {
	passports map[id.Passport]passport.Passport
	versions  map[id.Passport]map[int]passport.Version
	moments   map[id.Passport]map[int]passport.Moment
	products  map[string]id.Passport
	imported  map[id.Passport]id.Import
	documents map[id.Passport][]paper // in the order of their identifiers
	recipes   []intake.Recipe
	self      organisation.Tenant
}

// paper is a document with its bytes.
type paper struct {
	document.Document
	content []byte
}

func newWorld(t testing.TB, key *ecdsa.PrivateKey) *world {
	t.Helper()
	w := &world{
		key: key, now: clock.NewMovable(clock.Fixed(time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC))), tenants: map[id.Tenant]*tenant{}, exports: map[id.Export][]byte{},
		imports: map[id.Import][]byte{}, objects: map[string][]byte{}, uploads: map[string]map[int][]byte{}, asked: map[string]bool{}, trail: map[audit.Event]int{},
	}
	w.ids = id.NewSource(w.now.Now, rand.Reader)
	return w
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) found() (id.Tenant, *tenant) {
	name := id.New[id.Tenant](w.ids)
	w.tenants[name] = &tenant{
		passports: map[id.Passport]passport.Passport{}, versions: map[id.Passport]map[int]passport.Version{}, moments: map[id.Passport]map[int]passport.Moment{},
		products: map[string]id.Passport{}, imported: map[id.Passport]id.Import{},
		documents: map[id.Passport][]paper{}, self: organisation.Tenant{ID: name, Name: "Heir", Revision: 1},
	}
	return name, w.tenants[name]
}

// step is one call of the outside, whole or not at all.
func (w *world) step(do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call++
	if w.dead || w.call == w.killAt && !w.after {
		w.dead = true
		return errCrash
	}
	err := do()
	if w.call == w.killAt {
		w.dead = true
		return errCrash
	}
	return err
}

// ports of the packager.
type (
	exportStore struct{ *world }
	source      struct{ *world }
	shelf       struct{ *world }
	signer      struct{ *world }
)

func (w exportStore) read(e id.Export) (v export.Export, err error) {
	b := w.exports[e]
	if b == nil {
		return v, export.NotFound()
	}
	return v, json.Unmarshal(b, &v)
}

func (w exportStore) write(e export.Export) error {
	b, err := json.Marshal(e)
	w.exports[e.ID] = b
	return err
}

func (w exportStore) Create(_ context.Context, e export.Export, entry audit.Entry) error {
	return w.step(func() error { w.trail[entry.Event]++; return w.write(e) })
}

func (w exportStore) Export(_ context.Context, _ id.Tenant, e id.Export) (v export.Export, err error) {
	err = w.step(func() (err error) { v, err = w.read(e); return err })
	return v, err
}

func (w exportStore) Exports(context.Context, id.Tenant) ([]export.Export, error) { return nil, nil }

func (w exportStore) Claim(_ context.Context, _ id.Tenant, which id.Export, now, until time.Time) (e export.Export, err error) {
	err = w.step(func() (err error) {
		if e, err = w.read(which); err != nil {
			return err
		}
		if e.State != export.Queued && e.State != export.Running || now.Before(e.LeaseUntil) {
			return export.ErrTaken
		}
		e.Fence, e.LeaseUntil, e.State = e.Fence+1, until, export.Running
		return w.write(e)
	})
	return e, err
}

func (w exportStore) Save(_ context.Context, e export.Export) error {
	return w.step(func() error {
		if stored, err := w.read(e.ID); err != nil || stored.Fence != e.Fence {
			return errors.Join(err, export.ErrTaken)
		}
		return w.write(e)
	})
}

func (w exportStore) End(_ context.Context, e export.Export, entry audit.Entry, _ audit.Notice) error {
	return w.step(func() error {
		if stored, err := w.read(e.ID); err != nil || stored.Fence > e.Fence {
			return errors.Join(err, export.ErrTaken)
		}
		w.trail[entry.Event]++
		return w.write(e)
	})
}

func (w *world) put(name string, b []byte) error {
	w.objects[name] = bytes.Clone(b)
	if strings.HasPrefix(name, "requests/") || strings.HasPrefix(name, "uploads/") || strings.HasPrefix(name, "commits/") {
		w.events = append(w.events, name)
	}
	return nil
}

func (w shelf) Ask(_ context.Context, t id.Tenant, e id.Export, n int) error {
	return w.step(func() error { return w.put(fmt.Sprintf("requests/%s/%s.%06d.json", t, e, n), nil) })
}

func state(e id.Export, at export.Mark) string {
	return fmt.Sprintf("state/%s/%d-%d", e, at.Step, at.Fence)
}

func (w shelf) Save(_ context.Context, _ id.Tenant, e id.Export, at export.Mark, b []byte) error {
	return w.step(func() error { return w.put(state(e, at), b) })
}

func (w shelf) Load(_ context.Context, _ id.Tenant, e id.Export, at export.Mark) (b []byte, err error) {
	err = w.step(func() error { b = w.objects[state(e, at)]; return nil })
	return b, err
}

func (w shelf) Forget(_ context.Context, _ id.Tenant, e id.Export, at export.Mark) error {
	return w.step(func() error { delete(w.objects, state(e, at)); return nil })
}

func (w shelf) Begin(context.Context, id.Tenant, id.Export) (name string, err error) {
	err = w.step(func() error {
		w.serial++
		name = fmt.Sprint("upload-", w.serial)
		w.uploads[name] = map[int][]byte{}
		return nil
	})
	return name, err
}

func (w shelf) Part(_ context.Context, u export.Upload, number int, data []byte) (string, error) {
	return fmt.Sprintf("%x", sha256.Sum256(data)), w.step(func() error {
		if w.uploads[u.ID] == nil {
			return errors.New("there is no such upload")
		}
		w.uploads[u.ID][number] = bytes.Clone(data)
		return nil
	})
}

func pack(e id.Export) string { return "packages/" + string(e) }

func (w shelf) Finish(_ context.Context, u export.Upload, parts []export.Part) error {
	return w.step(func() error {
		if w.uploads[u.ID] == nil {
			if w.objects[pack(u.Export)] == nil {
				return errors.New("there is no such upload")
			}
			return nil
		}
		var whole []byte
		for _, p := range parts {
			data := w.uploads[u.ID][p.Number]
			if fmt.Sprintf("%x", sha256.Sum256(data)) != p.Tag {
				return errors.New("a part is another")
			}
			whole = append(whole, data...)
		}
		delete(w.uploads, u.ID)
		return w.put(pack(u.Export), whole)
	})
}

func (w shelf) Abort(_ context.Context, u export.Upload) error {
	return w.step(func() error { delete(w.uploads, u.ID); return nil })
}

func (w shelf) Link(context.Context, id.Tenant, id.Export, string, time.Duration) (string, error) {
	return "", errors.New("not here")
}

func (w shelf) Delete(_ context.Context, _ id.Tenant, e id.Export) error {
	return w.step(func() error { delete(w.objects, pack(e)); return nil })
}

func (w shelf) Discard(_ context.Context, u export.Upload) error {
	return w.step(func() error {
		if w.uploads[u.ID] == nil {
			delete(w.objects, pack(u.Export))
		}
		delete(w.uploads, u.ID)
		return nil
	})
}

func (w signer) Sign(_ context.Context, message []byte) (b []byte, err error) {
	err = w.step(func() (err error) {
		sum := sha256.Sum256(message)
		b, err = ecdsa.SignASN1(rand.Reader, w.key, sum[:])
		return err
	})
	return b, err
}

// order of passports, as a walk along an index meets them.
func (t *tenant) order() []id.Passport {
	var all []id.Passport
	for p := range t.passports {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

func (w source) Count(_ context.Context, t id.Tenant, _ time.Time) (n int64, err error) {
	err = w.step(func() error { n = int64(len(w.tenants[t].passports)); return nil })
	return n, err
}

func (w source) Passports(_ context.Context, t id.Tenant, _ time.Time, after string, limit int) (all []export.Placed, err error) {
	err = w.step(func() error {
		for _, p := range w.tenants[t].order() {
			if string(p) > after && len(all) < limit {
				all = append(all, export.Placed{Passport: p, Place: string(p)})
			}
		}
		return nil
	})
	return all, err
}

func (w source) Passport(_ context.Context, t id.Tenant, which id.Passport, at time.Time, to export.Takers) error {
	if err := w.step(func() error { return nil }); err != nil {
		return err
	}
	own := w.tenants[t]
	r, versions := own.record(which)
	r.ChangedSince = own.passports[which].UpdatedAt.After(at)
	if err := to.Passport(r); err != nil {
		return err
	}
	for _, v := range versions {
		if err := to.Version(v); err != nil {
			return err
		}
	}
	for _, d := range own.documents[which] {
		if err := to.Document(d.record(), func() ([]byte, error) { return d.content, w.step(func() error { return nil }) }); err != nil {
			return err
		}
	}
	return nil
}

// record is a document as the archive has it.
func (d paper) record() export.DocumentRecord {
	return export.DocumentRecord{
		ID: d.ID, Passport: d.Passport, Name: d.Name, Kind: d.Kind, Language: d.Language, Audience: d.Audience.List(), MediaType: d.Media, Size: d.Size, SHA256: d.SHA256,
		AddedAt: d.AddedAt, AddedBy: d.AddedBy,
	}
}

// record is a passport with all it has behind it as the archive has it.
func (t *tenant) record(which id.Passport) (export.PassportRecord, []export.VersionRecord) {
	p := t.passports[which]
	r := export.PassportRecord{
		ID: p.ID, ProductGroup: p.ProductGroup, Granularity: string(p.Granularity), ProductIdentifier: p.Product.Canonical(), Status: string(p.Status), Revision: p.Revision,
		Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Reason: p.Reason, Content: p.Content,
	}
	for n := range len(t.moments[which]) {
		m := t.moments[which][n+1]
		r.History = append(r.History, export.MomentRecord{At: m.At, Status: string(m.Status), Version: m.Version})
	}
	var all []export.VersionRecord
	for n := range len(t.versions[which]) {
		v := t.versions[which][n+1]
		one := export.VersionRecord{
			Passport: v.Passport, Number: v.Number, ProductGroup: v.ProductGroup, SchemaVersion: v.SchemaVersion, Granularity: string(v.Granularity),
			ProductIdentifier: v.Product.Canonical(), ContentHash: v.ContentHash, PublishedAt: v.PublishedAt, PublishedBy: v.PublishedBy, Content: v.Content,
		}
		if !v.Links.Model.IsZero() {
			one.Model = v.Links.Model.Canonical()
		}
		if !v.Links.Batch.IsZero() {
			one.Batch = v.Links.Batch.Canonical()
		}
		all = append(all, one)
	}
	return r, all
}

func (w source) Account(_ context.Context, t id.Tenant, _ time.Time, record func(string, any) error) error {
	if err := w.step(func() error { return nil }); err != nil {
		return err
	}
	own := w.tenants[t]
	err := record("organisation", map[string]any{"id": t, "name": own.self.Name, "policy": own.self.Policy})
	for _, r := range own.recipes {
		err = errors.Join(err, record("recipes", r))
	}
	return err
}

func (w source) Unsigned(context.Context, id.Tenant, time.Time, string, func(any) error) (string, error) {
	return "", nil
}

func (w source) Trail(_ context.Context, _ id.Tenant, from int64, out io.Writer) (int64, error) {
	if err := w.step(func() error { return nil }); err != nil {
		return 0, err
	}
	_, err := fmt.Fprintf(out, "{\"block\":%d}\n", from)
	return []int64{1, -1}[min(from, 1)], err
}

func (w *world) packager(partSize int, patience time.Duration) *export.Packager {
	return &export.Packager{
		Store: exportStore{w}, Requests: shelf{w}, Source: source{w}, Uploads: shelf{w}, Shelf: shelf{w}, Checkpoints: shelf{w}, Signer: signer{w}, IDs: w.ids, Now: w.now.Now,
		Groups: func(string) (*productgroup.Group, error) {
			return nil, fault.New(fault.CodeProductGroupUnknown, "There are none.")
		}, Patience: patience, PartSize: partSize, Stage: func(context.Context, id.Tenant) error { return nil },
	}
}
