package mailbox

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Suppress puts an address on the list of those to which SES sends nothing more, as a bounce does.
func (m *Mailbox) Suppress(address string) error {
	return m.relist(func(all []string) []string { return append(all, strings.ToLower(address)) })
}

// Suppressed lists those addresses.
func (m *Mailbox) Suppressed() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list()
}

func (m *Mailbox) listFile() string { return filepath.Join(m.dir, "suppressed.list") }

func (m *Mailbox) list() ([]string, error) {
	b, err := os.ReadFile(m.listFile())
	if os.IsNotExist(err) {
		return nil, nil
	}
	return strings.Fields(string(b)), err
}

func (m *Mailbox) relist(edit func([]string) []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.list()
	if err != nil {
		return err
	}
	return os.WriteFile(m.listFile(), []byte(strings.Join(edit(all), "\n")), 0o600)
}

// suppression answers GetSuppressedDestination, DeleteSuppressedDestination and ListSuppressedDestinations.
func (m *Mailbox) suppression(w http.ResponseWriter, r *http.Request, address string) {
	all, err := m.Suppressed()
	if err != nil {
		refuse(w, http.StatusInternalServerError, "InternalServiceErrorException", "the list cannot be read")
		return
	}
	there := slices.Contains(all, strings.ToLower(address))
	var out any = struct{}{}
	switch {
	case r.Method == http.MethodGet && address == "":
		list := make([]map[string]any, 0, len(all))
		for _, a := range all {
			list = append(list, map[string]any{"EmailAddress": a, "Reason": "BOUNCE", "LastUpdateTime": 0})
		}
		out = map[string]any{"SuppressedDestinationSummaries": list}
	case (r.Method == http.MethodGet || r.Method == http.MethodDelete) && !there:
		refuse(w, http.StatusNotFound, "NotFoundException", "the address is not on the list")
		return
	case r.Method == http.MethodGet:
		out = map[string]any{"SuppressedDestination": map[string]any{"EmailAddress": address, "Reason": "BOUNCE", "LastUpdateTime": 0}}
	case r.Method == http.MethodDelete:
		err := m.relist(func(all []string) []string {
			return slices.DeleteFunc(all, func(a string) bool { return a == strings.ToLower(address) })
		})
		if err != nil {
			refuse(w, http.StatusInternalServerError, "InternalServiceErrorException", "the list cannot be written")
			return
		}
	default:
		refuse(w, http.StatusNotFound, "NotFoundException", "this is not served here")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}
