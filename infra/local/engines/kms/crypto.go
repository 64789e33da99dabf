package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// A ciphertext blob is: one byte of version, the 16 bytes of the key's identifier, a checksum of both, then the nonce,
// the AES-256-GCM ciphertext and its tag. The checksum tells a damaged blob from a blob of a key that is gone.
const (
	blobVersion  = 1
	checksumSize = 4
	headSize     = 1 + 16 + checksumSize
	maxPlaintext = 4096 // bytes, AWS KMS API Reference, Encrypt
)

// associated is the encryption context in a form that does not depend on the order of its members, and that no other
// context has.
func associated(context map[string]string) []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(context)) {
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
	id, err := hex.DecodeString(strings.ReplaceAll(k.ID, "-", ""))
	if err != nil {
		return nil, err
	}
	head := append([]byte{blobVersion}, id...)
	sum := sha256.Sum256(head)
	head = append(head, sum[:checksumSize]...)
	return aead.Seal(head, nil, plain, append(associated(context), head...)), nil
}

// blobKey reads the key identifier of a blob.
func blobKey(blob []byte) (id string, ok bool) {
	if len(blob) < headSize || blob[0] != blobVersion {
		return "", false
	}
	sum := sha256.Sum256(blob[:headSize-checksumSize])
	if !bytes.Equal(sum[:checksumSize], blob[headSize-checksumSize:headSize]) {
		return "", false
	}
	return formatID(blob[1:17]), true
}

// open finds the key of a blob and decrypts it. wanted, when given, must name that key. A blob that does not open
// because it is damaged or its context is another is one and the same exception.
func (s *store) open(wanted string, blob []byte, context map[string]string) (*key, []byte, error) {
	if len(blob) == 0 || len(blob) > 6144 { // AWS KMS API Reference, Decrypt: 1 to 6144 bytes
		return nil, nil, invalid("CiphertextBlob must have 1 to 6144 bytes.")
	}
	bad := refuse("InvalidCiphertextException", "The ciphertext is damaged, or its encryption context is another.")
	id, ok := blobKey(blob)
	if wanted != "" {
		k, err := s.find(wanted)
		if err != nil {
			return nil, nil, err
		}
		if k.Usage != forEncryption {
			return nil, nil, k.ready(forEncryption)
		}
		if ok && k.ID != id {
			return nil, nil, refuse("IncorrectKeyException", "The key ID in the request does not identify a key that can perform this operation.")
		}
	}
	if !ok {
		return nil, nil, bad
	}
	k, known := s.keys[id]
	if !known {
		return nil, nil, refuse("AccessDeniedException", "The ciphertext refers to a key that does not exist or that you may not use.")
	}
	if err := k.ready(forEncryption); err != nil {
		return nil, nil, err
	}
	aead, err := k.aead()
	if err != nil {
		return nil, nil, err
	}
	plain, err := aead.Open(nil, nil, blob[headSize:], append(associated(context), blob[:headSize]...))
	if err != nil {
		return nil, nil, bad
	}
	return k, plain, nil
}

type encryptInput struct {
	KeyID               string `json:"KeyId"`
	Plaintext           []byte
	CiphertextBlob      []byte
	EncryptionContext   map[string]string
	EncryptionAlgorithm string
}

// onlySymmetric refuses the algorithms of RSA and SM2 keys.
func onlySymmetric(algorithms ...string) error {
	for _, a := range algorithms {
		switch a {
		case "", symmetric:
		case "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE":
			return refuse("InvalidKeyUsageException", "The algorithm "+a+" does not fit a symmetric key.")
		default:
			return invalid("EncryptionAlgorithm must be " + symmetric + ".")
		}
	}
	return nil
}

