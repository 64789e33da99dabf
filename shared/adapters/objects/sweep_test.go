package objects_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// yard is two tenants with objects in every bucket: versions, delete markers, and parts of uploads that never ended.
type yard struct {
	k             *testkit.Kit
	s             *testkit.Saboteur
	leaves, stays id.Tenant
	passports     []id.Passport // of the tenant that leaves
}

func observe(context.Context, string, float64) {}

func fill(t *testing.T) *yard {
	t.Helper()
	s := &testkit.Saboteur{}
	y := &yard{k: testkit.Open(t, testkit.Options{HTTP: s}), s: s}
	ids := id.NewSource(y.k.Clock.Now, y.k.App.Stores().Random)
	y.leaves, y.stays = id.New[id.Tenant](ids), id.New[id.Tenant](ids)
	c, ctx := y.k.App.Config(), t.Context()
	contents := objects.Open(y.k.App.AWS(), c.S3Endpoint, c.DocumentsBucket, observe)
	packages := objects.OpenPackages(y.k.App.AWS(), c.S3Endpoint, "", c.ExportsBucket, observe)
	uploads := objects.OpenUploads(y.k.App.AWS(), c.S3Endpoint, "", c.UploadsBucket, observe)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, of := range []id.Tenant{y.leaves, y.stays} {
		for range 2 {
			p := id.New[id.Passport](ids)
			if of == y.leaves {
				y.passports = append(y.passports, p)
			}
			for n := range 3 {
				_, err := contents.Put(ctx, of, p, []byte(fmt.Sprint("sealed ", n%2))) // one twice: two versions
				check(err)
			}
		}
		e := id.New[id.Export](ids)
		check(packages.Ask(ctx, of, e, 1))
		check(packages.Save(ctx, of, e, export.Mark{Step: 1, Fence: 1}, []byte("{}")))
		check(packages.Save(ctx, of, e, export.Mark{Step: 1, Fence: 1}, []byte("{}")))
		check(packages.Delete(ctx, of, e)) // a marker over nothing
		upload, err := packages.Begin(ctx, of, e)
		check(err)
		_, err = packages.Part(ctx, export.Upload{Tenant: of, Export: e, ID: upload}, 1, []byte("a part"))
		check(err)
		check(uploads.Put(ctx, "uploads/"+string(of)+"/1", []byte("file")))
		check(uploads.Put(ctx, "reports/"+string(of)+"/1/check.csv", []byte("report")))
	}
	return y
}

func (y *yard) stores() []*objects.Sweep {
	c := y.k.App.Config()
	var all []*objects.Sweep
	for _, b := range []objects.Bucket{
		{Store: "documents", Phase: retention.Content, Bucket: c.DocumentsBucket, Folders: []string{"content"}, ByPassport: true},
		{Store: "exports", Phase: retention.Derived, Bucket: c.ExportsBucket, Folders: []string{"requests", "state", "packages"}},
		{Store: "uploads", Phase: retention.Derived, Bucket: c.UploadsBucket, Folders: []string{"uploads", "commits", "reports"}},
	} {
		all = append(all, objects.OpenSweep(y.k.App.AWS(), c.S3Endpoint, b, y.k.Clock.Now, observe))
	}
	return all
}

func empty(ctx context.Context, s retention.Store, o retention.Order, most int) (all retention.Page, err error) {
	for range 1000 {
		page, err := s.Sweep(ctx, o, all.Cursor, most)
		if err != nil {
			return all, err
		}
		all.Deleted, all.Spared, all.Writes, all.Cursor = all.Deleted+page.Deleted, all.Spared+page.Spared, all.Writes+page.Writes, page.Cursor
		if page.Cursor == "" {
			return all, nil
		}
	}
	return all, fmt.Errorf("%s comes to no end", s.Name())
}

