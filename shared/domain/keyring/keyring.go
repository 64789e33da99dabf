// Package keyring seals what tenants and persons entrust to us under their own keys.
//
// An owner is a tenant (content, names) or a person (their name and mail address, which erasing one key erases
// everywhere). Each owner has a root key of 32 random bytes that is kept only wrapped by the key service, bound to the owner's
// identifier (encryption context). Working keys are derived from it per purpose (HKDF-SHA-256, RFC 5869). Sealed data
// is AES-256-GCM with a random nonce; the associated data names the table or bucket and the storage key, so that a
// ciphertext moved to another row, table or tenant does not open. Destroying the wrapped root key makes everything
// sealed under it unreadable, backups included.
package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Wrapped is a tenant's root key as it is stored.
type Wrapped struct {
	Version uint32 // 1 for the first key of a tenant
	Blob    []byte // the root key, encrypted by the key service
}

// Store keeps wrapped root keys. Newest and Version return a not-found fault for a tenant without keys.
type Store[O ~string] interface {
	Newest(ctx context.Context, o O) (Wrapped, error)
	Version(ctx context.Context, o O, version uint32) (Wrapped, error)
	Add(ctx context.Context, o O, w Wrapped) error // conflict fault when the version exists
}

// Wrapper is the key service.
type Wrapper[O ~string] interface {
	// Generate makes 32 random bytes and returns them in the clear and wrapped, bound to the tenant.
	Generate(ctx context.Context, o O) (plain, wrapped []byte, err error)
	// Unwrap opens what Generate wrapped for the same tenant.
	Unwrap(ctx context.Context, o O, wrapped []byte) ([]byte, error)
}

// Sealed format: one byte of format (1 plain, 2 deflated), four bytes of key version, nonce and ciphertext.
const (
	formatPlain    = 1
	formatDeflated = 2
	headerSize     = 5
	deflateFrom    = 512 // below, compression saves little
)

// ErrSealed says that a sealed blob does not open: altered, moved, truncated or of another tenant.
var ErrSealed = errors.New("keyring: sealed data does not open")

// Ring seals and opens for all owners of one kind; safe for concurrent use. Unwrapped keys stay in memory for at most Keep.
type Ring[O ~string] struct {
	store   Store[O]
	wrap    Wrapper[O]
	cache   *cache[O]
	squeeze *Squeezer
}

// New makes a ring.
func New[O ~string](store Store[O], wrap Wrapper[O], now clock.Clock) *Ring[O] {
	return &Ring[O]{store: store, wrap: wrap, cache: newCache[O](now), squeeze: NewSqueezer()}
}

// Create gives a new tenant its first root key. A second call for the same tenant returns a conflict fault and changes
// nothing.
func (r *Ring[O]) Create(ctx context.Context, o O) error {
	_, wrapped, err := r.wrap.Generate(ctx, o)
	if err != nil {
		return fmt.Errorf("make tenant key: %w", err)
	}
	return r.store.Add(ctx, o, Wrapped{Version: 1, Blob: wrapped})
}

// Seal encrypts plain under the tenant's newest key. place names where the result will be stored and must be given
// again to open it.
func (r *Ring[O]) Seal(ctx context.Context, o O, place string, plain []byte) ([]byte, error) {
	k, err := r.newest(ctx, o)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headerSize, headerSize+len(plain)+k.content.Overhead())
	out[0] = formatPlain
	if len(plain) >= deflateFrom {
		if small := r.squeeze.Deflate(plain); len(small) < len(plain) {
			out[0], plain = formatDeflated, small
		}
	}
	binary.BigEndian.PutUint32(out[1:], k.version)
	return k.content.Seal(out, nil, plain, associated(out[:headerSize], o, place)), nil
}

// Open decrypts what Seal made for the same tenant and place; anything else is ErrSealed.
func (r *Ring[O]) Open(ctx context.Context, o O, place string, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != formatPlain && sealed[0] != formatDeflated {
		return nil, ErrSealed
	}
	k, err := r.version(ctx, o, binary.BigEndian.Uint32(sealed[1:]))
	if err != nil {
		return nil, err
	}
	plain, err := k.content.Open(nil, nil, sealed[headerSize:], associated(sealed[:headerSize], o, place))
	if err != nil {
		return nil, ErrSealed
	}
	if sealed[0] == formatDeflated {
		return r.squeeze.Inflate(plain)
	}
	return plain, nil
}

// Blind is a keyed digest of a value, for looking it up without storing it in the clear. It is always made with the
// tenant's first key, so that it stays the same when keys are rotated.
func (r *Ring[O]) Blind(ctx context.Context, o O, purpose, value string) (string, error) {
	k, err := r.version(ctx, o, 1)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, k.index)
	fmt.Fprintf(mac, "%d:%s%s", len(purpose), purpose, value)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:24]), nil
}

// CursorKey is the tenant's key for sealing list cursors (32 bytes).
func (r *Ring[O]) CursorKey(ctx context.Context, o O) ([]byte, error) {
	k, err := r.newest(ctx, o)
	if err != nil {
		return nil, err
	}
	return k.cursor, nil
}

func (r *Ring[O]) newest(ctx context.Context, o O) (*keys, error) {
	if k, ok := r.cache.newest(o); ok {
		return k, nil
	}
	w, err := r.store.Newest(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("tenant key: %w", err)
	}
	k, err := r.unwrap(ctx, o, w)
	if err != nil {
		return nil, err
	}
	r.cache.putNewest(o, k)
	return k, nil
}

func (r *Ring[O]) version(ctx context.Context, o O, version uint32) (*keys, error) {
	if k, ok := r.cache.version(o, version); ok {
		return k, nil
	}
	w, err := r.store.Version(ctx, o, version)
	if err != nil {
		return nil, fmt.Errorf("tenant key %d: %w", version, err)
	}
	k, err := r.unwrap(ctx, o, w)
	if err != nil {
		return nil, err
	}
	r.cache.put(o, k)
	return k, nil
}

func (r *Ring[O]) unwrap(ctx context.Context, o O, w Wrapped) (*keys, error) {
	root, err := r.wrap.Unwrap(ctx, o, w.Blob)
	if err != nil {
		return nil, fmt.Errorf("unwrap tenant key: %w", err)
	}
	return derive(root, w.Version)
}

// keys are the working keys derived from one root key.
type keys struct {
	version uint32
	content cipher.AEAD
	index   []byte
	cursor  []byte
}

func derive(root []byte, version uint32) (*keys, error) {
	k := &keys{version: version}
	content, err := hkdf.Key(sha256.New, root, nil, "passportcraft content v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		return nil, err
	}
	if k.content, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	if k.index, err = hkdf.Key(sha256.New, root, nil, "passportcraft index v1", 32); err != nil {
		return nil, err
	}
	k.cursor, err = hkdf.Key(sha256.New, root, nil, "passportcraft cursor v1", 32)
	return k, err
}

func associated[O ~string](header []byte, o O, place string) []byte {
	return append(append(append(append([]byte(nil), header...), o...), 0), place...)
}
