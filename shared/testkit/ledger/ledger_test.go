package ledger_test

import (
	"crypto/rand"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
	"github.com/passportcraft/passportcraft/shared/testkit/ledgercontract"
)

func founder(l *ledger.Lives) func(*testing.T) id.Tenant {
	ids := id.NewSource(clock.System, rand.Reader)
	return func(*testing.T) id.Tenant {
		t := id.New[id.Tenant](ids)
		l.Found(t)
		return t
	}
}

func TestContract(t *testing.T) {
	t.Run("lives", func(t *testing.T) {
		ledgercontract.Lives(t, func(*testing.T) ledgercontract.LivesKit {
			l := ledger.NewLives()
			return ledgercontract.LivesKit{Store: l, Certificates: l, Found: founder(l)}
		})
	})
	t.Run("works", func(t *testing.T) {
		ledgercontract.Works(t, func(*testing.T) ledgercontract.WorksKit {
			w := ledger.NewWorks()
			return ledgercontract.WorksKit{Works: w, Drops: w}
		})
	})
	t.Run("guards", func(t *testing.T) {
		ledgercontract.Guards(t, func(*testing.T) retention.Guards { return ledger.NewGuards() })
	})
	t.Run("holds", func(t *testing.T) {
		ledgercontract.Holds(t, func(*testing.T) ledgercontract.HoldsKit {
			return ledgercontract.HoldsKit{Holds: ledger.NewHolds(), Found: founder(ledger.NewLives())}
		})
	})
	t.Run("choices", func(t *testing.T) {
		ledgercontract.Choices(t, func(*testing.T) ledgercontract.ChoicesKit {
			return ledgercontract.ChoicesKit{Choices: ledger.NewChoices(), Found: founder(ledger.NewLives())}
		})
	})
	t.Run("journal", func(t *testing.T) {
		ledgercontract.Journal(t, func(*testing.T) journal.Store { return ledger.NewJournal() })
	})
}
