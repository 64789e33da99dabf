package drill

import (
	"context"
	"strings"
	"time"
)

// Reports is the folder of the reports of restores that met their targets, where nobody can take them back.
const Reports = "drills/"

// Keep stores a report for good if it has met its targets: one that has not says nothing of whether a restore works.
func (r Report) Keep(ctx context.Context, to interface {
	Keep(ctx context.Context, name, text string) error
}, text string) error {
	if !r.Passed {
		return nil
	}
	return to.Keep(ctx, Reports+r.FinishedAt.UTC().Format(time.RFC3339)+"_"+r.ID, text)
}

// Latest is when the last of the restores ended whose reports have these names; zero: there is none.
func Latest(names []string) (last time.Time) {
	for _, name := range names {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(name, Reports), "_")
		if at, err := time.Parse(time.RFC3339, stamp); err == nil && strings.HasPrefix(name, Reports) && at.After(last) {
			last = at
		}
	}
	return last
}
