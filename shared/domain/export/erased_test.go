package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestErasedWhilePacked deletes a passport with documents for good at every step of the packing, which stops and goes on
// often. Whatever was packed of it by then, no line is without its passport, and the other passports are whole. The manifest
// says whether one is missing.
func TestErasedWhilePacked(t *testing.T) {
	well := newWorld(t, 30, 300)
	well.drive(t, 9_000, 3*time.Second)
	for at := 1; at < well.call; at++ {
		for _, kill := range []bool{false, true} {
			w := newWorld(t, 0, 0)
			w.passports, w.erase, w.eraseAt = well.passports, well.passports[1].ID, at
			if kill {
				w.killAt, w.after = at, true
			}
			w.drive(t, 9_000, 3*time.Second)
			w.holdsOthers(t, fmt.Sprintf("deleted at call %d, killed: %v", at, kill))
		}
	}
}

// holdsOthers wants every passport whole, except for the one that is deleted: that one may be there with its versions and
// some of its documents, or not at all.
func (w *world) holdsOthers(t *testing.T, when string) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(w.whole), int64(len(w.whole)), &w.key.PublicKey)
	if err == nil {
		err = a.Verify(nil)
	}
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	got := map[id.Passport][]string{}
	read := func(folder string, do func(line []byte) (id.Passport, string, error)) {
		if err := a.Lines(folder, func(line []byte) error {
			p, what, err := do(line)
			got[p] = append(got[p], what)
			return err
		}); err != nil {
			t.Fatalf("%s: %s: %v", when, folder, err)
		}
	}
	read("passports/", func(line []byte) (id.Passport, string, error) {
		var r export.PassportRecord
		err := json.Unmarshal(line, &r)
		return r.ID, "passport", err
	})
	read("versions/", func(line []byte) (id.Passport, string, error) {
		var r export.VersionRecord
		err := json.Unmarshal(line, &r)
		return r.Passport, fmt.Sprint("version ", r.Number), err
	})
	read("documents/", func(line []byte) (id.Passport, string, error) {
		var r export.DocumentRecord
		err := json.Unmarshal(line, &r)
		return r.Passport, string(r.ID), err
	})
	if missing := a.Manifest.Counts[export.MissingPassports]; missing != int64(len(w.passports)-len(got)) {
		t.Fatalf("%s: the manifest says that %d passports are missing, of %d there are %d", when, missing, len(w.passports), len(got))
	}
	for i, p := range w.passports {
		want := []string{"passport"}
		for n := range p.Version {
			want = append(want, fmt.Sprint("version ", n+1))
		}
		least := len(want)
		for n := range w.papers(i) {
			want = append(want, fmt.Sprintf("d%03d", n))
		}
		all := got[p.ID]
		if p.ID == w.erase && (len(all) == 0 || len(all) >= least && len(all) < len(want)) {
			want = want[:len(all)]
		}
		if !slices.Equal(all, want) {
			t.Fatalf("%s: of passport %s there is %v, want %v", when, p.ID, all, want)
		}
	}
}
