// Package kms wraps the root keys of tenants and persons with AWS KMS, and signs with a key that never leaves it. Each
// wrapped key is bound to its owner by the encryption context, so that a policy on kms:EncryptionContext:t confines a
// role to one tenant, and one owner's key does not open as another's.
package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// The member of the encryption context that names the owner of a root key.
const (
	Tenants = "t"
	Persons = "p"
	Custody = "c"
	Journal = "j" // of the deletion journal's secret
)

// Observe is told about every call.
type Observe func(ctx context.Context, operation string, units float64)

// Wrapper implements keyring.Wrapper for one kind of owner.
type Wrapper[O ~string] struct {
	api     *kms.Client
	member  string
	keyARN  string
	observe Observe
}

// Open makes a wrapper for one KMS key; member is the name under which the encryption context holds the owner. Nothing
// is called yet. endpoint overrides AWS's address; empty means AWS.
func Open[O ~string](cfg aws.Config, endpoint, keyARN, member string, observe Observe) *Wrapper[O] {
	return &Wrapper[O]{api: client(cfg, endpoint), member: member, keyARN: keyARN, observe: observe}
}

// Generate makes 32 random bytes inside KMS and returns them in the clear and wrapped.
func (w *Wrapper[O]) Generate(ctx context.Context, o O) (plain, wrapped []byte, err error) {
	out, err := w.api.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &w.keyARN, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{w.member: string(o)},
	})
	w.observe(ctx, "kms.GenerateDataKey", 0)
	if err != nil {
		return nil, nil, failed(err)
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Unwrap opens a wrapped key. KMS refuses when the owner is another than at wrapping.
func (w *Wrapper[O]) Unwrap(ctx context.Context, o O, wrapped []byte) ([]byte, error) {
	out, err := w.api.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &w.keyARN, CiphertextBlob: wrapped, EncryptionContext: map[string]string{w.member: string(o)},
	})
	w.observe(ctx, "kms.Decrypt", 0)
	if err != nil {
		return nil, failed(err)
	}
	return out.Plaintext, nil
}

func client(cfg aws.Config, endpoint string) *kms.Client {
	return kms.NewFromConfig(cfg, func(o *kms.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The key service did not answer. Nothing was changed; repeat later.").After(2 * time.Second)
}
