package ledger

import (
	"context"
	"slices"

	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// People are persons who leave, in the order of their places, and the memory of those who have left one service. It
// implements retention.Leavers and retention.Departed.
type People struct {
	All  []retention.Leaver
	Gone []string
}

// Leavers implements retention.Leavers.
func (p *People) Leavers(_ context.Context, _ retention.Order, after string, most int) ([]retention.Leaver, error) {
	from := slices.IndexFunc(p.All, func(l retention.Leaver) bool { return l.Place > after })
	if from < 0 {
		return nil, nil
	}
	return p.All[from:min(len(p.All), from+most)], nil
}

// Remember implements retention.Departed.
func (p *People) Remember(_ context.Context, _ retention.Order, _ string, names []string) error {
	p.Gone = append(p.Gone, names...)
	return nil
}

// Names implements retention.Departed.
func (p *People) Names(context.Context, retention.Order, string) ([]string, error) {
	return p.Gone, nil
}
