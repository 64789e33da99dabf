package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/schedule"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/tending"
)

// maxAdvance is the most that one call may move the clock: a little over a year.
const maxAdvance = 400 * 24 * time.Hour

// scheduler runs the schedules of the template. A function that has no job in this process is an error of that run.
func (s *site) scheduler() (*schedule.Scheduler, error) {
	var tasks []schedule.Task
	for _, f := range s.template.Functions {
		for _, declared := range f.Schedules {
			if !declared.Enabled {
				continue
			}
			when, err := schedule.Parse(declared.Expression)
			if err != nil {
				return nil, fmt.Errorf("schedule %s: %w", declared.Name, err)
			}
			tasks = append(tasks, schedule.Task{Name: declared.Name, When: when})
		}
	}
	for rule, expression := range s.copies.Rules() {
		when, err := schedule.Parse(expression)
		if err != nil {
			return nil, fmt.Errorf("backup rule %s: %w", rule, err)
		}
		tasks = append(tasks, schedule.Task{Name: backupRule + rule, When: when})
	}
	return schedule.New(s.clock.Now(), s.fire, tasks...)
}

// fire runs the job of a schedule, in this process or as the built function.
func (s *site) fire(ctx context.Context, f schedule.Firing) error {
	if rule, ok := strings.CutPrefix(f.Task, backupRule); ok {
		return s.copies.Run(ctx, rule)
	}
	function, _, _ := strings.Cut(f.Task, ".")
	if s.runtime != nil {
		event := fmt.Sprintf(`{"source":"aws.scheduler","detail-type":"Scheduled Event","time":%q}`, f.Due.Format(time.RFC3339))
		_, err := s.runtime.Call(ctx, function, []byte(event))
		return err
	}
	for _, j := range append(slices.Concat(auditing.Jobs(s.app.App), backing.Jobs(s.app.App), retaining.Jobs(s.app.App)), tending.Job(s.app.App)) {
		if j.Function == function {
			return j.Run(iam.As(ctx, function), s.clock.Now())
		}
	}
	return fmt.Errorf("no job is known for the schedule %s", f.Task)
}

// backupRule begins the names of tasks that make copies, as AWS Backup does by its plans.
const backupRule = "backup:"

// tick runs what falls due as time passes by itself, until the context ends.
func (s *site) tick(ctx context.Context, scheduler *schedule.Scheduler) {
	every := time.NewTicker(tickEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		ran, err := scheduler.Advance(ctx, s.clock.Now())
		for _, one := range ran {
			err = errors.Join(err, one.Err)
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(s.log, "{\"level\":\"ERROR\",\"msg\":\"schedule\",\"cause\":%q}\n", err.Error())
		}
	}
}

// tickEvery is how often the scheduler looks at the clock.
const tickEvery = 5 * time.Second

// moveClock serves POST /local/clock {"advance":"720h"}: the clock moves, and the schedules that fall due on the way run
// in order.
func (s *site) moveClock(scheduler *schedule.Scheduler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Advance string `json:"advance"`
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		if err == nil {
			err = json.Unmarshal(body, &in)
		}
		d, derr := time.ParseDuration(in.Advance)
		if err != nil || derr != nil || d < 0 || d > maxAdvance {
			reply(w, http.StatusBadRequest, map[string]string{"detail": `Send {"advance":"720h"}: a duration from 0 to 9600h.`})
			return
		}
		ran, err := scheduler.AdvanceClock(r.Context(), s.clock, d)
		if serr := s.saveClock(); serr != nil {
			err = errors.Join(err, serr)
		}
		type run struct {
			Schedule string    `json:"schedule"`
			Due      time.Time `json:"due"`
			Error    string    `json:"error,omitempty"`
		}
		runs := []run{}
		for _, one := range ran {
			r := run{Schedule: one.Task, Due: one.Due}
			if one.Err != nil {
				r.Error = one.Err.Error()
			}
			runs = append(runs, r)
		}
		status := http.StatusOK
		if err != nil {
			status = http.StatusInternalServerError
		}
		reply(w, status, map[string]any{"now": s.clock.Now(), "ran": runs})
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *site) clockFile() string { return filepath.Join(s.options.Data, "clock.json") }

// saveClock keeps how far the clock was moved, so that time does not run backwards over what is stored.
func (s *site) saveClock() error {
	b, err := json.Marshal(map[string]string{"offset": s.clock.Offset().String()})
	if err != nil {
		return err
	}
	return os.WriteFile(s.clockFile(), b, 0o600)
}

func (s *site) restoreClock() error {
	b, err := os.ReadFile(s.clockFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var kept struct {
		Offset string `json:"offset"`
	}
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	d, derr := time.ParseDuration(kept.Offset)
	if err := errors.Join(err, derr); err != nil {
		return fmt.Errorf("%s cannot be read; remove it to start with the machine's clock: %w", s.clockFile(), err)
	}
	s.clock.Advance(d)
	return nil
}
