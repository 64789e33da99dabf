// Package leaving builds what an organisation does about the end of its contract, and about what it deletes and keeps
// before. It is apart from package tenancy because that is linked into every function.
package leaving

import (
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/contract"
	"github.com/passportcraft/passportcraft/shared/domain/deletion"
	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// Contract is what owners can do with their contract.
func Contract(app *tenancy.App) *contract.Service {
	return &contract.Service{
		Lives: dynamo.NewLives(app.Database()), Holds: app.Holds(), Tenants: app.Tenants().Store, Law: law(), Policy: lifecycle.Current(), IDs: app.IDs(),
		Tally: tally,
	}
}

// tally reads from a frozen plan what becomes of the passports.
func tally(plan []byte) ([]lifecycle.Tally, error) {
	p, err := retention.ReadPlan(plan)
	return p.Passports.Tally, err
}

// Holds is what can be done with legal holds.
func Holds(app *tenancy.App) *contract.Holds {
	return &contract.Holds{Store: app.Cases(), IDs: app.IDs(), Review: lifecycle.Current().Review}
}

// Dispositions is what can be said about passports before the window closes.
func Dispositions(app *tenancy.App) *disposition.Service {
	read := app.Reader()
	return &disposition.Service{
		Passports: read.Store, Versions: read.History, Choices: app.Choices(), Law: law(), IDs: app.IDs(), Own: app.PublicBaseURL(),
	}
}

// Deletions deletes single passports.
func Deletions(app *tenancy.App) *deletion.Service {
	return &deletion.Service{Passports: &passport.Service{Reader: *app.Reader(), IDs: app.IDs()}, Holds: app.Holds(), Law: law()}
}

// law is the law of this build, which a test reads: it cannot be wrong at run time.
func law() lifecycle.Law {
	l, err := lifecycle.LoadLaw()
	if err != nil {
		panic(err)
	}
	return l
}
