package template

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// LeaveHash writes the SHA-256 of a template into a folder, as the build leaves it beside each function.
func LeaveHash(file, folder string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the template cannot be read: %w", err)
	}
	return os.WriteFile(filepath.Join(folder, "template.sha256"), fmt.Appendf(nil, "%x\n", sha256.Sum256(b)), 0o600)
}
