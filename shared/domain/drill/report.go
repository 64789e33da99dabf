package drill

import (
	_ "embed"
	"fmt"
	"time"
)

// Schema is the JSON Schema of a report.
//
//go:embed report.schema.json
var Schema []byte

// Targets of a restore of a table from its daily copy, up to 100 GB.
const (
	MostLost = 25 * time.Hour // one copy a day, and an hour to make it
	MostTime = 8 * time.Hour
)

// Report is what a drill ends with.
type Report struct {
	Format     string    `json:"format"` // passportcraft-drill/1
	ID         string    `json:"id"`
	Table      Kind      `json:"table"`
	Source     string    `json:"source"`
	Target     string    `json:"target"`
	TargetID   string    `json:"targetId"`
	Point      PointOf   `json:"point"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Steps      []Done    `json:"steps"`
	Journal    struct {
		Through int64 `json:"through"`
		Entries int   `json:"entries"`
		Held    int   `json:"held"`
	} `json:"journal"`
	Rows     int        `json:"rows"`
	Deleted  int        `json:"deletedRows"`
	Measures []Measured `json:"measures"`
	Passed   bool       `json:"passed"`
}

// PointOf is the copy that was restored.
type PointOf struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Measured is one measure against its target.
type Measured struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Most   float64 `json:"most"`
	Unit   string  `json:"unit"`
	Passed bool    `json:"passed"`
}

func (s State) report(now time.Time) Report {
	r := Report{
		Format: "passportcraft-drill/1", ID: s.Order.ID, Table: s.Order.Kind, Source: s.Order.Source, Target: s.Target,
		Point: PointOf{s.Point.ID, s.Point.CreatedAt}, StartedAt: s.StartedAt, FinishedAt: now, Steps: s.Done, Rows: s.Rows, Deleted: s.Swept,
	}
	r.Journal.Through, r.Journal.Entries, r.Journal.Held = s.Through, s.Entries, s.Held
	if s.Marker != nil {
		r.TargetID = s.Marker.TableID
	}
	measure := func(name string, value, most float64, unit string, ok bool) {
		r.Measures = append(r.Measures, Measured{name, value, most, unit, ok && value <= most})
	}
	measure("recovery point", s.StartedAt.Sub(s.Newest).Seconds(), MostLost.Seconds(), "seconds", !s.Newest.IsZero())
	measure("recovery time", now.Sub(s.StartedAt).Seconds(), MostTime.Seconds(), "seconds", true)
	measure("deleted rows visible", float64(s.Visible), 0, "rows", s.Checked)
	measure("manual steps", float64(s.Manual), 0, "steps", true)
	r.Passed = s.Marker != nil
	for _, m := range r.Measures {
		r.Passed = r.Passed && m.Passed
	}
	return r
}

// String is the report in a few lines.
func (r Report) String() string {
	text := fmt.Sprintf("restored %s from the copy of %s into %s\n", r.Source, r.Point.At.Format(time.RFC3339), r.Target)
	for _, m := range r.Measures {
		verdict := "good"
		if !m.Passed {
			verdict = "NOT GOOD"
		}
		text += fmt.Sprintf("  %-22s %10.1f %s (at most %.0f): %s\n", m.Name, m.Value, m.Unit, m.Most, verdict)
	}
	return text
}
