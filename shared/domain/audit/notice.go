package audit

import (
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Notice tells the people in charge of an organisation what happened, in the application. It is stored with the change.
type Notice struct {
	ID     id.Notice
	At     time.Time
	Event  Event
	Actor  string
	Object string
	Detail map[string]string // as of the audit entry: no personal data
}

// NoticeOf makes the notice for an entry.
func NoticeOf(source *id.Source, e Entry) Notice {
	return Notice{ID: id.New[id.Notice](source), At: e.At, Event: e.Event, Actor: e.Actor, Object: e.Object, Detail: e.Detail}
}

// Title is the notice in a few words; where nobody has found few, in the sentence that says what happened.
func (n Notice) Title() string {
	for _, d := range Events() {
		if d.Event == n.Event && d.Title != "" {
			return d.Title
		}
		if d.Event == n.Event {
			return strings.TrimSuffix(d.Means, ".")
		}
	}
	return string(n.Event)
}
