// Package kms wraps tenant root keys with AWS KMS. Each wrapped key is bound to its tenant by the encryption context, so
// that a policy on kms:EncryptionContext:t confines a role to one tenant, and one tenant's key does not open as
// another's.
package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// contextMember is the member of the encryption context that holds the tenant.
const contextMember = "t"

// Observe is told about every call.
type Observe func(ctx context.Context, operation string, units float64)

// Wrapper implements keyring.Wrapper.
type Wrapper struct {
	api     *kms.Client
	keyARN  string
	observe Observe
}

// Open makes a wrapper for one KMS key. Nothing is called yet. endpoint overrides AWS's address; empty means AWS.
func Open(cfg aws.Config, endpoint, keyARN string, observe Observe) *Wrapper {
	api := kms.NewFromConfig(cfg, func(o *kms.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	return &Wrapper{api: api, keyARN: keyARN, observe: observe}
}

// Generate makes 32 random bytes inside KMS and returns them in the clear and wrapped.
func (w *Wrapper) Generate(ctx context.Context, t id.Tenant) (plain, wrapped []byte, err error) {
	out, err := w.api.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &w.keyARN, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{contextMember: string(t)},
	})
	w.observe(ctx, "kms.GenerateDataKey", 0)
	if err != nil {
		return nil, nil, failed(err)
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Unwrap opens a wrapped key. KMS refuses when the tenant is another than at wrapping.
func (w *Wrapper) Unwrap(ctx context.Context, t id.Tenant, wrapped []byte) ([]byte, error) {
	out, err := w.api.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &w.keyARN, CiphertextBlob: wrapped, EncryptionContext: map[string]string{contextMember: string(t)},
	})
	w.observe(ctx, "kms.Decrypt", 0)
	if err != nil {
		return nil, failed(err)
	}
	return out.Plaintext, nil
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The key service did not answer. Nothing was changed; repeat later.").After(2 * time.Second)
}
