package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// RetentionTick takes every step of every tenant that is due, and in the first quarter of each hour looks at every
// contract, due or not. In the first quarter of a day (UTC) it has what nobody needs any more dropped from the deletion
// journal, if the time is known well enough: an entry that is dropped too early lets a restore bring back what it names.
func RetentionTick(t *retention.Tick, s *retention.Survey, prune func(context.Context) error) Job {
	return Job{Function: "run-retention-tick", Run: func(ctx context.Context, now time.Time) error {
		err := t.Run(ctx, now)
		if now.Minute() < 15 {
			err = errors.Join(err, s.Run(ctx, now))
		}
		if now := now.UTC(); now.Hour() == 0 && now.Minute() < 15 && !errors.Is(err, lifecycle.ErrClock) {
			err = errors.Join(err, prune(ctx))
		}
		return err
	}}
}

// RetentionWork empties stores, page by page.
func RetentionWork(w *retention.Worker) Job {
	return Job{Function: "run-retention-worker", Run: w.Run}
}

// RetentionAudit looks for what came back, when it is time for that, and counts what is left.
func RetentionAudit(a *retention.Auditor) Job {
	return Job{Function: "run-retention-auditor", Run: func(ctx context.Context, now time.Time) error {
		return errors.Join(a.Detect(ctx, now), a.Run(ctx, now))
	}}
}

// RetentionCustody decides what becomes of the passports of sealed tenants, copies what the law keeps, and ends custody that
// is over.
func RetentionCustody(c *retention.Custodian, e *custody.Ender) Job {
	return Job{Function: "run-retention-custodian", Run: func(ctx context.Context, now time.Time) error {
		return errors.Join(c.Run(ctx, now), e.Run(ctx, now))
	}}
}
