package backing

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// Clocks are what everybody who destroys by the clock knows of the time: this machine's clock and that of the storage,
// and the latest reading that any work was done with.
func Clocks(app *wire.App) retention.Time {
	return retention.Time{
		Sources: &sources{app.Parts().Now, app.Database()}, Guards: dynamo.NewGuards(app.Database(), app.MarkerKey().Verify), Meter: &meter{app},
	}
}

type sources struct {
	now clock.Clock
	db  *dynamo.DB
}

// Now implements retention.Sources.
func (s *sources) Now(ctx context.Context) ([]time.Time, error) {
	at, err := s.db.Date(ctx)
	if err != nil {
		return nil, err
	}
	return []time.Time{s.now(), at}, nil
}

type meter struct{ app *wire.App }

// Put implements retention.Meter.
func (m *meter) Put(name string, value float64) {
	observe.Gauge(m.app.Parts().Log, m.app.Parts().Now(), "retention", map[string]float64{name: value}, nil)
}

// Failed implements retention.Meter.
func (m *meter) Failed(w retention.Work, err error) {
	observe.Failure(m.app.Parts().Log, m.app.Parts().Now(), "retention-work", fmt.Sprintf("%s %s of tenant %s, %d attempts before", w.Kind, w.Store, w.Tenant, w.Attempts), err)
}