func (s *Service) encrypt(body []byte) (any, error) {
	in, err := read[encryptInput](body)
	if err != nil {
		return nil, err
	}
	if len(in.Plaintext) == 0 || len(in.Plaintext) > maxPlaintext {
		return nil, invalid("Plaintext must have 1 to 4096 bytes.")
	}
	k, err := s.store.usable(in.KeyID, forEncryption)
	if err != nil {
		return nil, err
	}
	if err := onlySymmetric(in.EncryptionAlgorithm); err != nil {
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
	if err := onlySymmetric(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	k, plain, err := s.store.open(in.KeyID, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Plaintext": plain, "KeyId": k.arn(), "EncryptionAlgorithm": symmetric}, nil
}

func (s *Service) reEncrypt(body []byte) (any, error) {
	in, err := read[struct {
		CiphertextBlob                                            []byte
		SourceKeyID                                               string `json:"SourceKeyId"`
		DestinationKeyID                                          string `json:"DestinationKeyId"`
		SourceEncryptionContext, DestinationEncryptionContext     map[string]string
		SourceEncryptionAlgorithm, DestinationEncryptionAlgorithm string
	}](body)
	if err != nil {
		return nil, err
	}
	if err := onlySymmetric(in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm); err != nil {
		return nil, err
	}
	from, plain, err := s.store.open(in.SourceKeyID, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	to, err := s.store.usable(in.DestinationKeyID, forEncryption)
	if err != nil {
		return nil, err
	}
	blob, err := to.seal(plain, in.DestinationEncryptionContext)
	return map[string]any{
		"CiphertextBlob": blob, "KeyId": to.arn(), "SourceKeyId": from.arn(),
		"SourceEncryptionAlgorithm": symmetric, "DestinationEncryptionAlgorithm": symmetric,
	}, err
}

func (s *Service) generateDataKey(body []byte) (any, error) {
	plain, answer, err := s.dataKey(body)
	if err != nil {
		return nil, err
	}
	answer["Plaintext"] = plain
	return answer, nil
}

func (s *Service) generateWithoutPlaintext(body []byte) (any, error) {
	_, answer, err := s.dataKey(body)
	return answer, err
}

func (s *Service) dataKey(body []byte) (plain []byte, answer map[string]any, err error) {
	in, err := read[struct {
		KeyID             string `json:"KeyId"`
		KeySpec           string
		NumberOfBytes     *int
		EncryptionContext map[string]string
	}](body)
	if err != nil {
		return nil, nil, err
	}
	size := map[string]int{"AES_256": 32, "AES_128": 16}[in.KeySpec]
	if in.NumberOfBytes != nil && in.KeySpec == "" {
		size = *in.NumberOfBytes
	}
	if size < 1 || size > 1024 || in.KeySpec != "" && in.NumberOfBytes != nil {
		return nil, nil, invalid("Give either KeySpec AES_256 or AES_128, or NumberOfBytes from 1 to 1024.")
	}
	k, err := s.store.usable(in.KeyID, forEncryption)
	if err != nil {
		return nil, nil, err
	}
	plain = make([]byte, size)
	if _, err := rand.Read(plain); err != nil {
		return nil, nil, err
	}
	blob, err := k.seal(plain, in.EncryptionContext)
	return plain, map[string]any{"CiphertextBlob": blob, "KeyId": k.arn()}, err
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
	if len(in.Message) == 0 || len(in.Message) > maxPlaintext {
		return in, nil, nil, invalid("Message must have 1 to 4096 bytes.")
	}
	if k, err = s.store.usable(in.KeyID, forMacs); err != nil {
		return
	}
	switch in.MacAlgorithm {
	case "HMAC_SHA_256":
	case "HMAC_SHA_224", "HMAC_SHA_384", "HMAC_SHA_512":
		return in, nil, nil, refuse("InvalidKeyUsageException", "The algorithm "+in.MacAlgorithm+" does not fit key spec "+k.Spec+".")
	default:
		return in, nil, nil, invalid("MacAlgorithm must be HMAC_SHA_256.")
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
