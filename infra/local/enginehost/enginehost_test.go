package enginehost_test

import (
	"net/http"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
)

func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Memory: true, Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{h.Endpoints.DynamoDB, h.Endpoints.S3, h.Endpoints.KMS} {
		resp, err := http.Get(endpoint)
		if err != nil {
			t.Errorf("%s does not answer: %v", endpoint, err)
			continue
		}
		resp.Body.Close()
	}
	if _, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Memory: true}); err == nil {
		t.Error("a second run on the same folder was not refused")
	}
	if err := h.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := http.Get(h.Endpoints.DynamoDB); err == nil {
		t.Error("the DynamoDB engine is still running")
	}
}
