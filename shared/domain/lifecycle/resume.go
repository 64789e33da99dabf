package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Resume is an operator's signed word that a long silence was an outage and the clock is right. Whoever reads it from
// storage has verified its signature over Text and found its entry in the ledger. It is good for one mark: work that is
// done with it moves the mark, and the next silence takes another word.
type Resume struct {
	Above    time.Time `json:"above"` // the mark at which the work stood still
	UpTo     time.Time `json:"upTo"`  // readings up to here are accepted
	SignedBy string    `json:"by"`    // actor
	At       time.Time `json:"at"`
	Entry    string    `json:"entry"` // identifier of the audit entry
}

// MaxAhead is how far an operator's word may reach past the present: what it confirms has been seen, and not foretold.
const MaxAhead = Day

// named tells whether a name stays on one line and says nothing else.
func named(by string) bool {
	return by != "" && len(by) <= 64 && strings.Trim(by, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == ""
}

// Confirm makes the word for the mark at which the work stands still. It is refused when nothing stands still, and for
// readings before the present or more than MaxAhead after it. entry is the identifier of the audit entry.
func Confirm(high, now, upTo time.Time, by, entry string) (Resume, error) {
	switch {
	case !named(by):
		return Resume{}, errors.New("the name of the operator takes letters, digits, dots and hyphens, at most 64")
	case high.IsZero() || now.Sub(high) <= MaxJump:
		return Resume{}, fmt.Errorf("nothing stands still: work was last done at %s, and up to %d days of silence need no word", stamp(high), int(MaxJump/Day))
	case upTo.Before(now) || upTo.Sub(now) > MaxAhead:
		return Resume{}, fmt.Errorf("the word has to reach from the present, %s, and at most a day further; %s does not", stamp(now), stamp(upTo))
	}
	return Resume{Above: high.UTC(), UpTo: upTo.UTC(), SignedBy: "operator:" + by, At: now.UTC(), Entry: entry}, nil
}

// resumes begins what is signed. It keeps a word apart from everything else that the same key signs.
const resumes = "passportcraft.org/resume-after-outage\n"

// Text is what is signed and stored.
func (s *Resume) Text() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("the word cannot be encoded: %w", err)
	}
	return append([]byte(resumes), b...), nil
}

// ReadResume reads a word from the text that was signed.
func ReadResume(text []byte) (*Resume, error) {
	b, ok := bytes.CutPrefix(text, []byte(resumes))
	if !ok {
		return nil, errors.New("this is no word to resume after an outage")
	}
	s := new(Resume)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("the word cannot be read: %w", err)
	}
	return s, nil
}

// covers tells whether the word was given for this mark and this reading.
func (s *Resume) covers(high, now time.Time) bool {
	return s != nil && s.SignedBy != "" && s.Entry != "" && s.Above.Equal(high) && !now.After(s.UpTo)
}
