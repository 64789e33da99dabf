// Package keyring seals what tenants entrust to us under their own keys.
//
// Each tenant has a root key of 32 random bytes that is kept only wrapped by the key service, bound to the tenant's
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
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Wrapped is a tenant's root key as it is stored.
type Wrapped struct {
	Version uint32 // 1 for the first key of a tenant
	Blob    []byte // the root key, encrypted by the key service
}

// Store keeps wrapped root keys. Newest and Version return a not-found fault for a tenant without keys.
type Store interface {
	Newest(ctx context.Context, t id.Tenant) (Wrapped, error)
	Version(ctx context.Context, t id.Tenant, version uint32) (Wrapped, error)
	Add(ctx context.Context, t id.Tenant, w Wrapped) error // conflict fault when the version exists
}

// Wrapper is the key service.
type Wrapper interface {
	// Generate makes 32 random bytes and returns them in the clear and wrapped, bound to the tenant.
	Generate(ctx context.Context, t id.Tenant) (plain, wrapped []byte, err error)
	// Unwrap opens what Generate wrapped for the same tenant.
	Unwrap(ctx context.Context, t id.Tenant, wrapped []byte) ([]byte, error)
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

// Ring seals and opens for all tenants; safe for concurrent use. Unwrapped keys stay in memory for at most Keep.
type Ring struct {
	store   Store
	wrap    Wrapper
	cache   *cache
	squeeze *Squeezer
}

// New makes a ring.
func New(store Store, wrap Wrapper, now clock.Clock) *Ring {
	return &Ring{store: store, wrap: wrap, cache: newCache(now), squeeze: NewSqueezer()}
}

// Create gives a new tenant its first root key. A second call for the same tenant returns a conflict fault and changes
// nothing.
func (r *Ring) Create(ctx context.Context, t id.Tenant) error {
	_, wrapped, err := r.wrap.Generate(ctx, t)
	if err != nil {
		return fmt.Errorf("make tenant key: %w", err)
	}
	return r.store.Add(ctx, t, Wrapped{Version: 1, Blob: wrapped})
}

// Seal encrypts plain under the tenant's newest key. place names where the result will be stored and must be given
// again to open it.
func (r *Ring) Seal(ctx context.Context, t id.Tenant, place string, plain []byte) ([]byte, error) {
	k, err := r.newest(ctx, t)
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
	return k.content.Seal(out, nil, plain, associated(out[:headerSize], t, place)), nil
}

// Open decrypts what Seal made for the same tenant and place; anything else is ErrSealed.
func (r *Ring) Open(ctx context.Context, t id.Tenant, place string, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != formatPlain && sealed[0] != formatDeflated {
		return nil, ErrSealed
	}
	k, err := r.version(ctx, t, binary.BigEndian.Uint32(sealed[1:]))
	if err != nil {
		return nil, err
	}
	plain, err := k.content.Open(nil, nil, sealed[headerSize:], associated(sealed[:headerSize], t, place))
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
func (r *Ring) Blind(ctx context.Context, t id.Tenant, purpose, value string) (string, error) {
	k, err := r.version(ctx, t, 1)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, k.index)
	fmt.Fprintf(mac, "%d:%s%s", len(purpose), purpose, value)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:24]), nil
}

// CursorKey is the tenant's key for sealing list cursors (32 bytes).
func (r *Ring) CursorKey(ctx context.Context, t id.Tenant) ([]byte, error) {
	k, err := r.newest(ctx, t)
	if err != nil {
		return nil, err
	}
	return k.cursor, nil
}

func (r *Ring) newest(ctx context.Context, t id.Tenant) (*keys, error) {
	if k, ok := r.cache.newest(t); ok {
		return k, nil
	}
	w, err := r.store.Newest(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("tenant key: %w", err)
	}
	k, err := r.unwrap(ctx, t, w)
	if err != nil {
		return nil, err
	}
	r.cache.putNewest(t, k)
	return k, nil
}

func (r *Ring) version(ctx context.Context, t id.Tenant, version uint32) (*keys, error) {
	if k, ok := r.cache.version(t, version); ok {
		return k, nil
	}
	w, err := r.store.Version(ctx, t, version)
	if err != nil {
		return nil, fmt.Errorf("tenant key %d: %w", version, err)
	}
	k, err := r.unwrap(ctx, t, w)
	if err != nil {
		return nil, err
	}
	r.cache.put(t, k)
	return k, nil
}

func (r *Ring) unwrap(ctx context.Context, t id.Tenant, w Wrapped) (*keys, error) {
	root, err := r.wrap.Unwrap(ctx, t, w.Blob)
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

func associated(header []byte, t id.Tenant, place string) []byte {
	return append(append(append(append([]byte(nil), header...), t...), 0), place...)
}
