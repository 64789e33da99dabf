package restore

import (
	"errors"
	"iter"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// pull reads the versions of an archive one after the other, as they are asked for.
func pull(a *archive.Archive, folder string) (next func() (export.VersionRecord, bool, error), stop func()) {
	var failed error
	all := func(yield func(export.VersionRecord) bool) {
		failed = a.Lines(folder, func(line []byte) error {
			var v export.VersionRecord
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
	return func() (export.VersionRecord, bool, error) {
		v, ok := one()
		return v, ok, failed
	}, stop
}

// signal is an error that says how to go on.
type signal string

func (s signal) Error() string { return "restore: " + string(s) }

// errStop ends reading when nobody asks for more.
const errStop = signal("nobody asks for more")
