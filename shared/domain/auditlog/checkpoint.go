package auditlog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// KeyName is the name of the key in signatures.
const KeyName = "passportcraft.org/audit"

// Origin is the first line of the checkpoints of a log. They are kept where nobody can take them back, so the log has a
// random name there, which leads to nobody when the log's head has been deleted.
func Origin(alias string) string { return KeyName + "/" + alias }

// Checkpoint is the text that says what a log was at an instant: origin, size, root, and as extension lines the chain
// value and the instant.
func Checkpoint(h Head, at time.Time) string {
	root := h.Root()
	return fmt.Sprintf("%s\n%d\n%s\nchain %s\nat %s\n", Origin(h.Alias), h.Size, base64.StdEncoding.EncodeToString(root[:]),
		base64.StdEncoding.EncodeToString(h.Chain[:]), at.UTC().Format(time.RFC3339))
}

// Signer signs a message with ECDSA on P-256 over its SHA-256, in ASN.1 DER.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
	PublicKey(ctx context.Context) (spki []byte, err error)
}

// Sign makes the signed note of a checkpoint.
func Sign(ctx context.Context, s Signer, text string) (string, error) {
	spki, err := s.PublicKey(ctx)
	if err != nil {
		return "", err
	}
	sig, err := s.Sign(ctx, []byte(text))
	if err != nil {
		return "", err
	}
	head := binary.BigEndian.AppendUint32(nil, keyHash(spki))
	return text + "\n— " + KeyName + " " + base64.StdEncoding.EncodeToString(append(head, sig...)) + "\n", nil
}

// keyHash identifies a key in signatures. For ECDSA, type 0x02, it is taken over the public key alone, unlike that of
// other types (C2SP signed-note, "Signature types").
func keyHash(spki []byte) uint32 {
	sum := sha256.Sum256(spki)
	return binary.BigEndian.Uint32(sum[:])
}

// verifier verifies signatures of one key.
type verifier struct {
	key  *ecdsa.PublicKey
	hash uint32
}

// NewVerifier makes a verifier from a public key (DER SubjectPublicKeyInfo, P-256).
func NewVerifier(spki []byte) (note.Verifier, error) {
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("the public key is not one of the curve P-256")
	}
	return &verifier{key, keyHash(spki)}, nil
}

func (v *verifier) Name() string    { return KeyName }
func (v *verifier) KeyHash() uint32 { return v.hash }
func (v *verifier) Verify(msg, sig []byte) bool {
	sum := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(v.key, sum[:], sig)
}

// Tree is what a checkpoint says.
type Tree struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Chain  tlog.Hash
	At     time.Time
}

// OpenCheckpoint verifies a signed checkpoint and reads it.
func OpenCheckpoint(signed string, v note.Verifier) (Tree, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return Tree{}, fmt.Errorf("its signature is not good: %w", err)
	}
	return readTree(n.Text)
}

// ReadCheckpoint reads a signed checkpoint without a look at the signature: what it says is not to be believed.
func ReadCheckpoint(signed string) (Tree, error) {
	text, _, ok := strings.Cut(signed, "\n\n")
	if !ok {
		return Tree{}, fmt.Errorf("it is not signed")
	}
	return readTree(text + "\n")
}

func readTree(text string) (t Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[5] != "" {
		return Tree{}, fmt.Errorf("it has %d lines, not 5", len(lines)-1)
	}
	t.Origin = lines[0]
	if t.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || t.Size < 0 || strconv.FormatInt(t.Size, 10) != lines[1] {
		return Tree{}, fmt.Errorf("its size cannot be read")
	}
	chain, ok := strings.CutPrefix(lines[3], "chain ")
	at, ok2 := strings.CutPrefix(lines[4], "at ")
	if !ok || !ok2 || !hash(&t.Root, lines[2]) || !hash(&t.Chain, chain) {
		return Tree{}, fmt.Errorf("its hashes cannot be read")
	}
	if t.At, err = time.Parse(time.RFC3339, at); err != nil {
		return Tree{}, fmt.Errorf("its instant cannot be read")
	}
	return t, nil
}

func hash(h *tlog.Hash, s string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && copy(h[:], b) == len(h) && len(b) == len(h)
}
