package lifecycle

import (
	"slices"
	"time"
)

// NoticeKind names a notice of a termination.
type NoticeKind string

// The notices. Their texts name the instants of the record at the moment of sending, so that a late one is not wrong.
const (
	NoticeWindow NoticeKind = "window-open"   // at T0
	NoticeHalf   NoticeKind = "window-day-15" // T0 + 15 days
	NoticeWeek   NoticeKind = "window-day-23" // T0 + 23 days: a week left
	NoticeDays   NoticeKind = "window-day-27" // T0 + 27 days
	NoticeLast   NoticeKind = "window-day-29" // T0 + 29 days
	NoticeSealed NoticeKind = "window-closed" // with the plan of the deletion; the last, since who could get another is deleted then
)

// A notice does not wait for ever: an address that takes no mail must not keep the data past its deadlines.
const (
	Patience   = Day     // for the other owners, when one was reached; from when the notice was due
	Insistence = 3 * Day // for anybody at all; from when the window was to close or has closed
)

// NoticeKinds lists every notice in order.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeWindow, NoticeHalf, NoticeWeek, NoticeDays, NoticeLast, NoticeSealed}
}

// after is when a notice of the countdown is due, counted from T0.
func (k NoticeKind) after() (time.Duration, bool) {
	switch k {
	case NoticeWindow:
		return 0, true
	case NoticeHalf:
		return 15 * Day, true
	case NoticeWeek:
		return 23 * Day, true
	case NoticeDays:
		return 27 * Day, true
	case NoticeLast:
		return 29 * Day, true
	default:
		return 0, false
	}
}

// Due lists the notices that have to go out now, in order: each kind once for each termination. Notices of the countdown
// are due while the window is open only.
func Due(r Record, now time.Time) []NoticeKind {
	var due []NoticeKind
	for _, k := range NoticeKinds() {
		if r.sent(k) {
			continue
		}
		d, countdown := k.after()
		switch {
		case countdown && r.State == Window && !now.Before(r.T0.Add(d)),
			k == NoticeSealed && r.State.Closed():
			due = append(due, k)
		}
	}
	return due
}

// Undeliverable tells whether a notice that did not reach everybody, or nobody at all, has been tried for long enough.
func (r Record) Undeliverable(k NoticeKind, reached bool, now time.Time) bool {
	until := r.SealedAt.Add(Insistence)
	switch after, countdown := k.after(); {
	case countdown && reached:
		until = r.T0.Add(after + Patience)
	case countdown:
		until = r.Deadlines().NotBefore.Add(Insistence)
	case reached:
		until = r.SealedAt.Add(Patience)
	}
	return !now.Before(until)
}

// Notified records that a notice went out; a second time changes nothing.
func Notified(r Record, k NoticeKind, now time.Time) Record {
	if r.sent(k) {
		return r
	}
	r.Notices = append(slices.Clip(r.Notices), Sent{Kind: k, At: now.UTC()})
	r.Revision++
	return r
}

func (r Record) sent(k NoticeKind) bool {
	return slices.ContainsFunc(r.Notices, func(s Sent) bool { return s.Kind == k })
}
