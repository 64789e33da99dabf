package kms

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
)

// ecdsaSHA256 is the only signing algorithm of a P-256 key.
const ecdsaSHA256 = "ECDSA_SHA_256"

type signInput struct {
	KeyID            string `json:"KeyId"`
	Message          []byte
	MessageType      string
	Signature        []byte
	SigningAlgorithm string
}

// digest is what is signed: the message's SHA-256 when the message is RAW (the default), the message itself when the
// caller has hashed it already and says DIGEST.
func (in signInput) digest(k *key) ([]byte, error) {
	switch in.SigningAlgorithm {
	case ecdsaSHA256:
	case "ECDSA_SHA_384", "ECDSA_SHA_512", "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512":
		return nil, refuse("InvalidKeyUsageException", "The algorithm "+in.SigningAlgorithm+" does not fit key spec "+k.Spec+".")
	default:
		return nil, invalid("SigningAlgorithm must be " + ecdsaSHA256 + ".")
	}
	if len(in.Message) == 0 || len(in.Message) > maxPlaintext {
		return nil, invalid("Message must have 1 to 4096 bytes.")
	}
	switch in.MessageType {
	case "", "RAW":
		sum := sha256.Sum256(in.Message)
		return sum[:], nil
	case "DIGEST":
		if len(in.Message) != sha256.Size {
			return nil, invalid("Digest is invalid length for algorithm " + ecdsaSHA256 + ".")
		}
		return in.Message, nil
	}
	return nil, invalid("MessageType must be RAW or DIGEST.")
}

// signing prepares a signature operation: the key must be there, usable and of the right kind before anything else.
func (s *Service) signing(body []byte) (in signInput, k *key, private *ecdsa.PrivateKey, digest []byte, err error) {
	if in, err = read[signInput](body); err != nil {
		return
	}
	if k, err = s.store.usable(in.KeyID, forSignatures); err != nil {
		return
	}
	if digest, err = in.digest(k); err != nil {
		return
	}
	private, err = k.private()
	return
}

func (k *key) private() (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Material)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key material is damaged")
	}
	return private, nil
}

func (s *Service) sign(body []byte) (any, error) {
	_, k, private, digest, err := s.signing(body)
	if err != nil {
		return nil, err
	}
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest)
	return map[string]any{"KeyId": k.arn(), "Signature": signature, "SigningAlgorithm": ecdsaSHA256}, err
}

func (s *Service) verify(body []byte) (any, error) {
	in, k, private, digest, err := s.signing(body)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(&private.PublicKey, digest, in.Signature) {
		return nil, refuse("KMSInvalidSignatureException", "The signature does not verify.")
	}
	return map[string]any{"KeyId": k.arn(), "SignatureValid": true, "SigningAlgorithm": ecdsaSHA256}, nil
}

func (s *Service) publicKey(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	k, err := s.store.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	if k.Spec != p256 {
		return nil, unsupported(k.arn() + " key spec is " + k.Spec + " which is not valid for GetPublicKey.")
	}
	if err := k.ready(forSignatures); err != nil {
		return nil, err
	}
	private, err := k.private()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	return map[string]any{
		"KeyId": k.arn(), "PublicKey": spki, "KeySpec": k.Spec, "CustomerMasterKeySpec": k.Spec, "KeyUsage": k.Usage,
		"SigningAlgorithms": []string{ecdsaSHA256},
	}, err
}
