package journal

import (
	"context"
	"errors"
	"sync"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
)

// Name is the owner of the journal's secret, to which its wrapping is bound.
type Name string

// Deletions is the one journal there is.
const Deletions Name = "deletion-journal"

// SecretStore keeps the wrapped secret.
type SecretStore interface {
	// Wrapped returns what is kept, or nil.
	Wrapped(ctx context.Context) ([]byte, error)
	// KeepWrapped stores it unless there is one, and returns the one that is there.
	KeepWrapped(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Sealed implements Secret: 32 random bytes of the key service, kept wrapped. It is made on first use; of two that make it
// at once, one wins and both use it. Safe for concurrent use.
type Sealed struct {
	Store SecretStore
	Wrap  keyring.Wrapper[Name]

	mu    sync.Mutex
	plain []byte
}

// Secret implements the port. Once per process: a read and a call of the key service.
func (s *Sealed) Secret(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain != nil {
		return s.plain, nil
	}
	wrapped, err := s.Store.Wrapped(ctx)
	if err != nil {
		return nil, err
	}
	if wrapped == nil {
		if _, wrapped, err = s.Wrap.Generate(ctx, Deletions); err != nil {
			return nil, err
		}
		if wrapped, err = s.Store.KeepWrapped(ctx, wrapped); err != nil {
			return nil, err
		}
	}
	plain, err := s.Wrap.Unwrap(ctx, Deletions, wrapped)
	if err != nil {
		return nil, err
	}
	if len(plain) != 32 {
		return nil, errors.New("journal: the secret does not have 32 bytes")
	}
	s.plain = plain
	return plain, nil
}
