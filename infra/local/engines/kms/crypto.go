package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
)

const (
	blobVersion  = 1
	maxPlaintext = 4096
	idLength     = 36
)

type encryptInput struct {
	KeyID             string `json:"KeyId"`
	Plaintext         []byte
	CiphertextBlob    []byte
	EncryptionContext map[string]string
}

// associated is the encryption context in a form that does not depend on the order of its members.
func associated(context map[string]string) []byte {
	names := make([]string, 0, len(context))
	for name := range context {
		names = append(names, name)
	}
	slices.Sort(names)
	var b []byte
	for _, name := range names {
		for _, s := range []string{name, context[name]} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
	}
	return b
}

func (k *key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Material)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *key) seal(plain []byte, context map[string]string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	head := append([]byte{blobVersion}, k.ID...)
	return append(head, aead.Seal(nil, nil, plain, append(associated(context), head...))...), nil
}

// open finds the key of a blob and decrypts it. A blob that does not open, for whatever reason, is one exception.
func (s *store) open(wanted string, blob []byte, context map[string]string) (*key, []byte, error) {
	bad := refuse("InvalidCiphertextException", "The ciphertext is invalid.")
	if len(blob) < 1+idLength || blob[0] != blobVersion {
		return nil, nil, bad
	}
	head := blob[:1+idLength]
	if wanted != "" {
		k, err := s.find(wanted)
		if err != nil {
			return nil, nil, err
		}
		if k.ID != string(head[1:]) {
			return nil, nil, refuse("IncorrectKeyException", "The key ID in the request does not identify a key that can perform this operation.")
		}
	}
	k, err := s.usable(string(head[1:]), "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, nil, err
	}
	aead, err := k.aead()
	if err != nil {
		return nil, nil, err
	}
	plain, err := aead.Open(nil, nil, blob[1+idLength:], append(associated(context), head...))
	if err != nil {
		return nil, nil, bad
	}
	return k, plain, nil
}

