package kms_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/passportcraft/passportcraft/infra/local/engines/kms"
)

// start is the instant at which every test begins.
var start = time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)

// bench is one key service on disk, the AWS client that calls it, and its clock.
type bench struct {
	*sdk.Client
	dir   string
	ahead atomic.Int64 // nanoseconds since start
}

func open(t testing.TB) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	b.restart(t)
	return b
}

// restart opens the service anew over the same folder.
func (b *bench) restart(t testing.TB) {
	t.Helper()
	service, err := kms.Open(b.dir, func() time.Time { return start.Add(time.Duration(b.ahead.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	b.Client = sdk.New(sdk.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
}

func (b *bench) advance(d time.Duration) { b.ahead.Add(int64(d)) }

// key makes a key and returns its identifier.
func (b *bench) key(t testing.TB, spec types.KeySpec, usage types.KeyUsageType) *string {
	t.Helper()
	out, err := b.CreateKey(context.Background(), &sdk.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func (b *bench) symmetric(t testing.TB) *string {
	return b.key(t, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
}

func (b *bench) sealed(t testing.TB, key *string, plain string, context map[string]string) []byte {
	t.Helper()
	out, err := b.Encrypt(t.Context(), &sdk.EncryptInput{KeyId: key, Plaintext: []byte(plain), EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	return out.CiphertextBlob
}

// code is the exception's name, or "" for none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return "not a KMS error: " + err.Error()
	}
	return ""
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused fails the test unless err is that exception.
func refused(t testing.TB, what, want string, err error) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}
