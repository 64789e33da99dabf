package restore

import (
	"errors"
	"iter"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// lined is a version and how long its line is.
type lined struct {
	version export.VersionRecord
	bytes   int
}

// pull reads the versions of an archive one after the other, as they are asked for.
func pull(a *archive.Archive, folder string) (next func() (lined, bool, error), stop func()) {
	var failed error
	all := func(yield func(lined) bool) {
		failed = a.Lines(folder, func(line []byte) error {
			v := lined{bytes: len(line)}
			if err := decode(line, &v.version); err != nil {
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
	return func() (lined, bool, error) {
		v, ok := one()
		return v, ok, failed
	}, stop
}

// signal is an error that says how to go on.
type signal string

func (s signal) Error() string { return "restore: " + string(s) }

// errStop ends reading when nobody asks for more.
const errStop = signal("nobody asks for more")
