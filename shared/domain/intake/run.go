package intake

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// State is where an import is in its life.
type State string

// The states. Done and cancelled are final; one that failed before anything was stored can be checked again.
const (
	Waiting    State = "waiting"    // for the file
	Uploaded   State = "uploaded"   // the file is there and can be read; somebody must say what its columns become
	Checking   State = "checking"   // the dry run goes through it
	Checked    State = "checked"    // nothing is stored; somebody must say so
	Committing State = "committing" // being stored
	Done       State = "done"
	Cancelled  State = "cancelled" // what was stored before stays
	Failed     State = "failed"    // stopped for the reason given; what was stored before stays
)

// Format is how the passports are written in the file.
type Format string

// The formats.
const (
	CSV       Format = "csv"
	XLSX      Format = "xlsx"
	Documents Format = "ndjson" // a JSON object a line: {productGroup, granularity, productIdentifier, content}
)

// Phase is one way through the file.
type Phase string

// The phases.
const (
	DryRun Phase = "check"
	Commit Phase = "commit"
)

// Existing says what a row does to a passport that is there already.
type Existing string

// The ways to treat existing passports. The zero value is merge for tables and replace for documents.
const (
	Merge   Existing = "merge"   // what the row does not say stays as it is (RFC 7396)
	Replace Existing = "replace" // the content becomes that of the row
)

// Run is one import and its checkpoint.
type Run struct {
	ID          id.Import
	Tenant      id.Tenant
	Actor       string // on whose behalf passports are stored, as in access.Caller
	Format      Format
	Size        int64  // bytes of the file
	SHA256      string // of the file, in hex
	Group       string // product group of the passports; may be empty for documents, which say it themselves
	Granularity identifier.Granularity
	Sheet       string // of a workbook; empty: the first one
	State       State
	Reason      string // why it failed
	Code        fault.Code
	Recipe      *Recipe
	Existing    Existing
	Publish     bool // asked for
	MayPublish  bool // the caller of the commit was allowed to publish
	Cancelling  bool // somebody wants it to stop; whoever works on it does so before the next row
	RequestedAt time.Time
	RequestedBy string
	Headers     []string     // of the table
	Suggested   []Suggestion // one for each header

	Check     Tally // of the dry run
	Committed Tally // of the commit

	Plan    []Planned // what was about to be done after the cursor; written before it is done
	Streak  Streak
	Strikes int // how often in a row it stopped without getting any further

	Revision   int64 // one more with each save
	Fence      int64 // one more with each worker
	LeaseUntil time.Time
}

// slack is how long after a lease somebody looks whether the work goes on.
const slack = 2 * time.Minute

// Due is when somebody has to look at the run though nobody asks for it: for a file whose arrival nobody noticed, to go on
// where nobody does, or to end it. It is zero when it has ended.
func (r Run) Due() time.Time {
	last := r.RequestedAt
	if r.LeaseUntil.After(last) {
		last = r.LeaseUntil
	}
	switch r.State {
	case Waiting:
		return r.RequestedAt.Add(upload.Life + slack)
	case Checking, Committing:
		return last.Add(slack)
	case Uploaded, Checked:
		return r.RequestedAt.Add(upload.KeptFor)
	}
	return time.Time{}
}

// Progress is how far a phase has come.
type Progress struct {
	Rows     int   `json:"rows"` // dealt with
	Accepted int   `json:"accepted"`
	Refused  int   `json:"refused"` // with the duplicates
	Bytes    int64 `json:"bytes"`   // of the file
	Cursor   int   `json:"cursor"`  // number of the last row that is dealt with; everything before it is too
}

// Totals count rows by outcome.
type Totals struct {
	Created    int `json:"created"`
	Updated    int `json:"updated"`
	Unchanged  int `json:"unchanged"`
	Refused    int `json:"refused"`
	Duplicates int `json:"duplicates"`
	Published  int `json:"published"`  // in force with this content after their row, where that was asked for
	Unfinished int `json:"unfinished"` // accepted, but not published although that was asked for
}

// Sample is what would become, or became, of a row.
type Sample struct {
	Verdict Verdict          `json:"verdict"`
	Content passport.Content `json:"content,omitempty"` // after the row; left out when it is large
}

// Tally is the account of a phase.
type Tally struct {
	Progress Progress  `json:"progress"`
	Totals   Totals    `json:"totals"`
	Accepted []Sample  `json:"accepted,omitempty"` // the first 20
	Refusals []Verdict `json:"refusals,omitempty"` // the first 100, each with its first 3 problems
	Last     *Place    `json:"last,omitempty"`     // of the blocks of the report
}

// How much a tally shows. Together it stays below what a DynamoDB item may hold (400 KB).
const (
	maxAccepted      = 20
	maxRefusals      = 100
	maxShownProblems = 3
	maxShownContent  = 4 << 10 // bytes
	maxShownDetail   = 500     // bytes
)

// Planned is what was about to happen to a row.
type Planned struct {
	Number  int     `json:"number"`
	Outcome Outcome `json:"outcome"`
	Hash    string  `json:"hash"`
}

// Streak is how many rows in a row were refused for the same reason.
type Streak struct {
	Reason string `json:"reason,omitempty"` // code and pointer
	Detail string `json:"detail,omitempty"` // of the first of them
	Rows   int    `json:"rows,omitempty"`
}