// TestSweepLeavesNoVersion empties the buckets of one tenant, in small pages and in large ones: versions, markers and
// parts. Another tenant keeps all of its own.
func TestSweepLeavesNoVersion(t *testing.T) {
	for _, most := range []int{1, 2, 1000} {
		y := fill(t)
		for _, s := range y.stores() {
			o, other := retention.Order{Tenant: y.leaves}, retention.Order{Tenant: y.stays}
			planned, err := s.Plan(t.Context(), o)
			before, err2 := s.Verify(t.Context(), other)
			if err != nil || err2 != nil || planned < 2 || planned != before {
				t.Fatalf("%s: %d planned, %d of the other: %v %v", s.Name(), planned, before, err, err2)
			}
			page, err := empty(t.Context(), s, o, most)
			if err != nil || page.Deleted != planned || page.Writes != planned {
				t.Errorf("%s: %d planned, %d deleted with %d writes: %v", s.Name(), planned, page.Deleted, page.Writes, err)
			}
			if left, err := s.Verify(t.Context(), o); err != nil || left != 0 {
				t.Errorf("%s: %d left, %v", s.Name(), left, err)
			}
			if after, err := s.Verify(t.Context(), other); err != nil || after != before {
				t.Errorf("%s: %d of %d are left of another tenant, %v", s.Name(), after, before, err)
			}
			if again, err := empty(t.Context(), s, o, most); err != nil || again.Deleted != 0 {
				t.Errorf("%s: %d deleted again, %v", s.Name(), again.Deleted, err)
			}
			seen := map[id.Tenant]bool{}
			if err := s.Tenants(t.Context(), func(t id.Tenant) error { seen[t] = true; return nil }); err != nil || len(seen) != 1 || !seen[y.stays] {
				t.Errorf("%s: census %v, %v", s.Name(), seen, err)
			}
		}
	}
}

// TestSweepSurvivesEveryFault lets each call fail, before it is carried out or after.
func TestSweepSurvivesEveryFault(t *testing.T) {
	for _, apply := range []bool{false, true} {
		y := fill(t)
		o := retention.Order{Tenant: y.leaves}
		for _, s := range y.stores() {
			faults, at := 0, ""
			for n := int64(1); ; n++ {
				y.s.Arm(n, apply)
				page, err := s.Sweep(t.Context(), o, at, 2)
				failed := y.s.Calls() >= n
				y.s.Arm(0, false)
				if (err != nil) != failed {
					t.Fatalf("%s, call %d: failed %v, said %v", s.Name(), n, failed, err)
				}
				if err != nil {
					faults++
					continue
				}
				if at, n = page.Cursor, 0; at == "" {
					break
				}
			}
			if left, err := s.Verify(t.Context(), o); err != nil || left != 0 || faults == 0 {
				t.Errorf("%s: %d left after %d faults, %v", s.Name(), left, faults, err)
			}
		}
	}
}

// TestVerifyBelievesNobody finds versions whose deletion was acknowledged only.
func TestVerifyBelievesNobody(t *testing.T) {
	y := fill(t)
	for _, s := range y.stores() {
		o := retention.Order{Tenant: y.leaves}
		planned, err := s.Plan(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		y.s.Lies.Store(true)
		_, err = empty(t.Context(), s, o, 1000)
		y.s.Lies.Store(false)
		if left, lerr := s.Verify(t.Context(), o); lerr != nil || left != planned {
			t.Errorf("%s: %d of %d left, %v", s.Name(), left, planned, lerr)
		}
		if err == nil {
			t.Errorf("%s: that nothing goes was not noticed", s.Name())
		}
	}
}

// TestSweepOfOnePassport deletes the documents of a passport, and spares those that are held.
func TestSweepOfOnePassport(t *testing.T) {
	y := fill(t)
	documents := y.stores()[0]
	o := retention.Order{Tenant: y.leaves, Passport: y.passports[0]}
	if page, err := empty(t.Context(), documents, o, 10); err != nil || page.Deleted != 3 {
		t.Errorf("%+v %v", page, err)
	}
	o = retention.Order{Tenant: y.leaves, Spare: func(of lifecycle.Target) bool { return of.Tenant == y.leaves && of.Passport == y.passports[1] }}
	if page, err := empty(t.Context(), documents, o, 10); err != nil || page.Deleted != 0 || page.Spared != 3 {
		t.Errorf("%+v %v", page, err)
	}
	if left, err := documents.Verify(t.Context(), o); err != nil || left != 3 {
		t.Error(left, err)
	}
	for _, s := range y.stores()[1:] {
		if page, err := empty(t.Context(), s, retention.Order{Tenant: y.leaves, Passport: y.passports[1]}, 10); err != nil || page.Deleted != 0 {
			t.Errorf("%s: %+v %v", s.Name(), page, err)
		}
	}
}
