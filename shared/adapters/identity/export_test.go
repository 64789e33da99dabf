package identity

import (
	"encoding/binary"

	"github.com/go-jose/go-jose/v4"
)

// CountSignatures makes a verifier count its RSA operations.
func CountSignatures(v *Verifier, count func()) {
	v.check = func(s *jose.JSONWebSignature, k *jose.JSONWebKey) ([]byte, error) {
		count()
		return checkSignature(s, k)
	}
}

// Remembered is how many tokens a verifier remembers.
func Remembered(v *Verifier) int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.memory)
}

// MemorySize bounds Remembered.
const MemorySize = memorySize

// Forget empties the memory of a verifier.
func Forget(v *Verifier) {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.memory)
}

// Fill makes a verifier remember n tokens that nobody has.
func Fill(v *Verifier, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range n {
		var d [32]byte
		binary.BigEndian.PutUint64(d[:], uint64(i))
		v.memory[d] = verified{}
	}
}
