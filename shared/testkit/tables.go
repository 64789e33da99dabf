package testkit

import (
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/provision"
)

// Tables are the tables of the template under other names.
func Tables(t testing.TB, prefix string) []provision.Table {
	return []provision.Table{
		{Name: prefix + "Records", Hash: "PK", Range: "SK", Indexes: []provision.Index{{Name: "ByStatus", Hash: "LPK", Range: "LSK", Include: strings.Fields("st pg gr rev ver crt upd sum id pub")}}},
		{Name: prefix + "Public", Hash: "PK"}, {Name: prefix + "Keys", Hash: "PK", Range: "SK"}, {Name: prefix + "Ledger", Hash: "PK", Range: "SK"},
	}
}
