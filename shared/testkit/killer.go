package testkit

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Killer stands between the SDK and the engines, and stops the process at its n-th call: that one is not made, or made and
// its answer lost, and so is none of the calls that follow until it is armed again.
type Killer struct {
	calls, at atomic.Int64
	apply     atomic.Bool
}

// Arm begins a process that stops at its n-th call, before or after that was carried out. 0: it does not stop.
func (k *Killer) Arm(n int64, apply bool) { k.at.Store(n); k.apply.Store(apply); k.calls.Store(0) }

// Calls is how many calls were made since Arm, those of a process that has stopped among them.
func (k *Killer) Calls() int64 { return k.calls.Load() }

// Do implements aws.HTTPClient.
func (k *Killer) Do(r *http.Request) (*http.Response, error) {
	n, at := k.calls.Add(1), k.at.Load()
	if at == 0 || n < at {
		return http.DefaultTransport.RoundTrip(r)
	}
	if n == at && k.apply.Load() {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return answered(r, http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#UnrecognizedClientException","message":"the process has stopped"}`), nil
}
