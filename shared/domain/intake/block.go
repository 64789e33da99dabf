package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// block deals with some rows that follow each other: decides about them, writes down what is about to be done, does it,
// reports, and makes a checkpoint. When a row stops the run, the rows before it are kept.
func (w *work) block(ctx context.Context, block []step) error {
	n, err := w.each(block, func(s step) (step, error) {
		if s.settled {
			return s, nil
		}
		return w.compare(ctx, s)
	})
	if w.run.State == Committing && n > 0 {
		w.run.Plan = planned(block[:n], w.plan, w.run.Plan)
		if saved := w.save(ctx); saved != nil || w.run.phase() == "" {
			return saved
		}
		m, failed := w.each(block[:n], func(s step) (step, error) {
			if s.settled || !s.verdict.Accepted() {
				return s, nil
			}
			return w.carryOut(ctx, s)
		})
		if failed != nil {
			n, err = m, failed
		}
	}
	if n > 0 {
		if saved := w.checkpoint(ctx, block[:n]); saved != nil {
			return saved
		}
	}
	if err != nil && w.run.phase() != "" {
		w.run.LeaseUntil = time.Time{} // so that the next attempt need not wait
		return errors.Join(err, w.save(ctx))
	}
	return nil
}

// planned notes what is about to happen, or had been about to when an earlier attempt ended.
func planned(block []step, before map[int]Planned, earlier []Planned) []Planned {
	var out []Planned
	for _, s := range block {
		if p, ok := before[s.item.Number]; ok && s.did {
			out = append(out, p)
		} else if s.stores() {
			out = append(out, Planned{Number: s.item.Number, Outcome: s.verdict.Outcome, Hash: s.verdict.Hash})
		}
	}
	for _, p := range earlier {
		if p.Number > block[len(block)-1].item.Number {
			out = append(out, p) // of rows that come later, and may be stored already
		}
	}
	return out
}

// each does something with the rows of a block, some at a time. It returns how many rows come before the first that could
// not be dealt with, and why; some of the rows after that one may have been dealt with as well.
func (w *work) each(block []step, do func(step) (step, error)) (int, error) {
	if w.Parallel <= 1 {
		for i := range block {
			var err error
			if block[i], err = do(block[i]); err != nil {
				return i, err
			}
		}
		return len(block), nil
	}
	failed := make([]error, len(block))
	slots := make(chan struct{}, w.Parallel)
	var all sync.WaitGroup
	for i := range block {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			block[i], failed[i] = do(block[i])
		})
	}
	all.Wait()
	for i, err := range failed {
		if err != nil {
			return i, err
		}
	}
	return len(block), nil
}

// checkpoint reports rows and notes that they are dealt with.
func (w *work) checkpoint(ctx context.Context, done []step) error {
	t := w.run.tally()
	b := Block{Tenant: w.run.Tenant, Run: w.run.ID, Phase: w.run.phase(), Place: Place{t.Progress.Cursor, w.run.Fence}, Before: t.Last}
	for _, s := range done {
		b.Verdicts = append(b.Verdicts, s.verdict)
		t.add(s.verdict, s.content, w.run.Publish, s.item.Bytes)
		w.run.Streak = w.run.Streak.after(s.verdict)
	}
	if err := w.Report.Append(ctx, b); err != nil {
		return err
	}
	t.Last = &b.Place
	rest := w.run.Plan[:0:0]
	for _, p := range w.run.Plan {
		if p.Number > t.Progress.Cursor {
			rest = append(rest, p)
		}
	}
	w.run.Plan, w.run.Strikes, w.run.LeaseUntil = rest, 0, w.Now().Add(leaseFor)
	if t.Progress.Accepted == 0 && w.run.Streak.Rows >= maxStreak {
		code, _, _ := strings.Cut(w.run.Streak.Reason, " ")
		return w.fail(ctx, fault.Code(code), short(fmt.Sprintf("None of the first %d rows can be taken, the last ones all for the same reason: %s", t.Progress.Rows, w.run.Streak.Detail)))
	}
	return w.save(ctx)
}
