package restore

import (
	"errors"
	"iter"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// pull reads the records of a folder one after the other, as they are asked for.
func pull[T any](a *archive.Archive, folder string) (next func() (T, bool, error), stop func()) {
	var failed error
	all := func(yield func(T) bool) {
		failed = a.Lines(folder, func(line []byte) error {
			var v T
			if err := decode(line, &v); err != nil {
				return &archive.Wrong{Member: folder, Problem: "a line cannot be read"}
			}
			if !yield(v) {
				return errStop
			}
			return nil
		})
		if errors.Is(failed, errStop) {
			failed = nil
		}
	}
	one, stop := iter.Pull(all)
	return func() (T, bool, error) {
		v, ok := one()
		return v, ok, failed
	}, stop
}

// signal is an error that says how to go on.
type signal string

func (s signal) Error() string { return "restore: " + string(s) }

// errStop ends reading when nobody asks for more.
const errStop = signal("nobody asks for more")

// records are the lines of an archive that belong to one passport.
type records struct {
	passport  export.PassportRecord
	versions  []export.VersionRecord
	documents []export.DocumentRecord
}

// merge walks passports, versions and documents side by side: all are in the same order.
func merge(a *archive.Archive, do func(records) error) error {
	versions, documents := along[export.VersionRecord](a, "versions/"), along[export.DocumentRecord](a, "documents/")
	defer versions.stop()
	defer documents.stop()
	return a.Lines("passports/", func(line []byte) error {
		var r records
		if err := decode(line, &r.passport); err != nil {
			return &archive.Wrong{Member: "passports/", Problem: "a line cannot be read"}
		}
		var err error
		if r.versions, err = versions.of(func(v export.VersionRecord) bool { return v.Passport == r.passport.ID }); err != nil {
			return err
		}
		if r.documents, err = documents.of(func(d export.DocumentRecord) bool { return d.Passport == r.passport.ID }); err != nil {
			return err
		}
		return do(r)
	})
}

// follower reads records that come in the order of others.
type follower[T any] struct {
	next  func() (T, bool, error)
	stop  func()
	ahead *T
}

func along[T any](a *archive.Archive, folder string) *follower[T] {
	next, stop := pull[T](a, folder)
	return &follower[T]{next: next, stop: stop}
}

// of returns the records that come next and belong to somebody.
func (f *follower[T]) of(mine func(T) bool) ([]T, error) {
	var all []T
	for {
		if f.ahead == nil {
			v, ok, err := f.next()
			if err != nil || !ok {
				return all, err
			}
			f.ahead = &v
		}
		if !mine(*f.ahead) {
			return all, nil
		}
		all, f.ahead = append(all, *f.ahead), nil
	}
}
