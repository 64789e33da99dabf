// Package jobs is what runs by the clock instead of by request. A job reads its instant from the platform's clock; that
// it was due is all it is told.
package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

// Job is a function that a schedule of the template runs.
type Job struct {
	Function string // the Lambda function (folder under functions/)
	Run      func(ctx context.Context, now time.Time) error
}

// SequenceAudit puts settled audit entries in their places and signs the logs. Running it twice, late or beside itself
// changes nothing that was done.
func SequenceAudit(s *auditlog.Sequencer) Job {
	return Job{Function: "sequence-audit", Run: s.Run}
}

// RotateBackups takes stock of all copies, removes what is too old and fails with whatever is wrong. Running it twice, late
// or beside itself does no harm. drilled says how long ago a restore was shown to work, whatever is wrong with the copies.
func RotateBackups(r *backup.Rotator, drilled func(ctx context.Context, now time.Time) error) Job {
	return Job{Function: "rotate-backups", Run: func(ctx context.Context, now time.Time) error {
		return errors.Join(r.Run(ctx, now), drilled(ctx, now))
	}}
}
