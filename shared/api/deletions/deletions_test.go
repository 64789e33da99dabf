package deletions

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
)

// TestDeletionIsRead holds the instants that somebody who has deleted a passport is told: seven days to take it back, a day
// more until nothing is left.
func TestDeletionIsRead(t *testing.T) {
	product, err := identifier.New("09506000134352", "", "A/B")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2028, 2, 26, 23, 59, 59, 0, time.UTC) // over the end of a February with 29 days
	got, err := json.Marshal(show(passport.Summary{
		ID: "0199bbbb-0000-7000-8000-00000000000b", Status: passport.Deleted, Revision: 4, Version: 1, ProductGroup: "general", Product: product, CreatedAt: at.AddDate(-1, 0, 0), UpdatedAt: at,
	}))
	const want = `{"passport":"0199bbbb-0000-7000-8000-00000000000b","productGroup":"general","productIdentifier":"https://id.gs1.org/01/09506000134352/21/A%2FB",` +
		`"deletedAt":"2028-02-26T23:59:59Z","undoUntil":"2028-03-04T23:59:59Z","goneBy":"2028-03-05T23:59:59Z"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
