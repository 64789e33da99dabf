package observe_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
)

// TestRecord holds the shape of a log record: one line, metrics embedded as CloudWatch reads them, the tenant a property
// and never a dimension.
func TestRecord(t *testing.T) {
	var b bytes.Buffer
	r := observe.NewRecorder(&b)
	e := httpapi.Event{
		Request: "r", At: time.UnixMilli(1_800_000_000_123).UTC(), Function: "get-passport", Route: "GET /v1/passports/{passportId}", Method: "GET", Status: 200,
		Tenant: "t", Principal: "k", Duration: 1500 * time.Microsecond, Calls: map[string]int{"dynamodb.GetItem": 2}, Units: 2,
	}
	r.Record(t.Context(), e)
	e.Status, e.Cause = 500, "boom"
	r.Record(t.Context(), e)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	var first, second struct {
		Level, Tenant, Cause string
		DurationMs           float64
		StorageCalls         int
		ColdStart            bool
		AWS                  struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	for i, into := range []any{&first, &second} {
		if err := json.Unmarshal([]byte(lines[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	if first.DurationMs != 1.5 || first.StorageCalls != 2 || first.Tenant != "t" || !first.ColdStart || second.ColdStart {
		t.Errorf("%+v\n%+v", first, second)
	}
	if second.Level != "ERROR" || second.Cause != "boom" {
		t.Errorf("a failure is not an error in the log: %+v", second)
	}
	m := first.AWS.CloudWatchMetrics[0]
	if first.AWS.Timestamp != 1_800_000_000_123 || len(m.Dimensions) != 1 || m.Dimensions[0][0] != "function" || len(m.Metrics) == 0 {
		t.Errorf("embedded metrics: %+v", first.AWS)
	}
}
