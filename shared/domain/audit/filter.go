package audit

import (
	"slices"
	"time"
)

// How much of the trail one list covers: without a beginning the last DefaultSpan, at most MaxSpan.
const (
	DefaultSpan = 31 * 24 * time.Hour
	MaxSpan     = 400 * 24 * time.Hour
)

// Filter chooses entries: from From to To, both included, and of the event, actor and object named.
type Filter struct {
	Event         Event
	Actor, Object string
	From, To      time.Time
}

// Admits tells whether an entry is chosen.
func (f Filter) Admits(e Entry) bool {
	return !e.At.Before(f.From) && !e.At.After(f.To) && (f.Event == "" || f.Event == e.Event) &&
		(f.Actor == "" || f.Actor == e.Actor) && (f.Object == "" || f.Object == e.Object)
}

// Known tells whether the event is one of ours.
func (e Event) Known() bool {
	return slices.ContainsFunc(Events(), func(d Documented) bool { return d.Event == e })
}
