package page_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

func TestCursor(t *testing.T) {
	c := clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0)))
	s, err := page.NewSealer(make([]byte, 32), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		scope, position := rapid.String().Draw(rt, "scope"), rapid.SliceOf(rapid.Byte()).Draw(rt, "position")
		cursor := s.Seal(scope, position)
		got, err := s.Open(scope, cursor)
		if err != nil || string(got) != string(position) {
			rt.Fatalf("%q %v", got, err)
		}
		if _, err := s.Open(scope+"x", cursor); !errors.Is(err, fault.Malformed) {
			rt.Fatalf("it opens for another list: %v", err)
		}
		broken := []byte(cursor)
		i := rapid.IntRange(0, len(broken)-1).Draw(rt, "at")
		broken[i] = 'A' + (broken[i]+1)%26
		if string(broken) != cursor {
			if _, err := s.Open(scope, string(broken)); err == nil {
				rt.Fatal("an altered cursor opens")
			}
		}
	})
	cursor := s.Seal("a", []byte("p"))
	c.Advance(24*time.Hour + time.Second)
	if _, err := s.Open("a", cursor); fault.Of(err).Code != fault.CodeCursor {
		t.Errorf("an old cursor: %v", err)
	}
}