func (s *Service) encrypt(body []byte) (any, error) {
	in, err := read[encryptInput](body)
	if err != nil {
		return nil, err
	}
	if len(in.Plaintext) == 0 || len(in.Plaintext) > maxPlaintext {
		return nil, invalid("Plaintext must have 1 to 4096 bytes.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.usable(in.KeyID, "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, err
	}
	blob, err := k.seal(in.Plaintext, in.EncryptionContext)
	return map[string]any{"CiphertextBlob": blob, "KeyId": k.arn(), "EncryptionAlgorithm": symmetric}, err
}

func (s *Service) decrypt(body []byte) (any, error) {
	in, err := read[encryptInput](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, plain, err := s.store.open(in.KeyID, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Plaintext": plain, "KeyId": k.arn(), "EncryptionAlgorithm": symmetric}, nil
}

func (s *Service) reEncrypt(body []byte) (any, error) {
	in, err := read[struct {
		CiphertextBlob                                        []byte
		SourceKeyID                                           string `json:"SourceKeyId"`
		DestinationKeyID                                      string `json:"DestinationKeyId"`
		SourceEncryptionContext, DestinationEncryptionContext map[string]string
	}](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	from, plain, err := s.store.open(in.SourceKeyID, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	to, err := s.store.usable(in.DestinationKeyID, "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, err
	}
	blob, err := to.seal(plain, in.DestinationEncryptionContext)
	return map[string]any{"CiphertextBlob": blob, "KeyId": to.arn(), "SourceKeyId": from.arn()}, err
}

func (s *Service) generateDataKey(body []byte) (any, error) {
	in, err := read[struct {
		KeyID             string `json:"KeyId"`
		KeySpec           string
		NumberOfBytes     int
		EncryptionContext map[string]string
	}](body)
	if err != nil {
		return nil, err
	}
	size := map[string]int{"AES_256": 32, "AES_128": 16, "": in.NumberOfBytes}[in.KeySpec]
	if size < 1 || size > 1024 || in.KeySpec != "" && in.NumberOfBytes != 0 {
		return nil, invalid("Give KeySpec AES_256 or AES_128, or NumberOfBytes from 1 to 1024.")
	}
	plain := make([]byte, size)
	if _, err := rand.Read(plain); err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.usable(in.KeyID, "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, err
	}
	blob, err := k.seal(plain, in.EncryptionContext)
	return map[string]any{"CiphertextBlob": blob, "Plaintext": plain, "KeyId": k.arn()}, err
}

func (s *Service) generateWithoutPlaintext(body []byte) (any, error) {
	out, err := s.generateDataKey(body)
	if m, ok := out.(map[string]any); ok {
		delete(m, "Plaintext")
	}
	return out, err
}

type signInput struct {
	KeyID            string `json:"KeyId"`
	Message          []byte
	MessageType      string
	Signature        []byte
	SigningAlgorithm string
}

func (in signInput) digest() ([]byte, error) {
	if in.SigningAlgorithm != "ECDSA_SHA_256" {
		return nil, invalid("SigningAlgorithm must be ECDSA_SHA_256 for this key.")
	}
	if in.MessageType == "DIGEST" {
		if len(in.Message) != sha256.Size {
			return nil, invalid("Digest is invalid length for algorithm ECDSA_SHA_256.")
		}
		return in.Message, nil
	}
	if len(in.Message) == 0 || len(in.Message) > maxPlaintext {
		return nil, invalid("Message must have 1 to 4096 bytes.")
	}
	sum := sha256.Sum256(in.Message)
	return sum[:], nil
}

// signing prepares a signature operation: the key must be there, usable and of the right kind before anything else.
func (s *Service) signing(body []byte) (in signInput, k *key, private *ecdsa.PrivateKey, digest []byte, err error) {
	if in, err = read[signInput](body); err != nil {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if k, err = s.store.usable(in.KeyID, "SIGN_VERIFY"); err != nil {
		return
	}
	if digest, err = in.digest(); err != nil {
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
		return nil, refuse("KMSInternalException", "The key material is damaged.")
	}
	return private, nil
}

func (s *Service) sign(body []byte) (any, error) {
	_, k, private, digest, err := s.signing(body)
	if err != nil {
		return nil, err
	}
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest)
	return map[string]any{"KeyId": k.arn(), "Signature": signature, "SigningAlgorithm": "ECDSA_SHA_256"}, err
}

func (s *Service) verify(body []byte) (any, error) {
	in, k, private, digest, err := s.signing(body)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(&private.PublicKey, digest, in.Signature) {
		return nil, refuse("KMSInvalidSignatureException", "The signature does not verify.")
	}
	return map[string]any{"KeyId": k.arn(), "SignatureValid": true, "SigningAlgorithm": "ECDSA_SHA_256"}, nil
}

func (s *Service) publicKey(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.usable(in.KeyID, "SIGN_VERIFY")
	if err != nil {
		return nil, err
	}
	private, err := k.private()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	return map[string]any{"KeyId": k.arn(), "PublicKey": spki, "KeySpec": k.Spec, "KeyUsage": k.Usage, "SigningAlgorithms": []string{"ECDSA_SHA_256"}}, err
}

type macInput struct {
	KeyID        string `json:"KeyId"`
	Message, Mac []byte
	MacAlgorithm string
}

func (s *Service) mac(body []byte) (in macInput, k *key, sum []byte, err error) {
	if in, err = read[macInput](body); err != nil {
		return
	}
	if in.MacAlgorithm != "HMAC_SHA_256" || len(in.Message) == 0 || len(in.Message) > maxPlaintext {
		return in, nil, nil, invalid("Give MacAlgorithm HMAC_SHA_256 and a message of 1 to 4096 bytes.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if k, err = s.store.usable(in.KeyID, "GENERATE_VERIFY_MAC"); err != nil {
		return
	}
	h := hmac.New(sha256.New, k.Material)
	h.Write(in.Message)
	return in, k, h.Sum(nil), nil
}

func (s *Service) generateMac(body []byte) (any, error) {
	_, k, sum, err := s.mac(body)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyId": k.arn(), "Mac": sum, "MacAlgorithm": "HMAC_SHA_256"}, nil
}

func (s *Service) verifyMac(body []byte) (any, error) {
	in, k, sum, err := s.mac(body)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(sum, in.Mac) {
		return nil, refuse("KMSInvalidMacException", "The MAC does not verify.")
	}
	return map[string]any{"KeyId": k.arn(), "MacValid": true, "MacAlgorithm": "HMAC_SHA_256"}, nil
}
