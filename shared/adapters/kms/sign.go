package kms

import (
	"context"
	"crypto/sha256"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Signer signs with a P-256 key of KMS.
type Signer struct {
	api     *kms.Client
	keyARN  string
	observe Observe
}

// OpenSigner makes a signer. Nothing is called yet.
func OpenSigner(cfg aws.Config, endpoint, keyARN string, observe Observe) *Signer {
	return &Signer{api: client(cfg, endpoint), keyARN: keyARN, observe: observe}
}

// mostRaw is the longest message, in bytes, that KMS hashes itself.
const mostRaw = 4096

// Sign returns the ECDSA signature (ASN.1 DER) over the SHA-256 of a message.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	in := &kms.SignInput{KeyId: &s.keyARN, Message: message, MessageType: types.MessageTypeRaw, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	if len(message) > mostRaw {
		sum := sha256.Sum256(message)
		in.Message, in.MessageType = sum[:], types.MessageTypeDigest
	}
	out, err := s.api.Sign(ctx, in)
	s.observe(ctx, "kms.Sign", 0)
	if err != nil {
		return nil, failed(err)
	}
	return out.Signature, nil
}

// PublicKey is the public key as a DER SubjectPublicKeyInfo (RFC 5280, section 4.1).
func (s *Signer) PublicKey(ctx context.Context) ([]byte, error) {
	out, err := s.api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(s.keyARN)})
	s.observe(ctx, "kms.GetPublicKey", 0)
	if err != nil {
		return nil, failed(err)
	}
	return out.PublicKey, nil
}
