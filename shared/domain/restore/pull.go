package restore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Folders of the lines that belong together.
const (
	ofPassports = "passports/"
	ofVersions  = "versions/"
	ofDocuments = "documents/"
)

// Place is how far an archive has been gone through: where the next line of each kind is.
type Place struct {
	Passports archive.Place `json:"passports"`
	Versions  archive.Place `json:"versions"`
	Documents archive.Place `json:"documents"`
}

// lines are those of an archive that belong to one passport. They are true until the next ones come.
type lines struct {
	passport            []byte
	versions, documents [][]byte
	after               Place
}

// merge walks the lines of passports, versions and documents from a place on side by side: all are in the same order. A line
// that belongs to no passport, or is not in that order, would hide all that come after it, so the archive is wrong then.
func merge(a *archive.Archive, from Place, do func(lines) error) error {
	versions, documents := along(a, ofVersions, from.Versions), along(a, ofDocuments, from.Documents)
	defer versions.stop()
	defer documents.stop()
	err := a.LinesFrom(ofPassports, from.Passports, func(line []byte, next archive.Place) error {
		who, err := whose(ofPassports, line, "id")
		if err != nil {
			return err
		}
		l := lines{passport: line, after: Place{Passports: next}}
		if l.versions, l.after.Versions, err = versions.of(who); err != nil {
			return err
		}
		if l.documents, l.after.Documents, err = documents.of(who); err != nil {
			return err
		}
		return do(l)
	})
	if err == nil {
		err = versions.end()
	}
	if err == nil {
		err = documents.end()
	}
	return err
}

// counted holds that the manifest counts as many passports, versions and documents as its members have lines.
func counted(a *archive.Archive) error {
	for _, folder := range []string{ofPassports, ofVersions, ofDocuments} {
		kind, lines := strings.TrimSuffix(folder, "/"), int64(0)
		for _, m := range a.Manifest.Members {
			if strings.HasPrefix(m.Name, folder) {
				lines += m.Lines
			}
		}
		if n := a.Manifest.Counts[kind]; n != lines {
			return &archive.Wrong{Member: archive.ManifestName, Problem: fmt.Sprintf("it counts %d %s, and has %d lines of them", n, kind, lines)}
		}
	}
	return nil
}

// whose reads the identifier of the passport that a line belongs to, and no more of the line than it must.
func whose(folder string, line []byte, name string) (id.Passport, error) {
	bad := &archive.Wrong{Member: folder, Problem: "a line cannot be read"}
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", bad
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", bad
		}
		if key != name {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return "", bad
			}
			continue
		}
		var who id.Passport
		if err := d.Decode(&who); err != nil || who == "" {
			return "", bad
		}
		return who, nil
	}
	return "", bad
}

// records are what stands in the lines of one passport.
type records struct {
	passport  export.PassportRecord
	versions  []export.VersionRecord
	documents []export.DocumentRecord
	bytes     int // of its lines and its documents
	after     Place
}

func (l lines) records() (r records, err error) {
	r.after, r.bytes = l.after, len(l.passport)
	if err := decoded(ofPassports, l.passport, &r.passport); err != nil {
		return r, err
	}
	r.versions = make([]export.VersionRecord, len(l.versions))
	for n, line := range l.versions {
		if err := decoded(ofVersions, line, &r.versions[n]); err != nil {
			return r, err
		}
		r.bytes += len(line)
	}
	r.documents = make([]export.DocumentRecord, len(l.documents))
	for n, line := range l.documents {
		if err := decoded(ofDocuments, line, &r.documents[n]); err != nil {
			return r, err
		}
		r.bytes += len(line) + int(r.documents[n].Size)
	}
	return r, nil
}

func decoded(folder string, line []byte, into any) error {
	if err := decode(line, into); err != nil {
		return &archive.Wrong{Member: folder, Problem: "a line cannot be read"}
	}
	return nil
}

// signal is an error that says how to go on.
type signal string

func (s signal) Error() string { return "restore: " + string(s) }

// errStop ends reading when nobody asks for more.
const errStop = signal("nobody asks for more")

// owned is a line of a passport.
type owned struct {
	line []byte
	who  id.Passport
	next archive.Place
}

// follower reads lines that come in the order of others.
type follower struct {
	folder string
	next   func() (owned, bool)
	stop   func()
	failed error
	ahead  *owned        // read, and nobody's yet
	at     archive.Place // of the next that nobody has
}

func along(a *archive.Archive, folder string, from archive.Place) *follower {
	f := &follower{folder: folder, at: from}
	f.next, f.stop = iter.Pull(func(yield func(owned) bool) {
		f.failed = a.LinesFrom(folder, from, func(line []byte, next archive.Place) error {
			who, err := whose(folder, line, "passport")
			if err == nil && !yield(owned{line, who, next}) {
				err = errStop
			}
			return err
		})
		if errors.Is(f.failed, errStop) {
			f.failed = nil
		}
	})
	return f
}

// peek returns the line that comes next, nil at the end.
func (f *follower) peek() (*owned, error) {
	if f.ahead == nil {
		v, ok := f.next()
		if !ok {
			return nil, f.failed
		}
		f.ahead = &v
	}
	return f.ahead, nil
}

// of returns the lines that come next and belong to a passport, and the place after them.
func (f *follower) of(who id.Passport) (all [][]byte, after archive.Place, err error) {
	for {
		v, err := f.peek()
		if err != nil || v == nil || v.who != who {
			return all, f.at, err
		}
		all, f.at, f.ahead = append(all, bytes.Clone(v.line)), v.next, nil
	}
}

// end holds that nothing is left.
func (f *follower) end() error {
	v, err := f.peek()
	if err == nil && v != nil {
		err = &archive.Wrong{Member: f.folder, Problem: "a line belongs to no passport of the archive, or is not in their order"}
	}
	return err
}