// Patience with failures.
const (
	maxStreak   = 100 // first rows that are all refused for one and the same reason before the run is stopped
	maxStrikes  = 100 // fruitless attempts before a run is given up
	poisonAfter = 3   // fruitless attempts before a row that ends in an internal error is refused
)

// NotFound is the fault for an import that is not there.
func NotFound() error {
	return fault.New(fault.CodeImportNotFound, "Your organisation has no such import.")
}

// StartCheck asks for a dry run: of a file that is uploaded or will be, or again with another recipe as long as nothing has
// been stored. A nil recipe is for documents. The error is import-state.
func (r Run) StartCheck(recipe *Recipe, existing Existing, publish bool) (Run, error) {
	again := r.State == Failed && r.Committed.Progress == (Progress{})
	if r.State != Waiting && r.State != Uploaded && r.State != Checked && !again {
		return r, r.not("checked")
	}
	if r.State != Waiting {
		r.State = Checking
	}
	r.Reason, r.Code, r.Recipe, r.Existing, r.Publish, r.MayPublish = "", "", recipe, existing, publish, false
	r.Check, r.Plan, r.Streak, r.Strikes, r.Cancelling, r.LeaseUntil = Tally{}, nil, Streak{}, 0, false, time.Time{}
	return r, nil
}

// StartCommit asks for storing what was checked, in the name of actor. It refuses with forbidden to publish for somebody
// who may not, and with import-state a run that is not checked.
func (r Run) StartCommit(actor string, publish, mayPublish bool) (Run, error) {
	if r.State != Checked {
		return r, r.not("committed")
	}
	if publish && !mayPublish {
		return r, fault.New(fault.CodeForbidden, "You may import drafts but not publish them. Import without publishing, or ask somebody who may publish.")
	}
	r.State, r.Actor, r.Publish, r.MayPublish = Committing, actor, publish, mayPublish
	r.Committed, r.Plan, r.Streak, r.Strikes, r.LeaseUntil = Tally{}, nil, Streak{}, 0, time.Time{}
	return r, nil
}

// Cancel ends a run: at once when nobody works on it, otherwise before the next row. Cancelling twice is no error; a run
// that is done or has failed is refused with import-state.
func (r Run) Cancel(now time.Time) (Run, error) {
	switch r.State {
	case Cancelled:
		return r, nil
	case Done, Failed:
		return r, r.not("cancelled")
	case Waiting, Checking, Committing:
		if now.Before(r.LeaseUntil) || r.tally().Progress.Rows > 0 {
			r.Cancelling = true
			return r, nil
		}
	}
	r.State, r.Plan = Cancelled, nil
	return r, nil
}

func (r Run) not(what string) error {
	return fault.New(fault.CodeImportState, "The import is %s and cannot be %s now.", r.State, what)
}

// tally is the account of the phase that the run is in.
func (r *Run) tally() *Tally {
	if r.State == Committing {
		return &r.Committed
	}
	return &r.Check
}

// phase of a run that is to be worked on; "" for any other.
func (r *Run) phase() Phase {
	switch r.State {
	case Checking:
		return DryRun
	case Committing:
		return Commit
	}
	return ""
}

// add takes a row into the account. The slices of earlier accounts are not changed.
func (t *Tally) add(v Verdict, content passport.Content, publish bool, bytes int64) {
	t.Progress.Rows++
	t.Progress.Cursor, t.Progress.Bytes = v.Number, max(t.Progress.Bytes, bytes)
	switch v.Outcome {
	case Create:
		t.Totals.Created++
	case Update:
		t.Totals.Updated++
	case Unchanged:
		t.Totals.Unchanged++
	case Duplicate:
		t.Totals.Duplicates++
	default:
		t.Totals.Refused++
	}
	if !v.Accepted() {
		t.Progress.Refused++
		if n := len(t.Refusals); n < maxRefusals {
			t.Refusals = append(t.Refusals[:n:n], shown(v))
		}
		return
	}
	t.Progress.Accepted++
	switch {
	case v.Published:
		t.Totals.Published++
	case publish && len(v.Problems) > 0:
		t.Totals.Unfinished++
	}
	if n := len(t.Accepted); n < maxAccepted {
		if b, err := passport.Encode(content); err != nil || len(b) > maxShownContent {
			content = nil
		}
		t.Accepted = append(t.Accepted[:n:n], Sample{shown(v), content})
	}
}

// shown is a verdict short enough for the sample; the report has all of it.
func shown(v Verdict) Verdict {
	out := make([]Problem, 0, maxShownProblems)
	for _, p := range v.Problems[:min(len(v.Problems), maxShownProblems)] {
		p.Pointer, p.Column, p.Detail = short(p.Pointer), short(p.Column), short(p.Detail)
		out = append(out, p)
	}
	v.Ref = short(v.Ref)
	if v.Problems = out; len(out) == 0 {
		v.Problems = nil
	}
	return v
}

// short cuts a text between two characters.
func short(s string) string {
	if len(s) <= maxShownDetail {
		return s
	}
	cut := maxShownDetail
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// after returns the streak with one more verdict. Duplicates say nothing about the recipe.
func (s Streak) after(v Verdict) Streak {
	if v.Outcome == Duplicate {
		return s
	}
	if v.Outcome != Refused || len(v.Problems) == 0 {
		return Streak{}
	}
	p := v.Problems[0]
	if reason := string(p.Code) + " " + short(p.Pointer); s.Reason != reason {
		return Streak{Reason: reason, Detail: p.Detail, Rows: 1}
	}
	s.Rows++
	return s
}
