// Package samples holds plausible passports with full data: an electric-vehicle battery as model, batch and item, and a
// chair. The local runner seeds them through the public API; tests use them as real input.
package samples

import "embed"

//go:embed *.json
var files embed.FS

// Names lists the samples in the order in which they can be published: what is inherited from comes first.
func Names() []string {
	return []string{"1-ev-model.json", "2-ev-batch.json", "3-ev-item.json", "4-chair.json"}
}

// Read returns the body of POST /v1/passports for a sample.
func Read(name string) ([]byte, error) { return files.ReadFile(name) }
