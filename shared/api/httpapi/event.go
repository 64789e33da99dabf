package httpapi

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Event is what is written down about a request, once, when it has been answered. It holds no content, no query string
// and no path values: those may be personal or secret.
type Event struct {
	Request   id.Request
	At        time.Time
	Function  string
	Route     string // the pattern, not the path
	Method    string
	Status    int
	Code      fault.Code // of a refusal
	Cause     string     // of a failure, for us only
	Tenant    id.Tenant
	Principal string
	Duration  time.Duration
	BytesIn   int
	BytesOut  int
	Calls     map[string]int // storage calls by operation
	Units     float64        // consumed capacity units
	Replayed  bool           // answered from the idempotency record
}
