package restore

import (
	"errors"
	"iter"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// lined is a record and how long its line is.
type lined[T any] struct {
	record T
	bytes  int
}

// pull reads the records of a folder one after the other, as they are asked for.
func pull[T any](a *archive.Archive, folder string) (next func() (lined[T], bool, error), stop func()) {
	var failed error
	all := func(yield func(lined[T]) bool) {
		failed = a.Lines(folder, func(line []byte) error {
			v := lined[T]{bytes: len(line)}
			if err := decode(line, &v.record); err != nil {
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
	return func() (lined[T], bool, error) {
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
	bytes     int // of its lines and its documents
}

// merge walks passports, versions and documents side by side: all are in the same order.
func merge(a *archive.Archive, do func(records) error) error {
	versions, documents := along[export.VersionRecord](a, "versions/"), along[export.DocumentRecord](a, "documents/")
	defer versions.stop()
	defer documents.stop()
	return a.Lines("passports/", func(line []byte) error {
		r := records{bytes: len(line)}
		if err := decode(line, &r.passport); err != nil {
			return &archive.Wrong{Member: "passports/", Problem: "a line cannot be read"}
		}
		all, size, err := versions.of(func(v export.VersionRecord) bool { return v.Passport == r.passport.ID })
		if err != nil {
			return err
		}
		r.versions, r.bytes = all, r.bytes+size
		papers, size, err := documents.of(func(d export.DocumentRecord) bool { return d.Passport == r.passport.ID })
		if err != nil {
			return err
		}
		r.documents, r.bytes = papers, r.bytes+size
		for _, d := range papers {
			r.bytes += int(d.Size)
		}
		return do(r)
	})
}

// follower reads records that come in the order of others.
type follower[T any] struct {
	next  func() (lined[T], bool, error)
	stop  func()
	ahead *lined[T]
}

func along[T any](a *archive.Archive, folder string) *follower[T] {
	next, stop := pull[T](a, folder)
	return &follower[T]{next: next, stop: stop}
}

// of returns the records that come next and belong to somebody, and how long their lines are.
func (f *follower[T]) of(mine func(T) bool) (all []T, bytes int, err error) {
	for {
		if f.ahead == nil {
			v, ok, err := f.next()
			if err != nil || !ok {
				return all, bytes, err
			}
			f.ahead = &v
		}
		if !mine(f.ahead.record) {
			return all, bytes, nil
		}
		all, bytes, f.ahead = append(all, f.ahead.record), bytes+f.ahead.bytes, nil
	}
}
