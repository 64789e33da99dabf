package dynamo_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/infra/local/provision"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/storecontract"
)

func config() aws.Config {
	return aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
	})}
}
func TestX(t *testing.T) {
	var n atomic.Int64
	endpoint := os.Getenv("DYNAMODB_ENDPOINT")
	storecontract.Run(t, func(t *testing.T) storecontract.Store {
		prefix := fmt.Sprintf("t%d-%d-", os.Getpid(), n.Add(1))
		api := sdk.NewFromConfig(config(), func(o *sdk.Options) { o.BaseEndpoint = &endpoint })
		err := provision.Tables(t.Context(), api, []provision.Table{
			{Name: prefix + "records", Hash: "PK", Range: "SK", Indexes: []provision.Index{{Name: "ByStatus", Hash: "LPK", Range: "LSK", Include: strings.Fields("st pg gr rev ver crt upd sum id pub")}}},
			{Name: prefix + "public", Hash: "PK"}, {Name: prefix + "keys", Hash: "PK", Range: "SK"}, {Name: prefix + "ledger", Hash: "PK", Range: "SK"}})
		if err != nil {
			t.Fatal(err)
		}
		db := dynamo.Open(config(), endpoint, dynamo.Tables{Records: prefix + "records", Public: prefix + "public", Keys: prefix + "keys"}, func(context.Context, string, float64) {})
		c := clock.NewMovable(clock.Fixed(time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)))
		ids := id.NewSource(c.Now, rand.Reader)
		ring := keyring.New(dynamo.NewDataKeys(db), xw{}, c.Now)
		ps := dynamo.NewPassports(db, ring, mem{}, c.Now)
		return storecontract.Store{Passports: ps, History: ps, Public: dynamo.NewPublicViews(db), Attempts: dynamo.NewAttempts(db, ring), AuditDay: dynamo.NewAudits(db).Day, Clock: c, IDs: ids,
			NewTenant: func(t *testing.T) id.Tenant {
				tn := id.New[id.Tenant](ids)
				if err := ring.Create(t.Context(), tn); err != nil {
					t.Fatal(err)
				}
				return tn
			}}
	})
}

type xw struct{}

func (xw) Generate(_ context.Context, t id.Tenant) (p, w []byte, err error) {
	return make([]byte, 32), make([]byte, 32), nil
}
func (xw) Unwrap(_ context.Context, t id.Tenant, w []byte) ([]byte, error) { return w, nil }

type mem map[string][]byte

func (m mem) Put(_ context.Context, t id.Tenant, b []byte) (string, error) {
	m["x"] = b
	return "x", nil
}
func (m mem) Get(_ context.Context, t id.Tenant, r string) ([]byte, error) { return m[r], nil }
