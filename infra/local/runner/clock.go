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
	"time"

	"github.com/passportcraft/passportcraft/infra/local/schedule"
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
	return schedule.New(s.clock.Now(), func(_ context.Context, f schedule.Firing) error {
		return fmt.Errorf("no job is known for the schedule %s", f.Task)
	}, tasks...)
}

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
